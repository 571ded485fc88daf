//! Writes a directory volume.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::volume_names;
use crate::names::UNFINISHED;
use crate::room::Room;
use crate::sequence::Sequence;
use crate::{CommittedFile, Error, MediumWriter, Settings, system};

/// Ended files that may wait for their sync with an open descriptor each.
const MOST_UNSYNCED: usize = 64;

/// Writer into one directory.
pub(super) struct DirectoryWriter {
    path: PathBuf,
    directory: File,
    room: Room,
    largest_file: Option<u64>,
    sequence: Sequence,
    used: u64,
    open: Option<Unfinished>,
    ended: Vec<Unfinished>,
    renamed: Vec<Renamed>,
    failed: bool,
}

/// A file as `NAME.part`.
struct Unfinished {
    name: String,
    path: PathBuf,
    file: File,
    bytes: u64,
}

/// A file with its final name that no commit covers yet.
struct Renamed {
    path: PathBuf,
    bytes: u64,
}

impl DirectoryWriter {
    /// Behind the `committed` files of a directory that is open and locked; removes all other files of a volume.
    pub fn new(
        path: &Path,
        directory: File,
        settings: &Settings,
        committed: &[CommittedFile],
    ) -> Result<Self, Error> {
        let sequence = Sequence::new(settings.record_bytes, committed)?;
        let mut used = 0_u64;
        for file in committed {
            used = used.saturating_add(committed_bytes(&path.join(&file.name))?);
        }
        drop_all_but(path, committed)?;
        Ok(Self {
            path: path.to_owned(),
            directory,
            room: Room::new(path, settings.capacity_bytes),
            largest_file: system::largest_file(path),
            sequence,
            used,
            open: None,
            ended: Vec::new(),
            renamed: Vec::new(),
            failed: false,
        })
    }

    fn check_usable(&self) -> Result<(), Error> {
        if self.failed { Err(Error::WriterFailed { path: self.path.clone() }) } else { Ok(()) }
    }

    /// Syncs the ended files' content and gives them their names.
    fn settle(&mut self) -> Result<(), Error> {
        for ended in self.ended.drain(..) {
            ended.file.sync_all().map_err(|e| Error::io(&ended.path, "sync", e))?;
            system::close(ended.file, &ended.path)?;
            let path = self.path.join(&ended.name);
            fs::rename(&ended.path, &path).map_err(|e| Error::io(&ended.path, "rename", e))?;
            self.renamed.push(Renamed { path, bytes: ended.bytes });
        }
        Ok(())
    }

    fn commit_ended(&mut self) -> Result<(), Error> {
        self.settle()?;
        system::sync_directory(&self.path)?;
        for Renamed { path, bytes } in self.renamed.drain(..) {
            let found = fs::symlink_metadata(&path).map_err(|e| Error::io(&path, "look at", e))?.len();
            if found != bytes {
                let found = format!("{found} bytes instead of {bytes}");
                return Err(Error::PositionLost { path, found });
            }
        }
        let found = volume_names(&self.path)?.len();
        if found == self.sequence.ended() as usize {
            return Ok(());
        }
        let found = format!("{found} files instead of {}", self.sequence.ended());
        Err(Error::PositionLost { path: self.path.clone(), found })
    }
}

impl MediumWriter for DirectoryWriter {
    fn record_bytes(&self) -> usize {
        self.sequence.record_bytes()
    }

    fn used_bytes(&self) -> u64 {
        self.used
    }

    fn remaining_bytes(&self) -> Option<u64> {
        self.room.remaining(self.used)
    }

    fn largest_file_bytes(&self) -> Option<u64> {
        self.largest_file
    }

    fn file_bytes(&self, content_bytes: u64) -> u64 {
        content_bytes
    }

    fn next_file(&self) -> u32 {
        self.sequence.ended()
    }

    fn begin_file(&mut self, name: &str) -> Result<(), Error> {
        self.check_usable()?;
        self.sequence.begin(name)?;
        let path = self.path.join(format!("{name}{UNFINISHED}"));
        match OpenOptions::new().write(true).create_new(true).mode(system::FILE_MODE).open(&path) {
            Ok(file) => {
                self.open = Some(Unfinished { name: name.to_owned(), path, file, bytes: 0 });
                Ok(())
            }
            Err(e) => {
                self.sequence.abandon();
                Err(Error::io(&path, "create", e))
            }
        }
    }

    fn write_record(&mut self, record: &[u8]) -> Result<(), Error> {
        self.check_usable()?;
        self.sequence.check_record(record.len())?;
        let needed = record.len() as u64;
        self.room.check(self.used, needed)?;
        let open = self.open.as_mut().ok_or(Error::NoFileOpen)?;
        if self.largest_file.is_some_and(|largest| open.bytes + needed > largest) {
            return Err(Error::FileTooLarge { path: open.path.clone() });
        }
        if let Err(e) = open.file.write_all_at(record, open.bytes) {
            // Best effort to leave no torn record; the next commit finds it if this fails as well.
            let _ = open.file.set_len(open.bytes);
            return Err(Error::io(&open.path, "write", e));
        }
        open.bytes += needed;
        self.used += needed;
        self.sequence.record_written(record.len());
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), Error> {
        self.check_usable()?;
        let ended = self.open.take().ok_or(Error::NoFileOpen)?;
        self.sequence.end()?;
        self.ended.push(ended);
        if self.ended.len() < MOST_UNSYNCED {
            return Ok(());
        }
        let settled = self.settle();
        self.failed |= settled.is_err();
        settled
    }

    fn abandon_file(&mut self) -> Result<(), Error> {
        let Some(open) = self.open.take() else { return Ok(()) };
        self.sequence.abandon();
        self.used -= open.bytes;
        fs::remove_file(&open.path).map_err(|e| Error::io(&open.path, "remove", e))
    }

    fn commit(&mut self) -> Result<u32, Error> {
        self.check_usable()?;
        self.sequence.check_between_files()?;
        // A failed sync may have dropped the data from the system's cache, and the next one would then succeed.
        let committed = self.commit_ended();
        self.failed |= committed.is_err();
        committed.map(|()| self.sequence.ended())
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        for unfinished in self.open.into_iter().chain(self.ended) {
            system::close(unfinished.file, &unfinished.path)?;
        }
        system::close(self.directory, &self.path)
    }
}

fn committed_bytes(path: &Path) -> Result<u64, Error> {
    let kind = fs::symlink_metadata(path).map_err(|e| Error::io(path, "look at", e))?;
    if kind.is_file() {
        return Ok(kind.len());
    }
    Err(Error::NotAMedium { path: path.to_owned(), found: "a volume's file must be a regular file" })
}

/// Removes the files of the volume that are not committed. Other people's files stay.
fn drop_all_but(path: &Path, committed: &[CommittedFile]) -> Result<(), Error> {
    let committed: std::collections::BTreeSet<&String> = committed.iter().map(|file| &file.name).collect();
    for name in volume_names(path)? {
        if !committed.contains(&name) {
            let path = path.join(name);
            fs::remove_file(&path).map_err(|e| Error::io(&path, "remove", e))?;
        }
    }
    system::sync_directory(path)
}
