//! Damaged, incomplete and foreign volumes: the harm is named, and everything else still comes back.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use e2e::disk::scratch;
use e2e::orthanc::Orthanc;
use e2e::part10::Part10;
use e2e::program::{Exit, Finished, Program};
use e2e::random::Random;
use e2e::synthetic;
use e2e::transfer::{self, text};
use e2e::tree;
use serde_json::Value;

const FLIPS: usize = 240;
const OBJECTS: usize = 96;

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

/// What `verify` says of the segments that are not intact: number, and SOP Instance UIDs that are harmed.
fn sick(verdict: &Value) -> Vec<(u64, BTreeSet<String>)> {
    let segments =
        verdict["segments"].as_array().unwrap_or_else(|| panic!("verify lists no segments: {verdict}"));
    let sick = segments.iter().filter(|segment| segment["health"] != "intact");
    sick.map(|segment| {
        let objects = segment["harmed_objects"].as_array().into_iter().flatten();
        let uids = objects.filter_map(|object| object["sop_instance"].as_str()).map(str::to_owned);
        (segment["number"].as_u64().expect("a segment has a number"), uids.collect())
    })
    .collect()
}

fn has_findings(verdict: &Value) -> bool {
    verdict["findings"].as_array().is_some_and(|findings| !findings.is_empty())
}

fn orthanc_and_job(folder: &Path) -> (Orthanc, Program) {
    let receiver = Orthanc::start("SITE_B", &folder.join("b"));
    let t2p = transfer::new_ingest(&folder.join("ingest"), &receiver.node());
    (receiver, t2p)
}

/// `ingest` as people run it, on these volumes.
fn ingest(t2p: &Program, volumes: &[PathBuf]) -> Finished {
    t2p.run_for_people(&transfer::ingest_arguments(volumes))
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
    let t2p = transfer::without_job(folder);
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
        let verdict = verdict.json();
        let sick = sick(&verdict);
        assert!(!sick.is_empty() || has_findings(&verdict), "{place}: nothing is named: {verdict}");
        assert!(sick.len() <= 1, "{place}: more than one segment is blamed: {verdict}");
        let harmed: BTreeSet<String> = sick.into_iter().flat_map(|(_, uids)| uids).collect();
        assert!(harmed.len() < all.len(), "{place}: one byte harms everything: {verdict}");
        let back = restored(&t2p, volume, &folder.join("partial"), contents);
        assert!(back.is_disjoint(&harmed), "{place}: a harmed object came back: {verdict}");
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
fn damage_is_told_to_people_and_to_the_program_that_wrote_the_volume() {
    let folder = scratch();
    let folder = folder.path();
    let Transfer { volumes, .. } = transfer_in(folder, "x", "disk-{seq}");
    let segment = volumes[0].join("segment-000001.tar.zst");
    let mut bytes = std::fs::read(&segment).expect("a segment can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, bytes).expect("a segment can be written");
    for program in [Program::p2t(&folder.join("x-export")), transfer::without_job(folder)] {
        let said = program.run_for_people(&["verify", &text(&volumes[0])]);
        said.expect(Exit::Discrepancies).says("segment-000001.tar.zst: damaged").says(".dcm: ");
    }
}

#[test]
fn bytes_behind_a_segment_are_found_and_harm_nothing() {
    let folder = scratch();
    let folder = folder.path();
    let Transfer { volumes, contents } = transfer_in(folder, "x", "disk-{seq}");
    let t2p = transfer::without_job(folder);
    let all = restored(&t2p, &volumes[0], &folder.join("whole"), &contents);
    let mut segment = std::fs::File::options()
        .append(true)
        .open(volumes[0].join("segment-000001.tar.zst"))
        .expect("a segment can be written");
    segment.write_all(b"more").expect("a segment can be written");
    let said = t2p.run_for_people(&["verify", &text(&volumes[0])]);
    said.expect(Exit::Discrepancies).says("segment-000001.tar.zst: damaged outside its objects");
    assert_eq!(restored(&t2p, &volumes[0], &folder.join("partial"), &contents), all);
}

#[test]
fn a_truncated_tape_gives_back_every_segment_before_the_cut() {
    let folder = scratch();
    let folder = folder.path();
    let Transfer { volumes, contents } = transfer_in(folder, "x", "tape-{seq}.tap");
    let t2p = transfer::without_job(folder);
    let whole = std::fs::read(&volumes[0]).expect("a tape can be read");
    let mut random = Random::new(3);
    let mut last = BTreeSet::new();
    // Anywhere, and more densely in index and trailer, which are short.
    let anywhere = (0..20).map(|_| random.below(whole.len() as u64) as usize);
    let mut cuts: Vec<usize> = anywhere.chain((1..40).map(|step| whole.len() - 300 * step)).collect();
    cuts.sort_unstable();
    for cut in cuts {
        std::fs::write(&volumes[0], &whole[..cut]).expect("a tape can be written");
        let said = t2p.run_for_people(&["verify", &text(&volumes[0])]);
        if said.is(Exit::Failed) {
            assert!(last.is_empty(), "cut at {cut}: a longer tape cannot be read at all: {said:?}");
            continue;
        }
        said.expect(Exit::Discrepancies).says("not complete");
        let back = restored(&t2p, &volumes[0], &folder.join("partial"), &contents);
        assert!(back.is_superset(&last), "cut at {cut}: a longer tape gave back less");
        last = back;
    }
    std::fs::write(&volumes[0], &whole).expect("a tape can be written");
    let all = restored(&t2p, &volumes[0], &folder.join("partial"), &contents);
    assert_eq!(last, all, "a tape cut in its trailer lost objects");
}

#[test]
fn a_truncated_volume_is_delivered_as_far_as_it_goes_and_whole_from_a_better_copy() {
    let folder = scratch();
    let folder = folder.path();
    let Transfer { volumes, .. } = transfer_in(folder, "x", "tape-{seq}.tap");
    let (receiver, t2p) = orthanc_and_job(folder);
    let whole = std::fs::read(&volumes[0]).expect("a tape can be read");
    std::fs::write(&volumes[0], &whole[..whole.len() * 2 / 3]).expect("a tape can be written");
    ingest(&t2p, &volumes).expect(Exit::Discrepancies).says("not complete");
    let some = receiver.uids().len();
    assert!(some > 0 && some < OBJECTS, "{some} objects arrived");
    t2p.run_for_people(&["audit"]).expect(Exit::Discrepancies).says("cut off").says("volume 1");
    std::fs::write(&volumes[0], &whole).expect("a tape can be written");
    ingest(&t2p, &volumes).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    assert_eq!((receiver.uids().len(), receiver.received().len()), (OBJECTS, OBJECTS));
}

#[test]
fn a_later_tape_that_is_cut_off_brings_its_own_segments_and_leaves_those_of_earlier_ones_alone() {
    let folder = scratch();
    let folder = folder.path();
    let Transfer { volumes, contents } = transfer_in(folder, "x", "tape-{seq}.tap");
    let first = restored(&transfer::without_job(folder), &volumes[0], &folder.join("first"), &contents);
    let (mut receiver, t2p) = orthanc_and_job(folder);
    receiver.stop();
    // The first tape waits in the spool when the second comes, whose files on tape have the same numbers.
    transfer::load_only(&t2p, &volumes[..1], first.len() as u64);
    receiver.restart();
    let whole = std::fs::read(&volumes[1]).expect("a tape can be read");
    std::fs::write(&volumes[1], &whole[..whole.len() * 2 / 3]).expect("a tape can be written");
    ingest(&t2p, &volumes[1..2]).expect(Exit::Discrepancies).says("not complete");
    let uids = receiver.uids();
    assert!(uids.is_superset(&first), "objects of the first tape are missing");
    assert!(uids.len() > first.len(), "nothing of the second tape was delivered");
    std::fs::write(&volumes[1], &whole).expect("a tape can be written");
    ingest(&t2p, &volumes).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    assert_eq!((receiver.uids().len(), receiver.received().len()), (OBJECTS, OBJECTS));
}

#[test]
fn a_damaged_segment_costs_its_harmed_objects_until_a_better_copy_is_ingested() {
    let folder = scratch();
    let folder = folder.path();
    let Transfer { volumes, .. } = transfer_in(folder, "x", "disk-{seq}");
    let (receiver, t2p) = orthanc_and_job(folder);
    let segment = volumes[0].join("segment-000001.tar.zst");
    let whole = std::fs::read(&segment).expect("a segment can be read");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    std::fs::write(&segment, damaged).expect("a segment can be written");
    ingest(&t2p, &volumes).expect(Exit::Discrepancies).says("segment-000001.tar.zst: damaged");
    let balance = transfer::balance(&t2p);
    assert!(balance.failed > 0 && balance.done > 0 && balance.pending == 0, "{balance:?}");
    assert_eq!(receiver.uids().len() as u64, balance.done);
    t2p.run(&["audit"]).expect(Exit::Discrepancies).says("damaged on the volume");
    std::fs::write(&segment, &whole).expect("a segment can be written");
    ingest(&t2p, &volumes).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    assert_eq!((receiver.uids().len(), receiver.received().len()), (OBJECTS, OBJECTS));
}

#[test]
fn a_damaged_volume_is_read_again_while_what_came_of_it_still_waits_for_the_destination() {
    let folder = scratch();
    let folder = folder.path();
    let Transfer { volumes, .. } = transfer_in(folder, "x", "disk-{seq}");
    let (mut receiver, t2p) = orthanc_and_job(folder);
    receiver.stop();
    let segment = volumes[0].join("segment-000001.tar.zst");
    let whole = std::fs::read(&segment).expect("a segment can be read");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    std::fs::write(&segment, damaged).expect("a segment can be written");
    for _ in 0..2 {
        transfer::load_only(&t2p, &volumes, OBJECTS as u64);
    }
    std::fs::write(&segment, &whole).expect("a segment can be written");
    receiver.restart();
    ingest(&t2p, &volumes).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    assert_eq!((receiver.uids().len(), receiver.received().len()), (OBJECTS, OBJECTS));
}

#[test]
fn a_volume_whose_index_and_segment_are_damaged_is_ingested_from_a_better_copy_all_the_same() {
    let folder = scratch();
    let folder = folder.path();
    let Transfer { volumes, .. } = transfer_in(folder, "x", "disk-{seq}");
    let (receiver, t2p) = orthanc_and_job(folder);
    let damage = |name: &str, at: usize| {
        let path = volumes[0].join(name);
        let whole = std::fs::read(&path).expect("a volume's file can be read");
        let mut damaged = whole.clone();
        damaged[whole.len() / at] ^= 1;
        std::fs::write(&path, damaged).expect("a volume's file can be written");
        (path, whole)
    };
    let undo = [damage("INDEX.jsonl.zst", 2), damage("segment-000001.tar.zst", 10)];
    ingest(&t2p, &volumes).expect(Exit::Discrepancies).says("segment-000001.tar.zst: damaged");
    t2p.run_for_people(&["audit"]).expect(Exit::Discrepancies).says("damaged").says("volume 1");
    for (path, whole) in undo {
        std::fs::write(path, whole).expect("a volume's file can be written");
    }
    ingest(&t2p, &volumes).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    assert_eq!((receiver.uids().len(), receiver.received().len()), (OBJECTS, OBJECTS));
}

#[test]
fn a_volume_without_index_and_trailer_does_not_bind_a_better_copy_to_the_damage_in_it() {
    let folder = scratch();
    let folder = folder.path();
    let Transfer { volumes, .. } = transfer_in(folder, "x", "disk-{seq}");
    let (receiver, t2p) = orthanc_and_job(folder);
    let undo = ["INDEX.jsonl.zst", "TRAILER.json", "segment-000001.tar.zst"].map(|name| {
        let path = volumes[0].join(name);
        let whole = std::fs::read(&path).expect("a volume's file can be read");
        let mut damaged = whole.clone();
        if name.starts_with("segment") {
            // Its objects can be listed and read, and its digest is another.
            damaged.extend_from_slice(b"more");
        } else {
            damaged[..whole.len() / 2].fill(0);
        }
        std::fs::write(&path, damaged).expect("a volume's file can be written");
        (path, whole)
    });
    ingest(&t2p, &volumes).expect(Exit::Discrepancies).says("segment-000001.tar.zst: damaged outside");
    assert_eq!(receiver.uids().len(), OBJECTS, "an object that can be read was not delivered");
    for (path, whole) in undo {
        std::fs::write(path, whole).expect("a volume's file can be written");
    }
    ingest(&t2p, &volumes).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    assert_eq!(receiver.received().len(), OBJECTS, "something was sent twice");
}

#[test]
fn missing_volumes_do_not_block_the_rest_and_are_named() {
    let folder = scratch();
    let folder = folder.path();
    let Transfer { volumes, .. } = transfer_in(folder, "x", "tape-{seq}.tap");
    let (receiver, t2p) = orthanc_and_job(folder);
    let (last, others) = volumes.split_last().expect("there are volumes");
    ingest(&t2p, std::slice::from_ref(last)).says("volume 1 of the set").says("was not ingested yet");
    assert!(!receiver.uids().is_empty(), "nothing was delivered from the last volume alone");
    t2p.run_for_people(&["audit"]).expect(Exit::Discrepancies).says("did not arrive: volume 1");
    ingest(&t2p, others).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    assert_eq!(receiver.uids().len(), OBJECTS);
}

#[test]
fn the_last_volume_is_missed_too() {
    let folder = scratch();
    let folder = folder.path();
    let Transfer { volumes, .. } = transfer_in(folder, "x", "tape-{seq}.tap");
    let (_receiver, t2p) = orthanc_and_job(folder);
    ingest(&t2p, &volumes[..volumes.len() - 1]).expect(Exit::Clean);
    t2p.run_for_people(&["audit"]).expect(Exit::Discrepancies).says("did not arrive: the last volume");
}

#[test]
fn volumes_in_the_wrong_order_are_all_delivered() {
    let folder = scratch();
    let folder = folder.path();
    let Transfer { mut volumes, .. } = transfer_in(folder, "x", "tape-{seq}.tap");
    let (receiver, t2p) = orthanc_and_job(folder);
    volumes.reverse();
    ingest(&t2p, &volumes).expect(Exit::Clean).says("comes before it and was not ingested yet");
    t2p.run(&["audit"]).expect(Exit::Clean);
    assert_eq!((receiver.uids().len(), receiver.received().len()), (OBJECTS, OBJECTS));
}

#[test]
fn the_same_volume_twice_delivers_once_and_says_so() {
    let folder = scratch();
    let folder = folder.path();
    let Transfer { volumes, .. } = transfer_in(folder, "x", "tape-{seq}.tap");
    let (receiver, t2p) = orthanc_and_job(folder);
    let twice = [volumes.clone(), volumes.clone()].concat();
    // Whether the first time is done, or only loaded, when the second comes depends on the destination's speed.
    ingest(&t2p, &twice).expect(Exit::Clean).says("volume 1 ");
    ingest(&t2p, &volumes).expect(Exit::Clean).says("volume 1 was ingested before; nothing to do");
    assert_eq!(receiver.received().len(), OBJECTS, "something was sent twice");
}

#[test]
fn a_volume_of_another_transfer_is_refused_by_name() {
    let folder = scratch();
    let folder = folder.path();
    let ours = transfer_in(folder, "x", "tape-{seq}.tap");
    let other = transfer_in(folder, "y", "tape-{seq}.tap");
    let (receiver, t2p) = orthanc_and_job(folder);
    ingest(&t2p, &ours.volumes).expect(Exit::Clean);
    let refused = ingest(&t2p, &other.volumes);
    refused.expect(Exit::Discrepancies).says(&text(&other.volumes[0])).says("belongs to another transfer");
    assert_eq!(receiver.received().len(), OBJECTS, "objects of the other transfer were delivered");
    t2p.run(&["audit"]).expect(Exit::Clean);
}
