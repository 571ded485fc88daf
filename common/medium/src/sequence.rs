//! The rules that every writer keeps: one file at a time, no name twice, all records but a file's last of one size.

use std::collections::BTreeSet;

use crate::{CommittedFile, Error, names};

/// Most files on one volume, so that a reader's tables stay small whatever the medium says.
pub(crate) const MOST_FILES: u32 = 1_000_000;

/// Where a writer is in the sequence of files.
pub(crate) struct Sequence {
    record_bytes: usize,
    ended: u32,
    names: BTreeSet<String>,
    open: Option<OpenFile>,
}

struct OpenFile {
    name: String,
    last_record_was_short: bool,
}

impl Sequence {
    /// Behind the `committed` files.
    pub fn new(record_bytes: usize, committed: &[CommittedFile]) -> Result<Self, Error> {
        let mut sequence = Self { record_bytes, ended: 0, names: BTreeSet::new(), open: None };
        for file in committed {
            sequence.begin(&file.name)?;
            sequence.end()?;
        }
        Ok(sequence)
    }

    pub fn record_bytes(&self) -> usize {
        self.record_bytes
    }

    pub fn ended(&self) -> u32 {
        self.ended
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Name of the file that is begun and not ended.
    pub fn open_name(&self) -> Option<&str> {
        self.open.as_ref().map(|open| open.name.as_str())
    }

    pub fn begin(&mut self, name: &str) -> Result<(), Error> {
        self.check_between_files()?;
        names::check(name)?;
        if self.names.contains(name) {
            return Err(Error::NameTaken { name: name.to_owned() });
        }
        if self.ended >= MOST_FILES {
            return Err(Error::TooManyFiles { limit: MOST_FILES });
        }
        self.open = Some(OpenFile { name: name.to_owned(), last_record_was_short: false });
        Ok(())
    }

    /// Whether a record of `given` bytes may come next. Changes nothing, so that a failed write can be repeated.
    pub fn check_record(&self, given: usize) -> Result<(), Error> {
        let open = self.open.as_ref().ok_or(Error::NoFileOpen)?;
        let fits = (1..=self.record_bytes).contains(&given) && !open.last_record_was_short;
        if fits { Ok(()) } else { Err(Error::RecordSize { given, record_bytes: self.record_bytes }) }
    }

    /// Takes note of a record that was written.
    pub fn record_written(&mut self, bytes: usize) {
        if let Some(open) = &mut self.open {
            open.last_record_was_short = bytes < self.record_bytes;
        }
    }

    /// Ends the open file and says its name.
    pub fn end(&mut self) -> Result<String, Error> {
        let open = self.open.take().ok_or(Error::NoFileOpen)?;
        self.names.insert(open.name.clone());
        self.ended += 1;
        Ok(open.name)
    }

    /// Forgets the open file and says its name, if one was open.
    pub fn abandon(&mut self) -> Option<String> {
        self.open.take().map(|open| open.name)
    }

    pub fn check_between_files(&self) -> Result<(), Error> {
        if self.is_open() { Err(Error::FileOpen { number: self.ended }) } else { Ok(()) }
    }

    pub fn check_open(&self) -> Result<(), Error> {
        if self.is_open() { Ok(()) } else { Err(Error::NoFileOpen) }
    }
}
