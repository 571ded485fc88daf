//! Going on with a volume: whether what is on the medium is what was committed to it.

use manifest::{Digester, LABEL, Label, SegmentEntry};
use medium::{FileEntry, FileId, FileReader, Medium, MediumReader, Reopened};

use crate::error::medium_or_io;
use crate::{Error, label};

/// Refuses a medium on which there is more than `label`, or what a power cut left of it.
pub(crate) fn require_label_at_most(
    medium: &dyn Medium,
    reopened: &mut dyn Reopened,
    label: &Label,
) -> Result<(), Error> {
    let files = reopened.reader().files()?;
    // Zeros that a torn write leaves on a tape look like filemarks, and so like empty files.
    let is_empty_on_tape = |file: &FileEntry| file.name.is_none() && file.bytes == Some(0);
    let only_label = files.iter().enumerate().all(|(at, file)| {
        is_empty_on_tape(file) || at == 0 && file.name.as_deref().is_none_or(|name| name == LABEL)
    });
    if !only_label {
        return Err(not_blank(medium, format!("{} files", files.len())));
    }
    let is_ours = if files.is_empty() {
        reopened.overwrites_nothing()?
    } else {
        label::is_beginning(&label::read_bytes(reopened.reader())?, label)?
    };
    if is_ours {
        return Ok(());
    }
    Err(not_blank(medium, "data that is not this volume's label".to_owned()))
}

fn not_blank(medium: &dyn Medium, found: String) -> Error {
    medium::Error::NotBlank { path: medium.to_string().into(), found }.into()
}

/// The label that is on the medium, which must be that of the `expected` volume, and its file's content. What else it says is
/// what counts: another version may have written it, or the same one with records of another size.
pub(crate) fn check_label(
    medium: &dyn Medium,
    reader: &mut dyn MediumReader,
    expected: &Label,
) -> Result<(Label, Vec<u8>), Error> {
    let identity = |label: &Label| {
        let Label { transfer, volume_set, volume, copy, sequence, .. } = *label;
        (transfer, volume_set, volume, copy, sequence)
    };
    let read = label::read_bytes(reader).and_then(|tar| Ok((label::decode(&tar)?, tar)));
    let found = match read {
        Ok((found, tar)) if identity(&found) == identity(expected) => return Ok((found, tar)),
        Ok((found, _)) => {
            format!("volume {} (copy {}) of its set, {}", found.sequence, found.copy, found.volume)
        }
        Err(Error::Medium(error)) => return Err(Error::Medium(error)),
        Err(error) => format!("no label that can be read ({error})"),
    };
    Err(Error::OtherVolume {
        medium: medium.to_string(),
        found,
        expected: expected.volume,
        sequence: expected.sequence,
        copy: expected.copy,
    })
}

/// Refuses to go on with a volume whose last committed segment is not there any more.
pub(crate) fn require_segment(
    medium: &dyn Medium,
    reader: &mut dyn MediumReader,
    segment: &SegmentEntry,
) -> Result<(), Error> {
    if reads_back(reader, segment)? {
        return Ok(());
    }
    Err(Error::SegmentLost { medium: medium.to_string(), name: segment.name.clone() })
}

/// Reads committed segments of a volume without trailer back, which must be the one that the label names. Returns the numbers of
/// those that are not there as they were committed; none when `go_on` said, before a segment, not to.
pub fn lost_segments(
    medium: &dyn Medium,
    label: &Label,
    segments: &[SegmentEntry],
    go_on: &dyn Fn() -> bool,
) -> Result<Option<Vec<u32>>, Error> {
    let mut reader = medium.open()?;
    check_label(medium, reader.as_mut(), label)?;
    let mut lost = Vec::new();
    for segment in segments {
        if !go_on() {
            return Ok(None);
        }
        if !reads_back(reader.as_mut(), segment)? {
            lost.push(segment.number);
        }
    }
    Ok(Some(lost))
}

/// Whether a sample of a volume with `segments` segments has the one at place `at`, from 0: the first, the last, and one
/// in sixteen.
pub fn is_sampled(at: usize, segments: usize) -> bool {
    const EVERY: usize = 16;
    at.is_multiple_of(EVERY) || at + 1 == segments
}

fn reads_back(reader: &mut dyn MediumReader, segment: &SegmentEntry) -> Result<bool, Error> {
    let file = FileId { number: segment.file, name: segment.name.clone() };
    let mut found = Digester::default();
    if let Some(mut content) = FileReader::open(reader, &file)? {
        std::io::copy(&mut content, &mut found).map_err(medium_or_io("read a segment back"))?;
    }
    Ok(found.digest() == segment.blake3)
}
