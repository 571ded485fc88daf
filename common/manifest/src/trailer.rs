//! `TRAILER.json`: the last word of a volume. It lists every file's digest in the clear and without patient
//! data, so that whoever carries or stores the volume can check it without a key.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::error::check_format;
use crate::{Digest, Error};

/// A segment as the trailer lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentEntry {
    /// Number in the transfer, from 1.
    pub number: u32,
    /// Number of the file on the medium.
    pub file: u32,
    /// Name of the file.
    pub name: String,
    /// Length of the file.
    pub bytes: u64,
    /// Digest of the file.
    pub blake3: Digest,
}

/// The index as the trailer lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// Number of the file on the medium.
    pub file: u32,
    /// Name of the file.
    pub name: String,
    /// Length of the file.
    pub bytes: u64,
    /// Digest of the file.
    pub blake3: Digest,
}

/// The content of `TRAILER.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailer {
    /// Format version.
    pub format: u32,
    /// The transfer, as in the label.
    pub transfer: Uuid,
    /// The volume set, as in the label.
    pub volume_set: Uuid,
    /// The volume, as in the label.
    pub volume: Uuid,
    /// The copy, as in the label.
    pub copy: u32,
    /// The place in the set, as in the label.
    pub sequence: u32,
    /// Digest of `VOLUME.tar`.
    pub label_blake3: Digest,
    /// Every segment, in the order on the medium.
    pub segments: Vec<SegmentEntry>,
    /// The index.
    pub index: IndexEntry,
    /// Objects in all segments of this volume.
    pub objects: u64,
    /// Whether the transfer as planned ended with this volume.
    pub last: bool,
    /// When the volume was sealed.
    pub sealed_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    trailer: &'a RawValue,
    blake3: Digest,
}

impl Trailer {
    /// The bytes of `TRAILER.json`: `{"trailer":…,"blake3":"…"}` and a line feed. The digest covers the bytes
    /// of the value of `trailer` exactly as they stand.
    pub fn to_json(&self) -> Result<Vec<u8>, Error> {
        let malformed = || Error::malformed("the trailer");
        let body = serde_json::value::to_raw_value(self).map_err(malformed())?;
        let envelope = Envelope { blake3: Digest::of(body.get().as_bytes()), trailer: &body };
        let mut bytes = serde_json::to_vec(&envelope).map_err(malformed())?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads `TRAILER.json` and checks its own digest.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        let what = "the trailer (TRAILER.json)";
        // Exactly one line feed: other white space would parse, but then a flipped bit went unnoticed.
        let text = bytes.strip_suffix(b"\n").filter(|text| text.ends_with(b"}")).unwrap_or_default();
        let envelope: Envelope<'_> = serde_json::from_slice(text).map_err(Error::malformed(what))?;
        let found = Digest::of(envelope.trailer.get().as_bytes());
        if found != envelope.blake3 {
            return Err(Error::TrailerDamaged { found, stated: envelope.blake3 });
        }
        let trailer: Self = serde_json::from_str(envelope.trailer.get()).map_err(Error::malformed(what))?;
        check_format(what, trailer.format)?;
        Ok(trailer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_trailer_that_is_written_is_read() {
        let longest = SegmentEntry {
            number: u32::MAX,
            file: u32::MAX,
            name: format!("{}{}", crate::segment_name(u32::MAX), crate::ENCRYPTED_SUFFIX),
            bytes: u64::MAX,
            blake3: Digest::of(b"x"),
        };
        let segments = vec![longest; crate::MAX_VOLUME_SEGMENTS];
        let bytes = Trailer { segments, ..trailer() }.to_json().unwrap();
        assert!((bytes.len() as u64) < crate::MAX_TRAILER_BYTES, "{}", bytes.len());
    }

    fn trailer() -> Trailer {
        let digest = Digest::of(b"x");
        Trailer {
            format: 1,
            transfer: Uuid::nil(),
            volume_set: Uuid::nil(),
            volume: Uuid::nil(),
            copy: 1,
            sequence: 1,
            label_blake3: digest,
            segments: vec![SegmentEntry {
                number: 1,
                file: 1,
                name: crate::segment_name(1),
                bytes: 10,
                blake3: digest,
            }],
            index: IndexEntry { file: 2, name: crate::INDEX.into(), bytes: 5, blake3: digest },
            objects: 3,
            last: true,
            sealed_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn reads_what_it_writes() {
        assert_eq!(Trailer::from_json(&trailer().to_json().unwrap()).unwrap(), trailer());
    }

    #[test]
    fn any_flipped_byte_is_noticed() {
        let bytes = trailer().to_json().unwrap();
        for at in 0..bytes.len() {
            for flip in 1..=255 {
                let mut damaged = bytes.clone();
                damaged[at] ^= flip;
                assert!(Trailer::from_json(&damaged).is_err(), "byte {at} ^ {flip:#x}");
            }
        }
    }
}
