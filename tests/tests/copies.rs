//! Two copies of the volume set: written in one pass, checked, lost in part, and restored from what is left.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use e2e::disk::scratch;
use e2e::orthanc::Orthanc;
use e2e::program::{Exit, Program};
use e2e::synthetic;
use e2e::transfer::{self, Balance, text};
use e2e::tree;

const STUDIES: u32 = 12;
const OBJECTS: u64 = (STUDIES * 4) as u64;

/// A job whose objects fill about six small volumes of each copy.
fn new_export(folder: &Path) -> Program {
    let files = folder.join("files");
    if !files.exists() {
        synthetic::write_many(&files, STUDIES, 4, 60_000);
    }
    let p2t = transfer::new_export(&folder.join("export"), &text(&files), &folder.join("{copy}-{seq}.tap"));
    p2t.configure("segment", "frame_bytes", "64 KiB");
    p2t.configure("segment", "bytes", "256 KiB");
    p2t.configure("media", "volume_bytes", "700 kB");
    p2t.run(&["plan"]).expect(Exit::Clean);
    p2t
}

fn copy(folder: &Path, copy: u32) -> Vec<PathBuf> {
    let volumes = transfer::volumes(&folder.join(format!("{copy}-{{seq}}.tap")));
    assert!(volumes.len() > 3, "{volumes:?}");
    volumes
}

#[test]
fn either_of_two_copies_restores_everything() {
    let folder = scratch();
    let folder = folder.path();
    let p2t = new_export(folder);
    p2t.run(&["export", "--copies", "2"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(OBJECTS));
    let status = p2t.run(&["status"]).json();
    assert_eq!(status["copies"][0]["segments"], status["copies"][1]["segments"]);
    assert_eq!(status["copies"][1]["waiting_segments"], 0);
    for number in [1, 2] {
        let t2p = transfer::without_job(folder);
        let out = folder.join(format!("out-{number}"));
        transfer::extract(&t2p, &copy(folder, number), &out);
        assert_eq!(tree::contents(&out), tree::contents(&folder.join("files")));
        transfer::each(&p2t, "verify", &copy(folder, number));
    }
    p2t.run(&["export"]).expect(Exit::Usage).says("2 copies since its first volume");
}

#[test]
fn what_is_missing_from_one_copy_is_taken_from_the_other_and_what_is_missing_from_both_is_named() {
    let folder = scratch();
    let folder = folder.path();
    new_export(folder).run(&["export", "--copies", "2"]).expect(Exit::Clean);
    let (first, second) = (copy(folder, 1), copy(folder, 2));
    let mut without = first.clone();
    let lost = without.remove(1);

    let destination = Orthanc::start("SITE_B", &folder.join("b"));
    let t2p = transfer::new_ingest(&folder.join("ingest"), &destination.node());
    t2p.run(&transfer::ingest_arguments(&without)).expect(Exit::Incomplete);
    t2p.run_for_people(&["audit"]).expect(Exit::Discrepancies).says("did not arrive: volume 2");
    t2p.run(&["ingest", &text(&second[1]), &text(&second[2])]).expect(Exit::Clean);
    t2p.run_for_people(&["audit"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&t2p), Balance::all_done(OBJECTS));
    assert_eq!(destination.uids().len() as u64, OBJECTS);
    assert_eq!(destination.received().len() as u64, OBJECTS, "something was sent twice");

    // Both lack their second volume.
    fs::remove_file(lost).expect("a volume can be lost");
    let mut left = without;
    left.extend(second.iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, volume)| volume.clone()));
    let destination = Orthanc::start("SITE_C", &folder.join("c"));
    let t2p = transfer::new_ingest(&folder.join("ingest-c"), &destination.node());
    t2p.run(&transfer::ingest_arguments(&left)).expect(Exit::Incomplete);
    let audit = t2p.run_for_people(&["audit"]);
    audit.expect(Exit::Discrepancies).says("did not arrive: volume 2, 2 (copy 2)");
    let arrived = destination.uids().len() as u64;
    assert!(arrived < OBJECTS && arrived > OBJECTS / 2, "{arrived}");
    assert_eq!(transfer::balance(&t2p), Balance::all_done(arrived));
    let report = fs::read_to_string(t2p.job().join("reports/t2p-audit-report.html")).expect("there is one");
    let gone = format!("{} instances that the source wrote did not arrive", OBJECTS - arrived);
    assert!(report.contains(&gone), "the report does not say: {gone}");
    assert!(report.contains("2 volumes missing: volume 2, volume 2"));
}

#[test]
fn a_copy_without_a_medium_keeps_nothing_from_the_other_and_follows_later() {
    let folder = scratch();
    let folder = folder.path();
    let p2t = new_export(folder);
    let first = format!("copy1={}", text(&folder.join("1-{seq}.tap")));
    let only = format!("copy2={}", text(&folder.join("only.tap")));
    let export = ["export", "--copies", "2", "--to", &first, "--to", &only];
    p2t.run(&export).expect(Exit::Incomplete).says("the media of copy 2 are full").says("copy2=MEDIUM");
    assert!(transfer::balance(&p2t).pending > 0);
    transfer::each(&p2t, "verify", &copy(folder, 1));
    let further = format!("copy2={}", text(&folder.join("2-{seq}.tap")));
    p2t.run(&["export", "--copies", "2", "--to", &first, "--to", &further]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(OBJECTS));
    let out = folder.join("out");
    let mut second = transfer::volumes(&folder.join("2-{seq}.tap"));
    second.push(folder.join("only.tap"));
    transfer::extract(&transfer::without_job(folder), &second, &out);
    assert_eq!(tree::contents(&out), tree::contents(&folder.join("files")));
}

#[test]
fn media_that_are_not_clearly_one_copy_s_are_refused_before_anything_is_written() {
    let folder = scratch();
    let p2t = new_export(folder.path());
    let one = text(&folder.path().join("v-{seq}.tap"));
    p2t.run(&["export", "--copies", "2", "--to", &one]).expect(Exit::Usage).says("{copy}");
    p2t.run(&["export", "--copies", "5"]).expect(Exit::Usage);
    assert!(transfer::volumes(&folder.path().join("v-{seq}.tap")).is_empty());
    p2t.run(&["export"]).expect(Exit::Clean);
}

#[test]
fn a_report_says_how_volumes_were_checked() {
    for (how, words) in [
        ("full", "every digest, read back from the medium"),
        ("sample", "sample: label, index, trailer and"),
        ("none", "not read back"),
    ] {
        let folder = scratch();
        let p2t = new_export(folder.path());
        // Enough segments for a sample to leave some out.
        p2t.configure("media", "volume_bytes", "20 MB");
        p2t.configure("segment", "bytes", "64 KiB");
        p2t.run(&["export", "--verify", how]).expect(Exit::Clean);
        p2t.run(&["report"]).expect(Exit::Clean);
        let report =
            fs::read_to_string(p2t.job().join("reports/p2t-export-report.html")).expect("there is one");
        assert!(report.contains(words), "{how}");
        assert_eq!(report.contains("a sample of them read back and checked"), how == "sample");
    }
}
