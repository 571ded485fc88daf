//! Element headers: tag, VR and length in any of the three encodings (PS3.5 section 7.1), read forgivingly.

use crate::{syntax::Encoding, tag::Tag};

/// Bytes of every header but those with a 32-bit length after an explicit VR.
pub(crate) const SHORT_HEADER: usize = 8;

const UNDEFINED: u32 = 0xFFFF_FFFF;

/// VRs with a 16-bit length (PS3.5 table 7.1-2).
const SHORT_VRS: [&[u8; 2]; 21] = [
    b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL",
    b"SS", b"ST", b"TM", b"UI", b"UL", b"US",
];

/// VRs with two reserved bytes and a 32-bit length (PS3.5 table 7.1-1).
const LONG_VRS: [&[u8; 2]; 13] =
    [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"];

/// The header of one element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) tag: Tag,
    /// `None` where the encoding has no VR, and in delimiters.
    pub(crate) vr: Option<[u8; 2]>,
    /// `None` if undefined: the value ends at a delimiter.
    pub(crate) length: Option<u32>,
}

impl Element {
    pub(crate) fn has_unknown_vr(&self) -> bool {
        self.vr.is_some_and(|vr| !SHORT_VRS.contains(&&vr) && !LONG_VRS.contains(&&vr))
    }

    /// Whether the value holds items, or may.
    pub(crate) fn is_nested(&self) -> bool {
        self.length.is_none() || self.vr == Some(*b"SQ")
    }
}

/// The start of a header: either all of it, or what is needed to complete it with four more bytes.
pub(crate) enum Start {
    Whole(Element),
    /// A 32-bit length follows.
    LongLength {
        tag: Tag,
        vr: [u8; 2],
    },
}

/// Reads the first eight bytes of a header.
pub(crate) fn read_start(bytes: [u8; SHORT_HEADER], encoding: Encoding) -> Start {
    let [g0, g1, e0, e1, b4, b5, b6, b7] = bytes;
    let tag = Tag(encoding.u16([g0, g1]), encoding.u16([e0, e1]));
    let vr = [b4, b5];
    // Delimiters never have a VR; and implicit elements are found in the midst of explicit datasets.
    let explicit =
        encoding != Encoding::ImplicitLe && tag.0 != 0xFFFE && vr.iter().all(u8::is_ascii_uppercase);
    if !explicit {
        let length = encoding.u32([b4, b5, b6, b7]);
        return Start::Whole(Element { tag, vr: None, length: defined(length) });
    }
    let short = encoding.u16([b6, b7]);
    // PS3.5 section 6.2.2 gives VRs yet to come a 32-bit length after two zero bytes.
    if LONG_VRS.contains(&&vr) || (!SHORT_VRS.contains(&&vr) && short == 0) {
        return Start::LongLength { tag, vr };
    }
    Start::Whole(Element { tag, vr: Some(vr), length: Some(u32::from(short)) })
}

/// Completes a header with its 32-bit length.
pub(crate) fn with_length(tag: Tag, vr: [u8; 2], length: [u8; 4], encoding: Encoding) -> Element {
    Element { tag, vr: Some(vr), length: defined(encoding.u32(length)) }
}

fn defined(length: u32) -> Option<u32> {
    (length != UNDEFINED).then_some(length)
}

/// Tells from a header's first bytes which encoding a dataset is in: by the position of the zero byte in a low group
/// number, and by the presence of a VR. `None` if they say nothing.
pub(crate) fn sniff(bytes: [u8; SHORT_HEADER]) -> Option<Encoding> {
    let [g0, g1, _, _, b4, b5, ..] = bytes;
    let has_vr = b4.is_ascii_uppercase() && b5.is_ascii_uppercase();
    match (g0, g1, has_vr) {
        (1.., 0, true) => Some(Encoding::ExplicitLe),
        (1.., 0, false) => Some(Encoding::ImplicitLe),
        (0, 1.., true) => Some(Encoding::ExplicitBe),
        _ => None,
    }
}
