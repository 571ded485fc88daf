use super::*;
use crate::{
    tag::Tag,
    testkit::{nest, on_small_stack},
};

const LIMITS: Limits = Limits { headers: 100_000, bytes: u64::MAX };
const AFTER: &[u8] = b"\x40\x00\x00\x00UL\x04\x00\x01\x02\x03\x04";

/// Passes the first element of `bytes` and checks that the walk then stands at `AFTER`.
fn passes(bytes: &[u8], encoding: Encoding) {
    let whole = [bytes, AFTER].concat();
    let mut walker = Walker::new(whole.as_slice(), encoding, LIMITS);
    let first = walker.next().unwrap().unwrap();
    walker.pass(&first).unwrap();
    let after = walker.next().unwrap().unwrap();
    assert_eq!((after.tag, walker.position()), (Tag(0x40, 0), bytes.len() as u64 + 8));
}

#[test]
fn deep_nests_need_no_stack() {
    on_small_stack(|| {
        passes(&nest(2000, true), Encoding::ExplicitLe);
        passes(&nest(2000, false), Encoding::ExplicitLe);
        passes(&nest(20_000, true), Encoding::ExplicitLe);
    });
}

#[test]
fn unknown_vr_of_undefined_length_hides_implicit_elements() {
    let implicit =
        b"\x09\0\x10\x10UN\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff\x08\0\0\x01\x02\0\0\0x \
        \xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0";
    passes(implicit, Encoding::ExplicitLe);
    let explicit =
        b"\x09\0\x10\x10UN\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff\x08\0\0\x01SH\x02\0x \
        \xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0";
    passes(explicit, Encoding::ExplicitLe);
}

#[test]
fn implicit_lengths_that_look_like_vrs() {
    let length = u32::from_le_bytes(*b"SH\0\0");
    let mut bytes =
        b"\x09\0\x10\x10UN\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff\x08\0\0\x01\x02\0\0\0x \
        \x08\0\x01\x01SH\0\0"
            .to_vec();
    bytes.resize(bytes.len() + length as usize, 0xEE);
    bytes.extend_from_slice(b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0");
    passes(&bytes, Encoding::ExplicitLe);
}

#[test]
fn after_an_unknown_vr_within_a_sequence_vrs_count_again() {
    let bytes = b"\x40\0\x30\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff\
        \x09\0\x10\x10UN\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff\x08\0\0\x01\x02\0\0\0x \
        \xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0\
        \x10\0\0\x01SH\x02\0x \xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0";
    passes(bytes, Encoding::ExplicitLe);
}

#[test]
fn after_an_unknown_vr_the_big_endian_dataset_goes_on() {
    let bytes = b"\0\x09\x10\x10UN\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff\x08\0\0\x01\x02\0\0\0x \
        \xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0\0\x40\0\0UL\0\x04\x01\x02\x03\x04";
    let mut walker = Walker::new(bytes.as_slice(), Encoding::ExplicitBe, LIMITS);
    let first = walker.next().unwrap().unwrap();
    walker.pass(&first).unwrap();
    assert_eq!(walker.next().unwrap().unwrap().tag, Tag(0x40, 0));
}

#[test]
fn mixed_lengths_empty_sequences_and_fragments() {
    let defined_item_in_undefined =
        b"\x40\0\x30\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\x0a\0\0\0\x08\0\0\x01SH\x02\0x \
        \xfe\xff\xdd\xe0\0\0\0\0";
    passes(defined_item_in_undefined, Encoding::ExplicitLe);
    passes(b"\x40\0\x30\xa7SQ\0\0\0\0\0\0", Encoding::ExplicitLe);
    passes(b"\x40\0\x30\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\xdd\xe0\0\0\0\0", Encoding::ExplicitLe);
    let fragments = b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0\x03\0\0\0abc\
        \xfe\xff\xdd\xe0\0\0\0\0";
    passes(fragments, Encoding::ExplicitLe);
}

#[test]
fn missing_item_delimiters_are_mended() {
    let two_items =
        b"\x40\0\x30\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff\x08\0\0\x01SH\x02\0x \
        \xfe\xff\0\xe0\xff\xff\xff\xff\x08\0\0\x01SH\x02\0y \xfe\xff\xdd\xe0\0\0\0\0";
    passes(two_items, Encoding::ExplicitLe);
}

#[test]
fn vrs_that_are_unknown_or_absent() {
    passes(b"\x0b\0\x10\0ZZ\x02\0x ", Encoding::ExplicitLe);
    passes(b"\x0b\0\x10\0ZZ\0\0\x02\0\0\0x ", Encoding::ExplicitLe);
    passes(b"\x0b\0\x10\0\x02\0\0\0x ", Encoding::ExplicitLe);
}

#[test]
fn limits_and_cuts_halt_the_walk() {
    let deep = nest(50, true);
    let few = Limits { headers: 60, bytes: u64::MAX };
    let mut walker = Walker::new(deep.as_slice(), Encoding::ExplicitLe, few);
    let first = walker.next().unwrap().unwrap();
    assert!(matches!(walker.pass(&first), Err(Halt::Limit { .. })));

    let cut = &deep[..deep.len() - 1];
    let mut walker = Walker::new(cut, Encoding::ExplicitLe, LIMITS);
    let first = walker.next().unwrap().unwrap();
    assert!(matches!(walker.pass(&first), Err(Halt::Truncated { .. })));

    let near = Limits { headers: 10, bytes: 30 };
    let mut walker =
        Walker::new(b"\x08\0\0\x01OB\0\0\xff\xff\xff\x7f".as_slice(), Encoding::ExplicitLe, near);
    let first = walker.next().unwrap().unwrap();
    assert!(matches!(walker.pass(&first), Err(Halt::Limit { offset: 0 })));
}
