//! What is written is read.

use std::io::{BufRead, Read};

use medium::{FileId, FileReader, Medium, Record};
use proptest::prelude::*;

use crate::common::*;
use crate::on_every_medium;

on_every_medium!(
    files_of_all_sizes,
    many_files,
    a_long_record_comes_in_pieces,
    the_end_of_a_file_stays,
    files_open_in_any_order,
    a_missing_file_is_not_there,
    large_file_through_streams,
    any_files,
);

fn files_of_all_sizes(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let files = contents(&[100, 0, 1, 63, 64, 65, 128, 0, 0, 7]);
    write_volume(&kind.address(folder.path()), &settings(64), &files);
    assert_volume(&kind.address(folder.path()), &files);
}

fn many_files(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let sizes: Vec<_> = (0..300).map(|n| n % 17 + 1).collect();
    let files = contents(&sizes);
    write_volume(&kind.address(folder.path()), &settings(8), &files);
    assert_volume(&kind.address(folder.path()), &files);
}

fn a_long_record_comes_in_pieces(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let address = kind.address(folder.path());
    let files = contents(&[101]);
    write_volume(&address, &settings(64), &files);
    let mut reader = address.open().unwrap();
    assert!(reader.open_file(&FileId { number: 0, name: name(0) }).unwrap());
    let mut joined = Vec::new();
    let mut buffer = [0; 7];
    while let Record::Data(bytes) = reader.read_record(&mut buffer).unwrap() {
        assert!((1..=7).contains(&bytes));
        joined.extend_from_slice(&buffer[..bytes]);
    }
    assert_eq!(joined, files[0].1);
}

fn the_end_of_a_file_stays(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let address = kind.address(folder.path());
    write_volume(&address, &settings(64), &contents(&[3, 5]));
    let mut reader = address.open().unwrap();
    let mut buffer = [0; 64];
    assert!(reader.open_file(&FileId { number: 0, name: name(0) }).unwrap());
    assert_eq!(reader.read_record(&mut buffer).unwrap(), Record::Data(3));
    assert_eq!(reader.read_record(&mut buffer).unwrap(), Record::EndOfFile);
    assert_eq!(reader.read_record(&mut buffer).unwrap(), Record::EndOfFile);
    assert_eq!(get(&mut *reader, 1).unwrap().len(), 5);
}

fn files_open_in_any_order(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let address = kind.address(folder.path());
    let files = contents(&[10, 200, 0, 64, 31]);
    write_volume(&address, &settings(64), &files);
    let mut reader = address.open().unwrap();
    for number in [3, 1, 4, 4, 0, 2, 1] {
        assert_eq!(get(&mut *reader, number).unwrap(), files[number].1, "file {number}");
    }
}

fn a_missing_file_is_not_there(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let address = kind.address(folder.path());
    write_volume(&address, &settings(64), &contents(&[10, 20]));
    let mut reader = address.open().unwrap();
    assert_eq!(get(&mut *reader, 2), None);
    assert_eq!(get(&mut *reader, 100_000), None);
    assert_eq!(get(&mut *reader, 1).unwrap().len(), 20);
}

fn large_file_through_streams(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let address = kind.address(folder.path());
    let files = contents(&[1_000_003]);
    write_volume(&address, &medium::Settings::default(), &files);
    let mut reader = address.open().unwrap();
    let id = FileId { number: 0, name: name(0) };
    let mut stream = FileReader::open(&mut *reader, &id).unwrap().unwrap();
    let mut joined = Vec::new();
    loop {
        let piece = stream.fill_buf().unwrap();
        let taken = piece.len().min(999);
        if taken == 0 {
            break;
        }
        joined.extend_from_slice(&piece[..taken]);
        stream.consume(taken);
    }
    assert!(joined == files[0].1);
    assert_eq!(stream.read(&mut [0; 10]).unwrap(), 0);
}

fn any_files(kind: Kind) {
    let sizes = prop::collection::vec(0_usize..700, 0..8);
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(sizes in sizes, record_bytes in 1_usize..300)| {
        let folder = tempfile::tempdir().unwrap();
        let files = contents(&sizes);
        write_volume(&kind.address(folder.path()), &settings(record_bytes), &files);
        assert_volume(&kind.address(folder.path()), &files);
    });
}
