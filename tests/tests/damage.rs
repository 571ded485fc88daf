//! Damaged, incomplete and foreign volumes: the harm is named, and everything else still comes back.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use e2e::disk::scratch;
use e2e::part10::Part10;
use e2e::program::{Exit, Program};
use e2e::random::Random;
use e2e::synthetic;
use e2e::transfer::{self, text};
use e2e::tree;
use serde_json::Value;

const FLIPS: usize = 120;

/// A transfer of many small objects: several segments on each of several volumes.
struct Transfer {
    volumes: Vec<PathBuf>,
    contents: BTreeSet<String>,
}

fn transfer_in(folder: &Path, prefix: &str, medium: &str) -> Transfer {
    let files = folder.join(format!("{prefix}-files"));
    synthetic::write_many(&files, 12, 8, 30_000);
    let medium = folder.join(format!("{prefix}-{medium}"));
    let p2t = transfer::new_export(&folder.join(format!("{prefix}-export")), &text(&files), &medium);
    p2t.configure("segment", "bytes", "512 KiB");
    p2t.configure("segment", "frame_bytes", "64 KiB");
    p2t.configure("media", "volume_bytes", "1500 kB");
    transfer::export(&p2t);
    let volumes = transfer::volumes(&medium);
    assert!(volumes.len() >= 2);
    Transfer { volumes, contents: tree::contents(&files).into_keys().collect() }
}

fn ingest_job(folder: &Path, name: &str) -> Program {
    transfer::new_ingest(&folder.join(name), &text(&folder.join("unused")))
}

/// SOP Instance UIDs that `verify` says are harmed.
fn harmed(verdict: &Value) -> BTreeSet<String> {
    let damage = verdict["damage"].as_array().unwrap_or_else(|| panic!("verify names no damage: {verdict}"));
    let uids = damage.iter().flat_map(|segment| segment["objects"].as_array().into_iter().flatten());
    uids.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The UIDs that extraction of a volume brings back, each with the right content.
fn restored(t2p: &Program, volume: &Path, out: &Path, contents: &BTreeSet<String>) -> BTreeSet<String> {
    let _ = std::fs::remove_dir_all(out);
    t2p.run(&["extract", &text(volume), "--out", &text(out)]);
    let files = if out.exists() { tree::files(out) } else { Vec::new() };
    for file in &files {
        assert!(contents.contains(&tree::digest(file)), "{} came back changed", file.display());
    }
    files.iter().map(|file| Part10::read(file).sop_instance).collect()
}

/// Flips one byte at many places of `file`, a part of `volume`, and checks what is said and what comes back.
fn flip_bytes(folder: &Path, volume: &Path, file: &Path, contents: &BTreeSet<String>, flips: usize) {
    let t2p = ingest_job(folder, "flip");
    let all = restored(&t2p, volume, &folder.join("whole"), contents);
    let whole = std::fs::read(file).expect("a volume's file can be read");
    let mut random = Random::new(whole.len() as u64);
    for _ in 0..flips {
        let at = random.below(whole.len() as u64) as usize;
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << random.below(8);
        std::fs::write(file, damaged).expect("a volume's file can be written");
        let place = format!("{} byte {at}", file.display());
        let verdict = t2p.run(&["verify", &text(volume)]);
        assert!(verdict.is(Exit::Discrepancies), "{place}: not found by verify: {verdict:?}");
        let harmed = harmed(&verdict.json());
        let back = restored(&t2p, volume, &folder.join("partial"), contents);
        let unaccounted: Vec<_> =
            all.iter().filter(|uid| !back.contains(*uid) && !harmed.contains(*uid)).collect();
        assert!(unaccounted.is_empty(), "{place}: neither restored nor named as harmed: {unaccounted:?}");
    }
    std::fs::write(file, whole).expect("a volume's file can be written");
    t2p.run(&["verify", &text(volume)]).expect(Exit::Clean);
}

#[test]
fn one_byte_anywhere_on_a_virtual_tape_is_found_and_harms_only_its_segment() {
    let folder = scratch();
    let Transfer { volumes, contents } = transfer_in(folder.path(), "x", "tape-{seq}.tap");
    flip_bytes(folder.path(), &volumes[0], &volumes[0], &contents, FLIPS);
}

#[test]
fn one_byte_in_any_file_of_a_directory_volume_is_found_and_harms_only_its_segment() {
    let folder = scratch();
    let Transfer { volumes, contents } = transfer_in(folder.path(), "x", "disk-{seq}");
    let files = tree::files(&volumes[0]);
    for file in &files {
        flip_bytes(folder.path(), &volumes[0], file, &contents, FLIPS / files.len());
    }
}

#[test]
fn a_truncated_tape_gives_back_every_segment_before_the_cut() {
    let folder = scratch();
    let folder = folder.path();
    let Transfer { volumes, contents } = transfer_in(folder, "x", "tape-{seq}.tap");
    let t2p = ingest_job(folder, "ingest");
    let whole = std::fs::read(&volumes[0]).expect("a tape can be read");
    let mut random = Random::new(3);
    let mut last = BTreeSet::new();
    let mut cuts: Vec<usize> = (0..20).map(|_| random.below(whole.len() as u64) as usize).collect();
    cuts.sort_unstable();
    for cut in cuts {
        std::fs::write(&volumes[0], &whole[..cut]).expect("a tape can be written");
        let verdict = t2p.run(&["verify", &text(&volumes[0])]);
        assert!(!verdict.is(Exit::Clean), "cut at {cut}: {verdict:?}");
        let back = restored(&t2p, &volumes[0], &folder.join("partial"), &contents);
        assert!(back.is_superset(&last), "cut at {cut}: a longer tape gave back less");
        last = back;
    }
    assert!(!last.is_empty(), "no cut left a whole segment");
}

#[test]
fn a_missing_volume_does_not_block_the_rest_and_is_named() {
    let folder = scratch();
    let folder = folder.path();
    let Transfer { volumes, .. } = transfer_in(folder, "x", "tape-{seq}.tap");
    let receiver = e2e::orthanc::Orthanc::start("SITE_B", &folder.join("b"));
    let t2p = transfer::new_ingest(&folder.join("ingest"), &receiver.node());
    let (last, others) = volumes.split_last().expect("there are volumes");
    t2p.run(&transfer::ingest_arguments(std::slice::from_ref(last)));
    let some = receiver.uids().len();
    assert!(some > 0, "nothing was delivered from the last volume alone");
    t2p.run(&["audit"]).expect(Exit::Discrepancies).says("volume 1");
    t2p.run(&transfer::ingest_arguments(others)).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    assert_eq!(receiver.uids().len(), 96);
}

#[test]
fn the_same_volume_twice_delivers_once_and_says_so() {
    let folder = scratch();
    let folder = folder.path();
    let Transfer { volumes, .. } = transfer_in(folder, "x", "tape-{seq}.tap");
    let receiver = e2e::orthanc::Orthanc::start("SITE_B", &folder.join("b"));
    let t2p = transfer::new_ingest(&folder.join("ingest"), &receiver.node());
    let mut twice = volumes.clone();
    twice.extend(volumes.clone());
    t2p.run(&transfer::ingest_arguments(&twice)).expect(Exit::Clean);
    assert_eq!(receiver.received().len(), 96, "something was sent twice");
}

#[test]
fn a_volume_of_another_transfer_is_refused_by_name() {
    let folder = scratch();
    let folder = folder.path();
    let ours = transfer_in(folder, "x", "tape-{seq}.tap");
    let other = transfer_in(folder, "y", "tape-{seq}.tap");
    let receiver = e2e::orthanc::Orthanc::start("SITE_B", &folder.join("b"));
    let t2p = transfer::new_ingest(&folder.join("ingest"), &receiver.node());
    t2p.run(&transfer::ingest_arguments(&ours.volumes)).expect(Exit::Clean);
    let refused = t2p.run(&transfer::ingest_arguments(&other.volumes));
    assert!(!refused.is(Exit::Clean), "{refused:?}");
    refused.says("another transfer");
}
