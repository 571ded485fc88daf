//! The spool at the destination's side: of each loaded segment a file with its objects one behind the other.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use catalogue::{Catalogue, SegmentState};

use crate::error::{Error, Result};

/// The disk is never filled to the last byte: catalogue and logs may live there too.
const RESERVE_BYTES: u64 = 64 << 20;

/// The objects of a segment that is being read.
const ARRIVING: &str = "arriving.objects";

/// The spool directory.
pub struct Spool {
    dir: PathBuf,
    limit_bytes: u64,
    used_bytes: AtomicU64,
}

/// Objects of one segment.
pub fn file_name(segment: u64) -> String {
    format!("segment-{segment:06}.objects")
}

impl Spool {
    /// Opens the spool and brings it and the catalogue into agreement: what the catalogue does not know is deleted, and
    /// segments whose file is gone must be loaded again if anybody needs it.
    pub fn recover(dir: PathBuf, limit_bytes: u64, catalogue: &mut Catalogue) -> Result<Self> {
        const PAGE: usize = 100;
        for row in catalogue.segments_to_reload()? {
            catalogue.reload_segment(row.id)?;
        }
        let mut keep = HashSet::new();
        for state in [SegmentState::Loaded, SegmentState::Damaged] {
            let mut after = 0;
            loop {
                let page = catalogue.segments_in(state, after, PAGE)?;
                let Some(last) = page.last() else { break };
                after = last.segment.number;
                for row in page {
                    let name = file_name(row.segment.number);
                    if dir.join(&name).exists() {
                        keep.insert(name);
                    } else {
                        catalogue.reload_segment(row.id)?;
                    }
                }
            }
        }
        let spool = Self { dir, limit_bytes, used_bytes: AtomicU64::new(0) };
        spool.sweep(&keep)?;
        Ok(spool)
    }

    /// Deletes files that are not to be kept. Anything else is none of ours: a file system of its own has a directory `lost+found`.
    fn sweep(&self, keep: &HashSet<String>) -> Result<()> {
        for entry in fs::read_dir(&self.dir).map_err(Error::file("list", &self.dir))? {
            let entry = entry.map_err(Error::file("list", &self.dir))?;
            let path = entry.path();
            if entry.file_name().to_str().is_some_and(|name| keep.contains(name)) {
                self.grow(entry.metadata().map_err(Error::file("look at", &path))?.len());
            } else if entry.file_type().map_err(Error::file("look at", &path))?.is_file() {
                fs::remove_file(&path).map_err(Error::file("delete", &path))?;
            }
        }
        Ok(())
    }

    pub fn path(&self, segment: u64) -> PathBuf {
        self.dir.join(file_name(segment))
    }

    /// Where a segment's objects are written while it is not known whether they are right, and perhaps not even which
    /// segment it is.
    pub fn arriving(&self) -> PathBuf {
        self.dir.join(ARRIVING)
    }

    /// A new, empty file for the objects of the segment that arrives.
    pub fn create(&self) -> Result<File> {
        let path = self.arriving();
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&path);
        file.map_err(Error::file("make", path))
    }

    /// Deletes what arrived and was not kept, if there is anything.
    pub fn discard(&self) -> Result<()> {
        match fs::remove_file(self.arriving()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::file("delete", self.arriving())(error))
            }
            _ => Ok(()),
        }
    }

    /// Makes what arrived the objects of a segment, in place of any that are there; its name is durable on return.
    pub fn keep(&self, segment: u64, bytes: u64) -> Result<()> {
        self.delete(segment)?;
        fs::rename(self.arriving(), self.path(segment)).map_err(Error::file("rename", self.arriving()))?;
        self.grow(bytes);
        File::open(&self.dir).and_then(|dir| dir.sync_all()).map_err(Error::file("sync", &self.dir))
    }

    /// Deletes a segment's objects; that they are gone already is no error.
    pub fn delete(&self, segment: u64) -> Result<()> {
        let path = self.path(segment);
        let bytes = fs::metadata(&path).map_or(0, |found| found.len());
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::file("delete", path)(error))
            }
            _ => {
                let less = |used: u64| Some(used.saturating_sub(bytes));
                // The closure never declines.
                let _ = self.used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
                Ok(())
            }
        }
    }

    fn grow(&self, bytes: u64) {
        self.used_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// What there should be room for before a drive is started again that had to wait for room for `bytes`: each start costs it seconds.
    pub fn burst_bytes(&self, bytes: u64) -> u64 {
        (self.limit_bytes / 2).max(bytes)
    }

    /// Whether `bytes` more may be loaded, by the limit and by what the disk has free. An empty spool takes any segment.
    pub fn has_room(&self, bytes: u64) -> bool {
        let used = self.used_bytes.load(Ordering::Relaxed);
        let free = job::free_bytes(&self.dir).unwrap_or(u64::MAX);
        let fits =
            used.saturating_add(bytes) <= self.limit_bytes && bytes.saturating_add(RESERVE_BYTES) <= free;
        used == 0 || fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_nobody_knows_go_and_what_the_file_system_keeps_for_itself_stays() {
        let job = tempfile::tempdir().unwrap();
        let dir = job.path().join("spool");
        fs::create_dir_all(dir.join("lost+found")).unwrap();
        fs::write(dir.join(ARRIVING), "half").unwrap();
        let mut catalogue = Catalogue::open(&job.path().join("catalogue.sqlite")).unwrap();
        Spool::recover(dir.clone(), u64::MAX, &mut catalogue).unwrap();
        let left: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["lost+found"]);
    }
}
