//! Writing preamble, prefix and File Meta Information before a dataset that came without them.

use crate::tag::{Tag, tags};

/// Implementation Class UID of this project (PS3.7 annex D.3.3.2), a UUID-derived constant.
pub const IMPLEMENTATION_CLASS_UID: &str = "2.25.193968243631674347387386585908862365361";

/// Implementation Version Name (PS3.7 annex D.3.3.2).
pub const IMPLEMENTATION_VERSION_NAME: &str = "P2T_0_1";

/// Preamble, "DICM" and File Meta Information (PS3.10 section 7.1) for a dataset received by network, in bytes to which the
/// dataset is appended. UIDs are written as they are, valid or not; each is cut at 65,534 bytes, the most that fits.
pub fn file_meta(sop_class: &str, sop_instance: &str, transfer_syntax: &str, source_aet: &str) -> Vec<u8> {
    let mut group = Vec::new();
    // OB has its two reserved bytes and a 32-bit length.
    group.extend_from_slice(b"\x02\x00\x01\x00OB\x00\x00\x02\x00\x00\x00\x00\x01");
    push(&mut group, tags::MEDIA_STORAGE_SOP_CLASS_UID, *b"UI", sop_class);
    push(&mut group, tags::MEDIA_STORAGE_SOP_INSTANCE_UID, *b"UI", sop_instance);
    push(&mut group, tags::TRANSFER_SYNTAX_UID, *b"UI", transfer_syntax);
    push(&mut group, tags::IMPLEMENTATION_CLASS_UID, *b"UI", IMPLEMENTATION_CLASS_UID);
    push(&mut group, tags::IMPLEMENTATION_VERSION_NAME, *b"SH", IMPLEMENTATION_VERSION_NAME);
    push(&mut group, tags::SOURCE_APPLICATION_ENTITY_TITLE, *b"AE", source_aet);

    let mut file = vec![0; 128];
    file.extend_from_slice(b"DICM\x02\x00\x00\x00UL\x04\x00");
    // Six values of at most 65,534 bytes stay far below 4 GiB.
    file.extend_from_slice(&(group.len() as u32).to_le_bytes());
    file.append(&mut group);
    file
}

/// Appends an element with a 16-bit length in Explicit VR Little Endian, padded to even length.
fn push(group: &mut Vec<u8>, tag: Tag, vr: [u8; 2], value: &str) {
    const MOST: usize = 65_534;
    let bytes = value.as_bytes();
    let kept = bytes.get(..MOST).unwrap_or(bytes);
    let padded = kept.len().next_multiple_of(2);
    group.extend_from_slice(&tag.0.to_le_bytes());
    group.extend_from_slice(&tag.1.to_le_bytes());
    group.extend_from_slice(&vr);
    group.extend_from_slice(&(padded as u16).to_le_bytes());
    group.extend_from_slice(kept);
    if kept.len() < padded {
        group.push(if vr == *b"UI" { 0 } else { b' ' });
    }
}

#[cfg(test)]
#[path = "file_meta_tests.rs"]
mod tests;
