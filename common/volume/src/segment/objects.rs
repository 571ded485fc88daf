//! Reads the objects of a segment, frame by frame, and tells for each whether its bytes are the ones that
//! were captured. A damaged frame harms the objects in it and no others.

use std::io::{ErrorKind, Read};

use manifest::{Digest, Digester, Frame};

use super::Entry;
use crate::Error;
use crate::frame::{FrameSplitter, decode_ahead};

/// What became of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectState {
    /// Every byte is as captured.
    Intact,
    /// It is not, or not all of it could be read; the reason.
    Damaged(String),
}

/// Receives a segment's objects one after the other. An object that ends [`ObjectState::Damaged`] may have
/// been handed over in part or not at all: nothing of it may be used.
pub trait ObjectSink {
    /// The next object begins.
    fn begin(&mut self, entry: &Entry) -> Result<(), Error>;
    /// Its next bytes.
    fn data(&mut self, bytes: &[u8]) -> Result<(), Error>;
    /// It is over.
    fn end(&mut self, entry: &Entry, state: &ObjectState) -> Result<(), Error>;
}

/// What was read.
#[derive(Debug)]
pub struct SegmentReading {
    /// Length of the segment file as found.
    pub bytes: u64,
    /// Digest of the segment file as found.
    pub blake3: Digest,
    /// Digest of the tar stream, when all of it could be decoded.
    pub tar_blake3: Option<Digest>,
    /// What was wrong with frames.
    pub findings: Vec<String>,
}

/// Reads a segment file and hands its objects to `sink`. With a frame table a damaged frame is stepped over;
/// without one, everything behind it is lost.
pub fn read_objects(
    sealed: &mut dyn Read,
    frames: Option<&[Frame]>,
    entries: &[Entry],
    sink: &mut dyn ObjectSink,
) -> Result<SegmentReading, Error> {
    let mut source = Digesting { source: sealed, digester: Digester::default() };
    let mut objects = Objects { entries, next: 0, open: None, sink };
    let mut tar = Digester::default();
    let mut findings = Vec::new();
    let mut whole = true;
    if let Some(frames) = frames {
        let mut read = |frame: &Frame, sealed: &mut Vec<u8>| read_sealed(&mut source, frame, sealed);
        decode_ahead(checked(frames)?, &mut read, &mut |frame, content| match content {
            Ok(plain) => {
                tar.update(plain);
                objects.plain(frame.tar_at, plain)
            }
            Err(error) => {
                whole = false;
                objects.hole(frame.tar_at, frame.tar_bytes, &error)?;
                findings.push(error);
                Ok(())
            }
        })?;
    } else {
        let (mut splitter, mut plain) = (FrameSplitter::new(&mut source), Vec::new());
        loop {
            match splitter.next_frame(&mut plain) {
                Ok(true) => {
                    objects.plain(tar.bytes(), &plain)?;
                    tar.update(&plain);
                }
                Ok(false) => break,
                Err(error @ Error::BadFrame { .. }) => {
                    whole = false;
                    findings.push(error.to_string());
                    break;
                }
                Err(error) => return Err(error),
            }
        }
    }
    objects.finish()?;
    std::io::copy(&mut source, &mut std::io::sink()).map_err(Error::io("read the segment"))?;
    let digester = source.digester;
    Ok(SegmentReading {
        bytes: digester.bytes(),
        blake3: digester.digest(),
        tar_blake3: whole.then(|| tar.digest()),
        findings,
    })
}

struct Digesting<'a> {
    source: &'a mut dyn Read,
    digester: Digester,
}

impl Read for Digesting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let bytes = self.source.read(buffer)?;
        self.digester.update(buffer.get(..bytes).unwrap_or_default());
        Ok(bytes)
    }
}

/// A frame table that leaves no gaps and asks for no more memory than the format allows.
fn checked(frames: &[Frame]) -> Result<&[Frame], Error> {
    let (mut at, mut tar_at) = (0u64, 0u64);
    for frame in frames {
        let longest = manifest::MAX_FRAME_BYTES;
        let bounded = frame.bytes <= longest + longest / 16 && frame.tar_bytes <= longest;
        if frame.at != at || frame.tar_at != tar_at || !bounded {
            let reason = format!("its frame at byte {} does not follow the one before it", frame.at);
            return Err(Error::Inconsistent { what: "the index", reason });
        }
        (at, tar_at) = (at + frame.bytes, tar_at + frame.tar_bytes);
    }
    Ok(frames)
}

/// Puts a frame as it lies in the segment in the place of what `sealed` holds, or says why it cannot.
fn read_sealed(
    source: &mut impl Read,
    frame: &Frame,
    sealed: &mut Vec<u8>,
) -> Result<Result<(), String>, Error> {
    sealed.resize(frame.bytes as usize, 0);
    match source.read_exact(sealed) {
        Ok(()) => Ok(Ok(())),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Ok(Err(format!("the segment ends inside the frame at byte {}", frame.at)))
        }
        Err(error) => Err(Error::io("read the segment")(error)),
    }
}

/// Cuts the tar stream into the objects that the entries describe.
struct Objects<'a> {
    entries: &'a [Entry],
    next: usize,
    open: Option<Open>,
    sink: &'a mut dyn ObjectSink,
}

#[derive(Default)]
struct Open {
    bytes: u64,
    file: Digester,
    dataset: Digester,
    damage: Option<String>,
}

impl Objects<'_> {
    fn plain(&mut self, at: u64, plain: &[u8]) -> Result<(), Error> {
        self.advance(at, plain.len() as u64, Piece::Plain(plain))
    }

    fn hole(&mut self, at: u64, bytes: u64, why: &str) -> Result<(), Error> {
        self.advance(at, bytes, Piece::Hole(why))
    }

    /// Gives every object that overlaps `[at, at + bytes)` its part of the piece.
    fn advance(&mut self, at: u64, bytes: u64, piece: Piece<'_>) -> Result<(), Error> {
        while let Some(entry) = self.entries.get(self.next) {
            let open = self.open.as_ref().map_or(0, |open| open.bytes);
            let from = entry.object.tar_offset + open;
            if from >= at + bytes {
                break;
            }
            if self.open.is_none() {
                self.sink.begin(entry)?;
            }
            let mut open = self.open.take().unwrap_or_default();
            let skip = from.saturating_sub(at);
            let length = (entry.object.bytes - open.bytes).min(bytes - skip);
            match piece {
                Piece::Hole(why) => open.damage = open.damage.or(Some(why.to_owned())),
                Piece::Plain(plain) => {
                    let part = plain.get(skip as usize..(skip + length) as usize).unwrap_or_default();
                    open.file.update(part);
                    let meta = entry.object.dataset_offset.saturating_sub(open.bytes).min(length);
                    open.dataset.update(part.get(meta as usize..).unwrap_or_default());
                    if open.damage.is_none() {
                        self.sink.data(part)?;
                    }
                }
            }
            open.bytes += length;
            if open.bytes < entry.object.bytes {
                self.open = Some(open);
                break;
            }
            self.end(entry, &open)?;
        }
        Ok(())
    }

    fn end(&mut self, entry: &Entry, open: &Open) -> Result<(), Error> {
        self.next += 1;
        let object = &entry.object;
        let state = if let Some(why) = &open.damage {
            ObjectState::Damaged(why.clone())
        } else if open.file.digest() != object.blake3 {
            ObjectState::Damaged(format!("digest {} instead of {}", open.file.digest(), object.blake3))
        } else if open.dataset.digest() != object.dataset_blake3 {
            let found = open.dataset.digest();
            ObjectState::Damaged(format!("dataset digest {found} instead of {}", object.dataset_blake3))
        } else {
            ObjectState::Intact
        };
        self.sink.end(entry, &state)
    }

    /// Objects that the stream did not reach are damaged.
    fn finish(&mut self) -> Result<(), Error> {
        let why = || Some("the segment ends before the object does".to_owned());
        while let Some(entry) = self.entries.get(self.next) {
            if self.open.is_none() {
                self.sink.begin(entry)?;
            }
            let mut open = self.open.take().unwrap_or_default();
            open.damage = open.damage.or_else(why);
            self.end(entry, &open)?;
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Piece<'a> {
    Plain(&'a [u8]),
    Hole(&'a str),
}
