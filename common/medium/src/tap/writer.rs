//! Writes a virtual tape.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::format::{FILEMARK, WORD_BYTES, frame, framed};
use super::image::Image;
use super::scan::{FILEMARK_RUN, Object, Scanner};
use crate::room::Room;
use crate::sequence::Sequence;
use crate::{CommittedFile, Error, MediumWriter, Settings, system};

/// Empty files in a row that are written; more would look like a stretch of zeros.
const MOST_EMPTY: u32 = FILEMARK_RUN / 2;

/// Writer at the end of one image.
pub(super) struct TapWriter {
    path: PathBuf,
    file: File,
    room: Room,
    sequence: Sequence,
    position: u64,
    file_start: u64,
    empty_in_a_row: u32,
    framed: Vec<u8>,
    failed: bool,
}

impl TapWriter {
    /// Behind the `committed` files of an image that is open for reading and writing; cuts off what follows them.
    pub fn new(
        path: &Path,
        file: File,
        settings: &Settings,
        committed: &[CommittedFile],
    ) -> Result<Self, Error> {
        let sequence = Sequence::new(settings.record_bytes, committed)?;
        let position = end_of_file(path, &file, sequence.ended())?;
        file.set_len(position).map_err(|e| Error::io(path, "cut", e))?;
        file.sync_all().map_err(|e| Error::io(path, "sync", e))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            room: Room::new(
                path,
                settings.capacity_bytes.into_iter().chain(system::largest_file(path)).min(),
            ),
            sequence,
            position,
            file_start: position,
            empty_in_a_row: 0,
            framed: Vec::new(),
            failed: false,
        })
    }

    fn check_usable(&self) -> Result<(), Error> {
        if self.failed { Err(Error::WriterFailed { path: self.path.clone() }) } else { Ok(()) }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if let Err(e) = self.file.write_all_at(bytes, self.position) {
            // Best effort to leave no torn record; the next commit finds it if this fails as well.
            let _ = self.file.set_len(self.position);
            return Err(Error::io(&self.path, "write", e));
        }
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn sync_and_check(&self) -> Result<(), Error> {
        self.file.sync_all().map_err(|e| Error::io(&self.path, "sync", e))?;
        let ours = self.file.metadata().map_err(|e| Error::io(&self.path, "look at", e))?;
        let named = fs::metadata(&self.path).map_err(|e| Error::io(&self.path, "look at", e))?;
        if (ours.dev(), ours.ino()) != (named.dev(), named.ino()) {
            return Err(self.position_lost("another file has taken its name".to_owned()));
        }
        if ours.len() != self.position {
            return Err(self.position_lost(format!("{} bytes instead of {}", ours.len(), self.position)));
        }
        self.check_last_filemark()
    }

    fn check_last_filemark(&self) -> Result<(), Error> {
        let Some(at) = self.position.checked_sub(WORD_BYTES) else { return Ok(()) };
        let mut word = [u8::MAX; 4];
        self.file.read_exact_at(&mut word, at).map_err(|e| Error::io(&self.path, "read", e))?;
        if u32::from_le_bytes(word) == FILEMARK {
            return Ok(());
        }
        Err(self.position_lost("no filemark at its end".to_owned()))
    }

    fn position_lost(&self, found: String) -> Error {
        Error::PositionLost { path: self.path.clone(), found }
    }
}

impl MediumWriter for TapWriter {
    fn record_bytes(&self) -> usize {
        self.sequence.record_bytes()
    }

    fn used_bytes(&self) -> u64 {
        self.position
    }

    fn remaining_bytes(&self) -> Option<u64> {
        self.room.remaining(self.position)
    }

    fn file_bytes(&self, content_bytes: u64) -> u64 {
        let record = self.sequence.record_bytes() as u64;
        let last = content_bytes % record;
        let last_framed = if last > 0 { framed(last) } else { 0 };
        (content_bytes / record).saturating_mul(framed(record)).saturating_add(last_framed + WORD_BYTES)
    }

    fn next_file(&self) -> u32 {
        self.sequence.ended()
    }

    fn begin_file(&mut self, name: &str) -> Result<(), Error> {
        self.check_usable()?;
        self.room.check(self.position, WORD_BYTES)?;
        self.sequence.begin(name)?;
        self.file_start = self.position;
        Ok(())
    }

    fn write_record(&mut self, record: &[u8]) -> Result<(), Error> {
        self.check_usable()?;
        self.sequence.check_record(record.len())?;
        self.room.check(self.position, framed(record.len() as u64) + WORD_BYTES)?;
        let mut framed = std::mem::take(&mut self.framed);
        frame(record, &mut framed);
        let written = self.put(&framed);
        self.framed = framed;
        written?;
        self.sequence.record_written(record.len());
        Ok(())
    }

    fn end_file(&mut self) -> Result<(), Error> {
        self.check_usable()?;
        self.sequence.check_open()?;
        let empty_in_a_row = if self.position == self.file_start { self.empty_in_a_row + 1 } else { 0 };
        if empty_in_a_row > MOST_EMPTY {
            return Err(Error::TooManyEmptyFiles { limit: MOST_EMPTY });
        }
        self.put(&FILEMARK.to_le_bytes())?;
        self.sequence.end()?;
        self.empty_in_a_row = empty_in_a_row;
        Ok(())
    }

    fn abandon_file(&mut self) -> Result<(), Error> {
        if self.sequence.abandon().is_none() {
            return Ok(());
        }
        self.position = self.file_start;
        self.file.set_len(self.position).map_err(|e| Error::io(&self.path, "cut", e))
    }

    fn commit(&mut self) -> Result<u32, Error> {
        self.check_usable()?;
        self.sequence.check_between_files()?;
        // A failed sync may have dropped the data from the system's cache, and the next one would then succeed.
        let committed = self.sync_and_check();
        self.failed |= committed.is_err();
        committed.map(|()| self.sequence.ended())
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        system::close(self.file, &self.path)
    }
}

/// Offset behind the filemark that ends the last of `files` files. Nothing is appended to an image that is damaged before it.
fn end_of_file(path: &Path, file: &File, files: u32) -> Result<u64, Error> {
    let readable = file.try_clone().map_err(|e| Error::io(path, "open", e))?;
    let mut scanner = Scanner::new(Image::new(path, readable)?);
    let mut at = 0;
    let mut found = 0;
    while found < files {
        let step = scanner.step(at)?;
        if let Some(what) = step.damage {
            let path = path.to_owned();
            return Err(Error::Damaged { path, file_number: found, byte_offset: step.at, what });
        }
        match step.object {
            Object::Data { .. } => {}
            Object::Filemark => found += 1,
            Object::End => {
                return Err(Error::FilesMissing { path: path.to_owned(), found, committed: files });
            }
        }
        at = step.next;
    }
    Ok(at)
}
