//! What is allowed at this moment, kept behind the gate's lock.

use std::num::NonZeroU64;
use std::time::Duration;

use jiff::{Timestamp, ToSpan};

use super::{Admission, Log};
use crate::{Calendar, Limits, Opening, PaceChange, Pause, Prepaid, bucket::Bucket};

pub(super) struct State {
    opening: Opening,
    pause: Option<Pause>,
    computed_at: Timestamp,
    valid_until: Timestamp,
    pub(super) limits: Option<Limits>,
    /// What adaptive control allows within the limits; none without it.
    pub(super) load: Option<f64>,
    /// Until when the archive is left alone, on the monotonic clock.
    pub(super) hushed_until: Duration,
    /// Likewise until when nothing is begun.
    pub(super) begins_after: Duration,
    bytes: Bucket,
    instances: Bucket,
    studies: Bucket,
    log: Log,
}

#[derive(Clone, Copy)]
pub(super) enum Ceiling {
    Bytes,
    Instances,
    Studies,
}

/// One instance in the units of its bucket, which counts millionths so that rates below one a second are exact.
pub(super) const INSTANCE: u64 = 1_000_000;
/// One study: its bucket counts millionths too, and its rate is an hour's.
pub(super) const STUDY: u64 = 3600 * INSTANCE;

impl State {
    pub(super) fn new(wall: Timestamp, now: Duration, log: Log) -> Self {
        Self {
            opening: Opening::Closed { opens_at: None },
            pause: None,
            computed_at: wall,
            valid_until: wall,
            limits: None,
            load: None,
            hushed_until: Duration::ZERO,
            begins_after: Duration::ZERO,
            bytes: Bucket::new(None, 1, now),
            instances: Bucket::new(None, INSTANCE, now),
            studies: Bucket::new(None, STUDY, now),
            log,
        }
    }

    /// Whether the calendar must be looked at again; also when the clock was set back.
    pub(super) fn is_stale(&self, wall: Timestamp) -> bool {
        wall < self.computed_at || wall >= self.valid_until
    }

    /// Looks at the calendar and the pause. A change is logged with what caused it: `cause`, or what is seen.
    pub(super) fn consult(
        &mut self,
        calendar: &Calendar,
        base: &Limits,
        wall: Timestamp,
        now: Duration,
        cause: Option<&str>,
    ) {
        self.opening = calendar.at(wall);
        self.computed_at = wall;
        let ended = self.pause.take_if(|pause| !pause.holds_at(wall)).is_some();
        let (limits, change) = match &self.opening {
            Opening::Open { window, until } => {
                let replaced = window.as_ref().and_then(|window| window.limits.as_ref());
                (Some(replaced.map_or(*base, |window| base.overridden_by(window))), *until)
            }
            Opening::Closed { opens_at } => (None, *opens_at),
        };
        let limits = limits.filter(|_| self.pause.is_none());
        let pause_ends = self.pause.as_ref().and_then(|pause| pause.until);
        // A calendar without a change in sight is asked again, since it looks no further than two weeks.
        let tomorrow = wall.checked_add(24.hours()).unwrap_or(Timestamp::MAX);
        self.valid_until = [change, pause_ends].into_iter().flatten().min().unwrap_or(tomorrow);
        let old = std::mem::replace(&mut self.limits, limits);
        if let Some(limits) = limits {
            self.bytes.set_rate(limits.bytes_per_second.map(at_least_one), now);
            self.instances.set_rate(limits.instances_per_second.map(millionths), now);
            self.studies.set_rate(limits.studies_per_hour.map(millionths), now);
        }
        if cause.is_some() || old != limits {
            let seen = if ended { "pause ended".to_owned() } else { self.signal(old) };
            self.log_change(wall, cause.map_or(seen, str::to_owned), (None, None), old, self.load);
        }
    }

    /// Replaces the pause. Says whether that changed anything.
    pub(super) fn set_pause(&mut self, pause: Option<Pause>) -> bool {
        let changed = self.pause != pause;
        self.pause = pause;
        changed
    }

    pub(super) fn log_change(
        &mut self,
        at: Timestamp,
        signal: String,
        (value, baseline): (Option<f64>, Option<f64>),
        old: Option<Limits>,
        old_load: Option<f64>,
    ) {
        let (new, new_load) = (self.limits, self.load);
        (self.log)(PaceChange { at, signal, value, baseline, old, new, old_load, new_load });
    }

    fn signal(&self, old: Option<Limits>) -> String {
        match (&self.opening, old) {
            (Opening::Closed { .. }, _) => "window closed".to_owned(),
            (Opening::Open { window: None, .. }, _) => "no windows".to_owned(),
            (Opening::Open { window: Some(window), .. }, None) => format!("window opened: {window}"),
            (Opening::Open { window: Some(window), .. }, Some(_)) => format!("window changed: {window}"),
        }
    }

    /// Why nothing is allowed, if nothing is.
    pub(super) fn closed(&self) -> Option<Admission> {
        match (&self.pause, &self.opening) {
            (Some(pause), _) => Some(Admission::Paused { until: pause.until }),
            (None, Opening::Open { .. }) => None,
            (None, Opening::Closed { opens_at }) => Some(Admission::Closed { opens_at: *opens_at }),
        }
    }

    /// Takes up to this much of what the ceilings let pass at once, or says when nobody will wait for them any more.
    pub(super) fn prepay(&mut self, instances: u64, bytes: u64, now: Duration) -> Result<Prepaid, Duration> {
        let instances = self.instances.prepay(instances, now)?;
        let bytes = self.bytes.prepay(bytes, now).inspect_err(|_| self.instances.refund(instances))?;
        Ok(Prepaid::new(instances, bytes))
    }

    pub(super) fn refund(&mut self, prepaid: &Prepaid) {
        let (instances, bytes) = prepaid.take_all();
        self.instances.refund(instances);
        self.bytes.refund(bytes);
    }

    pub(super) fn bucket(&mut self, ceiling: Ceiling) -> &mut Bucket {
        match ceiling {
            Ceiling::Bytes => &mut self.bytes,
            Ceiling::Instances => &mut self.instances,
            Ceiling::Studies => &mut self.studies,
        }
    }
}

fn at_least_one(rate: u64) -> NonZeroU64 {
    NonZeroU64::new(rate).unwrap_or(NonZeroU64::MIN)
}

/// A float's cast saturates, so an absurd rate becomes the nearest possible one.
#[expect(clippy::cast_sign_loss, reason = "saturates at 0, which becomes the slowest rate")]
fn millionths(rate: f64) -> NonZeroU64 {
    at_least_one((rate * INSTANCE as f64).round() as u64)
}
