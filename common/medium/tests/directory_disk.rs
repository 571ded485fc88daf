//! A directory volume on a disk that other people and systems use, and that may come from anywhere.

#![allow(clippy::unwrap_used, reason = "helpers of tests may stop a test")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use common::*;
use medium::{Address, Damage, Error, FileId, Medium};

fn listing(path: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn files_get_their_names_at_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    let address = Kind::Directory.address(folder.path());
    let mut writer = address.create(&settings(16)).unwrap();
    put(&mut *writer, &(name(0), noise(20, 1))).unwrap();
    writer.begin_file(&name(1)).unwrap();
    assert_eq!(listing(address.path()), ["VOLUME.tar.part", "segment-000001.tar.zst.part"]);
    assert_eq!(read_volume(&address).0.len(), 0);
    writer.abandon_file().unwrap();
    writer.commit().unwrap();
    assert_eq!(listing(address.path()), ["VOLUME.tar"]);
}

#[test]
fn many_ended_files_wait_for_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    let address = Kind::Directory.address(folder.path());
    let files = contents(&[3; 200]);
    write_volume(&address, &settings(16), &files);
    assert_volume(&address, &files);
}

#[test]
fn what_the_system_keeps_on_a_disk_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Directory(folder.path().to_owned());
    for kept in ["lost+found", "System Volume Information", "$RECYCLE.BIN", ".Trash-1000"] {
        fs::create_dir(folder.path().join(kept)).unwrap();
    }
    assert!(address.is_blank().unwrap());
    let files = contents(&[20]);
    write_volume(&address, &settings(16), &files);
    assert_volume(&address, &files);
}

#[test]
fn other_people_s_files_stay_and_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Directory(folder.path().to_owned());
    let files = contents(&[20, 30]);
    write_volume(&address, &settings(16), &files[..1]);
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    fs::write(folder.path().join("segment-000001.tar.zst.part"), "torn").unwrap();
    assert!(matches!(address.create(&settings(16)), Err(Error::NotBlank { .. })));
    let mut writer = append(&address, &settings(16), &files[..1]).unwrap();
    put(&mut *writer, &files[1]).unwrap();
    assert_eq!(writer.commit().unwrap(), 2);
    assert_volume(&address, &files);
    assert_eq!(fs::read(folder.path().join("notes.txt")).unwrap(), b"mine");
}

#[test]
fn links_directories_and_pipes_are_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Directory(folder.path().join("volume"));
    let files = contents(&[20]);
    write_volume(&address, &settings(16), &files);
    fs::write(folder.path().join("secret"), "secret").unwrap();
    symlink("../secret", address.path().join(name(1))).unwrap();
    fs::create_dir(address.path().join(name(2))).unwrap();
    let pipe = address.path().join(name(3));
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let mut reader = address.open().unwrap();
    assert_eq!(reader.files().unwrap().len(), 1);
    assert_eq!(reader.findings().len(), 3);
    for number in 1..=3 {
        assert_eq!(get(&mut *reader, number), None);
        let findings = reader.findings();
        assert!(
            matches!(&findings[0].what, Damage::NotARegularFile { name: found } if *found == name(number))
        );
    }
    assert!(matches!(append(&address, &settings(16), &contents(&[1, 1])), Err(Error::NotAMedium { .. })));
}

#[test]
fn a_name_cannot_lead_out_of_the_directory() {
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Directory(folder.path().join("volume"));
    write_volume(&address, &settings(16), &contents(&[20]));
    fs::write(folder.path().join("VOLUME.tar"), "secret").unwrap();
    let mut reader = address.open().unwrap();
    for bad in ["../VOLUME.tar", "/etc/passwd", "VOLUME.tar/../../VOLUME.tar", ""] {
        let id = FileId { number: 0, name: bad.to_owned() };
        assert!(matches!(reader.open_file(&id), Err(Error::Name { .. })), "{bad:?}");
    }
}

#[test]
fn files_come_in_the_volume_s_order() {
    let folder = tempfile::tempdir().unwrap();
    let address = Kind::Directory.address(folder.path());
    let in_order =
        ["VOLUME.tar", "segment-000001.tar.zst", "INDEX.jsonl.zst", "TRAILER.json", "TRAILER.json.sig"];
    let files: Vec<Content> =
        in_order.iter().zip(1..).map(|(n, size)| ((*n).to_owned(), vec![1; size])).collect();
    write_volume(&address, &settings(16), &files);
    let listed = address.open().unwrap().files().unwrap();
    assert!(listed.iter().map(|entry| entry.name.as_deref().unwrap()).eq(in_order));
    assert!(listed.iter().map(|entry| (entry.number, entry.bytes)).eq((0..5).zip((1..6).map(Some))));
}

#[test]
fn a_committed_file_that_shrank_is_noticed_at_the_commit() {
    let folder = tempfile::tempdir().unwrap();
    let address = Kind::Directory.address(folder.path());
    let mut writer = address.create(&settings(16)).unwrap();
    put(&mut *writer, &(name(0), noise(20, 1))).unwrap();
    let unfinished = address.path().join("VOLUME.tar.part");
    fs::OpenOptions::new().write(true).open(unfinished).unwrap().set_len(5).unwrap();
    assert!(matches!(writer.commit(), Err(Error::PositionLost { .. })));
}
