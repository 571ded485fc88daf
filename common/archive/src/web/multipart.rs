//! Multipart bodies (RFC 2046 section 5.1.1) as they come: each part's bytes exactly, whatever their number, within a
//! fixed amount of memory.
//!
//! Lines end as the first boundary's does, with CR LF or LF alone. Every later boundary is preceded by just such an end, so that
//! no byte of a part is taken for one. A part is whole only when a boundary follows it.

use std::io::Read;

use memchr::memmem::Finder;

use super::error::Error;

/// More than a connection holds of what has come, so that all of that goes on in one piece.
const BUFFER: usize = 512 * 1024;
/// Most bytes in front of the first boundary, and of one part's headers.
const MOST_PREAMBLE: usize = 64 * 1024;
const MOST_HEADERS: usize = 16 * 1024;
/// Blanks between a boundary and the end of its line.
const MOST_PADDING: usize = 64;
/// What follows the last boundary.
const CLOSE: &[u8] = b"--";

/// What stands above a part.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PartHead {
    /// Content-Type, empty if absent.
    pub content_type: String,
    /// Content-Length, where it is named.
    pub length: Option<u64>,
}

/// A multipart body that is being read.
pub struct Multipart<R> {
    body: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// `--` and the boundary.
    dashed: Vec<u8>,
    /// The end of a line, and that; known from the first boundary on.
    delimiter: Finder<'static>,
    line_end: &'static [u8],
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Preamble,
    /// Behind the headers of a part, of which nothing has been read.
    PartStart,
    Part,
    /// Behind a boundary.
    Between,
    /// Behind the closing boundary.
    End,
}

/// What stands behind something that may be a boundary.
enum Found {
    /// The rest of a boundary's line, so many bytes.
    Boundary(usize),
    /// What makes it the closing one.
    Close,
    Nothing,
    /// More must come to tell.
    Unclear,
}

impl<R: Read> Multipart<R> {
    /// The body, whose parts are set apart by `boundary`.
    pub fn new(body: R, boundary: &str) -> Result<Self, Error> {
        if boundary.is_empty() || boundary.len() > 200 {
            return Err(malformed("its boundary is missing or too long"));
        }
        let dashed = [b"--", boundary.as_bytes()].concat();
        let delimiter = Finder::new(&dashed).into_owned();
        let buffer = vec![0; BUFFER].into_boxed_slice();
        Ok(Self { body, buffer, start: 0, end: 0, dashed, delimiter, line_end: b"", place: Place::Preamble })
    }

    /// The next part; what is left of the current one is skipped. None behind the closing boundary.
    pub fn next_part(&mut self) -> Result<Option<PartHead>, Error> {
        while matches!(self.place, Place::Part | Place::PartStart) {
            self.chunk()?;
        }
        if self.place == Place::Preamble {
            self.pass_preamble()?;
        }
        if self.place == Place::End {
            return Ok(None);
        }
        let head = self.head()?;
        self.place = Place::PartStart;
        Ok(Some(head))
    }

    /// The next bytes of the part, never none; `None` behind the last.
    pub fn chunk(&mut self) -> Result<Option<&[u8]>, Error> {
        if self.place == Place::PartStart {
            self.place = Place::Part;
            // The empty line that ends the headers may be the one that begins the boundary.
            if self.begins_with_boundary()? && self.pass_boundary(self.dashed.len())? {
                return Ok(None);
            }
        }
        // Bytes of the part in front of where a boundary may yet be.
        let mut sure = 0;
        while self.place == Place::Part {
            let held = self.held();
            let found = held.get(sure..).and_then(|rest| self.delimiter.find(rest));
            match found.map(|at| sure + at) {
                Some(0) => {
                    if self.pass_boundary(self.line_end.len() + self.dashed.len())? {
                        return Ok(None);
                    }
                    sure = 1;
                }
                Some(at) => return Ok(Some(self.take(at))),
                None => {
                    // The beginning of one may stand at the end.
                    let tail = self.line_end.len() + self.dashed.len() - 1;
                    let certain = held.len().saturating_sub(tail).max(sure);
                    if certain > 0 {
                        return Ok(Some(self.take(certain)));
                    }
                    if !self.fill()? {
                        return Err(Error::CutShort);
                    }
                }
            }
        }
        Ok(None)
    }

    fn begins_with_boundary(&mut self) -> Result<bool, Error> {
        loop {
            let known = self.held().len().min(self.dashed.len());
            if self.held().get(..known) != self.dashed.get(..known) {
                return Ok(false);
            }
            if known == self.dashed.len() {
                return Ok(true);
            }
            if !self.fill()? {
                return Err(Error::CutShort);
            }
        }
    }

    /// Passes the boundary that may stand here, `length` bytes without what must follow. False if it is none after all.
    fn pass_boundary(&mut self, length: usize) -> Result<bool, Error> {
        loop {
            let (behind, place) = match self.what_follows(self.held().get(length..).unwrap_or_default()) {
                Found::Boundary(behind) => (behind, Place::Between),
                Found::Close => (CLOSE.len(), Place::End),
                Found::Nothing => return Ok(false),
                Found::Unclear if self.fill()? => continue,
                Found::Unclear => return Err(Error::CutShort),
            };
            self.pass(length + behind);
            self.place = place;
            return Ok(true);
        }
    }

    fn what_follows(&self, rest: &[u8]) -> Found {
        if rest.starts_with(CLOSE) {
            return Found::Close;
        }
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        if blanks > MOST_PADDING {
            return Found::Nothing;
        }
        let behind = rest.get(blanks..).unwrap_or_default();
        if behind.starts_with(self.line_end) {
            Found::Boundary(blanks + self.line_end.len())
        } else if self.line_end.starts_with(behind) || (behind == b"-" && blanks == 0) {
            Found::Unclear
        } else {
            Found::Nothing
        }
    }

    /// Finds the first boundary, and how lines end.
    fn pass_preamble(&mut self) -> Result<(), Error> {
        let mut passed = 0;
        while passed <= MOST_PREAMBLE {
            let line = self.line(MOST_PREAMBLE, "what stands in front of its first part")?;
            passed += line.len();
            let behind = line.strip_prefix(self.dashed.as_slice());
            let Some(behind) = behind else { continue };
            if behind.starts_with(CLOSE) {
                self.place = Place::End;
                return Ok(());
            }
            let behind = behind.trim_ascii_end();
            if behind.is_empty() {
                self.line_end = if line.ends_with(b"\r\n") { b"\r\n" } else { b"\n" };
                self.delimiter = Finder::new(&[self.line_end, &self.dashed].concat()).into_owned();
                self.place = Place::Between;
                return Ok(());
            }
        }
        Err(malformed("its first boundary is missing"))
    }

    fn head(&mut self) -> Result<PartHead, Error> {
        let mut head = PartHead::default();
        let mut length = 0;
        loop {
            let line = self.line(MOST_HEADERS, "the headers of a part")?;
            length += line.len();
            if length > MOST_HEADERS {
                return Err(malformed("the headers of a part are longer than 16 KiB"));
            }
            let text = String::from_utf8_lossy(line.trim_ascii()).into_owned();
            if text.is_empty() {
                return Ok(head);
            }
            let (name, value) = text.split_once(':').unwrap_or((&text, ""));
            match name.trim_end().to_ascii_lowercase().as_str() {
                "content-type" => value.trim().clone_into(&mut head.content_type),
                "content-length" => head.length = value.trim().parse().ok(),
                _ => {}
            }
        }
    }

    /// The next line with its end.
    fn line(&mut self, most: usize, what: &'static str) -> Result<Vec<u8>, Error> {
        let mut searched = 0;
        loop {
            let held = self.held();
            if let Some(at) = held.get(searched..).and_then(|rest| memchr::memchr(b'\n', rest)) {
                return Ok(self.take(searched + at + 1).to_vec());
            }
            searched = held.len();
            if searched > most {
                return Err(malformed(&format!("{what} is longer than {} KiB", most / 1024)));
            }
            if !self.fill()? {
                return Err(Error::CutShort);
            }
        }
    }

    fn held(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn pass(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }

    fn take(&mut self, count: usize) -> &[u8] {
        let from = self.start;
        self.pass(count);
        self.buffer.get(from..self.start).unwrap_or_default()
    }

    /// Reads more behind what is held; false at the end of the body.
    fn fill(&mut self) -> Result<bool, Error> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let room = self.buffer.get_mut(self.end..).unwrap_or_default();
        let read = self.body.read(room)?;
        self.end += read;
        Ok(read > 0)
    }
}

fn malformed(detail: &str) -> Error {
    Error::malformed("a multipart body", detail)
}

#[cfg(test)]
#[path = "multipart_tests.rs"]
mod tests;
