//! Volumes that are damaged or lost before they leave: it stays known, and what was on them is written again.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use e2e::disk::scratch;
use e2e::program::{Exit, Program};
use e2e::synthetic;
use e2e::transfer::{self, Balance, text};
use e2e::tree;

const OBJECTS: u64 = 48;

/// A job whose objects fill several segments on each of several volumes.
fn new_export(folder: &Path) -> Program {
    synthetic::write_many(&folder.join("files"), 12, 4, 60_000);
    let medium = folder.join("{seq}.tap");
    let p2t = transfer::new_export(&folder.join("export"), &text(&folder.join("files")), &medium);
    p2t.configure("segment", "frame_bytes", "64 KiB");
    p2t.configure("segment", "bytes", "256 KiB");
    p2t.configure("media", "volume_bytes", "1 MB");
    p2t.run(&["plan"]).expect(Exit::Clean);
    p2t
}

fn volumes(folder: &Path) -> Vec<PathBuf> {
    transfer::volumes(&folder.join("{seq}.tap"))
}

/// Everything that was planned comes back from the volumes that are there.
fn assert_restores(folder: &Path, exit: Exit) {
    let out = folder.join("out");
    for volume in volumes(folder) {
        let extracted = transfer::without_job(folder).run(&["extract", &text(&volume), "--out", &text(&out)]);
        assert!(extracted.is(Exit::Clean) || extracted.is(exit), "{extracted:?}");
    }
    assert_eq!(tree::contents(&out), tree::contents(&folder.join("files")));
}

#[test]
fn damage_stays_known_until_what_it_harms_is_written_again() {
    let folder = scratch();
    let folder = folder.path();
    let p2t = new_export(folder);
    p2t.run(&["export"]).expect(Exit::Clean);
    let first = &volumes(folder)[0];
    let mut bytes = fs::read(first).expect("a tape can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(first, bytes).expect("a tape can be written");
    p2t.run(&["verify", &text(first)]).expect(Exit::Discrepancies);

    for command in ["export", "report"] {
        p2t.run(&[command]).expect(Exit::Discrepancies);
    }
    let status = p2t.run(&["status"]).json();
    assert_eq!(status["damaged_volumes"][0]["segments"], 1, "{status}");
    assert_eq!(status["volumes"][0]["verified_at"], serde_json::Value::Null, "{status}");

    p2t.run(&["export", "--rewrite-damaged"]).expect(Exit::Clean);
    p2t.run(&["report"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(OBJECTS));
    assert_restores(folder, Exit::Discrepancies);
}

#[test]
fn a_sealed_volume_that_is_lost_is_written_again() {
    let folder = scratch();
    let folder = folder.path();
    let p2t = new_export(folder);
    p2t.run(&["export"]).expect(Exit::Clean);
    let before = volumes(folder);
    fs::remove_file(&before[1]).expect("a tape can be deleted");
    p2t.run(&["export", "--give-up-volume", "9"]).expect(Exit::Usage).says("no volume 9 of copy 1");
    p2t.run(&["export", "--give-up-volume", "2"]).expect(Exit::Clean);
    p2t.run(&["export", "--give-up-volume", "2"]).expect(Exit::Usage).says("not given up");
    assert_eq!(transfer::balance(&p2t), Balance::all_done(OBJECTS));
    assert_restores(folder, Exit::Clean);
}

#[test]
fn a_job_whose_volume_in_work_is_lost_goes_on_without_it() {
    let folder = scratch();
    let folder = folder.path();
    let p2t = new_export(folder);
    p2t.configure("media", "burst_bytes", "0 B");
    p2t.configure("pace.limits", "bytes_per_second", "300 kB");
    let mut running = p2t.spawn(&["export"]);
    let open = loop {
        assert!(running.is_running(), "it ended before its second volume held a segment");
        let status = p2t.run(&["status"]).json();
        let rows = status["volumes"].as_array().cloned().unwrap_or_default();
        let open = rows.into_iter().find(|row| row["state"] == "open" && row["sequence"] == 2);
        if let Some(open) = open.filter(|row| row["bytes"].as_u64() > Some(256 << 10)) {
            break open;
        }
    };
    running.interrupt();
    running.finish().expect(Exit::Incomplete);
    let sequence = open["sequence"].to_string();
    fs::remove_file(open["medium"].as_str().expect("it is named")).expect("a tape can be deleted");

    p2t.configure("pace.limits", "bytes_per_second", "1 GB");
    p2t.run(&["export"]).says(&format!("`p2t export --give-up-volume {sequence}:1`"));
    p2t.run(&["export", "--give-up-volume", &sequence]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(OBJECTS));
    assert_restores(folder, Exit::Clean);
}
