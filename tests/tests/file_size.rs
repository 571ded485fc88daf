//! Disks that do not let a file grow further, as FAT32: a process limit stands for one here. The volume ends there, whole.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use e2e::disk::scratch;
use e2e::program::{Exit, Finished, Program, finish};
use e2e::synthetic;
use e2e::transfer::{self, Balance, text};
use e2e::tree;

const STUDIES: u32 = 12;
const INSTANCES: u32 = 10;
const OBJECTS: u64 = (STUDIES * INSTANCES) as u64;
/// Longer than any file of the job itself, shorter than a volume.
const LIMIT: u64 = 5_000_000;

/// A job with 12 MB to export, in segments of which several fit below the limit, and with a spool of short files.
fn export_of_12_mb(folder: &Path) -> (Program, PathBuf) {
    let medium = folder.join("tape-{seq}.tap");
    let files = folder.join("files");
    synthetic::write_many(&files, STUDIES, INSTANCES, 100_000);
    let p2t = transfer::new_export(&folder.join("export"), &text(&files), &medium);
    p2t.configure("segment", "bytes", "1 MiB");
    p2t.configure("segment", "frame_bytes", "64 KiB");
    p2t.configure("spool", "limit_bytes", "3 MiB");
    p2t.run(&["plan"]).expect(Exit::Clean);
    (p2t, medium)
}

/// Runs a command that may make no longer files than `bytes`.
fn limited(program: &Program, arguments: &[&str], bytes: u64) -> Finished {
    let command = program.command(arguments);
    let mut limited = Command::new("prlimit");
    limited.arg(format!("--fsize={bytes}")).arg(command.get_program()).args(command.get_args());
    finish(limited)
}

/// That there are several volumes below the limit, which hold everything.
fn assert_whole(p2t: &Program, folder: &Path, medium: &Path) {
    assert_eq!(transfer::balance(p2t), Balance::all_done(OBJECTS));
    let volumes = transfer::volumes(medium);
    assert!(volumes.len() >= 3, "{volumes:?}");
    for volume in &volumes {
        assert!(volume.metadata().expect("a volume has a size").len() <= LIMIT, "{}", volume.display());
    }
    transfer::each(p2t, "verify", &volumes);
    let out = folder.join("out");
    transfer::extract(&transfer::without_job(folder), &volumes, &out);
    assert_eq!(tree::contents(&out), tree::contents(&folder.join("files")));
}

#[test]
fn a_virtual_tape_ends_below_the_longest_file_that_its_disk_takes_and_the_next_begins() {
    let folder = scratch();
    let folder = folder.path();
    let (p2t, medium) = export_of_12_mb(folder);
    limited(&p2t, &["export"], LIMIT).expect(Exit::Clean);
    assert_whole(&p2t, folder, &medium);
}

#[test]
fn a_virtual_tape_whose_disk_had_not_said_so_ends_there_too() {
    let folder = scratch();
    let folder = folder.path();
    let (p2t, medium) = export_of_12_mb(folder);
    p2t.configure("pace.limits", "bytes_per_second", "3 MB");
    let command = p2t.command(&["export"]);
    // The limit answers with EFBIG and not with a signal, as a file system does.
    let mut patient = Command::new("sh");
    patient
        .args(["-c", "trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(command.get_program())
        .args(command.get_args());
    let export = patient.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut export = export.expect("sh is installed");
    while transfer::volumes(&medium).is_empty() {
        assert!(export.try_wait().expect("a child can be asked").is_none(), "it ended without a volume");
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = export.id().to_string();
    let set = Command::new("prlimit").args(["--pid", &pid, &format!("--fsize={LIMIT}")]).status();
    assert!(set.expect("prlimit is installed").success());
    assert!(export.wait().expect("a child can be waited for").success(), "see {}", p2t.job().display());
    assert_whole(&p2t, folder, &medium);
}

#[test]
fn a_segment_too_long_for_a_disk_waits_for_another_disk() {
    let folder = scratch();
    let folder = folder.path();
    let files = folder.join("files");
    synthetic::write_many(&files, 1, 80, 100_000);
    for medium in ["disk-{seq}", "tape-{seq}.tap"] {
        let (job, medium) = (folder.join(format!("job-of-{medium}")), folder.join(medium));
        let p2t = transfer::new_export(&job, &text(&files), &medium);
        p2t.run(&["plan"]).expect(Exit::Clean);
        // Without a medium the sealed segment stays in the spool.
        p2t.run(&["export", "--to", &text(&files)]).expect(Exit::Failed);
        for _ in 0..2 {
            limited(&p2t, &["export"], LIMIT).expect(Exit::Incomplete).says("no files of its size");
        }
        assert_eq!(transfer::volumes(&medium).len(), 0);
        p2t.run(&["export"]).expect(Exit::Clean);
        transfer::each(&p2t, "verify", &transfer::volumes(&medium));
    }
}

#[test]
fn a_disk_that_takes_no_segment_at_all_is_not_tried_without_end() {
    let folder = scratch();
    let folder = folder.path();
    let (p2t, medium) = export_of_12_mb(folder);
    let command = p2t.command(&["export"]);
    let mut faulty = Command::new("strace");
    // The label passes, which is a record and a filemark.
    faulty.args(["-f", "-o", "/dev/null", "-e", "inject=pwrite64:error=EFBIG:when=3+", "-P"]);
    faulty.arg(folder.join("tape-0001.tap")).arg(command.get_program()).args(command.get_args());
    finish(faulty).expect(Exit::Incomplete).says("does not let").says("given up");
    assert_eq!(transfer::volumes(&medium).len(), 1);
    p2t.run(&["export"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(OBJECTS));
    transfer::each(&p2t, "verify", &transfer::volumes(&medium)[1..]);
}
