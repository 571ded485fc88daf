//! The disk at hand, not the volume: what is read of a sound volume needs room there, and says so when there is none.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::{Path, PathBuf};

use e2e::disk::{self, scratch};
use e2e::program::{Exit, Program, finish};
use e2e::synthetic;
use e2e::transfer::{self, text};

/// More than a page of index.
fn exported(folder: &Path) -> (Program, PathBuf) {
    let files = folder.join("files");
    synthetic::write_many(&files, 10, 20, 100);
    let medium = folder.join("tape-{seq}.tap");
    let p2t = transfer::new_export(&folder.join("export"), &text(&files), &medium);
    transfer::export(&p2t);
    (p2t, transfer::volumes(&medium).remove(0))
}

#[test]
fn a_folder_for_temporary_files_that_is_gone_or_full_does_not_make_a_sound_volume_damaged() {
    let folder = scratch();
    let folder = folder.path();
    let (p2t, volume) = exported(folder);
    let t2p = transfer::without_job(folder);
    let full = folder.join("full");
    disk::mount_small(&full, 4096);
    let out = text(&folder.join("out"));
    for temporary in [folder.join("gone"), full] {
        for arguments in [vec!["verify"], vec!["inspect"], vec!["extract", "--out", &out]] {
            let mut command = t2p.command(&arguments);
            command.arg(&volume).env("TMPDIR", &temporary);
            finish(command).expect(Exit::Incomplete).says("nothing is known to be wrong with the volume");
        }
        // A job has a folder of its own.
        let mut command = p2t.command(&["verify", &text(&volume)]);
        command.env("TMPDIR", &temporary);
        finish(command).expect(Exit::Clean);
    }
}
