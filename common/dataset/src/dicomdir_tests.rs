use super::*;
use crate::testkit::{EXPLICIT_LE, explicit, file, implicit};
use crate::{Tag, tags::ITEM};
use std::io::Cursor;

fn record(file_id: &[u8], undefined: bool) -> Vec<u8> {
    let referenced = explicit(tags::REFERENCED_FILE_ID, "CS", b"NESTED\\FILE ");
    let nested = explicit(Tag(0x08, 0x1140), "SQ", &implicit(ITEM, &referenced));
    let elements = [
        explicit(Tag(0x04, 0x1430), "CS", b"IMAGE "),
        explicit(tags::REFERENCED_FILE_ID, "CS", file_id),
        nested,
        explicit(Tag(0x20, 0x13), "IS", b"1 "),
    ]
    .concat();
    if undefined {
        [b"\xfe\xff\0\xe0\xff\xff\xff\xff".as_slice(), &elements, b"\xfe\xff\x0d\xe0\0\0\0\0"].concat()
    } else {
        implicit(ITEM, &elements)
    }
}

fn directory(records: &[u8]) -> Vec<u8> {
    let before = explicit(Tag(0x04, 0x1130), "CS", b"DISC");
    file(EXPLICIT_LE, &[before, explicit(tags::DIRECTORY_RECORD_SEQUENCE, "SQ", records)].concat())
}

fn names(bytes: &[u8]) -> (Vec<String>, Result<(), Error>) {
    let mut names = Vec::new();
    let result = referenced_files(Cursor::new(bytes), &mut |components| {
        names.push(components.join("/"));
        ControlFlow::Continue(())
    });
    (names, result)
}

#[test]
fn every_record_s_own_file_is_named() {
    let records = [
        record(b"IMAGES\\A\\1 ", false),
        record(b"", false),
        record(b"IMAGES\\A\\2 ", true),
        record(b"..\\X", false),
    ];
    let (names, result) = names(&directory(&records.concat()));
    result.unwrap();
    assert_eq!(names, ["IMAGES/A/1", "IMAGES/A/2", "../X"]);
}

#[test]
fn a_directory_cut_short_gives_what_it_has() {
    let bytes = directory(&[record(b"A1", false), record(b"A2", false)].concat());
    for missing in [10, 13] {
        let (names, result) = names(&bytes[..bytes.len() - missing]);
        assert_eq!(names, ["A1", "A2"]);
        assert!(matches!(result, Err(Error::Truncated { .. })));
    }
}

#[test]
fn the_caller_can_stop() {
    let bytes = directory(&record(b"A1", false).repeat(5));
    let mut count = 0;
    let stop = &mut |_| {
        count += 1;
        if count == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    referenced_files(Cursor::new(bytes), stop).unwrap();
    assert_eq!(count, 2);
}

#[test]
fn other_files_are_refused() {
    for bytes in [b"text".to_vec(), file(EXPLICIT_LE, &crate::testkit::dataset())] {
        assert!(matches!(names(&bytes).1, Err(Error::NoDirectoryRecords)));
    }
}
