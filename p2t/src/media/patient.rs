//! A medium that another program has open for a moment: whoever looks at a drive (`mt status`, `p2t drive status`, `p2t plan`) must
//! not end an export that runs all weekend.

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use job::{Monitor, Stop};
use medium::{Error, Medium, MediumReader, MediumWriter, Reopened, Settings};

/// How long a medium that is in use is waited for.
const LIMIT: Duration = Duration::from_secs(60);
/// The first pause, and the longest: each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How media that are in use are waited for.
#[derive(Clone)]
pub struct Patience {
    monitor: Arc<dyn Monitor>,
    stop: Stop,
    limit: Duration,
}

impl Patience {
    /// For a minute, unless a stop is requested; the monitor is told.
    pub fn new(monitor: Arc<dyn Monitor>, stop: Stop) -> Self {
        Self { monitor, stop, limit: LIMIT }
    }

    /// Calls again and again while another program has the medium open.
    pub fn when_free<T>(
        &self,
        medium: &dyn fmt::Display,
        mut call: impl FnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Self { monitor, stop, limit } = self;
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            match call() {
                Err(Error::InUse { .. }) if begun.elapsed() < *limit && !stop.requested() => {
                    if pause == FIRST_PAUSE {
                        let seconds = limit.as_secs();
                        monitor.note(&format!(
                            "another program uses {medium}: it is waited for, {seconds} seconds at most"
                        ));
                    }
                    thread::sleep(pause);
                    pause = (2 * pause).min(LONGEST_PAUSE);
                }
                other => return other,
            }
        }
    }
}

/// A medium that is waited for while another program has it open.
pub struct Patient {
    pub medium: Box<dyn Medium>,
    pub patience: Patience,
}

impl Patient {
    fn when_free<T>(&self, mut call: impl FnMut(&dyn Medium) -> Result<T, Error>) -> Result<T, Error> {
        self.patience.when_free(&self.medium, || call(self.medium.as_ref()))
    }
}

impl fmt::Display for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.medium.fmt(f)
    }
}

impl Medium for Patient {
    fn is_blank(&self) -> Result<bool, Error> {
        self.when_free(|medium| medium.is_blank())
    }

    fn is_drive(&self) -> bool {
        self.medium.is_drive()
    }

    fn is_write_protected(&self) -> Result<bool, Error> {
        self.when_free(|medium| medium.is_write_protected())
    }

    fn eject(&self) -> Result<(), Error> {
        self.when_free(|medium| medium.eject())
    }

    fn free_bytes(&self) -> Option<u64> {
        self.medium.free_bytes()
    }

    fn has_room(&self, volume_bytes: u64, file_bytes: u64) -> bool {
        self.medium.has_room(volume_bytes, file_bytes)
    }

    fn create(&self, settings: &Settings) -> Result<Box<dyn MediumWriter>, Error> {
        self.when_free(|medium| medium.create(settings))
    }

    fn reopen(&self, settings: &Settings) -> Result<Box<dyn Reopened>, Error> {
        self.when_free(|medium| medium.reopen(settings))
    }

    fn open(&self) -> Result<Box<dyn MediumReader>, Error> {
        self.when_free(|medium| medium.open())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use job::Counter;
    use medium::Address;

    use super::*;

    /// Counts what it is told.
    #[derive(Default)]
    struct Notes(AtomicU32);

    impl Monitor for Notes {
        fn phase(&self, _: &str) {}
        fn set_total(&self, _: Counter, _: u64) {}
        fn count(&self, _: Counter, _: u64) {}
        fn uncount(&self, _: Counter, _: u64) {}
        fn finding(&self, _: &str) {}
        fn note(&self, _: &str) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_medium_in_use_is_waited_for_and_given_up_after_a_while_or_at_a_stop() {
        let dir = tempfile::tempdir().unwrap();
        let address = Address::VirtualTape(dir.path().join("v.tap"));
        let (notes, stop) = (Arc::new(Notes::default()), Stop::new());
        let patient = |limit| {
            let patience = Patience { monitor: notes.clone(), stop: stop.clone(), limit };
            Patient { medium: Box::new(address.clone()), patience }
        };
        let settings = Settings::default();
        let other = address.create(&settings).unwrap();
        let create = |limit| patient(limit).create(&settings).map(drop);
        assert!(matches!(create(Duration::from_millis(50)), Err(Error::InUse { .. })));
        assert_eq!(notes.0.load(Ordering::Relaxed), 1, "once, however often it was tried");
        thread::scope(|scope| {
            let waiting = scope.spawn(|| create(LIMIT));
            while notes.0.load(Ordering::Relaxed) < 2 {
                thread::sleep(Duration::from_millis(1));
            }
            drop(other);
            waiting.join().unwrap().unwrap();
        });
        let _other = address.reopen(&settings).unwrap();
        stop.request();
        assert!(matches!(create(LIMIT), Err(Error::InUse { .. })));
        assert_eq!(notes.0.load(Ordering::Relaxed), 2);
    }
}
