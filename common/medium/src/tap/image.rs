//! Reads words and data anywhere in an image file.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::format::WORD_BYTES;
use crate::Error;

/// Bytes read at once for the sake of a word: a record's trailing word and the next leading one are neighbours.
const WINDOW_BYTES: usize = 4096;

/// An image file of known length.
pub(super) struct Image {
    path: PathBuf,
    file: File,
    length: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl Image {
    pub fn new(path: &Path, file: File) -> Result<Self, Error> {
        let kind = file.metadata().map_err(|e| Error::io(path, "look at", e))?;
        if !kind.is_file() {
            return Err(Error::NotAMedium {
                path: path.to_owned(),
                found: "a virtual tape must be a regular file",
            });
        }
        Ok(Self { path: path.to_owned(), file, length: kind.len(), window: Vec::new(), window_at: 0 })
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    /// The word at `at`, or none if the image ends before it does.
    pub fn word(&mut self, at: u64) -> Result<Option<u32>, Error> {
        Ok(self.bytes(at)?.map(u32::from_le_bytes))
    }

    /// The byte at `at`, or none behind the end.
    pub fn byte(&mut self, at: u64) -> Result<Option<u8>, Error> {
        Ok(self.bytes(at)?.map(|[byte]| byte))
    }

    /// Fills `buffer` from `at` on as far as the image goes, and says how far that is.
    pub fn read(&self, at: u64, buffer: &mut [u8]) -> Result<usize, Error> {
        let left = self.length.saturating_sub(at);
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let (target, _) = buffer.split_at_mut(wanted);
        self.file.read_exact_at(target, at).map_err(|e| Error::io(&self.path, "read", e))?;
        Ok(wanted)
    }

    fn bytes<const N: usize>(&mut self, at: u64) -> Result<Option<[u8; N]>, Error> {
        if at.checked_add(N as u64).is_none_or(|end| end > self.length) {
            return Ok(None);
        }
        if let Some(bytes) = self.in_window(at) {
            return Ok(Some(bytes));
        }
        let mut window = std::mem::take(&mut self.window);
        window.resize(WINDOW_BYTES, 0);
        let filled = self.read(at, &mut window)?;
        window.truncate(filled);
        self.window = window;
        self.window_at = at;
        Ok(self.in_window(at))
    }

    fn in_window<const N: usize>(&self, at: u64) -> Option<[u8; N]> {
        let start = usize::try_from(at.checked_sub(self.window_at)?).ok()?;
        self.window.get(start..)?.first_chunk().copied()
    }
}

/// Goes through all words of a part of an image, at every byte offset, reading large pieces.
pub(super) struct Words {
    at: u64,
    end: u64,
    piece: Vec<u8>,
    piece_at: u64,
}

impl Words {
    const PIECE_BYTES: usize = 64 * 1024;

    /// The words that start from `start` on and end not behind `end`.
    pub fn new(start: u64, end: u64) -> Self {
        Self { at: start, end, piece: Vec::new(), piece_at: start }
    }

    /// The next word and its offset.
    pub fn next(&mut self, image: &Image) -> Result<Option<(u64, u32)>, Error> {
        if self.at.checked_add(WORD_BYTES).is_none_or(|end| end > self.end.min(image.length())) {
            return Ok(None);
        }
        if self.current().is_none() {
            self.piece.resize(Self::PIECE_BYTES, 0);
            let filled = image.read(self.at, &mut self.piece)?;
            self.piece.truncate(filled);
            self.piece_at = self.at;
        }
        let found = self.current().map(|word| (self.at, u32::from_le_bytes(word)));
        self.at += 1;
        Ok(found)
    }

    fn current(&self) -> Option<[u8; 4]> {
        let start = usize::try_from(self.at - self.piece_at).ok()?;
        self.piece.get(start..)?.first_chunk().copied()
    }
}
