//! `VOLUME.tar`, file 0: a plain tar with a README for whoever finds the cartridge, and the label.

use std::io::Read;

use manifest::{Digest, LABEL, Label};
use medium::{FileId, FileReader, Medium, MediumReader};

use crate::{Error, readme, tar_header};

const README: &str = "README.txt";
const LABEL_JSON: &str = "volume.json";

/// A label file is never longer than this.
const MAX_BYTES: u64 = 1024 * 1024;

/// The bytes of `VOLUME.tar`, padded as tar does to whole blocks of 10,240 bytes.
pub fn encode(label: &Label) -> Result<Vec<u8>, Error> {
    let mut tar = Vec::new();
    for (name, content) in [(README, readme::text(label)), (LABEL_JSON, label.to_json()?)] {
        tar.extend_from_slice(&tar_header::encode(name, content.len() as u64)?);
        tar.extend_from_slice(content.as_bytes());
        tar.resize(tar.len().next_multiple_of(tar_header::BLOCK as usize), 0);
    }
    tar.resize((tar.len() + 1024).next_multiple_of(10_240), 0);
    Ok(tar)
}

/// Finds and reads `volume.json` in the bytes of `VOLUME.tar`.
pub fn decode(tar: &[u8]) -> Result<Label, Error> {
    let mut at = 0usize;
    while let Some(block) = tar.get(at..).and_then(|rest| rest.first_chunk::<512>()) {
        let Some(header) = tar_header::decode(block, at as u64)? else { break };
        let begin = at + tar_header::BLOCK as usize;
        let content =
            usize::try_from(header.bytes).ok().and_then(|bytes| tar.get(begin..begin.checked_add(bytes)?));
        let content = content.ok_or_else(|| Error::bad_tar(at as u64, "a member that is cut off"))?;
        if header.name == LABEL_JSON {
            return Ok(Label::from_json(content)?);
        }
        at = (begin + content.len()).next_multiple_of(tar_header::BLOCK as usize);
    }
    Err(Error::bad_tar(at as u64, format!("there is no {LABEL_JSON}")))
}

/// Whether `tar` is `VOLUME.tar` of the volume that `label` names, or what a power cut may leave of it: its beginning,
/// with zeros behind it where the disk had not yet been written to.
pub fn is_beginning(tar: &[u8], label: &Label) -> Result<bool, Error> {
    if let Ok(found) = decode(tar) {
        return Ok(found.volume == label.volume);
    }
    let whole = encode(label)?;
    let same = whole.iter().zip(tar).take_while(|(expected, found)| expected == found).count();
    Ok(tar.len() <= whole.len() && tar.iter().skip(same).all(|byte| *byte == 0))
}

/// Reads the label of the volume on a medium, and the digest of its `VOLUME.tar`.
pub fn read(medium: &mut dyn MediumReader) -> Result<(Label, Digest), Error> {
    let tar = read_bytes(medium)?;
    Ok((decode(&tar)?, Digest::of(&tar)))
}

/// The label of the volume on a medium that is not blank; none if it has no label that can be read.
pub fn on(medium: &dyn Medium) -> Result<Option<Label>, Error> {
    match read(medium.open()?.as_mut()) {
        Ok((label, _)) => Ok(Some(label)),
        Err(Error::Medium(error)) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// `VOLUME.tar` as it lies on the medium, as much of it as a label may have.
pub fn read_bytes(medium: &mut dyn MediumReader) -> Result<Vec<u8>, Error> {
    let file = FileId { number: 0, name: LABEL.to_owned() };
    let reader = FileReader::open(medium, &file)?;
    let reader = reader.ok_or_else(|| Error::bad_tar(0, format!("there is no {LABEL}")))?;
    let mut tar = Vec::new();
    reader.take(MAX_BYTES).read_to_end(&mut tar).map_err(crate::error::medium_or_io("read the label"))?;
    Ok(tar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_survives_junk() {
        let label = crate::testing::label();
        let tar = encode(&label).unwrap();
        assert_eq!(tar.len() % 10_240, 0);
        assert_eq!(decode(&tar).unwrap(), label);
        for cut in (0..tar.len()).step_by(97) {
            let _ = decode(&tar[..cut]);
        }
        assert!(decode(&[0xff; 5000]).is_err());
        assert!(decode(&[]).is_err());
    }
}
