//! A volume in a directory, commonly on a removable disk: one file for each of the volume's files.
//!
//! A file is written as `NAME.part` and gets its name at a commit, after its content is synced.

mod reader;
mod writer;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::names::{self, UNFINISHED};
use crate::sequence::MOST_FILES;
use crate::{CommittedFile, Error, MediumReader, MediumWriter, Reopened, Settings, system};

use reader::DirectoryReader;
use writer::DirectoryWriter;

/// What file systems and desktops put on an empty disk by themselves.
const KEPT_BY_THE_SYSTEM: [&str; 3] = ["lost+found", "System Volume Information", "$RECYCLE.BIN"];

pub(crate) fn is_blank(path: &Path) -> Result<bool, Error> {
    Ok(foreign_entry(path)?.is_none())
}

pub(crate) fn create(path: &Path, settings: &Settings) -> Result<Box<dyn MediumWriter>, Error> {
    if let Some(found) = foreign_entry(path)? {
        return Err(Error::NotBlank { path: path.to_owned(), found });
    }
    make(path)?;
    Ok(Box::new(DirectoryWriter::new(path, lock(path)?, settings, &[])?))
}

pub(crate) fn reopen(path: &Path, settings: &Settings) -> Result<Box<dyn Reopened>, Error> {
    let lock = lock(path)?;
    Ok(Box::new(ReopenedDirectory {
        path: path.to_owned(),
        lock,
        reader: DirectoryReader::new(path),
        settings: settings.clone(),
    }))
}

struct ReopenedDirectory {
    path: PathBuf,
    lock: File,
    reader: DirectoryReader,
    settings: Settings,
}

impl Reopened for ReopenedDirectory {
    fn reader(&mut self) -> &mut dyn MediumReader {
        &mut self.reader
    }

    /// Files with other names than a volume's are left alone.
    fn overwrites_nothing(&self) -> Result<bool, Error> {
        Ok(true)
    }

    fn set_record_bytes(&mut self, record_bytes: usize) {
        self.settings.record_bytes = record_bytes;
    }

    fn append(self: Box<Self>, committed: &[CommittedFile]) -> Result<Box<dyn MediumWriter>, Error> {
        Ok(Box::new(DirectoryWriter::new(&self.path, self.lock, &self.settings, committed)?))
    }
}

/// Opens the directory and keeps other writers out of it.
fn lock(path: &Path) -> Result<File, Error> {
    let directory = File::open(path).map_err(|e| Error::io(path, "open", e))?;
    system::lock(&directory, path)?;
    Ok(directory)
}

pub(crate) fn open(path: &Path) -> Result<Box<dyn MediumReader>, Error> {
    let kind = fs::metadata(path).map_err(|e| Error::io(path, "open", e))?;
    if !kind.is_dir() {
        return Err(not_a_directory(path));
    }
    Ok(Box::new(DirectoryReader::new(path)))
}

/// Makes the directory, but not those above it: they are missing when the disk is not mounted.
fn make(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    let above = system::parent(path);
    if !above.is_dir() {
        return Err(Error::Missing { path: above.to_owned() });
    }
    let made = fs::DirBuilder::new().mode(system::DIRECTORY_MODE).create(path);
    made.map_err(|e| Error::io(path, "create", e))?;
    system::sync_directory(above)
}

/// Something in the directory that makes it not blank; hidden entries do not.
fn foreign_entry(path: &Path) -> Result<Option<String>, Error> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => return Err(not_a_directory(path)),
        Err(e) => return Err(Error::io(path, "list", e)),
    };
    for entry in entries {
        let name = entry.map_err(|e| Error::io(path, "list", e))?.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && !KEPT_BY_THE_SYSTEM.contains(&&*name) {
            return Ok(Some(name.into_owned()));
        }
    }
    Ok(None)
}

/// The names in the directory that a volume's files have, unfinished ones included.
fn volume_names(path: &Path) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).map_err(|e| Error::io(path, "list", e))? {
        let entry = entry.map_err(|e| Error::io(path, "list", e))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if names::check(name.strip_suffix(UNFINISHED).unwrap_or(&name)).is_err() {
            continue;
        }
        if found.len() >= MOST_FILES as usize {
            return Err(Error::TooManyFiles { limit: MOST_FILES });
        }
        found.push(name);
    }
    Ok(found)
}

fn not_a_directory(path: &Path) -> Error {
    Error::NotAMedium { path: path.to_owned(), found: "it is a file; a virtual tape's name ends in .tap" }
}
