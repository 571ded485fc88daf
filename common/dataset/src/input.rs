//! Where elements are read from: bytes in memory, a stream that can only go forward, or a file that can seek.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// Bytes that can be read in order or stepped over.
pub(crate) trait Input {
    /// Fills `buffer` as far as the input goes; less than its length means that the input ended.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Steps over `count` bytes and says how many there really were.
    fn skip(&mut self, count: u64) -> io::Result<u64>;
}

impl<I: Input + ?Sized> Input for &mut I {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).fill(buffer)
    }

    fn skip(&mut self, count: u64) -> io::Result<u64> {
        (**self).skip(count)
    }
}

impl Input for &[u8] {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read(buffer)
    }

    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.len());
        *self = self.get(count..).unwrap_or_default();
        Ok(count as u64)
    }
}

fn fill_from(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// A stream: stepping over bytes reads them through a small buffer.
pub(crate) struct Stream<R>(pub(crate) R);

impl<R: Read> Input for Stream<R> {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        fill_from(&mut self.0, buffer)
    }

    fn skip(&mut self, count: u64) -> io::Result<u64> {
        io::copy(&mut (&mut self.0).take(count), &mut io::sink())
    }
}

/// A file: stepping over bytes seeks, within the buffer where possible.
pub(crate) struct File<R> {
    reader: BufReader<R>,
    position: u64,
    length: u64,
}

impl<R: Read + Seek> File<R> {
    /// Takes the file from its first byte, wherever it stands now.
    pub(crate) fn open(mut reader: R) -> io::Result<Self> {
        let length = reader.seek(SeekFrom::End(0))?;
        reader.seek(SeekFrom::Start(0))?;
        Ok(Self { reader: BufReader::new(reader), position: 0, length })
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Goes to `offset` bytes from the file's start, or to its end if that is nearer.
    pub(crate) fn seek_to(&mut self, offset: u64) -> io::Result<()> {
        let target = offset.min(self.length);
        match i64::try_from(i128::from(target) - i128::from(self.position)) {
            Ok(distance) => self.reader.seek_relative(distance)?,
            Err(_) => drop(self.reader.seek(SeekFrom::Start(target))?),
        }
        self.position = target;
        Ok(())
    }
}

impl<R: Read + Seek> Input for File<R> {
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let filled = fill_from(&mut self.reader, buffer)?;
        self.position = self.position.saturating_add(filled as u64);
        Ok(filled)
    }

    fn skip(&mut self, count: u64) -> io::Result<u64> {
        let start = self.position;
        self.seek_to(start.saturating_add(count))?;
        Ok(self.position.saturating_sub(start))
    }
}

impl<R: Read + Seek> Read for File<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.position = self.position.saturating_add(count as u64);
        Ok(count)
    }
}

impl<R: Read + Seek> BufRead for File<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.reader.consume(count);
        self.position = self.position.saturating_add(count as u64);
    }
}
