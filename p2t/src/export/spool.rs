//! The spool: captured objects in intake files, and sealed segments, until they are safe on a volume.
//!
//! An intake file holds many objects one behind the other, so that a group of them is made durable by one fsync and
//! one catalogue transaction. Bytes behind the last object that the catalogue knows belong to nothing.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use catalogue::loss::Loss;
use catalogue::{Catalogue, IntakeId, IntakeState, Level, SegmentState};
use job::Journal;

use crate::error::{Error, Result};

/// What an unfinished segment is called.
pub const UNFINISHED: &str = ".part";
/// An intake grows no further than this, so that its room is soon free again.
pub const INTAKE_BYTES: u64 = 256 << 20;
/// The disk is never filled to the last byte: catalogue and logs may live there too.
const RESERVE_BYTES: u64 = 64 << 20;

/// The spool directory and what is in it.
pub struct Spool {
    dir: PathBuf,
    limit_bytes: u64,
    /// What must stay free on the disk.
    reserve_bytes: u64,
    used_bytes: AtomicU64,
    captured_bytes: AtomicU64,
}

/// An intake being filled.
pub struct IntakeFile {
    pub id: IntakeId,
    pub file: Arc<File>,
    pub end: u64,
}

impl Spool {
    /// Opens the spool and brings it and the catalogue into agreement after whatever ended the last run: what the
    /// catalogue does not know is deleted, and what is lost becomes pending again. Room for one more segment of
    /// `segment_bytes` is kept: a spool full of objects is only emptied by packing them.
    pub fn recover(dir: PathBuf, limit_bytes: u64, segment_bytes: u64, shared: &Journal) -> Result<Self> {
        let mut catalogue = shared.lock();
        let mut keep = HashSet::new();
        let mut captured_bytes = 0;
        let mut lost = 0;
        for intake in catalogue.intakes()? {
            let name = intake.file_name();
            let path = dir.join(&name);
            let length = fs::metadata(&path).map_or(0, |found| found.len());
            if length < intake.end {
                lost += catalogue.release_intake(intake.id)?;
            }
            if intake.state == IntakeState::Open {
                catalogue.close_intake(intake.id)?;
            }
            if intake.objects == 0 || length < intake.end {
                catalogue.forget_intake(intake.id)?;
            } else {
                captured_bytes += intake.end;
                keep.insert(name);
            }
        }
        lost += recover_segments(&mut catalogue, &dir, &mut keep)?;
        drop(catalogue);
        if lost > 0 {
            let message = format!("{lost} objects were lost from the spool and will be fetched again");
            shared.event(Level::Warning, "spool-lost", message)?;
        }
        let used_bytes = sweep(&dir, &keep)?;
        Ok(Self {
            dir,
            limit_bytes,
            reserve_bytes: RESERVE_BYTES.saturating_add(segment_bytes),
            used_bytes: used_bytes.into(),
            captured_bytes: captured_bytes.into(),
        })
    }

    /// The folder itself.
    pub fn dir(&self) -> PathBuf {
        self.dir.clone()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Starts a new intake.
    pub fn open_intake(&self, catalogue: &mut Catalogue) -> Result<IntakeFile> {
        let intake = catalogue.open_intake()?;
        let path = self.path(&intake.file_name());
        let file = File::options().write(true).create_new(true).mode(0o600).open(&path);
        let file = Arc::new(file.map_err(Error::file("make", &path))?);
        sync_dir(&self.dir)?;
        Ok(IntakeFile { id: intake.id, file, end: 0 })
    }

    /// Deletes intakes of which every object is in a sealed segment.
    pub fn delete_packed_intakes(&self, catalogue: &mut Catalogue) -> Result<()> {
        for intake in catalogue.intakes()?.iter().filter(|intake| intake.is_deletable()) {
            self.delete(&intake.file_name())?;
            catalogue.forget_intake(intake.id)?;
        }
        Ok(())
    }

    /// Deletes a file; one that is gone already is no error, because a run may have died just behind this.
    pub fn delete(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        let bytes = fs::metadata(&path).map_or(0, |found| found.len());
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file("delete", path)(error));
            }
            _ => {}
        }
        self.shrink(bytes);
        Ok(())
    }

    /// Makes names in the spool durable.
    pub fn sync_names(&self) -> Result<()> {
        sync_dir(&self.dir)
    }

    pub fn grow(&self, bytes: u64) {
        self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn shrink(&self, bytes: u64) {
        let less = |used: u64| Some(used.saturating_sub(bytes));
        // The closure never declines.
        let _ = self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Whether there is room for more objects, by the limit and by what the disk has free.
    pub fn has_room(&self) -> bool {
        let free = job::free_bytes(&self.dir).unwrap_or(u64::MAX);
        self.used_bytes.load(Ordering::Relaxed) < self.limit_bytes && free > self.reserve_bytes
    }

    /// How much it may hold in all, by the limit and by what the disk has free.
    pub fn capacity_bytes(&self) -> u64 {
        let free = job::free_bytes(&self.dir).unwrap_or(u64::MAX).saturating_sub(self.reserve_bytes);
        self.limit_bytes.min(self.used_bytes.load(Ordering::Relaxed).saturating_add(free))
    }

    /// The error for a spool without room that nothing will make.
    pub fn too_small(&self) -> Error {
        Error::SpoolTooSmall { path: self.dir.clone(), needed: self.reserve_bytes.into() }
    }

    pub fn count_captured(&self, bytes: u64) {
        self.captured_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn count_packed(&self, bytes: u64) {
        let less = |captured: u64| Some(captured.saturating_sub(bytes));
        let _ = self.captured_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Bytes of objects that are captured and in no segment yet, about.
    pub fn captured_bytes(&self) -> u64 {
        self.captured_bytes.load(Ordering::Relaxed)
    }
}

/// Sealed segments whose file is gone or was cut are given back to the fetcher.
fn recover_segments(catalogue: &mut Catalogue, dir: &Path, keep: &mut HashSet<String>) -> Result<u64> {
    const PAGE: usize = 100;
    let mut lost = 0;
    let mut after = 0;
    loop {
        let page = catalogue.segments_in(SegmentState::Sealed, after, PAGE)?;
        let Some(last) = page.last() else { return Ok(lost) };
        after = last.segment.number;
        for row in page {
            let length = fs::metadata(dir.join(&row.segment.file)).map_or(0, |found| found.len());
            if length == row.segment.bytes {
                keep.insert(row.segment.file);
            } else {
                lost += match catalogue.lose_spooled_segment(row.id)? {
                    Loss::Pending(instances) => instances,
                    Loss::FewerCopies(_) | Loss::InSpool => 0,
                };
            }
        }
    }
}

/// Deletes files that are not to be kept and returns the bytes of those that stay. Anything else is none of ours: a file system of
/// its own has a directory `lost+found`.
fn sweep(dir: &Path, keep: &HashSet<String>) -> Result<u64> {
    let mut used_bytes = 0;
    for entry in fs::read_dir(dir).map_err(Error::file("list", dir))? {
        let entry = entry.map_err(Error::file("list", dir))?;
        let path = entry.path();
        if entry.file_name().to_str().is_some_and(|name| keep.contains(name)) {
            used_bytes += entry.metadata().map_err(Error::file("look at", &path))?.len();
        } else if entry.file_type().map_err(Error::file("look at", &path))?.is_file() {
            fs::remove_file(&path).map_err(Error::file("delete", &path))?;
        }
    }
    Ok(used_bytes)
}

fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::file("sync", dir))
}
