//! The JSON file: `{"format", "report", "footing", "studies"}`, the studies one on a line, so that a file of
//! a million studies can still be searched with `grep` and read as a stream.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use super::PendingFile;
use crate::footing::Footing;
use crate::{Error, Report, StudyRow};

/// The version of the JSON file's structure.
const FORMAT: u32 = 1;

/// Studies on their way into the JSON file. They wait in a nameless scratch file, because the conclusion,
/// which stands above them, is known only after the last one.
pub struct StudiesJson {
    path: PathBuf,
    scratch: BufWriter<File>,
    rows: u64,
}

impl StudiesJson {
    /// Starts a scratch file in the directory of the file that will be called `path`.
    pub fn new(dir: &Path, path: PathBuf) -> Result<Self, Error> {
        match tempfile::tempfile_in(dir) {
            Ok(scratch) => Ok(Self { path, scratch: BufWriter::new(scratch), rows: 0 }),
            Err(source) => Err(Error::Write { path, source }),
        }
    }

    /// Appends a study.
    pub fn push(&mut self, row: &StudyRow) -> Result<(), Error> {
        let comma: &[u8] = if self.rows == 0 { b"\n" } else { b",\n" };
        self.rows += 1;
        let written = self
            .scratch
            .write_all(comma)
            .and_then(|()| serde_json::to_writer(&mut self.scratch, row).map_err(io::Error::from));
        written.map_err(|source| Error::Write { path: self.path.clone(), source })
    }

    /// Writes the whole file.
    pub fn finish(self, report: &Report, footing: &Footing) -> Result<PendingFile, Error> {
        let mut file = PendingFile::create(self.path)?;
        let written = assemble(&mut file, self.scratch, report, footing);
        written.map_err(|source| file.failed(source))?;
        Ok(file)
    }
}

fn assemble(
    file: &mut PendingFile,
    scratch: BufWriter<File>,
    report: &Report,
    footing: &Footing,
) -> io::Result<()> {
    let mut scratch = scratch.into_inner().map_err(io::IntoInnerError::into_error)?;
    scratch.rewind()?;
    write!(file, "{{\n\"format\": {FORMAT},\n\"report\": ")?;
    serde_json::to_writer_pretty(&mut *file, report)?;
    file.write_all(b",\n\"footing\": ")?;
    serde_json::to_writer_pretty(&mut *file, footing)?;
    file.write_all(b",\n\"studies\": [")?;
    io::copy(&mut scratch, file)?;
    file.write_all(b"\n]\n}\n")
}
