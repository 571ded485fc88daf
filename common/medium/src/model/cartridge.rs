//! A cartridge: records and filemarks, and where its tape ends.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::{Damage, Error, FileId, MAX_RECORD_BYTES, Medium, Record, tap};

/// A place on a tape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    Record(Arc<[u8]>),
    /// A record of which only the length is kept: it reads as zeros.
    Length(usize),
    Filemark,
}

impl Block {
    /// Bytes of tape that it takes.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Record(content) => content.len() as u64,
            Self::Length(bytes) => *bytes as u64,
            Self::Filemark => 0,
        }
    }
}

/// A cartridge outside of a drive. What a power cut took is not on it.
#[derive(Debug, Clone, Default)]
pub struct Cartridge {
    pub(super) blocks: Vec<Block>,
    /// Bytes up to early warning, and up to the end of the tape; none: so far away that nobody gets there.
    pub(super) early_warning: Option<u64>,
    pub(super) end: Option<u64>,
    pub(super) write_protected: bool,
    /// Blocks that are there for good.
    pub(super) unalterable: usize,
    /// Blocks that cannot be read, and how often not.
    pub(super) unreadable: BTreeMap<usize, u32>,
    pub(super) keeps_lengths_only: bool,
    /// Nothing tells where the data end, until something is written.
    pub(crate) has_no_end: bool,
    pub(super) density: Option<u8>,
}

impl Cartridge {
    /// A blank cartridge of which nobody sees the end.
    pub fn blank() -> Self {
        Self::default()
    }

    /// A blank cartridge on which early warning comes with the record that reaches `early_warning` bytes, and on which no
    /// record begins behind `end` bytes.
    pub fn with_end(early_warning: u64, end: u64) -> Self {
        Self { early_warning: Some(early_warning), end: Some(end), ..Self::default() }
    }

    /// Keeps no more of the records than their lengths, so that as many can be written as go onto a real cartridge. They
    /// read as zeros.
    #[must_use]
    pub fn without_content(self) -> Self {
        Self { keeps_lengths_only: true, ..self }
    }

    /// The cartridge as one with this density code; else it tells none.
    #[must_use]
    pub fn of_density(self, density: u8) -> Self {
        Self { density: Some(density), ..self }
    }

    /// The cartridge with its tab set or reset.
    #[must_use]
    pub fn protected(self, write_protected: bool) -> Self {
        Self { write_protected, ..self }
    }

    /// So many reads of this block fail; [`u32::MAX`] is all.
    pub fn spoil(&mut self, block: usize, times: u32) {
        self.unreadable.insert(block, times);
    }

    /// Takes away what tells where the data end, until something is written.
    pub fn lose_end(&mut self) {
        self.has_no_end = true;
    }

    /// Whether nothing is on it.
    pub fn is_blank(&self) -> bool {
        self.blocks.is_empty()
    }

    /// What lies between filemarks, in the tape's order. What no filemark ends is the last.
    pub fn files(&self) -> Vec<Vec<u8>> {
        let mut files = vec![Vec::new()];
        for block in &self.blocks {
            match (block, files.last_mut()) {
                (Block::Filemark, _) => files.push(Vec::new()),
                (Block::Record(content), Some(file)) => file.extend_from_slice(content),
                (Block::Length(bytes), Some(file)) => file.resize(file.len() + bytes, 0),
                (_, None) => {}
            }
        }
        files.pop_if(|file| file.is_empty());
        files
    }

    /// Reads a cartridge from a SIMH tape image. One with damaged framing is refused.
    pub fn load(image: &Path) -> Result<Self, Error> {
        let mut reader = crate::Address::VirtualTape(image.to_owned()).open()?;
        let files = reader.files()?;
        let mut blocks = Vec::new();
        let mut record = vec![0; 2 * MAX_RECORD_BYTES];
        for file in files {
            reader.open_file(&FileId { number: file.number, name: String::new() })?;
            while let Record::Data(bytes) = reader.read_record(&mut record)? {
                blocks.push(Block::Record(record.iter().take(bytes).copied().collect()));
            }
            blocks.push(Block::Filemark);
        }
        match reader.findings().as_slice() {
            [] => {}
            [only] if only.what == Damage::CutShort => drop(blocks.pop()),
            _ => {
                let path = image.to_owned();
                return Err(Error::NotAMedium { path, found: "the framing of the tape image is damaged" });
            }
        }
        Ok(Self { blocks, ..Self::default() })
    }

    /// Writes the cartridge's content as a SIMH tape image.
    pub fn save(&self, image: &Path) -> Result<(), Error> {
        tap::write_image(
            image,
            self.blocks.iter().map(|block| match block {
                Block::Record(content) => content.to_vec(),
                Block::Length(bytes) => vec![0; *bytes],
                Block::Filemark => Vec::new(),
            }),
        )
    }

    /// Bytes of tape before a block.
    pub(super) fn bytes_before(&self, block: usize) -> u64 {
        self.blocks.iter().take(block).map(Block::bytes).sum()
    }

    /// Puts blocks at `at`, which ends what was there.
    pub(super) fn put(&mut self, at: usize, blocks: impl IntoIterator<Item = Block>) {
        self.has_no_end = false;
        self.blocks.truncate(at);
        self.unreadable.split_off(&at);
        self.blocks.extend(blocks);
    }
}
