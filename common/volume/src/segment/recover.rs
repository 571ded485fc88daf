//! Finds a segment's list of objects in the segment itself, for when the volume's index is lost.

use std::io::{BufRead, Read};

use manifest::{Line, SegmentHead, read_line};

use super::{Entries, Entry, MANIFEST, MAX_LISTING_BYTES};
use crate::frame::FrameSplitter;
use crate::{Error, tar_header};

/// Walks the tar stream to `MANIFEST.jsonl` and returns what it lists, in tar order.
pub fn recover_entries(sealed: impl Read) -> Result<(SegmentHead, Vec<Entry>), Error> {
    let mut tar = FrameSplitter::new(sealed).into_reader();
    let mut at = 0;
    loop {
        let mut block = [0; 512];
        tar.read_exact(&mut block).map_err(Error::io("read the segment's tar stream"))?;
        let header = tar_header::decode(&block, at)?
            .ok_or_else(|| Error::bad_tar(at, format!("the archive ends without {MANIFEST}")))?;
        at += tar_header::BLOCK;
        if header.name == MANIFEST {
            return read_manifest(&mut tar, header.bytes, at);
        }
        let skip = header
            .bytes
            .checked_add(tar_header::padding(header.bytes))
            .ok_or_else(|| Error::bad_tar(at, "a member of impossible length"))?;
        let skipped = std::io::copy(&mut (&mut tar).take(skip), &mut std::io::sink());
        if skipped.map_err(Error::io("read the segment's tar stream"))? < skip {
            return Err(Error::bad_tar(at, "the stream ends inside a member"));
        }
        at += skip;
    }
}

fn read_manifest(tar: &mut dyn Read, bytes: u64, at: u64) -> Result<(SegmentHead, Vec<Entry>), Error> {
    if bytes > MAX_LISTING_BYTES as u64 {
        return Err(Error::bad_tar(at, format!("a {MANIFEST} of {bytes} bytes")));
    }
    let mut lines = Lines::new(std::io::BufReader::new(tar.take(bytes)), "the manifest");
    let Some(Line::Manifest(head)) = lines.next_line()? else {
        let reason = "its first line does not say whose manifest it is".into();
        return Err(Error::Inconsistent { what: "the manifest", reason });
    };
    let mut entries = Entries::new("the manifest");
    while let Some(line) = lines.next_line()? {
        if entries.take(line, lines.length())?.is_some() {
            let reason = "a line that does not belong there".into();
            return Err(Error::Inconsistent { what: "the manifest", reason });
        }
    }
    Ok((head, entries.finish()))
}

/// Lines of kinds that we do not know, at most: what a hostile list may make us read in vain.
const MAX_UNKNOWN: usize = 1_000_000;

/// Reads manifest lines of bounded length, and passes over those of kinds that are not known.
pub struct Lines<R> {
    source: R,
    what: &'static str,
    text: Vec<u8>,
    unknown: usize,
}

impl<R: BufRead> Lines<R> {
    /// Lines of `source`; `what` names it in errors.
    pub fn new(source: R, what: &'static str) -> Self {
        Self { source, what, text: Vec::new(), unknown: 0 }
    }

    /// Length of the last line, in bytes.
    pub fn length(&self) -> usize {
        self.text.len()
    }

    /// The next line, `None` at the end.
    pub fn next_line(&mut self) -> Result<Option<Line>, Error> {
        loop {
            let line = self.any_line()?;
            if line != Some(Line::Other) {
                return Ok(line);
            }
            self.unknown += 1;
            if self.unknown > MAX_UNKNOWN {
                let reason = format!("more than {MAX_UNKNOWN} lines of kinds that are not known");
                return Err(Error::Inconsistent { what: self.what, reason });
            }
        }
    }

    fn any_line(&mut self) -> Result<Option<Line>, Error> {
        self.text.clear();
        let longest = manifest::MAX_LINE_BYTES as u64;
        let read = (&mut self.source).take(longest).read_until(b'\n', &mut self.text);
        if read.map_err(Error::io(format!("read {}", self.what)))? == 0 {
            return Ok(None);
        }
        if !self.text.ends_with(b"\n") {
            let reason = "a line that is too long or cut off".into();
            return Err(Error::Inconsistent { what: self.what, reason });
        }
        Ok(Some(read_line(&self.text)?))
    }
}
