//! `volume.json`: who a volume is. In clear text on every volume, hence without any patient data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Error;
use crate::error::check_format;

/// How a frame's bytes become the tar stream's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Codec {
    /// One standard Zstandard frame (RFC 8878).
    Zstd,
}

/// How segments and index are encrypted, and to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encryption {
    /// The container, `age` (age-encryption.org/v1).
    pub scheme: String,
    /// Fingerprints of the recipients' public keys; never a key.
    pub recipients: Vec<String>,
}

/// The label of a volume: the member `volume.json` of `VOLUME.tar`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Format version of everything on this volume.
    pub format: u32,
    /// The transfer that this volume belongs to.
    pub transfer: Uuid,
    /// All volumes of one transfer and one copy run share this.
    pub volume_set: Uuid,
    /// This volume alone.
    pub volume: Uuid,
    /// Which copy of the set, from 1.
    pub copy: u32,
    /// Place in the set, from 1.
    pub sequence: u32,
    /// Length in bytes of every record but a file's last.
    pub record_bytes: u32,
    /// The codecs that frames on this volume may carry.
    pub codecs: Vec<Codec>,
    /// Absent when segments and index are in the clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// Barcode of the cartridge, absent where none was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barcode: Option<String>,
    /// Program and version that wrote the volume.
    pub creator: String,
    /// When the label was written.
    pub created_at: Timestamp,
}

impl Label {
    /// The JSON text as it stands in `volume.json`, for people and programs.
    pub fn to_json(&self) -> Result<String, Error> {
        let mut text = serde_json::to_string_pretty(self).map_err(Error::malformed("the volume label"))?;
        text.push('\n');
        Ok(text)
    }

    /// Reads `volume.json`; fields unknown to this version are ignored, a newer format is refused.
    pub fn from_json(bytes: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let what = "the volume label (volume.json)";
        let version: Version = serde_json::from_slice(bytes).map_err(Error::malformed(what))?;
        check_format(what, version.format)?;
        serde_json::from_slice(bytes).map_err(Error::malformed(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_are_not_known_are_ignored() {
        let json = br#"{"format": 1, "transfer": "00000000-0000-0000-0000-000000000001",
            "volume_set": "00000000-0000-0000-0000-000000000002", "volume": "00000000-0000-0000-0000-000000000003",
            "copy": 1, "sequence": 1, "record_bytes": 262144, "codecs": ["zstd"], "creator": "p2t 9.9.9",
            "encryption": {"scheme": "age", "recipients": ["x"], "kind": "of later"},
            "created_at": "2026-11-22T21:30:00Z", "of_later": {}}"#;
        let encryption = Label::from_json(json).unwrap().encryption.unwrap();
        assert_eq!((encryption.scheme.as_str(), encryption.recipients.len()), ("age", 1));
    }

    #[test]
    fn a_newer_format_is_refused_with_both_versions() {
        let error = Label::from_json(br#"{"format": 2, "something": "else"}"#).unwrap_err();
        assert!(error.to_string().contains("version 2"), "{error}");
    }
}
