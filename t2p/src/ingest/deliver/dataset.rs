//! The datasets of objects in the spool, read no faster than allowed, and checked once more on the way out: an object may
//! have waited there for weeks.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use job::Stop;
use manifest::{Digest, Digester};
use pace::{Admission, Pace};

use super::batch::Sendable;
use crate::error::{Error, Result};
use crate::ingest::spool::{Spool, file_name};

/// The spool file that objects are read from; the last one stays open.
pub struct Source<'a> {
    pub spool: &'a Spool,
    pub open: Option<(u64, File)>,
}

impl Source<'_> {
    /// The bytes of one object's dataset.
    pub fn dataset(&mut self, object: &Sendable) -> Result<Checked<io::Take<&mut File>>> {
        let path = self.spool.path(object.segment);
        if self.open.as_ref().is_none_or(|(segment, _)| *segment != object.segment) {
            self.open = None;
        }
        let (_, file) = match &mut self.open {
            Some(open) => open,
            none => {
                let file = File::open(&path).map_err(|error| match error.kind() {
                    // Another worker found it damaged.
                    io::ErrorKind::NotFound => Error::SpoolDamaged { segment: file_name(object.segment) },
                    _ => Error::file("open", &path)(error),
                })?;
                none.insert((object.segment, file))
            }
        };
        file.seek(SeekFrom::Start(object.dataset_at)).map_err(Error::file("seek in", &path))?;
        Ok(Checked::new(file.take(object.dataset_bytes), object.dataset_bytes, object.dataset_blake3))
    }
}

/// Fails in place of the last bytes when all of them together are not what the digest says: whoever takes them knows
/// that the whole is wrong before it is whole.
pub struct Checked<R> {
    source: R,
    left: u64,
    expected: Digest,
    digester: Digester,
}

impl<R: Read> Checked<R> {
    pub fn new(source: R, bytes: u64, expected: Digest) -> Self {
        Self { source, left: bytes, expected, digester: Digester::default() }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.source.read(buffer)?;
        let part = buffer.get(..bytes).unwrap_or_default();
        self.digester.update(part);
        self.left = self.left.saturating_sub(bytes as u64);
        let over = self.left == 0 || (bytes == 0 && !buffer.is_empty());
        if over && self.digester.digest() != self.expected {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it has changed since it was loaded"));
        }
        Ok(bytes)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_changed_or_is_cut_off_never_comes_out_whole() {
        let whole = [7u8; 1000];
        let read = |bytes: &[u8]| {
            let (mut out, mut buffer) = (Vec::new(), [0; 64]);
            let mut checked = Checked::new(bytes, 1000, Digest::of(&whole));
            loop {
                match checked.read(&mut buffer) {
                    Ok(0) => return (out, true),
                    Ok(bytes) => out.extend_from_slice(&buffer[..bytes]),
                    Err(_) => return (out, false),
                }
            }
        };
        assert_eq!(read(&whole), (whole.to_vec(), true));
        for at in [0, 500, 999] {
            let mut changed = whole;
            changed[at] ^= 1;
            let (out, sound) = read(&changed);
            assert!(!sound && out.len() < 1000, "byte {at}");
        }
        assert!(!read(&whole[..999]).1);
    }
}
