//! Steps through an image from object to object by the framing alone, and past damage.

use std::collections::BTreeMap;

use super::format::{FILEMARK, WORD_BYTES, Word, classify, framed, padded};
use super::image::Image;
use crate::{Damage, Error};

/// Filemarks in a row that are still taken for empty files. A longer row is a stretch of zeros.
pub(super) const FILEMARK_RUN: u32 = 64;

/// Searches whose results are kept. An image with more damage than this is not read on.
const MOST_SEARCHED: usize = 100_000;

/// What begins at an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
    /// A record's data, at least 1 byte.
    Data {
        at: u64,
        bytes: u64,
    },
    Filemark,
    /// The end of the medium, or of what can be read of it.
    End,
}

/// An object, where the next one begins, and what was wrong with this one's framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    pub object: Object,
    /// Offset at which the object was found.
    pub at: u64,
    pub next: u64,
    pub damage: Option<Damage>,
}

impl Step {
    pub fn new(object: Object, at: u64, next: u64, damage: Option<Damage>) -> Self {
        Self { object, at, next, damage }
    }
}

/// What a look at a place finds there, behind filemarks and gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlook {
    /// A record with equal length words.
    Record,
    /// The end of the image.
    End,
    /// More filemarks than a volume has.
    Zeros,
    Nonsense,
}

impl Outlook {
    /// Whether an object begins at the place.
    pub fn is_sound(self) -> bool {
        matches!(self, Self::Record | Self::End)
    }
}

/// Steps through one image. The step from an offset is the same whenever it is taken.
pub(super) struct Scanner {
    pub(super) image: Image,
    /// What may still be spent on searches, in bytes looked at: keeps a hostile image from costing its square.
    pub(super) effort: u64,
    /// Steps that took a search.
    searched: BTreeMap<u64, Step>,
}

impl Scanner {
    pub fn new(image: Image) -> Self {
        let effort = image.length().saturating_mul(8).saturating_add(256 << 20);
        Self { image, effort, searched: BTreeMap::new() }
    }

    pub fn length(&self) -> u64 {
        self.image.length()
    }

    /// The object at `from`, behind erase gaps.
    pub fn step(&mut self, from: u64) -> Result<Step, Error> {
        let mut at = from;
        loop {
            let Some(word) = self.image.word(at)? else {
                let damage = (at < self.length()).then_some(Damage::CutShort);
                return Ok(Step::new(Object::End, at, self.length(), damage));
            };
            return match classify(word) {
                Word::EraseGap => {
                    at += WORD_BYTES;
                    continue;
                }
                Word::EndOfMedium if at + WORD_BYTES == self.length() => {
                    Ok(Step::new(Object::End, at, self.length(), None))
                }
                Word::Filemark if self.is_sure_filemark(at)? => {
                    Ok(Step::new(Object::Filemark, at, at + WORD_BYTES, None))
                }
                Word::Length { bytes, flagged } if self.trailing_word(at, bytes)? == Some(word) => {
                    let damage = self.flaw(at, bytes, flagged)?;
                    Ok(record(at, bytes, damage))
                }
                _ => self.searched(at, word),
            };
        }
    }

    /// The step from a place where the framing alone does not say what to do.
    fn searched(&mut self, at: u64, word: u32) -> Result<Step, Error> {
        if let Some(step) = self.searched.get(&at) {
            return Ok(step.clone());
        }
        if self.effort == 0 || self.searched.len() >= MOST_SEARCHED {
            return Ok(self.unreadable(at));
        }
        let step = match classify(word) {
            Word::Filemark => self.doubtful_filemark(at)?,
            Word::EndOfMedium => self.doubtful_end(at)?,
            _ => self.repair(at, word)?,
        };
        self.searched.insert(at, step.clone());
        Ok(step)
    }

    /// What can be found at `at`.
    pub(super) fn outlook(&mut self, mut at: u64) -> Result<Outlook, Error> {
        for _ in 0..FILEMARK_RUN {
            let Some(word) = self.image.word(at)? else {
                return Ok(if at == self.length() { Outlook::End } else { Outlook::Nonsense });
            };
            return Ok(match classify(word) {
                Word::Filemark | Word::EraseGap => {
                    at += WORD_BYTES;
                    continue;
                }
                Word::EndOfMedium if at + WORD_BYTES == self.length() => Outlook::End,
                Word::Length { bytes, .. } if self.trailing_word(at, bytes)? == Some(word) => Outlook::Record,
                _ => Outlook::Nonsense,
            });
        }
        Ok(Outlook::Zeros)
    }

    fn trailing_word(&mut self, at: u64, bytes: u64) -> Result<Option<u32>, Error> {
        self.image.word(at + WORD_BYTES + padded(bytes))
    }

    /// Whether a record, if a damaged one, or the end follows the zero at `at`.
    fn is_sure_filemark(&mut self, at: u64) -> Result<bool, Error> {
        let next = at + WORD_BYTES;
        Ok(self.outlook(next)?.is_sound() || self.has_one_wrong_word(next)?)
    }

    /// The zero at `at` is a length word if a word as far behind it as the length in it says is its trailing one,
    /// or begins a stretch that was never written, or is a filemark before much damage.
    fn doubtful_filemark(&mut self, at: u64) -> Result<Step, Error> {
        if let Some(bytes) = self.length_by_trailing_word(at)?.sound {
            return Ok(record(at, bytes, Some(Damage::LeadingLength)));
        }
        let next = at + WORD_BYTES;
        if self.follows_zeros(at)? && self.outlook(next)? == Outlook::Zeros {
            return self.skip_zeros(at);
        }
        Ok(Step::new(Object::Filemark, at, next, None))
    }

    /// The first zero of a stretch ends the file before it.
    fn follows_zeros(&mut self, at: u64) -> Result<bool, Error> {
        let before = at.checked_sub(WORD_BYTES);
        before.map_or(Ok(true), |before| Ok(self.image.word(before)? == Some(FILEMARK)))
    }

    fn flaw(&mut self, at: u64, bytes: u64, flagged: bool) -> Result<Option<Damage>, Error> {
        if flagged {
            return Ok(Some(Damage::FlaggedRecord));
        }
        let is_padded = padded(bytes) > bytes;
        let padding = if is_padded { self.image.byte(at + WORD_BYTES + bytes)? } else { None };
        Ok(padding.filter(|byte| *byte != 0).map(|_| Damage::Padding))
    }
}

/// The step over a whole record of `bytes` whose leading word is at `at`.
pub(super) fn record(at: u64, bytes: u64, damage: Option<Damage>) -> Step {
    Step::new(Object::Data { at: at + WORD_BYTES, bytes }, at, at + framed(bytes), damage)
}
