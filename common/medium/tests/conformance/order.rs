//! The calls have an order and their arguments limits; a refused call changes nothing.

use medium::{Error, Medium, Settings, Status};

use super::common::*;

on_every_medium!(
    blank_until_created,
    only_blank_media_are_created,
    a_missing_medium_is_not_opened,
    one_file_at_a_time,
    records_have_one_size,
    names_are_a_volume_s_and_new,
    an_abandoned_file_leaves_nothing,
    commit_counts_the_files,
    one_writer_at_a_time,
    impossible_record_sizes_are_refused,
);
on_media!([VirtualTape, Directory], the_wrong_kind_is_refused);

fn blank_until_created(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.medium(folder.path());
    assert!(medium.is_blank().unwrap());
    write_volume(&*medium, &settings(64), &contents(&[1]));
    assert!(!medium.is_blank().unwrap());
}

fn only_blank_media_are_created(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.medium(folder.path());
    let files = contents(&[5, 6]);
    write_volume(&*medium, &settings(64), &files);
    let refusal = medium.create(&settings(64)).err().unwrap();
    assert!(matches!(refusal, Error::NotBlank { .. }), "{refusal}");
    assert_eq!(refusal.status(), Status::NeedsOperator);
    assert_volume(&*medium, &files);
}

fn a_missing_medium_is_not_opened(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let absent = kind.absent(folder.path());
    let is_missing =
        |error: Option<Error>| matches!(error, Some(Error::Missing { .. } | Error::NoCartridge { .. }));
    assert!(is_missing(absent.open().err()));
    assert!(is_missing(absent.create(&settings(64)).err()));
    assert!(is_missing(append(&*absent, &settings(64), &contents(&[1])).err()));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing was made in its place");
}

fn one_file_at_a_time(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = kind.medium(folder.path()).create(&settings(64)).unwrap();
    assert!(matches!(writer.write_record(&[1]), Err(Error::NoFileOpen)));
    assert!(matches!(writer.end_file(), Err(Error::NoFileOpen)));
    writer.abandon_file().unwrap();
    writer.begin_file(&name(0)).unwrap();
    assert!(matches!(writer.begin_file(&name(1)), Err(Error::FileOpen { number: 0 })));
    assert!(matches!(writer.commit(), Err(Error::FileOpen { number: 0 })));
    writer.end_file().unwrap();
    assert_eq!(writer.commit().unwrap(), 1);
    drop(writer);
    let mut reader = kind.medium(folder.path()).open().unwrap();
    assert!(matches!(reader.read_record(&mut [0; 9]), Err(Error::NoFileOpen)));
}

fn records_have_one_size(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.medium(folder.path());
    let mut writer = medium.create(&settings(4)).unwrap();
    let refused = |result| assert!(matches!(result, Err(Error::RecordSize { record_bytes: 4, .. })));
    writer.begin_file(&name(0)).unwrap();
    refused(writer.write_record(&[]));
    refused(writer.write_record(b"12345"));
    writer.write_record(b"1234").unwrap();
    writer.write_record(b"56").unwrap();
    refused(writer.write_record(b"789a"));
    writer.end_file().unwrap();
    writer.begin_file(&name(1)).unwrap();
    writer.write_record(b"abcd").unwrap();
    writer.end_file().unwrap();
    writer.commit().unwrap();
    writer.close().unwrap();
    assert_volume(&*medium, &[(name(0), b"123456".to_vec()), (name(1), b"abcd".to_vec())]);
}

fn names_are_a_volume_s_and_new(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = kind.medium(folder.path()).create(&settings(64)).unwrap();
    for bad in ["", "a/b", "../segment-1", ".hidden", "notes.txt", "segment-1.part"] {
        assert!(matches!(writer.begin_file(bad), Err(Error::Name { .. })), "{bad:?}");
    }
    put(&mut *writer, &(name(0), vec![1])).unwrap();
    assert!(matches!(writer.begin_file(&name(0)), Err(Error::NameTaken { .. })));
    put(&mut *writer, &(name(1), vec![2])).unwrap();
    writer.commit().unwrap();
    assert!(matches!(writer.begin_file(&name(1)), Err(Error::NameTaken { .. })));
    assert_eq!(writer.next_file(), 2);
}

fn an_abandoned_file_leaves_nothing(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.medium(folder.path());
    let files = contents(&[70, 30]);
    let mut writer = medium.create(&settings(16)).unwrap();
    put(&mut *writer, &files[0]).unwrap();
    let used = writer.used_bytes();
    writer.begin_file(&name(1)).unwrap();
    writer.write_record(&[9; 16]).unwrap();
    writer.write_record(&[9; 3]).unwrap();
    writer.abandon_file().unwrap();
    assert_eq!((writer.used_bytes(), writer.next_file()), (used, 1));
    put(&mut *writer, &files[1]).unwrap();
    assert_eq!(writer.commit().unwrap(), 2);
    writer.close().unwrap();
    assert_volume(&*medium, &files);
}

fn commit_counts_the_files(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.medium(folder.path());
    let files = contents(&[10, 0, 30]);
    let mut writer = medium.create(&settings(16)).unwrap();
    assert_eq!(writer.commit().unwrap(), 0);
    for (file, count) in files.iter().zip(1..) {
        put(&mut *writer, file).unwrap();
        assert_eq!(writer.commit().unwrap(), count);
        assert_eq!(writer.commit().unwrap(), count);
        // A drive is open once at a time.
        if !kind.is_tape() {
            assert_eq!(read_volume(&*medium).0.len(), count as usize);
        }
    }
    let expected: u64 = files.iter().map(|(_, content)| writer.file_bytes(content.len() as u64)).sum();
    assert_eq!(writer.used_bytes(), expected);
    writer.close().unwrap();
    assert_volume(&*medium, &files);
}

fn one_writer_at_a_time(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.medium(folder.path());
    let mut writer = medium.create(&settings(64)).unwrap();
    put(&mut *writer, &(name(0), vec![1])).unwrap();
    writer.commit().unwrap();
    assert!(matches!(append(&*medium, &settings(64), &contents(&[1])), Err(Error::InUse { .. })));
    writer.close().unwrap();
    append(&*medium, &settings(64), &contents(&[1])).unwrap();
}

fn impossible_record_sizes_are_refused(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.medium(folder.path());
    for record_bytes in [0, medium::MAX_RECORD_BYTES + 1] {
        let settings = Settings { record_bytes, capacity_bytes: None };
        assert!(matches!(medium.create(&settings), Err(Error::RecordBytes { .. })));
    }
    assert!(medium.is_blank().unwrap());
}

fn the_wrong_kind_is_refused(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.address(folder.path());
    match kind {
        Kind::VirtualTape => std::fs::create_dir(medium.path()).unwrap(),
        _ => std::fs::write(medium.path(), "text").unwrap(),
    }
    assert!(matches!(medium.is_blank(), Err(Error::NotAMedium { .. })));
    assert!(matches!(medium.create(&settings(64)), Err(Error::NotAMedium { .. })));
    assert!(matches!(medium.open(), Err(Error::NotAMedium { .. })));
    assert!(append(&medium, &settings(64), &contents(&[1])).is_err());
}
