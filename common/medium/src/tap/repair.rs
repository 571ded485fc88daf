//! Finds the way past a damaged length word or filemark.
//!
//! What can be wrong is tried in the order of how much evidence it leaves, so that the commonest damage, one
//! wrong word, is always repaired to what was written.

use super::format::{FILEMARK, LARGEST_RECORD, WORD_BYTES, Word, classify, framed, padded};
use super::image::Words;
use super::scan::{FILEMARK_RUN, Object, Outlook, Scanner, Step, record};
use crate::{Damage, Error};

/// What looking at a possible start of an object costs against the effort allowed, in bytes: about as long as
/// reading so many in a row.
const PROBE_COST: u64 = 1024;

/// A record's length as its trailing word gives it.
#[derive(Default)]
pub(super) struct TrailingLength {
    /// With a sound place behind the word.
    pub sound: Option<u64>,
    /// Without: what follows is damaged as well, or the match is chance.
    unconfirmed: Option<u64>,
}

impl Scanner {
    /// The step from `at`, where `word` is not followed by what it says.
    pub(super) fn repair(&mut self, at: u64, word: u32) -> Result<Step, Error> {
        let leading = length(word);
        let trailing = self.length_by_trailing_word(at)?;
        if let Some(bytes) = trailing.sound {
            return self.choose(at, leading, bytes);
        }
        let behind = at + WORD_BYTES;
        if self.outlook(behind)?.is_sound() {
            return Ok(Step::new(Object::Filemark, at, behind, Some(Damage::Filemark)));
        }
        if let Some(bytes) = leading
            && self.is_sound_behind(at, bytes)?
        {
            return Ok(record(at, bytes, Some(Damage::TrailingLength)));
        }
        if let Some(bytes) = trailing.unconfirmed {
            return Ok(record(at, bytes, Some(Damage::LeadingLength)));
        }
        if let Some(bytes) = leading
            && self.length_by_trailing_word(at + framed(bytes))?.sound.is_some()
        {
            return Ok(record(at, bytes, Some(Damage::TrailingLength)));
        }
        self.lost(at, leading)
    }

    /// Whether behind any filemarks at `at` is a word that, if it or its counterpart is the only wrong one, is a
    /// record's length or one more filemark.
    pub(super) fn has_one_wrong_word(&mut self, at: u64) -> Result<bool, Error> {
        let Some((place, word)) = self.behind_filemarks(at)? else { return Ok(false) };
        Ok(self.leads_on(place, word)? || self.outlook(place + WORD_BYTES)?.is_sound())
    }

    /// Whether `word` at `at` is a length with a sound place behind its record.
    fn leads_on(&mut self, at: u64, word: u32) -> Result<bool, Error> {
        length(word).map_or(Ok(false), |bytes| self.is_sound_behind(at, bytes))
    }

    fn behind_filemarks(&mut self, mut at: u64) -> Result<Option<(u64, u32)>, Error> {
        for _ in 0..FILEMARK_RUN {
            match self.image.word(at)? {
                Some(FILEMARK) => at += WORD_BYTES,
                other => return Ok(other.map(|word| (at, word))),
            }
        }
        Ok(None)
    }

    fn is_sound_behind(&mut self, at: u64, bytes: u64) -> Result<bool, Error> {
        Ok(self.outlook(at + framed(bytes))?.is_sound())
    }

    /// The trailing length leads to a sound place. If the leading one leads to the same, they differ by the byte
    /// that is data in one case and padding, so zero, in the other.
    fn choose(&mut self, at: u64, leading: Option<u64>, trailing: u64) -> Result<Step, Error> {
        let Some(leading) = leading.filter(|bytes| *bytes != trailing && padded(*bytes) == padded(trailing))
        else {
            return Ok(record(at, trailing, Some(Damage::LeadingLength)));
        };
        let shorter = leading.min(trailing);
        let last = self.image.byte(at + WORD_BYTES + shorter)?;
        let bytes = if last == Some(0) { shorter } else { shorter + 1 };
        let damage = if bytes == leading { Damage::TrailingLength } else { Damage::LeadingLength };
        Ok(record(at, bytes, Some(damage)))
    }

    /// Looks for a word that is as far from `at` as the length in it says.
    pub(super) fn length_by_trailing_word(&mut self, at: u64) -> Result<TrailingLength, Error> {
        let mut found = TrailingLength::default();
        let data = at + WORD_BYTES;
        let end = data + padded(LARGEST_RECORD) + WORD_BYTES;
        if !self.spend(end.min(self.length()).saturating_sub(data)) {
            return Ok(found);
        }
        let mut words = Words::new(data + 2, end);
        while let Some((place, word)) = words.next(&self.image)? {
            let Some(bytes) = length(word).filter(|bytes| data + padded(*bytes) == place) else { continue };
            if self.outlook(place + WORD_BYTES)?.is_sound() {
                found.sound = Some(bytes);
                return Ok(found);
            }
            found.unconfirmed = found.unconfirmed.or(Some(bytes));
        }
        Ok(found)
    }

    /// Framing is lost: goes on at the next sound place. What lies between is given as data, for it may be just
    /// that; if no record follows one that reaches over the end, the volume was cut short inside it.
    fn lost(&mut self, at: u64, leading: Option<u64>) -> Result<Step, Error> {
        let data = at + WORD_BYTES;
        let left = self.length().saturating_sub(data);
        let cut_short = leading.filter(|bytes| left < padded(*bytes) + WORD_BYTES);
        let from = data + 1 + WORD_BYTES;
        if let Some(sound) = self.next_sound(from, cut_short.is_some())? {
            return Ok(lost_until(at, sound));
        }
        match cut_short {
            Some(bytes) if left > 0 => {
                Ok(Step::new(Object::Data { at: data, bytes: bytes.min(left) }, at, self.length(), None))
            }
            _ => Ok(self.unreadable(at)),
        }
    }

    /// An end of medium before the end of the image is one, unless records follow: erased storage looks like it.
    pub(super) fn doubtful_end(&mut self, at: u64) -> Result<Step, Error> {
        if let Some(bytes) = self.length_by_trailing_word(at)?.sound {
            return Ok(record(at, bytes, Some(Damage::LeadingLength)));
        }
        let sound = self.next_sound(at + 2 * WORD_BYTES + 1, true)?;
        Ok(sound.map_or(Step::new(Object::End, at, self.length(), None), |sound| lost_until(at, sound)))
    }

    /// Goes on at the record behind a stretch of zeros, such as a power cut leaves where data was not written.
    pub(super) fn skip_zeros(&mut self, at: u64) -> Result<Step, Error> {
        let mut words = Words::new(at, self.length());
        while let Some((place, word)) = words.next(&self.image)? {
            if word == 0 {
                continue;
            }
            return Ok(match self.next_sound(place, false)? {
                Some(sound) => lost_until(at, sound),
                None => self.unreadable(at),
            });
        }
        Ok(self.unreadable(at))
    }

    pub(super) fn unreadable(&self, at: u64) -> Step {
        let damage = Damage::Unreadable { bytes: self.length() - at };
        Step::new(Object::End, at, self.length(), Some(damage))
    }

    fn next_sound(&mut self, from: u64, with_record: bool) -> Result<Option<u64>, Error> {
        let mut words = Words::new(from, self.length());
        while let Some((place, word)) = words.next(&self.image)? {
            let possible = matches!(classify(word), Word::Filemark | Word::Length { .. });
            if !self.spend(if possible { PROBE_COST } else { 1 }) {
                return Ok(None);
            }
            if !possible {
                continue;
            }
            let found = match self.outlook(place)? {
                // Between equal records a trailing and a later leading word can look like one: the next object decides.
                Outlook::Record => match self.behind_filemarks(place)? {
                    Some((record, word)) => self.leads_on(record, word)?,
                    None => false,
                },
                Outlook::End => !with_record,
                Outlook::Zeros | Outlook::Nonsense => false,
            };
            if found {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// False once the effort allowed is used up.
    fn spend(&mut self, bytes: u64) -> bool {
        let left = self.effort.checked_sub(bytes);
        self.effort = left.unwrap_or(0);
        left.is_some()
    }
}

fn length(word: u32) -> Option<u64> {
    match classify(word) {
        Word::Length { bytes, .. } => Some(bytes),
        _ => None,
    }
}

fn lost_until(at: u64, sound: u64) -> Step {
    let data = at + WORD_BYTES;
    let bytes = sound - WORD_BYTES - data;
    Step::new(Object::Data { at: data, bytes }, at, sound, Some(Damage::FramingLost { bytes }))
}
