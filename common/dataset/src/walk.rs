//! A walk over the elements of a dataset. Nests of sequences are stepped over by counting, so that their depth costs
//! neither stack nor heap.

use crate::{
    element::{self, Element, SHORT_HEADER, Start},
    input::Input,
    nest::Nest,
    syntax::Encoding,
};
use std::io;

/// How far a walk may go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Element headers read, those in stepped-over sequences included.
    pub(crate) headers: u64,
    /// Bytes from the dataset's start.
    pub(crate) bytes: u64,
}

/// Why a walk ended before the end of the dataset.
#[derive(Debug)]
pub(crate) enum Halt {
    /// The input ends within the element that starts at `offset`.
    Truncated { offset: u64 },
    /// A limit was reached.
    Limit { offset: u64 },
    /// The input could not be read.
    Io { offset: u64, error: io::Error },
}

/// Reads element after element of one dataset.
pub(crate) struct Walker<I> {
    input: I,
    encoding: Encoding,
    position: u64,
    start: u64,
    headers: u64,
    limits: Limits,
}

impl<I: Input> Walker<I> {
    pub(crate) fn new(input: I, encoding: Encoding, limits: Limits) -> Self {
        Self { input, encoding, position: 0, start: 0, headers: 0, limits }
    }

    /// Bytes from the dataset's start to where the walk stands.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Bytes from the dataset's start to the header read last.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    /// Reads the next header; `None` at the end of the dataset. The value must be read or passed before the next call,
    /// unless the walk is to go into it.
    pub(crate) fn next(&mut self) -> Result<Option<Element>, Halt> {
        self.start = self.position;
        if self.headers >= self.limits.headers || self.position >= self.limits.bytes {
            return Err(Halt::Limit { offset: self.start });
        }
        self.headers += 1;
        let mut header = [0; SHORT_HEADER];
        if self.fill(&mut header)? == 0 {
            return Ok(None);
        }
        if self.position - self.start < SHORT_HEADER as u64 {
            return Err(self.truncated());
        }
        match element::read_start(header, self.encoding) {
            Start::Whole(element) => Ok(Some(element)),
            Start::LongLength { tag, vr } => {
                let mut length = [0; 4];
                if self.fill(&mut length)? < length.len() {
                    return Err(self.truncated());
                }
                Ok(Some(element::with_length(tag, vr, length, self.encoding)))
            }
        }
    }

    /// Reads a value of defined length, at most its first `most` bytes, and steps over the rest.
    pub(crate) fn value(&mut self, length: u32, most: usize) -> Result<Vec<u8>, Halt> {
        let wanted = most.min(length as usize);
        let mut value = vec![0; wanted];
        if self.fill(&mut value)? < wanted {
            return Err(self.truncated());
        }
        self.skip(u64::from(length) - wanted as u64)?;
        Ok(value)
    }

    /// Steps over the value of the element just read.
    pub(crate) fn pass(&mut self, element: &Element) -> Result<(), Halt> {
        match element.length {
            Some(length) => self.skip(u64::from(length)),
            None => self.pass_undefined(element),
        }
    }

    fn pass_undefined(&mut self, opened: &Element) -> Result<(), Halt> {
        let mut nest = Nest::enter(opened, &mut self.encoding);
        while !nest.is_over() {
            let Some(element) = self.next()? else { return Err(self.truncated()) };
            let length = nest.step(&element, &mut self.encoding);
            self.skip(length)?;
        }
        Ok(())
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Halt> {
        let filled = self.input.fill(buffer).map_err(|error| Halt::Io { offset: self.position, error })?;
        self.position = self.position.saturating_add(filled as u64);
        Ok(filled)
    }

    fn skip(&mut self, count: u64) -> Result<(), Halt> {
        if count > self.limits.bytes.saturating_sub(self.position) {
            return Err(Halt::Limit { offset: self.start });
        }
        let skipped = self.input.skip(count).map_err(|error| Halt::Io { offset: self.position, error })?;
        self.position = self.position.saturating_add(skipped);
        if skipped < count { Err(self.truncated()) } else { Ok(()) }
    }

    fn truncated(&self) -> Halt {
        Halt::Truncated { offset: self.start }
    }
}

#[cfg(test)]
#[path = "walk_tests.rs"]
mod tests;
