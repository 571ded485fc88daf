//! Reads a directory volume. Only regular files with a volume's names are looked at.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::volume_names;
use crate::names::{self, UNFINISHED};
use crate::{Damage, Error, FileEntry, FileId, Finding, MediumReader, Record, system};

/// Reader of one directory.
pub(super) struct DirectoryReader {
    path: PathBuf,
    open: Option<(PathBuf, File)>,
    findings: Vec<Finding>,
}

impl DirectoryReader {
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: None, findings: Vec::new() }
    }

    fn not_regular(&mut self, number: u32, name: &str) {
        let what = Damage::NotARegularFile { name: name.to_owned() };
        let finding = Finding { file_number: number, byte_offset: 0, what };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}

impl MediumReader for DirectoryReader {
    fn files(&mut self) -> Result<Vec<FileEntry>, Error> {
        self.open = None;
        let mut names = volume_names(&self.path)?;
        names.retain(|name| !name.ends_with(UNFINISHED));
        names.sort_unstable_by(|a, b| names::order(a).cmp(&names::order(b)));
        let mut files = Vec::with_capacity(names.len());
        for name in names {
            let number = files.len() as u32;
            let path = self.path.join(&name);
            let kind = fs::symlink_metadata(&path).map_err(|e| Error::io(&path, "look at", e))?;
            if kind.is_file() {
                files.push(FileEntry { number, name: Some(name), bytes: Some(kind.len()) });
            } else {
                self.not_regular(number, &name);
            }
        }
        Ok(files)
    }

    fn open_file(&mut self, file: &FileId) -> Result<bool, Error> {
        self.open = None;
        names::check(&file.name)?;
        let path = self.path.join(&file.name);
        let opened = match system::open_untrusted(&path) {
            Ok(opened) => opened,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(e) if e.raw_os_error() == Some(Errno::ELOOP as i32) => {
                self.not_regular(file.number, &file.name);
                return Ok(false);
            }
            Err(e) => return Err(Error::io(&path, "open", e)),
        };
        if !opened.metadata().map_err(|e| Error::io(&path, "look at", e))?.is_file() {
            self.not_regular(file.number, &file.name);
            return Ok(false);
        }
        self.open = Some((path, opened));
        Ok(true)
    }

    fn read_record(&mut self, buffer: &mut [u8]) -> Result<Record, Error> {
        let (path, file) = self.open.as_mut().ok_or(Error::NoFileOpen)?;
        match system::read_full(file, buffer).map_err(|e| Error::io(path, "read", e))? {
            0 => Ok(Record::EndOfFile),
            bytes => Ok(Record::Data(bytes)),
        }
    }

    fn findings(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.findings)
    }
}
