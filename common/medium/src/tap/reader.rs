//! Reads a virtual tape.

use std::path::Path;

use super::image::Image;
use super::scan::{Object, Scanner};
use crate::sequence::MOST_FILES;
use crate::{Damage, Error, FileEntry, FileId, Finding, MediumReader, Record};

/// Findings kept between two calls of `findings`.
const MOST_FINDINGS: usize = 1000;

/// Reader of one image.
pub(super) struct TapReader {
    scanner: Scanner,
    /// Where the files begin, as far as they are known; one more than there are files once all were seen.
    starts: Vec<u64>,
    open: Option<Place>,
    findings: Vec<Finding>,
    /// Damage before this offset was reported.
    reported_to: u64,
}

/// Where in a file the reading stands.
#[derive(Clone, Copy)]
struct Place {
    file_number: u32,
    /// The next object.
    at: u64,
    /// What is left of the current record: offset and bytes.
    data: Option<(u64, u64)>,
    /// Whether the file has any record before this place.
    has_records: bool,
    ended: bool,
}

impl Place {
    fn start_of(file_number: u32, at: u64) -> Self {
        Self { file_number, at, data: None, has_records: false, ended: false }
    }
}

impl TapReader {
    pub fn new(path: &Path, image: Image) -> Result<Self, Error> {
        let mut scanner = Scanner::new(image);
        if let Some(Damage::Unreadable { .. }) = scanner.step(0)?.damage {
            return Err(Error::NotAMedium { path: path.to_owned(), found: "it is not a SIMH tape image" });
        }
        Ok(Self { scanner, starts: vec![0], open: None, findings: Vec::new(), reported_to: 0 })
    }

    /// Goes one object on. Afterwards either the place has data or its file is ended.
    fn advance(&mut self, place: &mut Place) -> Result<(), Error> {
        let step = self.scanner.step(place.at)?;
        place.at = step.next;
        match step.object {
            Object::Data { at, bytes } => {
                place.data = Some((at, bytes));
                place.has_records = true;
            }
            Object::Filemark => {
                place.ended = true;
                self.learn_start(place.file_number + 1, step.next);
            }
            Object::End => {
                place.ended = true;
                if place.has_records && step.damage.is_none() {
                    self.report(place.file_number, step.next, Damage::CutShort);
                }
            }
        }
        if let Some(damage) = step.damage {
            self.report(place.file_number, step.at, damage);
        }
        Ok(())
    }

    fn learn_start(&mut self, file_number: u32, at: u64) {
        if self.starts.len() != file_number as usize {
            return;
        }
        if file_number < MOST_FILES {
            self.starts.push(at);
        } else {
            let bytes = self.scanner.length() - at;
            self.report(file_number, at, Damage::Unreadable { bytes });
        }
    }

    /// Objects are always first met in the image's order, so an offset tells what was reported.
    fn report(&mut self, file_number: u32, byte_offset: u64, what: Damage) {
        if byte_offset < self.reported_to || self.findings.len() > MOST_FINDINGS {
            return;
        }
        self.reported_to = byte_offset + 1;
        let is_listed = self.findings.len() < MOST_FINDINGS;
        let what = if is_listed { what } else { Damage::MoreNotListed };
        self.findings.push(Finding { file_number, byte_offset, what });
    }

    /// The file's content bytes, none if there is no such file. Teaches the next file's start.
    fn measure(&mut self, file_number: u32) -> Result<Option<u64>, Error> {
        let Some(start) = self.starts.get(file_number as usize) else { return Ok(None) };
        let mut place = Place::start_of(file_number, *start);
        let mut total = 0_u64;
        while !place.ended {
            self.advance(&mut place)?;
            total = place.data.take().map_or(total, |(_, bytes)| total.saturating_add(bytes));
        }
        let is_file = place.has_records || self.starts.len() > file_number as usize + 1;
        Ok(is_file.then_some(total))
    }
}

impl MediumReader for TapReader {
    fn files(&mut self) -> Result<Vec<FileEntry>, Error> {
        self.open = None;
        let mut files = Vec::new();
        for number in 0..MOST_FILES {
            let Some(bytes) = self.measure(number)? else { break };
            files.push(FileEntry { number, name: None, bytes: Some(bytes) });
        }
        Ok(files)
    }

    fn open_file(&mut self, file: &FileId) -> Result<bool, Error> {
        self.open = None;
        while self.starts.len() <= file.number as usize {
            let known = self.starts.len();
            self.measure(known as u32 - 1)?;
            if self.starts.len() == known {
                return Ok(false);
            }
        }
        let Some(start) = self.starts.get(file.number as usize) else { return Ok(false) };
        let mut place = Place::start_of(file.number, *start);
        self.advance(&mut place)?;
        let is_file = place.has_records || self.starts.len() > file.number as usize + 1;
        self.open = is_file.then_some(place);
        Ok(is_file)
    }

    fn read_record(&mut self, buffer: &mut [u8]) -> Result<Record, Error> {
        let mut place = self.open.ok_or(Error::NoFileOpen)?;
        if place.data.is_none() && !place.ended {
            self.advance(&mut place)?;
        }
        let Some((at, left)) = place.data else {
            self.open = Some(place);
            return Ok(Record::EndOfFile);
        };
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let (target, _) = buffer.split_at_mut(wanted);
        let read = self.scanner.image.read(at, target)?;
        let rest = left - read as u64;
        place.data = (rest > 0).then_some((at + read as u64, rest));
        self.open = Some(place);
        Ok(Record::Data(read))
    }

    fn findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }
}
