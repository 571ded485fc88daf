//! Small DICOM byte arrays for the tests of this crate.

use crate::{Tag, file_meta};

pub(crate) const SOP_CLASS: &str = "1.2.840.10008.5.1.4.1.1.4";
pub(crate) const SOP_INSTANCE: &str = "1.2.826.0.1.3680043.10.1234.3";
pub(crate) const EXPLICIT_LE: &str = "1.2.840.10008.1.2.1";
pub(crate) const IMPLICIT_LE: &str = "1.2.840.10008.1.2";
pub(crate) const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

/// An element in Explicit VR Little Endian, its value written as it is.
pub(crate) fn explicit(tag: Tag, vr: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = [tag.0.to_le_bytes(), tag.1.to_le_bytes()].concat();
    bytes.extend_from_slice(vr.as_bytes());
    if matches!(vr, "OB" | "OW" | "SQ" | "UN" | "UT" | "UC") {
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&(value.len() as u32).to_le_bytes());
    } else {
        bytes.extend_from_slice(&(value.len() as u16).to_le_bytes());
    }
    [bytes.as_slice(), value].concat()
}

/// An element in Implicit VR Little Endian.
pub(crate) fn implicit(tag: Tag, value: &[u8]) -> Vec<u8> {
    let length = (value.len() as u32).to_le_bytes();
    [&tag.0.to_le_bytes()[..], &tag.1.to_le_bytes(), &length, value].concat()
}

/// An element in Explicit VR Big Endian with a 16-bit length.
pub(crate) fn big_endian(tag: Tag, vr: &str, value: &[u8]) -> Vec<u8> {
    let length = (value.len() as u16).to_be_bytes();
    [&tag.0.to_be_bytes()[..], &tag.1.to_be_bytes(), vr.as_bytes(), &length, value].concat()
}

/// The elements of an ordinary dataset, in order.
pub(crate) fn values() -> Vec<(Tag, &'static str, &'static [u8])> {
    vec![
        (Tag(0x08, 0x05), "CS", b"ISO_IR 100"),
        (Tag(0x08, 0x16), "UI", b"1.2.840.10008.5.1.4.1.1.4\0"),
        (Tag(0x08, 0x18), "UI", b"1.2.826.0.1.3680043.10.1234.3\0"),
        (Tag(0x08, 0x20), "DA", b"20240102"),
        (Tag(0x08, 0x50), "SH", b"ACC1"),
        (Tag(0x08, 0x60), "CS", b"MR"),
        (Tag(0x10, 0x10), "PN", b"Gr\xF6\xDFe^A "),
        (Tag(0x10, 0x20), "LO", b"ID1 "),
        (Tag(0x20, 0x0D), "UI", b"1.2.826.0.1.3680043.10.1234.1\0"),
        (Tag(0x20, 0x0E), "UI", b"1.2.826.0.1.3680043.10.1234.2\0"),
        (Tag(0x20, 0x13), "IS", b"7 "),
        (Tag(0x28, 0x10), "US", b"\x02\x02"),
    ]
}

/// An ordinary dataset in Explicit VR Little Endian, with `extra` put in after the elements of group 0008.
pub(crate) fn dataset_with(extra: &[u8]) -> Vec<u8> {
    let encoded = |low: bool| {
        values()
            .into_iter()
            .filter(move |(tag, ..)| (tag.0 == 8) == low)
            .flat_map(|(tag, vr, v)| explicit(tag, vr, v))
    };
    encoded(true).chain(extra.iter().copied()).chain(encoded(false)).collect()
}

pub(crate) fn dataset() -> Vec<u8> {
    dataset_with(&[])
}

/// A file with our File Meta Information before `dataset`.
pub(crate) fn file(transfer_syntax: &str, dataset: &[u8]) -> Vec<u8> {
    [file_meta(SOP_CLASS, SOP_INSTANCE, transfer_syntax, "TEST").as_slice(), dataset].concat()
}

/// A nest of `depth` sequences in undefined or defined lengths.
pub(crate) fn nest(depth: usize, undefined: bool) -> Vec<u8> {
    let mut inner = explicit(Tag(0x08, 0x0100), "SH", b"x ");
    for _ in 0..depth {
        if undefined {
            let open = b"\x09\0\x30\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff";
            inner = [open.as_slice(), &inner, b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"].concat();
        } else {
            let item = implicit(crate::tags::ITEM, &inner);
            inner = explicit(Tag(0x09, 0xA730), "SQ", &item);
        }
    }
    inner
}

/// Runs `work` on a thread with a 64 KiB stack. Without optimisation the state of the inflater passes over
/// the stack on its way to the heap, and needs more than that by itself.
pub(crate) fn on_small_stack(work: impl FnOnce() + Send + 'static) {
    let kib = if cfg!(debug_assertions) { 128 } else { 64 };
    std::thread::Builder::new().stack_size(kib * 1024).spawn(work).unwrap().join().unwrap();
}

/// A small generator of reproducible numbers (splitmix64).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound.max(1) as u64) as usize
    }
}
