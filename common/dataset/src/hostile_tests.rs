//! Arbitrary and mutated bytes: whatever comes, every reader returns, within its bounds and on a small stack.

use crate::{
    Encoding, Examined, examine, read_flat, read_head, referenced_files,
    testkit::{
        DEFLATED, EXPLICIT_LE, IMPLICIT_LE, Numbers, big_endian, dataset, dataset_with, file, implicit, nest,
        on_small_stack, values,
    },
};
use proptest::prelude::*;
use std::{io::Cursor, ops::ControlFlow};

/// Puts every reader on the same bytes.
fn read_all(bytes: &[u8]) {
    if let Examined::Object(shape) = examine(Cursor::new(bytes)).unwrap() {
        assert!(shape.dataset_offset as usize <= bytes.len());
        assert!(shape.findings.len() <= 64);
    }
    for syntax in [EXPLICIT_LE, IMPLICIT_LE, DEFLATED] {
        read_head(bytes, syntax);
    }
    for encoding in [Encoding::ExplicitLe, Encoding::ImplicitLe, Encoding::ExplicitBe] {
        if let Ok(set) = read_flat(bytes, encoding) {
            let held: usize = set.tags().filter_map(|tag| set.get(tag)).map(<[u8]>::len).sum();
            assert!(held <= bytes.len());
        }
    }
    let mut calls = 0;
    let _ = referenced_files(Cursor::new(bytes), &mut |_| {
        calls += 1;
        ControlFlow::Continue(())
    });
    assert!(calls <= bytes.len() / 8);
}

fn seeds() -> Vec<Vec<u8>> {
    let little: Vec<u8> = values().into_iter().flat_map(|(tag, _, value)| implicit(tag, value)).collect();
    let big: Vec<u8> = values().into_iter().flat_map(|(tag, vr, value)| big_endian(tag, vr, value)).collect();
    let nested = dataset_with(&[nest(5, true), nest(5, false)].concat());
    let unknown =
        b"\x09\0\x10\x10UN\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff\x08\0\0\x01\x02\0\0\0x \
        \xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0";
    let records =
        b"\x04\0\x20\x12SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff\x04\0\0\x15CS\x04\0A\\B \
        \xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0";
    vec![
        file(EXPLICIT_LE, &dataset()),
        file(EXPLICIT_LE, &nested),
        file(EXPLICIT_LE, &dataset_with(unknown)),
        file(IMPLICIT_LE, &little),
        file("1.2.840.10008.1.2.2", &big),
        file(EXPLICIT_LE, records),
        dataset(),
        little,
        big,
    ]
}

/// Changes a few bytes, mostly to the values that steer a reader; sometimes cuts, doubles or removes a stretch.
fn mutate(bytes: &mut Vec<u8>, numbers: &mut Numbers) {
    const STEERING: [u8; 12] = [0, 1, 2, 8, 0x10, 0x7F, 0x80, 0xE0, 0xFE, 0xFF, b'S', b'Q'];
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        match numbers.below(8) {
            0 => bytes.truncate(at.max(1)),
            1 => drop(bytes.drain(at..(at + numbers.below(9)).min(bytes.len()))),
            2 => {
                let stretch = bytes[at..(at + numbers.below(40)).min(bytes.len())].to_vec();
                bytes.splice(at..at, stretch);
            }
            3 => bytes[at] = numbers.below(256) as u8,
            _ => bytes[at] = STEERING[numbers.below(STEERING.len())],
        }
        if bytes.is_empty() {
            bytes.push(0);
        }
    }
}

#[test]
fn twenty_thousand_mutations() {
    on_small_stack(|| {
        let seeds = seeds();
        let mut numbers = Numbers(42);
        for round in 0..20_000 {
            let mut bytes = seeds[round % seeds.len()].clone();
            mutate(&mut bytes, &mut numbers);
            read_all(&bytes);
        }
    });
}

proptest! {
    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        read_all(&bytes);
    }

    #[test]
    fn random_bytes_after_a_header(bytes in prop::collection::vec(any::<u8>(), 0..2000), deflated: bool) {
        read_all(&file(if deflated { DEFLATED } else { EXPLICIT_LE }, &bytes));
    }
}
