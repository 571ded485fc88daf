//! What a volume holds is for its owner alone.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use medium::Medium;

use crate::common::*;
use crate::on_every_medium;

on_every_medium!(nobody_else_may_read_a_volume, not_even_while_it_is_written);

/// Everything that the medium put below `folder`, and how many of these are files.
fn assert_private(folder: &Path) -> usize {
    let entries = |path: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let mut files = 0;
    let mut left = entries(folder);
    while let Some(path) = left.pop() {
        let found = std::fs::metadata(&path).unwrap();
        let expected = if found.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(found.permissions().mode() & 0o777, expected, "{}", path.display());
        if found.is_dir() {
            left.extend(entries(&path));
        } else {
            files += 1;
        }
    }
    files
}

fn nobody_else_may_read_a_volume(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let address = kind.address(folder.path());
    let files = contents(&[20, 30, 40]);
    write_volume(&address, &settings(16), &files[..2]);
    let mut writer = append(&address, &settings(16), &files[..2]).unwrap();
    put(&mut *writer, &files[2]).unwrap();
    writer.commit().unwrap();
    assert_eq!(assert_private(folder.path()), if kind == Kind::Directory { 3 } else { 1 });
}

fn not_even_while_it_is_written(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = kind.address(folder.path()).create(&settings(16)).unwrap();
    writer.begin_file(&name(0)).unwrap();
    writer.write_record(&[1; 16]).unwrap();
    assert_eq!(assert_private(folder.path()), 1);
}
