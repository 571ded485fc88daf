//! A volume on a virtual tape: a SIMH tape image in one file.

mod format;
mod image;
mod reader;
mod repair;
mod scan;
mod writer;

use std::fs::{self, File, OpenOptions};
use std::io;
#[cfg(any(test, feature = "model"))]
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::{CommittedFile, Error, MediumReader, MediumWriter, Reopened, Settings, system};

use format::WORD_BYTES;
use image::Image;
use reader::TapReader;
use writer::TapWriter;

pub(crate) fn is_blank(path: &Path) -> Result<bool, Error> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(found.len() == 0),
        Ok(_) => Err(not_an_image(path)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(e) => Err(Error::io(path, "look at", e)),
    }
}

pub(crate) fn create(path: &Path, settings: &Settings) -> Result<Box<dyn MediumWriter>, Error> {
    if !is_blank(path)? {
        return Err(not_blank(path));
    }
    let file = make(path)?;
    // Looked at again under the lock: another writer may have been faster.
    if file.metadata().map_err(|e| Error::io(path, "look at", e))?.len() > 0 {
        return Err(not_blank(path));
    }
    Ok(Box::new(TapWriter::new(path, file, settings, &[])?))
}

pub(crate) fn reopen(path: &Path, settings: &Settings) -> Result<Box<dyn Reopened>, Error> {
    let file =
        OpenOptions::new().read(true).write(true).open(path).map_err(|e| Error::io(path, "open", e))?;
    system::lock(&file, path)?;
    let image = Image::new(path, file.try_clone().map_err(|e| Error::io(path, "open", e))?)?;
    let reader = TapReader::new(path, image)?;
    Ok(Box::new(ReopenedTap { path: path.to_owned(), file, reader, settings: settings.clone() }))
}

struct ReopenedTap {
    path: PathBuf,
    file: File,
    reader: TapReader,
    settings: Settings,
}

impl Reopened for ReopenedTap {
    fn reader(&mut self) -> &mut dyn MediumReader {
        &mut self.reader
    }

    fn overwrites_nothing(&self) -> Result<bool, Error> {
        let found = self.file.metadata().map_err(|e| Error::io(&self.path, "look at", e))?;
        Ok(found.len() < WORD_BYTES)
    }

    fn set_record_bytes(&mut self, record_bytes: usize) {
        self.settings.record_bytes = record_bytes;
    }

    fn append(self: Box<Self>, committed: &[CommittedFile]) -> Result<Box<dyn MediumWriter>, Error> {
        Ok(Box::new(TapWriter::new(&self.path, self.file, &self.settings, committed)?))
    }
}

pub(crate) fn open(path: &Path) -> Result<Box<dyn MediumReader>, Error> {
    if fs::metadata(path).map_err(|e| Error::io(path, "open", e))?.is_file() {
        let file = File::open(path).map_err(|e| Error::io(path, "open", e))?;
        return Ok(Box::new(TapReader::new(path, Image::new(path, file)?)?));
    }
    Err(not_an_image(path))
}

/// Opens the image, which is created durably if it is not there, and locks it.
fn make(path: &Path) -> Result<File, Error> {
    let directory = system::parent(path);
    if !directory.is_dir() {
        return Err(Error::Missing { path: directory.to_owned() });
    }
    let mut options = OpenOptions::new();
    let options = options.read(true).write(true).create(true).truncate(false).mode(system::FILE_MODE);
    let file = options.open(path).map_err(|e| Error::io(path, "create", e))?;
    system::lock(&file, path)?;
    system::sync_directory(directory)?;
    Ok(file)
}

/// Makes an image of these records; an empty one stands for a filemark.
#[cfg(any(test, feature = "model"))]
pub(crate) fn write_image(path: &Path, records: impl Iterator<Item = Vec<u8>>) -> Result<(), Error> {
    let file = File::create_new(path).map_err(|e| Error::io(path, "create", e))?;
    let mut file = io::BufWriter::new(file);
    let mut framed = Vec::new();
    for record in records {
        if record.is_empty() {
            framed.clear();
            framed.extend_from_slice(&format::FILEMARK.to_le_bytes());
        } else {
            format::frame(&record, &mut framed);
        }
        file.write_all(&framed).map_err(|e| Error::io(path, "write", e))?;
    }
    file.flush().map_err(|e| Error::io(path, "write", e))
}

fn not_an_image(path: &Path) -> Error {
    Error::NotAMedium { path: path.to_owned(), found: "a virtual tape must be a regular file" }
}

fn not_blank(path: &Path) -> Error {
    Error::NotBlank { path: path.to_owned(), found: "a tape image".to_owned() }
}
