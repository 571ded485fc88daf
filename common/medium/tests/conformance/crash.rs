//! A writer that dies anywhere leaves a volume that `append` continues behind the last commit.

use std::fs;

use medium::{Address, Error, Medium};

use crate::common::*;
use crate::on_every_medium;

on_every_medium!(
    append_continues,
    ended_but_uncommitted_files_are_dropped,
    a_commit_that_was_not_recorded_is_dropped,
    a_dropped_writer_leaves_the_committed_files,
    nothing_committed_starts_anew,
    a_missing_committed_file_is_noticed,
    a_writer_that_failed_refuses_to_go_on,
);

/// Appends behind the committed files and checks the whole.
fn resume(address: &Address, committed: &[Content], more: &Content) {
    let mut writer = append(address, &settings(16), &names(committed)).unwrap();
    assert_eq!(writer.next_file() as usize, committed.len());
    put(&mut *writer, more).unwrap();
    assert_eq!(writer.commit().unwrap() as usize, committed.len() + 1);
    writer.close().unwrap();
    let mut all = committed.to_vec();
    all.push(more.clone());
    assert_volume(address, &all);
}

fn append_continues(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let address = kind.address(folder.path());
    let files = contents(&[50, 0, 33, 64]);
    write_volume(&address, &settings(16), &files[..1]);
    for count in 1..files.len() {
        resume(&address, &files[..count], &files[count]);
    }
}

fn ended_but_uncommitted_files_are_dropped(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let address = kind.address(folder.path());
    let files = contents(&[50, 40, 30]);
    let mut writer = address.create(&settings(16)).unwrap();
    put(&mut *writer, &files[0]).unwrap();
    writer.commit().unwrap();
    put(&mut *writer, &(name(1), noise(90, 99))).unwrap();
    put(&mut *writer, &(name(2), noise(90, 98))).unwrap();
    writer.begin_file(&name(3)).unwrap();
    writer.write_record(&[1; 16]).unwrap();
    writer.close().unwrap();
    resume(&address, &files[..1], &files[1]);
    resume(&address, &files[..2], &files[2]);
}

fn a_commit_that_was_not_recorded_is_dropped(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let address = kind.address(folder.path());
    let files = contents(&[50, 40]);
    write_volume(
        &address,
        &settings(16),
        &[files[0].clone(), (name(1), noise(7, 99)), (name(2), noise(7, 98))],
    );
    resume(&address, &files[..1], &files[1]);
}

fn a_dropped_writer_leaves_the_committed_files(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let address = kind.address(folder.path());
    let files = contents(&[50, 40]);
    let mut writer = address.create(&settings(16)).unwrap();
    for file in &files {
        put(&mut *writer, file).unwrap();
    }
    writer.commit().unwrap();
    writer.begin_file(&name(2)).unwrap();
    writer.write_record(&[1; 16]).unwrap();
    drop(writer);
    let (found, findings) = read_volume(&address);
    assert!(found[0] == files[0].1 && found[1] == files[1].1);
    assert_eq!(findings.len(), found.len() - 2, "a third file may only be there with a finding");
}

fn nothing_committed_starts_anew(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let address = kind.address(folder.path());
    write_volume(&address, &settings(16), &contents(&[50, 40]));
    resume(&address, &[], &(name(0), noise(40, 3)));
}

fn a_missing_committed_file_is_noticed(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let address = kind.address(folder.path());
    let files = contents(&[50, 40]);
    write_volume(&address, &settings(16), &files);
    let refusal = append(&address, &settings(16), &[name(0), name(1), name(2)]).err().unwrap();
    assert!(matches!(refusal, Error::Missing { .. } | Error::FilesMissing { found: 2, .. }), "{refusal}");
    assert_volume(&address, &files);
}

fn a_writer_that_failed_refuses_to_go_on(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let address = kind.address(folder.path());
    let files = contents(&[50, 40]);
    let mut writer = address.create(&settings(16)).unwrap();
    for file in &files {
        put(&mut *writer, file).unwrap();
    }
    fs::rename(address.path(), folder.path().join("elsewhere")).unwrap();
    assert!(writer.commit().is_err());
    fs::rename(folder.path().join("elsewhere"), address.path()).unwrap();
    assert!(matches!(writer.commit(), Err(Error::WriterFailed { .. })));
    assert!(matches!(writer.begin_file(&name(2)), Err(Error::WriterFailed { .. })));
    writer.close().unwrap();
    resume(&address, &[], &files[0]);
}
