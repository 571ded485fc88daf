//! What the queries of a listing pass: windows and pauses are waited for, associations and adaptive control hold them back, and an
//! archive that has no association free is asked again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use job::Stop;
use job::config::RetryConfig;
use pace::{Admission, AtWork, Loss, Pace};

use crate::error::Error;
use crate::web::WebError;

/// How often is looked whether a query may be asked.
const TICK: Duration = Duration::from_millis(10);
/// The longest pause before a query is asked again, and the longest rest that others earn an archive.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
const LONGEST_REST: Duration = Duration::from_secs(30);

type Say = Box<dyn Fn(&str) + Send + Sync>;
type OnLoss = Box<dyn Fn(Loss) + Send + Sync>;

/// The gate before the queries to one archive.
pub struct Gate {
    pace: Arc<Pace>,
    stop: Stop,
    retry: RetryConfig,
    say: Say,
    on_loss: OnceLock<OnLoss>,
    /// Whether each query takes a place among the associations at work; not where its caller holds one.
    takes_place: bool,
    /// One at a time looks whether a place is free.
    door: Mutex<()>,
    /// The rest that queries have earned the archive.
    owed: Mutex<Duration>,
    waits: AtomicBool,
}

/// Why no query may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// A stop was requested.
    Stopped,
    /// No window opens within two weeks.
    Closed,
}

/// What an error of a query says about the archive, and how a closed gate is told.
pub trait Asked: From<Shut> + std::fmt::Display {
    /// Whether an archive that has too much to do ends a query like this.
    fn loss(&self) -> Option<Loss>;
}

impl Asked for Error {
    fn loss(&self) -> Option<Loss> {
        // Where a list is asked for, silence is no recall from tape.
        self.loss(true)
    }
}

impl Asked for WebError {
    fn loss(&self) -> Option<Loss> {
        self.loss(true)
    }
}

impl From<Shut> for Error {
    fn from(shut: Shut) -> Self {
        match shut {
            Shut::Stopped => Self::Stopped,
            Shut::Closed => Self::NoWindow,
        }
    }
}

impl From<Shut> for WebError {
    fn from(shut: Shut) -> Self {
        match shut {
            Shut::Stopped => Self::Stopped,
            Shut::Closed => Self::NoWindow,
        }
    }
}

impl Gate {
    /// A gate that `pace` opens and closes. `say` is told, for people, what is waited for.
    pub fn new(pace: Arc<Pace>, stop: Stop, retry: RetryConfig, say: Say) -> Self {
        let (on_loss, door, owed, waits) = Default::default();
        Self { pace, stop, retry, say, on_loss, takes_place: true, door, owed, waits }
    }

    /// The same for queries whose callers hold their places among the associations at work themselves.
    #[must_use]
    pub fn without_places(self) -> Self {
        Self { takes_place: false, ..self }
    }

    /// Has somebody told what the archive loses; once.
    pub fn on_loss(&self, on_loss: OnLoss) {
        // A second one would be a mistake of ours that costs nothing.
        let _ = self.on_loss.set(on_loss);
    }

    /// Waits until something may be asked for; false if it is to stop.
    pub fn opens(&self) -> bool {
        self.enter().is_ok()
    }

    /// Tells that the archive has lost something.
    pub(crate) fn lost(&self, loss: Loss) {
        if let Some(tell) = self.on_loss.get() {
            tell(loss);
        }
    }

    /// Tells that the archive refused a query for want of resources, and waits before the next.
    pub(crate) fn refused(&self) {
        self.lost(Loss::Refused);
        self.pace.wait(self.retry.delay(), &|| self.stop.requested());
    }

    /// Whether no window is open, or a pause holds.
    pub(crate) fn is_shut(&self) -> bool {
        self.pace.admission() != Admission::Go
    }

    /// Asks as soon as that may be, and again after a pause where an association was rejected for the moment, or, as long as
    /// `restarts` says that nothing of the answer was used, where the archive lost the query in another way.
    pub(crate) fn pass<T, E: Asked>(
        &self,
        restarts: &dyn Fn() -> bool,
        mut query: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut attempt = 1;
        loop {
            let place = self.enter()?;
            let clock = self.pace.clock();
            let begun = clock.monotonic();
            let asked = query();
            self.earn(clock.monotonic().saturating_sub(begun));
            drop(place);
            let error = match asked {
                Err(error) => error,
                answer => return answer,
            };
            let Some(loss) = error.loss() else { return Err(error) };
            self.lost(loss);
            let again = loss == Loss::Rejected || restarts();
            if !again || attempt >= self.retry.attempts || self.stop.requested() {
                return Err(error);
            }
            let doubled = self.retry.delay().saturating_mul(1 << (attempt - 1).min(10));
            let pause = doubled.min(LONGEST_PAUSE.max(self.retry.delay()));
            (self.say)(&format!("{error}; asked again in {} s", pause.as_secs()));
            self.pace.wait(pause, &|| self.stop.requested());
            attempt += 1;
        }
    }

    /// Waits until something may be asked for.
    pub(crate) fn enter(&self) -> Result<Option<AtWork<'_>>, Shut> {
        let stop = || self.stop.requested();
        let owed = std::mem::take(&mut *self.owed.lock().unwrap_or_else(PoisonError::into_inner));
        self.pace.rest(owed, &stop);
        loop {
            if stop() {
                return Err(Shut::Stopped);
            }
            let admission = self.pace.admission();
            if admission != Admission::Go {
                self.tell_once(admission);
                match self.pace.wait_until_open(&stop) {
                    Admission::Go => continue,
                    Admission::Stopped => return Err(Shut::Stopped),
                    Admission::Closed { .. } | Admission::Paused { .. } => return Err(Shut::Closed),
                }
            }
            self.waits.store(false, Ordering::Release);
            if !self.pace.is_hushed() {
                if !self.takes_place {
                    return Ok(None);
                }
                if let Some(place) = self.place() {
                    return Ok(Some(place));
                }
            }
            self.pace.wait(TICK, &stop);
        }
    }

    fn place(&self) -> Option<AtWork<'_>> {
        let _door = self.door.lock().unwrap_or_else(PoisonError::into_inner);
        (self.pace.at_work() < self.pace.associations()).then(|| self.pace.go_to_work())
    }

    /// At a third of its time, an archive rests twice as long as it worked.
    fn earn(&self, worked: Duration) {
        let share = self.pace.share();
        if self.takes_place && share < 1.0 {
            let earned = worked.mul_f64(1.0 / share - 1.0);
            let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
            *owed = owed.saturating_add(earned).min(LONGEST_REST);
        }
    }

    fn tell_once(&self, admission: Admission) {
        if self.waits.swap(true, Ordering::AcqRel) {
            return;
        }
        let until = match admission {
            Admission::Closed { opens_at: Some(at) } => format!("until a window opens, at {}", utc(at)),
            Admission::Paused { until: Some(at) } => format!("until the pause ends, at {}", utc(at)),
            Admission::Paused { until: None } => "until the pause ends (`p2t resume`)".to_owned(),
            Admission::Closed { opens_at: None } | Admission::Go | Admission::Stopped => return,
        };
        (self.say)(&format!("listing waits {until}"));
    }
}

fn utc(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("pace", &self.pace).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
