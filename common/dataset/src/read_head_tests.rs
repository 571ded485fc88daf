use super::*;
use crate::{
    head::MOST_CHARS,
    tag::Tag,
    testkit::{
        DEFLATED, EXPLICIT_LE, IMPLICIT_LE, big_endian, dataset, dataset_with, explicit, implicit, nest,
        on_small_stack, values,
    },
};
use flate2::{Compression, write::DeflateEncoder};
use std::io::Write;

fn scan(bytes: &[u8]) -> (Head, Vec<Finding>) {
    let mut scan = scan_stream(bytes, Encoding::of_transfer_syntax(EXPLICIT_LE));
    if let Some(halt) = scan.halt {
        scan.findings.add(halted(&halt, false));
    }
    (scan.head, scan.findings.into_vec())
}

fn ordinary() -> Head {
    let text = |value: &str| Some(value.to_owned());
    Head {
        character_set: text("ISO_IR 100"),
        sop_class: text("1.2.840.10008.5.1.4.1.1.4"),
        sop_instance: text("1.2.826.0.1.3680043.10.1234.3"),
        study_date: text("20240102"),
        accession: text("ACC1"),
        modality: text("MR"),
        patient_name: text("Größe^A"),
        patient_id: text("ID1"),
        study: text("1.2.826.0.1.3680043.10.1234.1"),
        series: text("1.2.826.0.1.3680043.10.1234.2"),
        instance_number: text("7"),
        ..Head::default()
    }
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_encoding_gives_the_same_head() {
    let implicit: Vec<u8> = values().into_iter().flat_map(|(tag, _, value)| implicit(tag, value)).collect();
    let big: Vec<u8> = values().into_iter().flat_map(|(tag, vr, value)| big_endian(tag, vr, value)).collect();
    assert_eq!(read_head(dataset().as_slice(), EXPLICIT_LE), (ordinary(), None));
    assert_eq!(read_head(implicit.as_slice(), IMPLICIT_LE), (ordinary(), None));
    assert_eq!(read_head(big.as_slice(), "1.2.840.10008.1.2.2"), (ordinary(), None));
    assert_eq!(read_head(deflate(&dataset()).as_slice(), DEFLATED), (ordinary(), None));
    assert_eq!(read_head(dataset().as_slice(), "1.2.3.4"), (ordinary(), None));
}

#[test]
fn a_wrong_transfer_syntax_is_seen_through() {
    for wrong in [IMPLICIT_LE, "1.2.840.10008.1.2.2", DEFLATED, "1.2.840.113619.5.2"] {
        let (head, finding) = read_head(dataset().as_slice(), wrong);
        assert_eq!(head, ordinary());
        let contradicted =
            Finding::SyntaxContradicted { declared: wrong.to_owned(), found: Encoding::ExplicitLe };
        assert_eq!(finding, Some(contradicted));
    }
}

#[test]
fn nests_and_unknown_sequences_before_the_wanted_tags() {
    on_small_stack(|| {
        for undefined in [true, false] {
            assert_eq!(scan(&dataset_with(&nest(2000, undefined))), (ordinary(), vec![]));
        }
    });
    let unknown =
        b"\x09\0\x10\x10UN\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff\x08\0\0\x01\x02\0\0\0x \
        \xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0";
    assert_eq!(scan(&dataset_with(unknown)), (ordinary(), vec![]));
}

/// A reader that makes up its bytes, to be sure that nobody collects them.
struct Endless;

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        buffer.fill(0x20);
        Ok(buffer.len())
    }
}

#[test]
fn giant_values_are_passed_and_endless_ones_are_given_up() {
    let big = explicit(Tag(0x09, 0x1011), "OB", &vec![7; 20_000_000]);
    assert_eq!(scan(&dataset_with(&big)), (ordinary(), vec![]));

    let start = dataset();
    let claim = b"\x09\0\x10\x10OB\0\0\xfe\xff\xff\xff".as_slice();
    let (head, finding) = read_head(start[..18].chain(claim).chain(Endless), EXPLICIT_LE);
    assert_eq!(head.character_set.as_deref(), Some("ISO_IR 100"));
    assert!(matches!(finding, Some(Finding::ScanLimit { .. })), "{finding:?}");
}

#[test]
fn a_deflate_bomb_is_given_up() {
    let zeros = explicit(Tag(0x09, 0x1011), "OB", &vec![0; 80 << 20]);
    let (_, finding) = read_head(deflate(&dataset_with(&zeros)).as_slice(), DEFLATED);
    assert!(matches!(finding, Some(Finding::ScanLimit { .. })), "{finding:?}");
}

#[test]
fn a_damaged_deflate_stream_is_a_finding() {
    let mut bytes = deflate(&dataset_with(&explicit(Tag(0x09, 0x1011), "OB", &nest(300, true))));
    let middle = bytes.len() / 2;
    bytes.truncate(middle);
    bytes.extend_from_slice(&[0xFF; 40]);
    let (head, finding) = read_head(bytes.as_slice(), DEFLATED);
    assert_eq!(head.modality.as_deref(), Some("MR"));
    let told = matches!(finding, Some(Finding::DeflateDamaged { .. } | Finding::Truncated { .. }));
    assert!(told, "{finding:?}");
}

#[test]
fn the_first_of_two_elements_counts_and_late_ones_are_found() {
    let patient = explicit(Tag(0x10, 0x20), "LO", b"OTHER ");
    let (head, findings) = scan(&dataset_with(&patient));
    assert_eq!(head.patient_id.as_deref(), Some("OTHER"));
    assert_eq!(findings, [Finding::OutOfOrder(Tag(0x10, 0x10)), Finding::Duplicate(Tag(0x10, 0x20))]);

    let series_at_the_end: Vec<u8> = values()
        .into_iter()
        .filter(|(tag, ..)| *tag != Tag(0x20, 0x0E))
        .chain(values().into_iter().filter(|(tag, ..)| *tag == Tag(0x20, 0x0E)))
        .flat_map(|(tag, vr, value)| explicit(tag, vr, value))
        .collect();
    let (head, findings) = scan(&series_at_the_end);
    assert_eq!((head, findings), (ordinary(), vec![Finding::OutOfOrder(Tag(0x20, 0x0E))]));
}

#[test]
fn disorder_makes_the_scan_look_further() {
    let early = explicit(Tag(0x18, 0x10), "LO", b"x ");
    let late = explicit(Tag(0x08, 0x103E), "LO", b"late");
    let (head, _) = scan(&[dataset_with(&early), late.clone()].concat());
    assert_eq!(head.series_description.as_deref(), Some("late"));
    let (head, _) = scan(&[dataset(), late].concat());
    assert_eq!(head.series_description, None, "an orderly dataset is not searched to its end");
}

#[test]
fn the_search_for_late_elements_ends() {
    let late = (0..10_000).flat_map(|element| explicit(Tag(0x29, element), "US", b"\0\0"));
    let bytes: Vec<u8> = late.chain(dataset()).collect();
    assert_eq!(scan(&bytes).0, Head::default());
}

#[test]
fn pixel_data_is_not_looked_into() {
    let pixels = b"\xe0\x7f\x10\0OW\0\0\xff\xff\xff\xff".as_slice();
    let (head, findings) = scan(&[pixels, &dataset()].concat());
    assert_eq!((head, findings.len()), (Head::default(), 4));
}

#[test]
fn odd_values_are_findings() {
    let odd = explicit(Tag(0x08, 0x1030), "LO", b"odd");
    let unknown = explicit(Tag(0x0B, 0x10), "ZZ", b"x ");
    let (head, findings) = scan(&dataset_with(&[odd, unknown].concat()));
    assert_eq!(head.study_description.as_deref(), Some("odd"));
    assert_eq!(findings, [Finding::OddLength(Tag(0x08, 0x1030)), Finding::UnknownVr(Tag(0x0B, 0x10))]);

    let long = explicit(Tag(0x08, 0x1030), "UT", "ü".repeat(100_000).as_bytes());
    let (head, findings) = scan(&dataset_with(&long));
    assert_eq!(head.study_description.map(|text| text.chars().count()), Some(MOST_CHARS));
    assert_eq!(findings, [Finding::ValueTooLong(Tag(0x08, 0x1030))]);

    let nonsense = explicit(Tag(0x08, 0x05), "CS", b"ISO_IR 999");
    assert_eq!(scan(&nonsense).1.first(), Some(&Finding::UnknownCharacterSet));
}

#[test]
fn uids_are_judged() {
    let bytes = [
        explicit(Tag(0x08, 0x16), "UI", b"1.2\0\0"),
        explicit(Tag(0x08, 0x18), "UI", b"../../etc/passwd"),
        explicit(Tag(0x20, 0x0D), "UI", b""),
    ]
    .concat();
    let (head, findings) = scan(&bytes);
    assert_eq!(head.sop_class.as_deref(), Some("1.2"));
    assert_eq!(head.sop_instance.as_deref(), Some("../../etc/passwd"));
    assert!(findings.contains(&Finding::InvalidUid(Tag(0x08, 0x18))));
    assert!(findings.contains(&Finding::MissingUid(Tag(0x20, 0x0D))));
    assert!(findings.contains(&Finding::MissingUid(Tag(0x20, 0x0E))));
    assert!(!findings.contains(&Finding::InvalidUid(Tag(0x08, 0x16))));
}

#[test]
fn what_comes_before_a_cut_is_kept() {
    let bytes = dataset();
    for cut in 0..bytes.len() {
        let (head, finding) = read_head(&bytes[..cut], EXPLICIT_LE);
        let complete = head == ordinary();
        assert!(complete || head.instance_number.is_none(), "{cut}");
        assert!(cut < 130 || head.sop_instance.is_some(), "{cut}");
        assert!(!matches!(finding, Some(Finding::ReadFailed(_))), "{cut}");
    }
    let (head, finding) = read_head(&bytes[..60], EXPLICIT_LE);
    assert_eq!(head.sop_class, ordinary().sop_class);
    assert_eq!(finding, Some(Finding::Truncated { offset: 52 }));
}

#[test]
fn debug_output_has_no_patient_data() {
    let shown = format!("{:?}", ordinary());
    assert!(shown.contains("1.2.826.0.1.3680043.10.1234.1"));
    assert!(!shown.contains("Größe") && !shown.contains("ID1") && !shown.contains("ACC1"), "{shown}");
}
