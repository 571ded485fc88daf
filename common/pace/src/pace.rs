//! The gate that all threads of a program pass: ceilings, windows, pauses and adaptive control on one clock.

mod state;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;

use self::state::{Ceiling, INSTANCE, STUDY, State};
use crate::{Calendar, Clock, Decision, Limits, PaceChange, Pause, Prepaid, bucket::Ticket};

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
    /// The operator asked for a pause.
    Paused {
        /// When it ends by itself, if it does.
        until: Option<Timestamp>,
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
    at_work: AtomicU16,
}

type Log = Box<dyn FnMut(PaceChange) + Send + Sync>;

/// An association that is at work, for as long as it is kept.
#[derive(Debug)]
pub struct AtWork<'a>(&'a AtomicU16);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The longest wait before a stop is looked for again.
const SLICE: Duration = Duration::from_millis(200);
/// How often it is looked whether what is under way has ended.
const TICK: Duration = Duration::from_millis(20);
/// The least share of its time that an association may work: less would be a stop by another name.
const LEAST_SHARE: f64 = 0.02;
/// What an instance is taken to have before it has come: a CT slice has half a megabyte.
const USUAL_BYTES: u64 = 512 << 10;

impl Pace {
    /// Starts with full buckets at what the calendar says now, and logs that as the first change.
    ///
    /// `log` is called with the gate closed to others, so that records come in order: it must not call back.
    #[must_use]
    pub fn new(limits: Limits, calendar: Calendar, clock: Arc<dyn Clock>, log: Log) -> Self {
        let now = clock.monotonic();
        let wall = clock.now();
        let mut state = State::new(wall, now, log);
        state.consult(&calendar, &limits, wall, now, Some("start"));
        Self { base: limits, calendar, clock, state: Mutex::new(state), at_work: AtomicU16::new(0) }
    }

    /// No ceilings but one association, always open, nothing logged.
    #[must_use]
    pub fn unlimited(clock: Arc<dyn Clock>) -> Self {
        Self::new(Limits::default(), Calendar::always(), clock, Box::new(|_| ()))
    }

    /// Lets the retrieval of this many instances begin when nobody waits for a ceiling on instances or bytes and the archive is not
    /// left alone, and hands it what the ceilings let pass at once. So no more retrievals are under way than the ceilings feed, where else all of them would be slow
    /// together, and the archive hold all of its threads for us.
    ///
    /// The answer is never [`Admission::Go`] when there is none.
    pub fn prepay(&self, instances: u64, stop: &dyn Fn() -> bool) -> Result<Prepaid, Admission> {
        loop {
            if stop() {
                return Err(Admission::Stopped);
            }
            let prepaid = {
                let mut state = self.current();
                if let Some(closed) = state.closed() {
                    return Err(closed);
                }
                let (now, hushed) = (self.clock.monotonic(), state.begins_after);
                let bytes = instances.saturating_mul(USUAL_BYTES);
                if now < hushed {
                    Err(hushed)
                } else {
                    state.prepay(instances.saturating_mul(INSTANCE), bytes, now)
                }
            };
            match prepaid {
                Ok(prepaid) => return Ok(prepaid),
                Err(due) => self.sleep_towards(due),
            }
        }
    }

    /// Takes back what a retrieval did not need.
    pub fn settle(&self, prepaid: &Prepaid) {
        self.current().refund(prepaid);
    }

    /// Asks for one more instance: waits for the ceiling on instances, but not for a window to open.
    pub fn admit_instance(&self, stop: &dyn Fn() -> bool) -> Admission {
        self.admit(Ceiling::Instances, INSTANCE, stop)
    }

    /// The same in a retrieval that has prepaid, for which only the rest is waited for.
    pub fn admit_prepaid_instance(&self, prepaid: &Prepaid, stop: &dyn Fn() -> bool) -> Admission {
        match prepaid.rest_of_instances(INSTANCE) {
            0 => self.admission(),
            rest => self.admit(Ceiling::Instances, rest, stop),
        }
    }

    /// Asks for one more study: waits for the ceiling on studies, but not for a window to open.
    pub fn admit_study(&self, stop: &dyn Fn() -> bool) -> Admission {
        self.admit(Ceiling::Studies, STUDY, stop)
    }

    fn admit(&self, ceiling: Ceiling, tokens: u64, stop: &dyn Fn() -> bool) -> Admission {
        if let Some(closed) = self.current().closed() {
            return closed;
        }
        let ticket = self.reserve(ceiling, tokens);
        loop {
            if stop() {
                return Admission::Stopped;
            }
            let (due, closed) = self.due(ceiling, ticket);
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

    /// The same in a retrieval that has prepaid, for which only the rest is waited for.
    pub fn take_prepaid_bytes(&self, bytes: u64, prepaid: &Prepaid, stop: &dyn Fn() -> bool) -> Admission {
        match prepaid.rest_of_bytes(bytes) {
            0 => self.admission(),
            rest => self.take_bytes(rest, stop),
        }
    }

    /// Waits until a window is open and no pause holds; answers [`Admission::Closed`] only if none will open within
    /// two weeks.
    pub fn wait_until_open(&self, stop: &dyn Fn() -> bool) -> Admission {
        loop {
            if stop() {
                return Admission::Stopped;
            }
            let closed = self.current().closed();
            match closed {
                None => return Admission::Go,
                Some(
                    Admission::Closed { opens_at: Some(moment) } | Admission::Paused { until: Some(moment) },
                ) => {
                    let wait = moment.duration_since(self.clock.now()).unsigned_abs();
                    self.sleep_towards(self.clock.monotonic().saturating_add(wait));
                }
                Some(Admission::Paused { until: None }) => self.sleep_towards(Duration::MAX),
                Some(never) => return never,
            }
        }
    }

    /// Waits, no longer than a stop allows.
    pub fn wait(&self, length: Duration, stop: &dyn Fn() -> bool) {
        let end = self.clock.monotonic().saturating_add(length);
        while !stop() && self.clock.monotonic() < end {
            self.sleep_towards(end);
        }
    }

    /// Waits for `pause` and, after that, for as long as the archive is left alone; no longer than a stop allows.
    pub fn rest(&self, pause: Duration, stop: &dyn Fn() -> bool) {
        let end = self.clock.monotonic().saturating_add(pause);
        while !stop() {
            let end = end.max(self.current().hushed_until);
            if self.clock.monotonic() >= end {
                break;
            }
            self.sleep_towards(end);
        }
    }

    /// Whether a window is open now and no pause holds, without waiting.
    pub fn admission(&self) -> Admission {
        self.current().closed().unwrap_or(Admission::Go)
    }

    /// The limits in force; none while no window is open or a pause holds.
    pub fn limits(&self) -> Option<Limits> {
        self.current().limits
    }

    /// The ceiling on associations now; while nothing is allowed, what the usual limits say.
    pub fn ceiling(&self) -> u16 {
        self.limits().unwrap_or(self.base).associations.max(1)
    }

    /// How many associations may work now: the ceiling, or fewer if adaptive control says so, even none.
    pub fn associations(&self) -> u16 {
        // A float's cast saturates, and a load is never below zero.
        #[expect(clippy::cast_sign_loss, reason = "a load is never below zero")]
        let allowed = self.load().map_or(u16::MAX, |load| load.ceil() as u16);
        self.ceiling().min(allowed)
    }

    /// Takes account of an association that goes to work.
    pub fn go_to_work(&self) -> AtWork<'_> {
        self.at_work.fetch_add(1, Ordering::AcqRel);
        AtWork(&self.at_work)
    }

    /// How many associations are at work.
    pub fn at_work(&self) -> u16 {
        self.at_work.load(Ordering::Acquire)
    }

    /// The share of its time, up to 1, that each association at work may keep the archive busy, so that together they
    /// come to the load that adaptive control allows: it takes hold in the middle of a study, too.
    pub fn share(&self) -> f64 {
        let load = self.load().unwrap_or(f64::INFINITY);
        (load / f64::from(self.at_work().max(1))).clamp(LEAST_SHARE, 1.0)
    }

    /// What adaptive control allows; none without it.
    pub fn load(&self) -> Option<f64> {
        self.current().load
    }

    /// Follows a decision of adaptive control, and logs it.
    pub fn follow(&self, decision: Decision) {
        let mut state = self.current();
        let old_load = state.load.replace(decision.new.max(0.0));
        let limits = state.limits;
        let wall = self.clock.now();
        state.log_change(wall, decision.signal, (decision.value, decision.baseline), limits, old_load);
    }

    /// Begins or ends a pause, and logs it. Setting what is set already does nothing.
    pub fn set_pause(&self, pause: Option<Pause>) {
        let wall = self.clock.now();
        let pause = pause.filter(|pause| pause.holds_at(wall));
        let mut state = self.current();
        let cause = pause.as_ref().map_or_else(|| "resumed".to_owned(), Pause::to_string);
        if state.set_pause(pause) {
            state.consult(&self.calendar, &self.base, wall, self.clock.monotonic(), Some(&cause));
        }
    }

    /// Leaves the archive alone for this long: nothing is begun, and what is under way waits in [`rest`](Self::rest). Before that,
    /// what is under way has up to `patience` to end: a retrieval that waits keeps what it has of the archive from others.
    pub fn hush(&self, length: Duration, patience: Duration, stop: &dyn Fn() -> bool) {
        let end = self.clock.monotonic().saturating_add(patience);
        self.current().begins_after = end.saturating_add(length);
        while self.at_work() > 0 && !stop() && self.clock.monotonic() < end {
            self.clock.sleep_until(end.min(self.clock.monotonic().saturating_add(TICK)));
        }
        let until = self.clock.monotonic().saturating_add(length);
        let mut state = self.current();
        (state.hushed_until, state.begins_after) = (until, until);
    }

    /// Ends the hush.
    pub fn end_hush(&self) {
        let mut state = self.current();
        (state.hushed_until, state.begins_after) = Default::default();
    }

    /// Whether nothing may be begun, because the archive is left alone or soon will be.
    pub fn is_hushed(&self) -> bool {
        self.clock.monotonic() < self.current().begins_after
    }

    /// The hour of the week now, from 0, on the calendar's wall clock.
    pub fn hour_of_week(&self) -> u8 {
        self.calendar.hour_of_week(self.clock.now())
    }

    /// The clock that this pace runs on.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The state after a look at the calendar, if one is due.
    fn current(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let wall = self.clock.now();
        if state.is_stale(wall) {
            state.consult(&self.calendar, &self.base, wall, self.clock.monotonic(), None);
        }
        state
    }

    fn reserve(&self, ceiling: Ceiling, tokens: u64) -> Ticket {
        let mut state = self.current();
        let now = self.clock.monotonic();
        state.bucket(ceiling).reserve(tokens, now)
    }

    /// When the holder of the ticket may go, if not yet, and whether it is closed, seen at one moment.
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
