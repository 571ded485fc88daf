//! The top-level elements of a small dataset in memory: command sets and C-FIND identifiers.

use crate::{
    charset::CharacterSet,
    error::Error,
    head::kept,
    syntax::Encoding,
    tag::{Tag, tags},
    walk::{Halt, Limits, Walker},
};
use std::{collections::BTreeMap, ops::Range};

const MOST_HEADERS: u64 = 200_000;

/// The top-level elements of a dataset held in memory. Of an element that occurs twice the first counts.
#[derive(Debug, Clone)]
pub struct FlatSet {
    bytes: Vec<u8>,
    encoding: Encoding,
    values: BTreeMap<Tag, Range<usize>>,
    characters: CharacterSet,
}

/// Reads the top-level elements of a whole dataset. Sequences are stepped over and given as raw bytes.
pub fn read_flat(bytes: &[u8], encoding: Encoding) -> Result<FlatSet, Error> {
    let limits = Limits { headers: MOST_HEADERS, bytes: u64::MAX };
    let mut walker = Walker::new(bytes, encoding, limits);
    let mut values = BTreeMap::new();
    while let Some(element) = walker.next()? {
        let start = walker.position() as usize;
        walker.pass(&element)?;
        values.entry(element.tag).or_insert(start..walker.position() as usize);
    }
    let mut set = FlatSet { bytes: bytes.to_vec(), encoding, values, characters: CharacterSet::default() };
    set.characters = CharacterSet::declared(&set.text(tags::SPECIFIC_CHARACTER_SET).unwrap_or_default());
    Ok(set)
}

impl FlatSet {
    /// The raw bytes of a value; of a sequence with undefined length, its delimiter included.
    pub fn get(&self, tag: Tag) -> Option<&[u8]> {
        self.values.get(&tag).and_then(|range| self.bytes.get(range.clone()))
    }

    /// The tags present, in ascending order.
    pub fn tags(&self) -> impl Iterator<Item = Tag> + '_ {
        self.values.keys().copied()
    }

    /// A value as text in the dataset's character set, without padding; empty if the value is.
    pub fn text(&self, tag: Tag) -> Option<String> {
        self.get(tag).map(|bytes| trimmed(&self.characters.decode(bytes)).to_owned())
    }

    /// Text as a [`Head`](crate::Head) keeps it: at most 1,024 characters; `None` if absent or only padding.
    pub fn kept(&self, tag: Tag) -> Option<String> {
        self.text(tag).and_then(|text| kept(&text))
    }

    /// The values of a text element, split at backslashes, each without padding; none if absent or empty.
    pub fn strings(&self, tag: Tag) -> Vec<String> {
        let text = self.text(tag).unwrap_or_default();
        if text.is_empty() {
            Vec::new()
        } else {
            text.split('\\').map(|value| trimmed(value).to_owned()).collect()
        }
    }

    /// A UID without padding; `None` if absent or empty.
    pub fn uid(&self, tag: Tag) -> Option<String> {
        self.text(tag).filter(|uid| !uid.is_empty())
    }

    /// The first value of a US element.
    pub fn u16(&self, tag: Tag) -> Option<u16> {
        self.get(tag)?.first_chunk().map(|bytes| self.encoding.u16(*bytes))
    }

    /// The first value of a UL element.
    pub fn u32(&self, tag: Tag) -> Option<u32> {
        self.get(tag)?.first_chunk().map(|bytes| self.encoding.u32(*bytes))
    }
}

/// Text without the padding of PS3.5 section 6.2: spaces on both sides, and NULs.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(['\0', ' '])
}

impl From<Halt> for Error {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Truncated { offset } => Self::Truncated { offset },
            Halt::Limit { offset } => Self::TooLarge { offset },
            Halt::Io { error, .. } => Self::Io(error),
        }
    }
}

#[cfg(test)]
#[path = "flat_tests.rs"]
mod tests;
