//! A volume's storage: a sequence of numbered files, each a byte stream cut into records.
//!
//! Tapes, directories and virtual tapes (SIMH `.tap` images) stand behind the same traits, so that nothing above this
//! crate knows what a volume is written on. A [`Medium`] is commonly an [`Address`].

mod address;
mod buffer;
pub mod calls;
pub mod changer;
mod directory;
mod error;
mod finding;
#[cfg(any(test, feature = "model"))]
pub mod model;
mod names;
mod room;
pub mod scsi;
mod sequence;
mod st;
mod stream;
mod system;
mod tap;
mod tape;
pub mod trial;

use std::fmt;

pub use address::Address;
pub use buffer::RecordBuffer;
pub use error::{Error, Status};
pub use finding::{Damage, Finding};
pub use st::heir::{bequeath, flush_inherited};
pub use stream::{FileReader, FileWriter, medium_error};

/// Record size in bytes when nothing else is asked for: what `tar -b 512` writes.
pub const DEFAULT_RECORD_BYTES: usize = 256 * 1024;

/// Largest record in bytes that a writer takes: the most that LTO drives take with encryption on.
pub const MAX_RECORD_BYTES: usize = 8 * 1024 * 1024;

/// How a volume is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Bytes in each record but a file's last, 1 to [`MAX_RECORD_BYTES`].
    pub record_bytes: usize,
    /// Bytes that the volume may take on the medium, framing included; none: as many as fit, of which segments may take what a
    /// cartridge of a known format surely has.
    pub capacity_bytes: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { record_bytes: DEFAULT_RECORD_BYTES, capacity_bytes: None }
    }
}

impl Settings {
    fn check(&self) -> Result<(), Error> {
        if (1..=MAX_RECORD_BYTES).contains(&self.record_bytes) {
            return Ok(());
        }
        Err(Error::RecordBytes { given: self.record_bytes, largest: MAX_RECORD_BYTES })
    }
}

/// How much a cartridge held: a measure of its health and of its drive's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlyWarning {
    /// Bytes written from the beginning of the tape to early warning, without compression.
    pub bytes: u64,
    /// What is to be expected of it; none if nobody tells what cartridge it is.
    pub format: Option<scsi::Format>,
}

/// Which file of a volume is meant. A directory goes by the name, a tape by the number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileId {
    /// Position on the volume, from 0.
    pub number: u32,
    /// Name in a directory volume.
    pub name: String,
}

/// A file that is known to be durable on a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedFile {
    /// Name in the volume.
    pub name: String,
    /// Content bytes, without framing.
    pub bytes: u64,
}

/// A file that a reader found on the medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// Position on the volume, from 0.
    pub number: u32,
    /// Name, where the medium stores names.
    pub name: Option<String>,
    /// Content bytes, without framing. Not known on a tape without reading all of it.
    pub bytes: Option<u64>,
}

/// What [`MediumReader::read_record`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record {
    /// So many bytes, at least 1, were put at the start of the buffer.
    Data(usize),
    /// The file has no more data; the reader stays here until another file is opened.
    EndOfFile,
}

/// What a volume is on, and where it is: a name for messages and for the catalogue, and the ways to open it.
pub trait Medium: fmt::Display + Send + Sync {
    /// Whether nothing is on the medium: no such file or directory, an empty file, a tape that ends at its beginning, or a
    /// directory with nothing in it but what the file system itself keeps there.
    fn is_blank(&self) -> Result<bool, Error>;

    /// Whether this is a drive, in which one medium follows another: what is in it now need not be what was.
    fn is_drive(&self) -> bool {
        false
    }

    /// Whether the tab of the cartridge in a drive forbids writing. No other medium says so beforehand.
    fn is_write_protected(&self) -> Result<bool, Error> {
        Ok(false)
    }

    /// Winds back and gives the cartridge in a drive out; of another medium, nothing is done.
    fn eject(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Bytes that the file system below a disk medium has free, whether the medium exists yet or not. `None` for a
    /// tape, and where the system does not say.
    fn free_bytes(&self) -> Option<u64>;

    /// Whether a volume of `volume_bytes` of which no file has more than `file_bytes` finds room, as far as that is known
    /// beforehand: by what is free, and by how long a file may be.
    fn has_room(&self, volume_bytes: u64, file_bytes: u64) -> bool;

    /// Starts a volume on a blank medium; anything else is refused as [`Error::NotBlank`].
    fn create(&self, settings: &Settings) -> Result<Box<dyn MediumWriter>, Error>;

    /// Opens a medium that is not blank, to go on with the volume on it.
    fn reopen(&self, settings: &Settings) -> Result<Box<dyn Reopened>, Error>;

    /// Opens a volume for reading.
    fn open(&self) -> Result<Box<dyn MediumReader>, Error>;
}

/// A medium opened for writing, nothing written yet: what is on it can be looked at first, and no other medium can take
/// its place between the look and the writing.
pub trait Reopened {
    /// Reads what is on the medium.
    fn reader(&mut self) -> &mut dyn MediumReader;

    /// Of a medium on which no file was found: whether writing from its beginning overwrites nothing of anybody's.
    fn overwrites_nothing(&self) -> Result<bool, Error>;

    /// Has what is appended written in records of this size from here on: that of the volume, in place of the settings'.
    fn set_record_bytes(&mut self, record_bytes: usize);

    /// Goes on behind the `committed` files, which are known durable, in this order.
    ///
    /// Verifies that they are there, on a tape by the very block at which they end, and drops whatever follows them (partial files,
    /// ended files that no commit covers).
    /// The names say nothing about whose volume it is: the caller must have compared the label.
    fn append(self: Box<Self>, committed: &[CommittedFile]) -> Result<Box<dyn MediumWriter>, Error>;
}

/// Writes a volume, file after file. Nothing is durable before [`commit`](Self::commit) has returned.
///
/// After an error of a write or a commit the caller may [`abandon_file`](Self::abandon_file) and go on only if
/// the error was [`Error::Full`], [`Error::NoSpace`] or [`Error::FileTooLarge`]; otherwise the medium is left and
/// opened again by [`Medium::reopen`].
pub trait MediumWriter: Send {
    /// Bytes in every record but a file's last.
    fn record_bytes(&self) -> usize;

    /// Bytes on the medium so far, framing included.
    fn used_bytes(&self) -> u64;

    /// Bytes that still fit, framing included: by the capacity set, by what the file system has free and, where the whole
    /// volume is one file, by how long that may be. None if nothing of this is known.
    fn remaining_bytes(&self) -> Option<u64>;

    /// Content bytes that one of the volume's files may have, where each is a file of a file system that says so.
    fn largest_file_bytes(&self) -> Option<u64> {
        None
    }

    /// What a whole file of `content_bytes` takes on this medium, framing and filemark included.
    fn file_bytes(&self, content_bytes: u64) -> u64;

    /// Number that the next [`begin_file`](Self::begin_file) gets: the files ended so far.
    fn next_file(&self) -> u32;

    /// Starts the next file. `name` must be one of a volume's file names (DESIGN 6) and new on this volume.
    fn begin_file(&mut self, name: &str) -> Result<(), Error>;

    /// Adds a record of 1 to [`record_bytes`](Self::record_bytes) bytes. A shorter one is the file's last.
    fn write_record(&mut self, record: &[u8]) -> Result<(), Error>;

    /// Ends the file (filemark). It is not durable yet.
    fn end_file(&mut self) -> Result<(), Error>;

    /// Takes back the file that was begun and not ended. Nothing to do if none is open.
    fn abandon_file(&mut self) -> Result<(), Error>;

    /// Makes all ended files durable, checks on the medium itself that they are there, and returns their count.
    fn commit(&mut self) -> Result<u32, Error>;

    /// What drive and cartridge told of themselves at the last commit, where they tell anything; each time once.
    fn health(&mut self) -> Option<scsi::Health> {
        None
    }

    /// What the cartridge had taken when its drive told that the end is near; none before that, and of other media.
    fn early_warning(&self) -> Option<EarlyWarning> {
        None
    }

    /// Closes the medium and shows the error that closing may bring. Does not commit.
    fn close(self: Box<Self>) -> Result<(), Error>;
}

/// Reads a volume. Damage to the medium's framing does not stop it: it becomes a [`Finding`].
pub trait MediumReader: Send {
    /// All files in the volume's order with their sizes. Ends the reading of a file that is open.
    fn files(&mut self) -> Result<Vec<FileEntry>, Error>;

    /// Goes to the start of a file; false if the volume has no such file.
    fn open_file(&mut self, file: &FileId) -> Result<bool, Error>;

    /// Reads the open file's next record. One that is longer than `buffer` comes in several pieces.
    fn read_record(&mut self, buffer: &mut [u8]) -> Result<Record, Error>;

    /// What was found damaged since the last call, each place once.
    fn findings(&mut self) -> Vec<Finding>;
}
