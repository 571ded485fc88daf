//! Finds out whose volume it is from what is left of label, trailer and index.

use std::io::Read;

use manifest::{Digest, ENCRYPTED_SUFFIX, FileKind, INDEX, Label, MAX_TRAILER_BYTES, Trailer};
use medium::{FileEntry, FileId, FileReader, MediumReader};

use super::Identity;
use crate::Error;
use crate::error::medium_or_io;
use crate::index::begins_an_index;

/// Why there is no trailer: `damage` where one was found and could not be understood.
pub struct Absent {
    pub damage: Option<String>,
}

/// A directory names its trailer; on tape it is the last file, or the last but one in front of a signature.
pub fn find_trailer(
    medium: &mut dyn MediumReader,
    files: &[FileEntry],
) -> Result<Result<Trailer, Absent>, Error> {
    let mut absent = Absent { damage: None };
    let named = |file: &&FileEntry| {
        file.number > 0 && file.name.as_deref().is_none_or(|name| FileKind::of(name) == FileKind::Trailer)
    };
    for file in files.iter().rev().filter(named).take(3) {
        let id = FileId { number: file.number, name: manifest::TRAILER.to_owned() };
        let Some(reader) = FileReader::open(medium, &id)? else { continue };
        let mut bytes = Vec::new();
        let read = reader.take(MAX_TRAILER_BYTES + 1).read_to_end(&mut bytes);
        if read.map_err(medium_or_io("read the trailer"))? as u64 > MAX_TRAILER_BYTES {
            if file.name.is_some() {
                let too_long = format!("it is longer than the format allows ({MAX_TRAILER_BYTES} bytes)");
                absent.damage = absent.damage.or(Some(too_long));
            }
            continue;
        }
        match Trailer::from_json(&bytes) {
            Ok(trailer) => return Ok(Ok(trailer)),
            // On tape any file may be tried; only what looks like a trailer counts as a damaged one.
            Err(error) if file.name.is_some() || bytes.starts_with(b"{") => {
                absent.damage = absent.damage.or(Some(error.to_string()));
            }
            Err(_) => {}
        }
    }
    Ok(Err(absent))
}

/// The index of a volume without trailer: by its name, or on tape one of the last files that begins like one.
pub fn find_index(medium: &mut dyn MediumReader, files: &[FileEntry]) -> Result<Option<FileId>, Error> {
    for file in files.iter().rev().filter(|file| file.number > 0).take(3) {
        let id = FileId { number: file.number, name: INDEX.to_owned() };
        let begins_an_index = match &file.name {
            Some(name) => FileKind::of(name) == FileKind::Index,
            None => FileReader::open(medium, &id)?.is_some_and(begins_an_index),
        };
        if begins_an_index {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Whether label or trailer says that segments and index are encrypted.
pub fn is_encrypted(label: &Result<(Label, Digest), Error>, trailer: &Result<Trailer, Absent>) -> bool {
    let by_label = label.as_ref().is_ok_and(|(label, _)| label.encryption.is_some());
    by_label || trailer.as_ref().is_ok_and(|trailer| trailer.index.name.ends_with(ENCRYPTED_SUFFIX))
}

/// What label and trailer say against each other.
pub fn compare_label(
    label: &Result<(Label, Digest), Error>,
    trailer: &Result<Trailer, Absent>,
) -> Vec<String> {
    match (label, trailer) {
        (Err(error), _) => vec![format!("{}: {error}", manifest::LABEL)],
        (Ok((_, found)), Ok(trailer)) if *found != trailer.label_blake3 => {
            vec![format!("{}: its digest is {found} instead of {}", manifest::LABEL, trailer.label_blake3)]
        }
        _ => Vec::new(),
    }
}

pub fn identity_of_label(label: &Label) -> Identity {
    let Label { transfer, volume_set, volume, copy, sequence, .. } = *label;
    Identity { transfer, volume_set, volume, copy, sequence }
}

pub fn identity_of_trailer(trailer: &Trailer) -> Identity {
    let Trailer { transfer, volume_set, volume, copy, sequence, .. } = *trailer;
    Identity { transfer, volume_set, volume, copy, sequence }
}
