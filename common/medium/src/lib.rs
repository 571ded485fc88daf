//! A volume's storage: a sequence of numbered files, each a byte stream cut into records.
//!
//! Tapes, directories and virtual tapes (SIMH `.tap` images) stand behind the same two traits, so that nothing above
//! this crate knows what a volume is written on. [`create`], [`append`] and [`open`] choose by [`Address`].

mod address;
mod directory;
mod error;
mod finding;
mod names;
mod room;
mod sequence;
mod st;
mod stream;
mod system;
mod tap;
mod tape;

pub use address::Address;
pub use error::{Error, Status};
pub use finding::{Damage, Finding};
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
    /// Bytes that the volume may take on the medium, framing included; none: as many as fit.
    pub capacity_bytes: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { record_bytes: DEFAULT_RECORD_BYTES, capacity_bytes: None }
    }
}

/// Which file of a volume is meant. A directory goes by the name, a tape by the number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileId {
    /// Position on the volume, from 0.
    pub number: u32,
    /// Name in a directory volume.
    pub name: String,
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

/// Writes a volume, file after file. Nothing is durable before [`commit`](Self::commit) has returned.
///
/// After an error of a write or a commit the caller may [`abandon_file`](Self::abandon_file) and go on only if
/// the error was [`Error::Full`] or [`Error::NoSpace`]; otherwise the medium is left and opened again by [`append`].
pub trait MediumWriter: Send {
    /// Bytes in every record but a file's last.
    fn record_bytes(&self) -> usize;

    /// Bytes on the medium so far, framing included.
    fn used_bytes(&self) -> u64;

    /// Bytes that still fit, framing included: by the capacity set and by what the file system has free.
    /// None if neither is known.
    fn remaining_bytes(&self) -> Option<u64>;

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

/// Whether nothing is on the medium: no such file or directory, an empty file, or a directory with nothing in it
/// but what the file system itself keeps there.
pub fn is_blank(address: &Address) -> Result<bool, Error> {
    match address {
        Address::Tape(path) => tape::is_blank(st::open(path, false)?.as_mut()),
        Address::VirtualTape(path) => tap::is_blank(path),
        Address::Directory(path) => directory::is_blank(path),
    }
}

/// Bytes that the file system below a disk medium has free, whether the medium exists yet or not. `None` for a tape, and
/// where the system does not say.
pub fn free_bytes(address: &Address) -> Option<u64> {
    match address {
        Address::Tape(_) => None,
        Address::VirtualTape(path) | Address::Directory(path) => {
            let existing = path.ancestors().find(|ancestor| ancestor.exists());
            system::free_bytes(existing.unwrap_or(std::path::Path::new(".")))
        }
    }
}

/// Starts a volume on a blank medium; anything else is refused as [`Error::NotBlank`].
pub fn create(address: &Address, settings: &Settings) -> Result<Box<dyn MediumWriter>, Error> {
    check(settings)?;
    match address {
        Address::Tape(path) => tape::create(st::open(path, true)?, settings),
        Address::VirtualTape(path) => tap::create(path, settings),
        Address::Directory(path) => directory::create(path, settings),
    }
}

/// Resumes a volume of which exactly the `committed` files, in this order, are known durable.
///
/// Verifies that they are there, drops whatever follows them (partial files, ended files that no commit covers)
/// and continues behind them. With none committed a missing medium is created. The names say nothing about whose
/// volume it is: the caller must have compared the label first.
pub fn append(
    address: &Address,
    settings: &Settings,
    committed: &[String],
) -> Result<Box<dyn MediumWriter>, Error> {
    check(settings)?;
    match address {
        Address::Tape(path) => tape::append(st::open(path, true)?, settings, committed),
        Address::VirtualTape(path) => tap::append(path, settings, committed),
        Address::Directory(path) => directory::append(path, settings, committed),
    }
}

/// Opens a volume for reading.
pub fn open(address: &Address) -> Result<Box<dyn MediumReader>, Error> {
    match address {
        Address::Tape(path) => tape::open(st::open(path, false)?),
        Address::VirtualTape(path) => tap::open(path),
        Address::Directory(path) => directory::open(path),
    }
}

fn check(settings: &Settings) -> Result<(), Error> {
    if (1..=MAX_RECORD_BYTES).contains(&settings.record_bytes) {
        return Ok(());
    }
    Err(Error::RecordBytes { given: settings.record_bytes, largest: MAX_RECORD_BYTES })
}
