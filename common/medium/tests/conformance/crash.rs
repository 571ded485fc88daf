//! A writer that dies anywhere leaves a volume that `append` continues behind the last commit.

use std::fs;

use medium::model::FaultKind;
use medium::{Error, Medium};

use super::common::*;

on_every_medium!(
    append_continues,
    ended_but_uncommitted_files_are_dropped,
    a_commit_that_was_not_recorded_is_dropped,
    a_dropped_writer_leaves_the_committed_files,
    nothing_committed_starts_anew,
    a_missing_committed_file_is_noticed,
);
on_media!([VirtualTape, Directory, ModelledTape], a_writer_that_failed_refuses_to_go_on);

/// Appends behind the committed files and checks the whole.
fn resume(medium: &dyn Medium, committed: &[Content], more: &Content) {
    let mut writer = append(medium, &settings(16), committed).unwrap();
    assert_eq!(writer.next_file() as usize, committed.len());
    put(&mut *writer, more).unwrap();
    assert_eq!(writer.commit().unwrap() as usize, committed.len() + 1);
    writer.close().unwrap();
    let mut all = committed.to_vec();
    all.push(more.clone());
    assert_volume(medium, &all);
}

fn append_continues(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.medium(folder.path());
    let files = contents(&[50, 0, 33, 64]);
    write_volume(&*medium, &settings(16), &files[..1]);
    for count in 1..files.len() {
        resume(&*medium, &files[..count], &files[count]);
    }
}

fn ended_but_uncommitted_files_are_dropped(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.medium(folder.path());
    let files = contents(&[50, 40, 30]);
    let mut writer = medium.create(&settings(16)).unwrap();
    put(&mut *writer, &files[0]).unwrap();
    writer.commit().unwrap();
    put(&mut *writer, &(name(1), noise(90, 99))).unwrap();
    put(&mut *writer, &(name(2), noise(90, 98))).unwrap();
    writer.begin_file(&name(3)).unwrap();
    writer.write_record(&[1; 16]).unwrap();
    writer.close().unwrap();
    resume(&*medium, &files[..1], &files[1]);
    resume(&*medium, &files[..2], &files[2]);
}

fn a_commit_that_was_not_recorded_is_dropped(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.medium(folder.path());
    let files = contents(&[50, 40]);
    write_volume(
        &*medium,
        &settings(16),
        &[files[0].clone(), (name(1), noise(7, 99)), (name(2), noise(7, 98))],
    );
    resume(&*medium, &files[..1], &files[1]);
}

fn a_dropped_writer_leaves_the_committed_files(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.medium(folder.path());
    let files = contents(&[50, 40]);
    let mut writer = medium.create(&settings(16)).unwrap();
    for file in &files {
        put(&mut *writer, file).unwrap();
    }
    writer.commit().unwrap();
    writer.begin_file(&name(2)).unwrap();
    writer.write_record(&[1; 16]).unwrap();
    drop(writer);
    let (found, findings) = read_volume(&*medium);
    assert!(found[0] == files[0].1 && found[1] == files[1].1);
    // st ends a file with a filemark whoever closes it: on tape only a trailer shows that a volume is whole.
    let expected = if kind.is_tape() { 0 } else { found.len() - 2 };
    assert_eq!(findings.len(), expected, "a third file may only be there with a finding");
}

fn nothing_committed_starts_anew(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.medium(folder.path());
    write_volume(&*medium, &settings(16), &contents(&[50, 40]));
    resume(&*medium, &[], &(name(0), noise(40, 3)));
}

fn a_missing_committed_file_is_noticed(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.medium(folder.path());
    let files = contents(&[50, 40]);
    write_volume(&*medium, &settings(16), &files);
    let refusal = append(&*medium, &settings(16), &contents(&[50, 40, 1])).err().unwrap();
    assert!(matches!(refusal, Error::Missing { .. } | Error::FilesMissing { found: 2, .. }), "{refusal}");
    assert_volume(&*medium, &files);
}

fn a_writer_that_failed_refuses_to_go_on(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let medium = kind.medium(folder.path());
    let files = contents(&[50, 40]);
    let mut writer = medium.create(&settings(16)).unwrap();
    for file in &files {
        put(&mut *writer, file).unwrap();
    }
    if kind == Kind::ModelledTape {
        let drive = modelled(folder.path());
        drive.fail_at(FaultKind::CommitError, drive.operations(FaultKind::CommitError));
        assert!(writer.commit().is_err());
    } else {
        let (path, elsewhere) =
            (kind.address(folder.path()).path().to_owned(), folder.path().join("elsewhere"));
        fs::rename(&path, &elsewhere).unwrap();
        assert!(writer.commit().is_err());
        fs::rename(&elsewhere, &path).unwrap();
    }
    assert!(matches!(writer.commit(), Err(Error::WriterFailed { .. })));
    assert!(matches!(writer.begin_file(&name(2)), Err(Error::WriterFailed { .. })));
    writer.close().unwrap();
    resume(&*medium, &[], &files[0]);
}
