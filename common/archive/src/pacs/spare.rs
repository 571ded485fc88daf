//! Associations of ours that the work can do without: those kept between queries, and the canary's. A PACS may have no more than one
//! place for us, so that what is spared takes it from the work.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use dimse::{Association, Error};

/// The pauses, in milliseconds, before a rejected association is asked for again where one of ours had a place: a PACS may count late.
const PAUSES: [u64; 4] = [50, 100, 200, 400];
/// How late a PACS may notice that an association has ended.
const LATE: Duration = Duration::from_secs(1);
/// No round of the canary is waited for longer.
const ROUND: Duration = Duration::from_secs(15);
const TICK: Duration = Duration::from_millis(10);

#[derive(Default)]
pub(super) struct Spare {
    /// Kept after a query for the next one: as many as there were queries at the same time.
    kept: Mutex<Vec<Association>>,
    beside: Mutex<Canaries>,
}

/// The associations of canaries.
#[derive(Default)]
struct Canaries {
    open: usize,
    ended: Option<Instant>,
}

/// A canary's association counts as open for as long as this is kept.
pub(super) struct Beside(Arc<Spare>);

impl Drop for Beside {
    fn drop(&mut self) {
        let mut canaries = self.0.canaries();
        canaries.open = canaries.open.saturating_sub(1);
        canaries.ended = Some(Instant::now());
    }
}

impl Spare {
    pub fn take(&self) -> Option<Association> {
        self.kept().pop()
    }

    pub fn keep(&self, association: Association) {
        self.kept().push(association);
    }

    /// Ends what is kept; says whether there was any.
    pub fn release(&self) -> bool {
        let kept = std::mem::take(&mut *self.kept());
        let any = !kept.is_empty();
        kept.into_iter().for_each(super::retrieve::release);
        any
    }

    /// Opens an association for work, and again where one that can be spared had its place.
    pub fn open_for_work(&self, open: &dyn Fn() -> Result<Association, Error>) -> Result<Association, Error> {
        insist(open, &|| {
            let kept = self.release();
            self.outlast_canary() || kept
        })
    }

    /// Opens a canary's: work goes before it, but not what is only kept.
    pub fn open_beside(
        self: &Arc<Self>,
        open: &dyn Fn() -> Result<Association, Error>,
    ) -> Result<(Association, Beside), Error> {
        self.canaries().open += 1;
        let beside = Beside(self.clone());
        insist(open, &|| self.release()).map(|association| (association, beside))
    }

    /// Waits until no canary has a place; says whether one had, not long ago.
    fn outlast_canary(&self) -> bool {
        let begun = Instant::now();
        let mut any = false;
        while self.canaries().open > 0 && begun.elapsed() < ROUND {
            any = true;
            sleep(TICK);
        }
        any || self.canaries().ended.is_some_and(|ended| ended.elapsed() < LATE)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Association>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn canaries(&self) -> MutexGuard<'_, Canaries> {
        self.beside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens an association, and again after a rejection for the moment, as long as `make_room` ever said that it did.
fn insist(
    open: &dyn Fn() -> Result<Association, Error>,
    make_room: &dyn Fn() -> bool,
) -> Result<Association, Error> {
    let mut made = false;
    for pause in PAUSES {
        match open() {
            Err(Error::Rejected(rejection)) if rejection.is_transient() => {
                made |= make_room();
                if !made {
                    return Err(Error::Rejected(rejection));
                }
            }
            opened => return opened,
        }
        sleep(Duration::from_millis(pause));
    }
    open()
}
