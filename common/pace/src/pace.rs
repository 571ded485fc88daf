//! The gate that all threads of a program pass: ceilings and windows on one clock.

use std::{
    fmt,
    num::NonZeroU64,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::{Timestamp, ToSpan};

use crate::{
    Calendar, Clock, Limits, Opening, PaceChange,
    bucket::{Bucket, Ticket},
};

/// The answer to a request to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Go.
    Go,
    /// No window is open.
    Closed {
        /// When the next one opens, if any does within two weeks.
        opens_at: Option<Timestamp>,
    },
    /// The caller's own stop was requested.
    Stopped,
}

/// Limits and calendar in force, shared by all threads that take from one archive.
pub struct Pace {
    base: Limits,
    calendar: Calendar,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

type Log = Box<dyn FnMut(PaceChange) + Send + Sync>;

struct State {
    opening: Opening,
    computed_at: Timestamp,
    valid_until: Timestamp,
    limits: Option<Limits>,
    bytes: Bucket,
    instances: Bucket,
    log: Log,
}

#[derive(Clone, Copy)]
enum Ceiling {
    Bytes,
    Instances,
}

/// The longest wait before a stop is looked for again.
const SLICE: Duration = Duration::from_millis(200);
/// One instance in the units of its bucket, which counts millionths so that rates below one a second are exact.
const INSTANCE: u64 = 1_000_000;

impl Pace {
    /// Starts with full buckets at what the calendar says now, and logs that as the first change.
    ///
    /// `log` is called with the gate closed to others, so that records come in order: it must not call back.
    #[must_use]
    pub fn new(limits: Limits, calendar: Calendar, clock: Arc<dyn Clock>, log: Log) -> Self {
        let now = clock.monotonic();
        let wall = clock.now();
        let mut state = State {
            opening: Opening::Closed { opens_at: None },
            computed_at: wall,
            valid_until: wall,
            limits: None,
            bytes: Bucket::new(None, 1, now),
            instances: Bucket::new(None, INSTANCE, now),
            log,
        };
        state.consult(&calendar, &limits, wall, now, Some("start"));
        Self { base: limits, calendar, clock, state: Mutex::new(state) }
    }

    /// No ceilings but one association, always open, nothing logged.
    #[must_use]
    pub fn unlimited(clock: Arc<dyn Clock>) -> Self {
        Self::new(Limits::default(), Calendar::always(), clock, Box::new(|_| ()))
    }

    /// Asks for one more instance: waits for the ceiling on instances, but not for a window to open.
    pub fn admit_instance(&self, stop: &dyn Fn() -> bool) -> Admission {
        if let Some(closed) = self.current().closed() {
            return closed;
        }
        let ticket = self.reserve(Ceiling::Instances, INSTANCE);
        loop {
            if stop() {
                return Admission::Stopped;
            }
            let (due, closed) = self.due(Ceiling::Instances, ticket);
            match (closed, due) {
                (Some(closed), _) => return closed,
                (None, Some(due)) => self.sleep_towards(due),
                (None, None) => return Admission::Go,
            }
        }
    }

    /// Asks to let `bytes` pass, however many: waits until the ceiling on bytes allows it.
    ///
    /// When no window is open this still waits, at the limits that held last, and then answers
    /// [`Admission::Closed`]: the caller decides whether to break off or to finish what is already in flight.
    pub fn take_bytes(&self, bytes: u64, stop: &dyn Fn() -> bool) -> Admission {
        let ticket = self.reserve(Ceiling::Bytes, bytes);
        loop {
            if stop() {
                return Admission::Stopped;
            }
            match self.due(Ceiling::Bytes, ticket) {
                (Some(due), _) => self.sleep_towards(due),
                (None, closed) => return closed.unwrap_or(Admission::Go),
            }
        }
    }

    /// Waits until a window is open; answers [`Admission::Closed`] only if none will open within two weeks.
    pub fn wait_until_open(&self, stop: &dyn Fn() -> bool) -> Admission {
        loop {
            if stop() {
                return Admission::Stopped;
            }
            match self.current().closed() {
                None => return Admission::Go,
                Some(Admission::Closed { opens_at: Some(opens_at) }) => {
                    let wait = opens_at.duration_since(self.clock.now()).unsigned_abs();
                    self.sleep_towards(self.clock.monotonic().saturating_add(wait));
                }
                Some(never) => return never,
            }
        }
    }

    /// Whether a window is open now, without waiting.
    pub fn admission(&self) -> Admission {
        self.current().closed().unwrap_or(Admission::Go)
    }

    /// The limits in force; none while no window is open.
    pub fn limits(&self) -> Option<Limits> {
        self.current().limits
    }

    /// How many associations may be open now; while no window is open, what the usual limits say.
    pub fn associations(&self) -> u16 {
        self.limits().unwrap_or(self.base).associations.max(1)
    }

    /// The clock that this pace runs on.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The state after a look at the calendar, if one is due.
    fn current(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let wall = self.clock.now();
        if wall < state.computed_at || wall >= state.valid_until {
            state.consult(&self.calendar, &self.base, wall, self.clock.monotonic(), None);
        }
        state
    }

    fn reserve(&self, ceiling: Ceiling, tokens: u64) -> Ticket {
        let mut state = self.current();
        let now = self.clock.monotonic();
        state.bucket(ceiling).reserve(tokens, now)
    }

    /// When the holder of the ticket may go, if not yet, and whether windows are closed, seen at one moment.
    fn due(&self, ceiling: Ceiling, ticket: Ticket) -> (Option<Duration>, Option<Admission>) {
        let mut state = self.current();
        let due = state.bucket(ceiling).due(ticket, self.clock.monotonic());
        (due, state.closed())
    }

    fn sleep_towards(&self, due: Duration) {
        let slice = self.clock.monotonic().saturating_add(SLICE);
        self.clock.sleep_until(due.min(slice));
    }
}

impl State {
    fn consult(
        &mut self,
        calendar: &Calendar,
        base: &Limits,
        wall: Timestamp,
        now: Duration,
        cause: Option<&str>,
    ) {
        self.opening = calendar.at(wall);
        self.computed_at = wall;
        let (limits, change) = match &self.opening {
            Opening::Open { window, until } => {
                let replaced = window.as_ref().and_then(|window| window.limits.as_ref());
                (Some(replaced.map_or(*base, |window| base.overridden_by(window))), *until)
            }
            Opening::Closed { opens_at } => (None, *opens_at),
        };
        // A calendar without a change in sight is asked again, since it looks no further than two weeks.
        self.valid_until = change.or_else(|| wall.checked_add(24.hours()).ok()).unwrap_or(Timestamp::MAX);
        let old = std::mem::replace(&mut self.limits, limits);
        if let Some(limits) = limits {
            self.bytes.set_rate(limits.bytes_per_second.map(at_least_one), now);
            self.instances.set_rate(limits.instances_per_second.map(millionths), now);
        }
        if cause.is_some() || old != limits {
            let signal = cause.map_or_else(|| self.signal(old), str::to_owned);
            (self.log)(PaceChange { at: wall, signal, value: None, baseline: None, old, new: limits });
        }
    }

    fn signal(&self, old: Option<Limits>) -> String {
        match (&self.opening, old) {
            (Opening::Closed { .. }, _) => "window closed".to_owned(),
            (Opening::Open { window: None, .. }, _) => "no windows".to_owned(),
            (Opening::Open { window: Some(window), .. }, None) => format!("window opened: {window}"),
            (Opening::Open { window: Some(window), .. }, Some(_)) => format!("window changed: {window}"),
        }
    }

    fn closed(&self) -> Option<Admission> {
        match self.opening {
            Opening::Open { .. } => None,
            Opening::Closed { opens_at } => Some(Admission::Closed { opens_at }),
        }
    }

    fn bucket(&mut self, ceiling: Ceiling) -> &mut Bucket {
        match ceiling {
            Ceiling::Bytes => &mut self.bytes,
            Ceiling::Instances => &mut self.instances,
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

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace")
            .field("limits", &self.base)
            .field("calendar", &self.calendar)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
