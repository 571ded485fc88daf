//! Writes flat sets of data elements in Implicit VR Little Endian: command sets (PS3.7 section 6.3.1) and identifiers.

use dataset::Tag;
use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
use dicom_core::{Tag as DictionaryTag, VR};
use dicom_dictionary_std::StandardDataDictionary;

use crate::{Key, Level};

const SPECIFIC_CHARACTER_SET: Tag = Tag(0x0008, 0x0005);
const QUERY_RETRIEVE_LEVEL: Tag = Tag(0x0008, 0x0052);
const UTF_8: &str = "ISO_IR 192";

/// Appends one element, padded to even length.
pub(crate) fn put(out: &mut Vec<u8>, tag: Tag, value: &[u8], pad: u8) {
    let odd = value.len() % 2;
    out.extend_from_slice(&tag.0.to_le_bytes());
    out.extend_from_slice(&tag.1.to_le_bytes());
    out.extend_from_slice(&((value.len() + odd) as u32).to_le_bytes());
    out.extend_from_slice(value);
    out.extend(std::iter::repeat_n(pad, odd));
}

/// The identifier of a query: the level and the keys in tag order. An empty value asks for the attribute (universal
/// matching). Text beyond ASCII is sent as UTF-8 and declared, unless the caller has given a character set.
pub(crate) fn identifier(level: Level, keys: &[Key<'_>]) -> Vec<u8> {
    let mut all = vec![(QUERY_RETRIEVE_LEVEL, level.as_str())];
    all.extend(keys.iter().filter(|(tag, _)| *tag != QUERY_RETRIEVE_LEVEL));
    if keys.iter().any(|(_, value)| !value.is_ascii()) {
        all.push((SPECIFIC_CHARACTER_SET, UTF_8));
    }
    all.sort_by_key(|(tag, _)| (tag.0, tag.1));
    all.dedup_by_key(|(tag, _)| (tag.0, tag.1));
    let mut out = Vec::new();
    for (tag, value) in all {
        put(&mut out, tag, value.as_bytes(), if is_uid(tag) { 0 } else { b' ' });
    }
    out
}

/// UIDs are padded with NUL, all other text with a space (PS3.5 section 6.2).
fn is_uid(tag: Tag) -> bool {
    StandardDataDictionary
        .by_tag(DictionaryTag(tag.0, tag.1))
        .is_some_and(|entry| entry.vr().exact() == Some(VR::UI))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUDY_UID: Tag = Tag(0x0020, 0x000D);
    const PATIENT_NAME: Tag = Tag(0x0010, 0x0010);

    #[test]
    fn sorted_padded_and_declared() {
        let bytes = identifier(Level::Study, &[(STUDY_UID, "1.2"), (PATIENT_NAME, "MÜLLER")]);
        let expected = [
            &b"\x08\0\x05\0\x0A\0\0\0ISO_IR 192"[..],
            b"\x08\0\x52\0\x06\0\0\0STUDY ",
            b"\x10\0\x10\0\x08\0\0\0M\xC3\x9CLLER ",
            b"\x20\0\x0D\0\x04\0\0\x001.2\0",
        ];
        assert_eq!(bytes, expected.concat());
    }

    #[test]
    fn the_level_cannot_be_given_twice() {
        let bytes = identifier(Level::Image, &[(QUERY_RETRIEVE_LEVEL, "STUDY")]);
        assert_eq!(bytes, b"\x08\0\x52\0\x06\0\0\0IMAGE ");
    }
}
