//! DICOM files cut into their parts (PS3.10 section 7.1), by code that shares nothing with the programs under test.

use std::path::Path;

const PREAMBLE: usize = 128;
const META_GROUP: u16 = 2;
/// The tag of Media Storage SOP Class UID.
const SOP_CLASS: (u16, u16) = (2, 2);
/// The tag of Media Storage SOP Instance UID.
const SOP_INSTANCE: (u16, u16) = (2, 3);
/// The tag of Transfer Syntax UID.
const TRANSFER_SYNTAX: (u16, u16) = (2, 0x10);

/// What a file says of itself in its File Meta group, and its dataset bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part10 {
    /// Media Storage SOP Class UID.
    pub sop_class: String,
    /// Media Storage SOP Instance UID.
    pub sop_instance: String,
    /// Transfer Syntax UID.
    pub transfer_syntax: String,
    /// Everything behind the File Meta group.
    pub dataset: Vec<u8>,
}

impl Part10 {
    /// Takes a file apart; `None` if it has no preamble or its group 2 cannot be walked.
    pub fn parse(file: &[u8]) -> Option<Self> {
        (file.get(PREAMBLE..PREAMBLE + 4)? == b"DICM").then_some(())?;
        let mut parts = Self::default();
        let mut at = PREAMBLE + 4;
        while let Some(element) = MetaElement::at(file, at) {
            match element.tag {
                SOP_CLASS => parts.sop_class = uid(element.value),
                SOP_INSTANCE => parts.sop_instance = uid(element.value),
                TRANSFER_SYNTAX => parts.transfer_syntax = uid(element.value),
                _ => {}
            }
            at = element.end;
        }
        parts.dataset = file.get(at..)?.to_vec();
        Some(parts)
    }

    /// Reads and takes apart a file that must be a DICOM file.
    pub fn read(path: &Path) -> Self {
        let file = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::parse(&file).unwrap_or_else(|| panic!("{} is not a DICOM file", path.display()))
    }

    /// BLAKE3 of the dataset bytes, in hexadecimal.
    pub fn dataset_digest(&self) -> String {
        blake3::hash(&self.dataset).to_hex().to_string()
    }
}

struct MetaElement<'a> {
    tag: (u16, u16),
    value: &'a [u8],
    end: usize,
}

impl<'a> MetaElement<'a> {
    /// The element of group 2 at `at`; group 2 is always explicit VR little endian.
    fn at(file: &'a [u8], at: usize) -> Option<Self> {
        let tag = (short(file, at)?, short(file, at + 2)?);
        if tag.0 != META_GROUP {
            return None;
        }
        let long = matches!(file.get(at + 4..at + 6)?, b"OB" | b"OW" | b"UN" | b"UT" | b"SQ");
        let (start, length) = if long {
            (at + 12, usize::from(short(file, at + 8)?) | usize::from(short(file, at + 10)?) << 16)
        } else {
            (at + 8, usize::from(short(file, at + 6)?))
        };
        Some(Self { tag, value: file.get(start..start + length)?, end: start + length })
    }
}

fn short(file: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(file.get(at..at + 2)?.try_into().ok()?))
}

fn uid(value: &[u8]) -> String {
    String::from_utf8_lossy(value).trim_end_matches(['\0', ' ']).to_owned()
}
