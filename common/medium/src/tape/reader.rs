//! Reads a volume from tape.
//!
//! An error is never taken for the end of the data: that is only where the drive says so. A record that stays unreadable
//! costs the rest of its file, not the files behind it. Where the drive does not find the end of the data, filemarks alone
//! lead from file to file.

use nix::errno::Errno;

use super::device::TapeDevice;
use super::{device_error, end_of_data, step};
use crate::sequence::MOST_FILES;
use crate::{
    Damage, Error, FileEntry, FileId, Finding, MAX_RECORD_BYTES, MediumReader, Record, RecordBuffer,
};

/// How often a record that cannot be read is tried.
const ATTEMPTS: u32 = 3;

/// Reader of the cartridge in a drive.
pub(super) struct TapeReader {
    device: Box<dyn TapeDevice>,
    place: Place,
    /// The block at which the drive stands in an open file. It is counted and not asked for with each record: that would be
    /// as many commands to the drive as the reading itself.
    block: u64,
    /// The record at hand, and how much of it was given already.
    record: RecordBuffer,
    length: usize,
    given: usize,
    findings: Vec<Finding>,
    /// The drive does not find the end of the data: nothing is known to be it.
    has_no_end: bool,
}

/// Where the drive stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Somewhere, and no file is open; only a rewind helps.
    Unknown,
    /// Somewhere in a file that is open, of which nothing more can be read.
    Lost,
    /// At the start of a file that is not open.
    Before(u32),
    /// In a file that is open, or at its end but in front of its filemark. `has_records` once one was read.
    In { file: u32, has_records: bool },
    /// Behind the filemark of a file that is still open.
    Behind(u32),
    /// At the end of the data, which ended the open file.
    End,
}

impl TapeReader {
    pub fn new(mut device: Box<dyn TapeDevice>) -> Result<Self, Error> {
        step(device.as_mut(), "rewind", |device| device.rewind())?;
        Ok(Self {
            device,
            place: Place::Before(0),
            block: 0,
            record: RecordBuffer::new(crate::DEFAULT_RECORD_BYTES),
            length: 0,
            given: 0,
            findings: Vec::new(),
            has_no_end: false,
        })
    }

    /// Ends the reading. The drive is left where it is.
    pub fn into_device(self) -> Box<dyn TapeDevice> {
        self.device
    }

    /// Moves to the start of a file; false if the tape ends before it.
    fn go_to(&mut self, file: u32) -> Result<bool, Error> {
        let from = std::mem::replace(&mut self.place, Place::Unknown);
        let moved = match from {
            Place::Before(current) if file >= current => self.device.forward_filemarks(file - current),
            Place::Behind(current) if file > current => self.device.forward_filemarks(file - current - 1),
            Place::In { file: current, .. } if file > current => {
                self.device.forward_filemarks(file - current)
            }
            Place::Before(current) | Place::Behind(current) | Place::In { file: current, .. } if file > 0 => {
                // Behind a file's filemark, its own is one more on the way back.
                let own = u32::from(matches!(from, Place::Behind(_)));
                let back = self.device.back_filemarks(current - file + 1 + own);
                back.and_then(|()| self.device.forward_filemarks(1))
            }
            _ => self.device.rewind().and_then(|()| self.device.forward_filemarks(file)),
        };
        match moved {
            Ok(()) => {
                self.place = Place::Before(file);
                Ok(true)
            }
            Err(Errno::EIO) if self.is_at_end(file)? => Ok(false),
            // It ran on behind the last file until it gave up. If it does not even go back, it is the drive that is at fault.
            Err(Errno::EIO) if self.has_no_end && self.device.rewind().is_ok() => Ok(false),
            Err(error) => Err(device_error(self.device.path(), "locate in", error)),
        }
    }

    fn is_at_end(&mut self, file: u32) -> Result<bool, Error> {
        let at = self.position()?;
        self.is_end(file, at)
    }

    /// Whether the data end at block `at`, which is in `file`. Unless the drive finds the end, what cannot be read is damaged.
    fn is_end(&mut self, file: u32, at: u64) -> Result<bool, Error> {
        if self.has_no_end {
            return Ok(false);
        }
        let end = self.end()?;
        if end.is_none() {
            self.lack_end(file, at);
        }
        Ok(end == Some(at))
    }

    /// Goes to the end of the data and says where that is; none if the drive does not find it, asked twice.
    fn end(&mut self) -> Result<Option<u64>, Error> {
        match end_of_data(self.device.as_mut()) {
            Err(Error::Drive { .. }) => {}
            found => return found.map(Some),
        }
        match end_of_data(self.device.as_mut()) {
            Err(Error::Drive { .. }) => Ok(None),
            found => found.map(Some),
        }
    }

    fn lack_end(&mut self, file_number: u32, byte_offset: u64) {
        if !std::mem::replace(&mut self.has_no_end, true) {
            self.findings.push(Finding { file_number, byte_offset, what: Damage::EndNotFound });
        }
    }

    fn position(&mut self) -> Result<u64, Error> {
        step(self.device.as_mut(), "locate in", |device| device.block())
    }

    /// Counts the files of a tape that stands at the end of its data.
    fn files_before(&mut self, end: u64) -> Result<u32, Error> {
        let Some(marked) = self.filemarks_before(end)? else { return Ok(self.files_within_reach()?.0) };
        let marked = marked.min(MOST_FILES);
        // A file that was cut off has no filemark.
        Ok(marked + u32::from(end > self.block_behind_filemarks(marked)?))
    }

    /// None if st does not tell.
    fn filemarks_before(&mut self, end: u64) -> Result<Option<u32>, Error> {
        let counted = step(self.device.as_mut(), "look at", |device| device.status())?.files_before;
        if counted.is_some() {
            return Ok(counted);
        }
        // With its option fast-eod st has the drive go there without counting. It counts filemarks that are passed, but only if the drive
        // says how many it did not find.
        step(self.device.as_mut(), "rewind", |device| device.rewind())?;
        let passed = self.device.forward_filemarks(MOST_FILES);
        let status = step(self.device.as_mut(), "look at", |device| device.status())?;
        let is_sure = passed == Err(Errno::EIO) && status.at_end_of_data && self.position()? == end;
        Ok(status.files_before.filter(|_| is_sure))
    }

    /// The block behind so many filemarks, coming from the end of the data.
    fn block_behind_filemarks(&mut self, count: u32) -> Result<u64, Error> {
        if count == 0 {
            return Ok(0);
        }
        step(self.device.as_mut(), "locate in", |device| {
            device.back_filemarks(1)?;
            device.forward_filemarks(1)?;
            device.block()
        })
    }

    /// Counts files filemark by filemark, and says behind which block the last one ends.
    fn files_within_reach(&mut self) -> Result<(u32, u64), Error> {
        step(self.device.as_mut(), "rewind", |device| device.rewind())?;
        let mut marked = 0;
        while marked < MOST_FILES && self.device.forward_filemarks(1).is_ok() {
            marked += 1;
        }
        let behind = step(self.device.as_mut(), "locate in", |device| {
            device.rewind()?;
            device.forward_filemarks(marked)?;
            device.block()
        })?;
        let more = self.device.read_record(self.record.all_mut());
        Ok((marked + u32::from(matches!(more, Ok(1..) | Err(Errno::ENOMEM))), behind))
    }

    /// Reads the next record into `self.record`; false at the end of the file.
    fn advance(&mut self) -> Result<bool, Error> {
        let Place::In { file, has_records } = self.place else { return Ok(false) };
        let at = self.block;
        let mut failures = 0;
        loop {
            match self.device.read_record(self.record.all_mut()) {
                Ok(0) if self.position()? == at + 1 => {
                    self.place = Place::Behind(file);
                    return Ok(false);
                }
                Ok(bytes @ 1..) => {
                    (self.length, self.given) = (bytes, 0);
                    self.block = at + 1;
                    self.place = Place::In { file, has_records: true };
                    return Ok(true);
                }
                Err(Errno::ENOMEM) if self.record.len() < MAX_RECORD_BYTES => {
                    self.record = RecordBuffer::new((2 * self.record.len()).min(MAX_RECORD_BYTES));
                }
                Ok(0) | Err(Errno::EIO) if self.is_end(file, at)? => {
                    return Ok(self.end_of_data(file, has_records, at));
                }
                Ok(0) | Err(Errno::EIO | Errno::ENOMEM) if failures + 1 < ATTEMPTS => failures += 1,
                Ok(0) | Err(Errno::EIO | Errno::ENOMEM) => return Ok(self.give_up(file, has_records, at)),
                Err(error) => return Err(device_error(self.device.path(), "read", error)),
            }
            step(self.device.as_mut(), "locate in", |device| device.seek(at))?;
        }
    }

    /// A file that the end of the data ends, and no filemark, was never finished.
    fn end_of_data(&mut self, file: u32, has_records: bool, at: u64) -> bool {
        self.place = Place::End;
        if has_records {
            self.findings.push(Finding { file_number: file, byte_offset: at, what: Damage::CutShort });
        }
        false
    }

    /// Goes behind the file's filemark: what is left of the file is lost, the next one is not.
    fn give_up(&mut self, file: u32, has_records: bool, at: u64) -> bool {
        let passed = self.device.seek(at).and_then(|()| self.device.forward_filemarks(1));
        self.place = match passed {
            Ok(()) => Place::Behind(file),
            // Neither a record nor a filemark shows that there is a file.
            Err(_) if self.has_no_end && !has_records => Place::End,
            Err(_) => Place::Lost,
        };
        if self.place != Place::End {
            let what = Damage::UnreadableRecord;
            self.findings.push(Finding { file_number: file, byte_offset: at, what });
        }
        false
    }
}

impl MediumReader for TapeReader {
    /// Only counts them: sizes would need the whole tape to be read.
    fn files(&mut self) -> Result<Vec<FileEntry>, Error> {
        (self.place, self.length, self.given) = (Place::Unknown, 0, 0);
        let end = if self.has_no_end { None } else { self.end()? };
        let files = if let Some(end) = end {
            self.files_before(end)?
        } else {
            let (files, behind) = self.files_within_reach()?;
            self.lack_end(files, behind);
            files
        };
        Ok((0..files).map(|number| FileEntry { number, name: None, bytes: None }).collect())
    }

    fn open_file(&mut self, file: &FileId) -> Result<bool, Error> {
        (self.length, self.given) = (0, 0);
        if !self.go_to(file.number)? {
            return Ok(false);
        }
        self.block = self.position()?;
        self.place = Place::In { file: file.number, has_records: false };
        if self.advance()? {
            return Ok(true);
        }
        Ok(self.place != Place::End)
    }

    fn read_record(&mut self, buffer: &mut [u8]) -> Result<Record, Error> {
        if matches!(self.place, Place::Unknown | Place::Before(_)) {
            return Err(Error::NoFileOpen);
        }
        if self.given == self.length && !self.advance()? {
            (self.length, self.given) = (0, 0);
            return Ok(Record::EndOfFile);
        }
        let rest = self.record.first(self.length).get(self.given..).unwrap_or_default();
        let bytes = rest.len().min(buffer.len());
        let (target, _) = buffer.split_at_mut(bytes);
        target.copy_from_slice(rest.get(..bytes).unwrap_or_default());
        self.given += bytes;
        Ok(Record::Data(bytes))
    }

    fn findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }
}
