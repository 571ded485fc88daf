//! Digests of what comes, of which nothing is kept.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};

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

/// Takes objects and keeps their digests.
#[derive(Default)]
pub struct Digests(Mutex<Sums>);

impl Digests {
    /// What has come.
    pub fn take(&self) -> Sums {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Intake for Digests {
    fn begin(&self, dataset_offset: u64) -> Result<Box<dyn IntakeObject + '_>, IntakeError> {
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
        let skipped = self.to_skip.min(bytes.len() as u64);
        self.to_skip -= skipped;
        let dataset = bytes.get(skipped as usize..).unwrap_or_default();
        self.hasher.update(dataset);
        self.bytes += dataset.len() as u64;
        Ok(())
    }

    fn finish(self: Box<Self>, identity: ObjectIdentity) -> Result<(), IntakeError> {
        let ObjectIdentity { sop_instance, transfer_syntax, .. } = identity;
        let sum = Sum { transfer_syntax, digest: *self.hasher.finalize().as_bytes(), bytes: self.bytes };
        let mut sums = self.into.0.lock().unwrap_or_else(PoisonError::into_inner);
        sums.insert(sop_instance.unwrap_or_default(), sum);
        Ok(())
    }
}
