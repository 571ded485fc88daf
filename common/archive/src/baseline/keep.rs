//! Takes what is retrieved for a baseline: counts it, and keeps some where it will be sent back.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::source::{Intake, IntakeError, IntakeObject, ObjectIdentity};

/// More tell no more; each holds a file open.
const MOST_KEPT: usize = 100;

/// An object that came whole and says what it is.
#[derive(Debug, Clone)]
pub struct Kept {
    pub sop_class: String,
    pub sop_instance: String,
    pub transfer_syntax: String,
    /// Holds the object, under no name: gone with whoever holds it open.
    pub file: Arc<File>,
    /// Where in the file the dataset begins.
    pub dataset_offset: u64,
    pub dataset_bytes: u64,
}

/// All that came.
#[derive(Default)]
pub struct Came {
    objects: AtomicU64,
    bytes: AtomicU64,
    /// Where objects are kept, if they are.
    folder: Option<PathBuf>,
    kept: Mutex<Vec<Kept>>,
}

impl Came {
    /// Keeps objects in this folder, or none.
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, ..Self::default() }
    }

    /// Objects and bytes until now.
    pub fn so_far(&self) -> (u64, u64) {
        (self.objects.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    /// Objects and bytes that came since they were so many.
    pub fn since(&self, (objects, bytes): (u64, u64)) -> (u64, u64) {
        let now = self.so_far();
        (now.0 - objects, now.1 - bytes)
    }

    /// The objects that were kept, in the order in which they came.
    pub fn kept(&self) -> Vec<Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn file(&self) -> io::Result<Option<File>> {
        let full = self.kept.lock().unwrap_or_else(PoisonError::into_inner).len() >= MOST_KEPT;
        self.folder.as_ref().filter(|_| !full).map(tempfile::tempfile_in).transpose()
    }
}

impl Intake for Came {
    fn begin(&self, dataset_offset: u64) -> Result<Box<dyn IntakeObject + '_>, IntakeError> {
        let file = self.file().map_err(|error| IntakeError::Spool(error.into()))?;
        Ok(Box::new(Coming { came: self, file, dataset_offset, bytes: 0 }))
    }
}

struct Coming<'a> {
    came: &'a Came,
    file: Option<File>,
    dataset_offset: u64,
    bytes: u64,
}

impl IntakeObject for Coming<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.came.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
    }

    fn finish(self: Box<Self>, identity: ObjectIdentity) -> Result<(), IntakeError> {
        self.came.objects.fetch_add(1, Ordering::Relaxed);
        let ObjectIdentity { sop_class, sop_instance, transfer_syntax, .. } = identity;
        if let (Some(file), Some(sop_class), Some(sop_instance), Some(transfer_syntax)) =
            (self.file, sop_class, sop_instance, transfer_syntax)
        {
            let kept = Kept {
                sop_class,
                sop_instance,
                transfer_syntax,
                file: Arc::new(file),
                dataset_offset: self.dataset_offset,
                dataset_bytes: self.bytes.saturating_sub(self.dataset_offset),
            };
            self.came.kept.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
        }
        Ok(())
    }
}
