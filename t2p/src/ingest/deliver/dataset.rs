//! The datasets of objects in the spool, read no faster than allowed.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use job::Stop;
use pace::{Admission, Pace};

use super::batch::Sendable;
use crate::error::{Error, Result};
use crate::ingest::spool::Spool;

/// The spool file that objects are read from; the last one stays open.
pub struct Source<'a> {
    pub spool: &'a Spool,
    pub open: Option<(u64, File)>,
}

impl Source<'_> {
    /// The bytes of one object's dataset.
    pub fn dataset(&mut self, object: &Sendable) -> Result<io::Take<&mut File>> {
        let path = self.spool.path(object.segment);
        if self.open.as_ref().is_none_or(|(segment, _)| *segment != object.segment) {
            self.open = None;
        }
        let (_, file) = match &mut self.open {
            Some(open) => open,
            none => none.insert((object.segment, File::open(&path).map_err(Error::file("open", &path))?)),
        };
        file.seek(SeekFrom::Start(object.dataset_at)).map_err(Error::file("seek in", &path))?;
        Ok(file.take(object.dataset_bytes))
    }
}

/// Lets bytes pass no faster than allowed.
pub struct Paced<'a, R> {
    pub source: R,
    pub pace: &'a Pace,
    pub stop: &'a Stop,
}

impl<R: Read> Read for Paced<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.source.read(buffer)?;
        if self.pace.take_bytes(bytes as u64, &|| self.stop.requested()) == Admission::Stopped {
            return Err(io::Error::other("asked to stop"));
        }
        Ok(bytes)
    }
}
