//! A volume's file as a byte stream: [`Write`] that cuts records, [`BufRead`] that joins them.

use std::io::{self, BufRead, Read, Write};

use crate::{Error, FileId, MediumReader, MediumWriter, Record};

/// Bytes that a [`FileReader`] asks for at once.
const BUFFER_BYTES: usize = crate::DEFAULT_RECORD_BYTES;

/// Writes one file of a volume and cuts the stream into records.
///
/// A file that was not [`finish`](Self::finish)ed stays open on the medium and is for the caller to abandon.
pub struct FileWriter<'a> {
    medium: &'a mut dyn MediumWriter,
    record: Vec<u8>,
    written: u64,
}

impl<'a> FileWriter<'a> {
    /// Begins the file `name`.
    pub fn begin(medium: &'a mut dyn MediumWriter, name: &str) -> Result<Self, Error> {
        medium.begin_file(name)?;
        let record = Vec::with_capacity(medium.record_bytes());
        Ok(Self { medium, record, written: 0 })
    }

    /// Writes the last record, ends the file and returns its content bytes.
    pub fn finish(mut self) -> Result<u64, Error> {
        self.write_collected()?;
        self.medium.end_file()?;
        Ok(self.written)
    }

    fn write_collected(&mut self) -> Result<(), Error> {
        if self.record.is_empty() {
            return Ok(());
        }
        self.medium.write_record(&self.record)?;
        self.written += self.record.len() as u64;
        self.record.clear();
        Ok(())
    }
}

impl Write for FileWriter<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let room = self.medium.record_bytes() - self.record.len();
        let (taken, _) = data.split_at(room.min(data.len()));
        if self.record.is_empty() && taken.len() == room {
            self.medium.write_record(taken).map_err(io::Error::other)?;
            self.written += taken.len() as u64;
            return Ok(taken.len());
        }
        self.record.extend_from_slice(taken);
        if taken.len() == room {
            self.write_collected().map_err(io::Error::other)?;
        }
        Ok(taken.len())
    }

    /// Does nothing: a record that is not full may only be a file's last, which [`FileWriter::finish`] writes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads one file of a volume as a stream.
pub struct FileReader<'a> {
    medium: &'a mut dyn MediumReader,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl<'a> FileReader<'a> {
    /// Opens `file`; none if the volume does not have it.
    pub fn open(medium: &'a mut dyn MediumReader, file: &FileId) -> Result<Option<Self>, Error> {
        if !medium.open_file(file)? {
            return Ok(None);
        }
        Ok(Some(Self { medium, buffer: vec![0; BUFFER_BYTES], start: 0, end: 0 }))
    }

    fn read_into(medium: &mut dyn MediumReader, buffer: &mut [u8]) -> io::Result<usize> {
        match medium.read_record(buffer).map_err(io::Error::other)? {
            Record::Data(bytes) => Ok(bytes),
            Record::EndOfFile => Ok(0),
        }
    }
}

impl Read for FileReader<'_> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end && target.len() >= BUFFER_BYTES {
            return Self::read_into(self.medium, target);
        }
        let bytes = self.fill_buf()?.read(target)?;
        self.consume(bytes);
        Ok(bytes)
    }
}

impl BufRead for FileReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.start = 0;
            self.end = Self::read_into(self.medium, &mut self.buffer)?;
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    fn consume(&mut self, bytes: usize) {
        self.start = self.start.saturating_add(bytes).min(self.end);
    }
}

/// The medium's own error out of one that came through [`Read`] or [`Write`]; the error itself if it is another.
pub fn medium_error(error: io::Error) -> Result<Error, io::Error> {
    error.downcast::<Error>()
}
