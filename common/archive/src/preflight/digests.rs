//! Digests of what comes, of which nothing is kept.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use job::Stop;
use pace::{Admission, Pace};

use crate::source::{Intake, IntakeError, IntakeObject, ObjectIdentity};

/// What came of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    pub transfer_syntax: Option<String>,
    /// BLAKE3 of the dataset's bytes.
    pub digest: [u8; 32],
    pub bytes: u64,
}

/// By SOP Instance UID.
pub type Sums = BTreeMap<String, Sum>;

/// Instances whose datasets differ between two retrievals, of those that came in both.
pub fn differing(first: &Sums, second: &Sums) -> u64 {
    first.iter().filter(|(uid, sum)| second.get(*uid).is_some_and(|other| other != *sum)).count() as u64
}

/// Takes objects and keeps their digests, at the pace of an export.
pub struct Digests {
    sums: Mutex<Sums>,
    pace: Arc<Pace>,
    stop: Stop,
    /// Objects and bytes that it still takes.
    room: Mutex<(u64, u64)>,
    full: AtomicBool,
}

impl Digests {
    /// For so many objects and bytes at most.
    pub fn new(pace: Arc<Pace>, stop: Stop, objects: u64, bytes: u64) -> Self {
        Self {
            sums: Mutex::default(),
            pace,
            stop,
            room: Mutex::new((objects, bytes)),
            full: AtomicBool::new(false),
        }
    }

    /// What has come.
    pub fn take(&self) -> Sums {
        std::mem::take(&mut *self.sums.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether more came than it takes.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    fn has_room(&self, objects: u64, bytes: u64) -> bool {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        match room.0.checked_sub(objects).zip(room.1.checked_sub(bytes)) {
            Some(left) => *room = left,
            None => self.full.store(true, Ordering::Release),
        }
        !self.is_full()
    }

    fn must_stop(&self) -> bool {
        self.stop.requested()
    }
}

impl Intake for Digests {
    fn begin(&self, dataset_offset: u64) -> Result<Box<dyn IntakeObject + '_>, IntakeError> {
        if !self.has_room(1, 0) {
            return Err(IntakeError::NotNow("enough was seen"));
        }
        // What was begun within a window is small enough to be brought to its end.
        if self.pace.admit_instance(&|| self.must_stop()) == Admission::Stopped {
            return Err(IntakeError::NotNow("asked to stop"));
        }
        let hasher = blake3::Hasher::new();
        Ok(Box::new(Arriving { into: self, hasher, to_skip: dataset_offset, bytes: 0 }))
    }
}

struct Arriving<'a> {
    into: &'a Digests,
    hasher: blake3::Hasher,
    /// Bytes before the dataset: a file's head is ours.
    to_skip: u64,
    bytes: u64,
}

impl IntakeObject for Arriving<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = bytes.len() as u64;
        if !self.into.has_room(0, length) {
            return Err(io::Error::other("enough was seen"));
        }
        if self.into.pace.take_bytes(length, &|| self.into.must_stop()) == Admission::Stopped {
            return Err(io::Error::other("asked to stop"));
        }
        let skipped = self.to_skip.min(length);
        self.to_skip -= skipped;
        let dataset = bytes.get(skipped as usize..).unwrap_or_default();
        self.hasher.update(dataset);
        self.bytes += dataset.len() as u64;
        Ok(())
    }

    fn finish(self: Box<Self>, identity: ObjectIdentity) -> Result<(), IntakeError> {
        let ObjectIdentity { sop_instance, transfer_syntax, .. } = identity;
        let sum = Sum { transfer_syntax, digest: *self.hasher.finalize().as_bytes(), bytes: self.bytes };
        let mut sums = self.into.sums.lock().unwrap_or_else(PoisonError::into_inner);
        sums.insert(sop_instance.unwrap_or_default(), sum);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pace::{Calendar, Clock, Limits, TurnableClock};

    use super::*;

    fn digests(limits: Limits, bytes: u64) -> (Arc<Digests>, Arc<TurnableClock>) {
        let clock = Arc::new(TurnableClock::new(Timestamp::now()));
        let pace = Arc::new(Pace::new(limits, Calendar::always(), clock.clone(), Box::new(|_| ())));
        (Arc::new(Digests::new(pace, Stop::new(), 3, bytes)), clock)
    }

    fn object(digests: &Digests, bytes: usize) -> bool {
        let Ok(mut object) = digests.begin(0) else { return false };
        let written = object.write(&vec![0; bytes]).is_ok();
        written && object.finish(ObjectIdentity::default()).is_ok()
    }

    #[test]
    fn it_takes_no_more_objects_and_bytes_than_a_small_study_has() {
        let (many, _) = digests(Limits::default(), 1_000);
        assert_eq!([1, 2, 3, 4].map(|_| object(&many, 10)), [true, true, true, false]);
        let (large, _) = digests(Limits::default(), 1_000);
        assert_eq!([600, 600, 1].map(|bytes| object(&large, bytes)), [true, false, false]);
        assert!(many.is_full() && large.is_full());
    }

    #[test]
    fn it_goes_at_the_pace_of_an_export() {
        let limits = Limits { bytes_per_second: Some(1_000), ..Limits::default() };
        let (digests, clock) = digests(limits, 10_000_000);
        let begun = clock.monotonic();
        std::thread::scope(|scope| {
            let taking = scope.spawn(|| [object(&digests, 3_000_000), object(&digests, 3_000_000)]);
            while !taking.is_finished() {
                clock.turn(std::time::Duration::from_secs(60));
                std::thread::yield_now();
            }
            assert_eq!(taking.join().unwrap(), [true, true]);
        });
        assert!(clock.monotonic().saturating_sub(begun) >= std::time::Duration::from_secs(3_000));
    }
}
