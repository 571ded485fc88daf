//! One byte wrong anywhere on a volume: it is noticed, the right segment is named, and everything that the byte
//! does not touch comes back.

#![allow(clippy::unwrap_used)] // clippy exempts test functions only, not their helpers

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{label, pack, read_volume, write_volume};
use medium::Address;
use volume::SegmentHealth;

fn volume_files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let mut files: Vec<_> = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn built(folder: &Path, name: &str) -> (Address, PathBuf, BTreeMap<String, Vec<u8>>) {
    let path = folder.join(name);
    let address: Address = path.to_str().unwrap().parse().unwrap();
    let (first, objects) = pack(1, &[300, 700, 30_000, 500]);
    let (second, more) = pack(2, &[2000, 600]);
    write_volume(&address, label(1), &mut [first, second]);
    (address, path, objects.into_iter().chain(more).collect())
}

/// Which segments have something wrong, and whether anything was found at all.
fn check_flip(address: &Address, expected: &BTreeMap<String, Vec<u8>>, place: &str) {
    let read = read_volume(address).unwrap_or_else(|error| panic!("{place}: {error}"));
    let sick: Vec<u32> = read
        .checks
        .iter()
        .filter(|check| check.health != SegmentHealth::Intact)
        .map(|check| check.number)
        .collect();
    assert!(!sick.is_empty() || !read.findings.is_empty(), "{place}: not noticed");
    assert!(sick.len() <= 1, "{place}: both segments were blamed: {:?}", read.checks);
    for (member, data) in &read.collected.intact {
        assert!(expected[member] == *data, "{place}: {member} is called intact and is not");
    }
    let harmed: Vec<&String> =
        expected.keys().filter(|member| !read.collected.intact.contains_key(*member)).collect();
    assert!(harmed.len() < expected.len(), "{place}: nothing came back");
    for member in harmed {
        assert!(read.collected.damaged.contains(member), "{place}: {member} is gone and was not named");
        let segment: u32 = member.split('.').nth(1).unwrap().parse().unwrap();
        assert_eq!(sick, [segment], "{place}: {member} was harmed");
    }
}

fn sweep(name: &str, step: usize) {
    let folder = tempfile::tempdir().unwrap();
    let (address, path, expected) = built(folder.path(), name);
    assert!(read_volume(&address).unwrap().findings.is_empty());
    for file in volume_files(&path) {
        let good = std::fs::read(&file).unwrap();
        for at in (0..good.len()).step_by(step) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            std::fs::write(&file, &bad).unwrap();
            check_flip(&address, &expected, &format!("{}, byte {at}", file.display()));
        }
        std::fs::write(&file, &good).unwrap();
    }
}

#[test]
fn any_flipped_byte_of_a_directory_volume_is_noticed_and_placed() {
    sweep("volume", 7);
}

#[test]
fn any_flipped_byte_of_a_virtual_tape_is_noticed_and_placed() {
    sweep("volume.tap", 11);
}

#[test]
fn a_missing_segment_costs_its_own_objects_only() {
    let folder = tempfile::tempdir().unwrap();
    let (address, path, expected) = built(folder.path(), "volume");
    std::fs::remove_file(path.join("segment-000001.tar.zst")).unwrap();
    let read = read_volume(&address).unwrap();
    assert_eq!(read.checks[0].health, SegmentHealth::Missing);
    assert_eq!(read.checks[0].harmed.len(), 4);
    assert_eq!(read.checks[1].health, SegmentHealth::Intact);
    assert_eq!(read.collected.intact.len(), expected.len() - 4);
}

#[test]
fn without_index_and_trailer_the_segments_still_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let (address, path, expected) = built(folder.path(), "volume");
    std::fs::remove_file(path.join("INDEX.jsonl.zst")).unwrap();
    std::fs::remove_file(path.join("TRAILER.json")).unwrap();
    let read = read_volume(&address).unwrap();
    assert!(read.collected.intact == expected);
}

#[test]
fn a_long_index_that_breaks_off_leaves_the_segments_manifests() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume");
    let address: Address = path.to_str().unwrap().parse().unwrap();
    let (packed, expected) = pack(1, &vec![10; 4000]);
    write_volume(&address, label(1), &mut [packed]);
    std::fs::remove_file(path.join("TRAILER.json")).unwrap();
    let index = std::fs::read(path.join("INDEX.jsonl.zst")).unwrap();
    // More than one block of zstd is left, so that the beginning can be read.
    std::fs::write(path.join("INDEX.jsonl.zst"), &index[..index.len() * 3 / 4]).unwrap();
    let read = read_volume(&address).unwrap();
    assert!(read.collected.intact == expected);
    assert!(read.findings.iter().any(|finding| finding.starts_with("INDEX")), "{:?}", read.findings);
}

#[test]
fn a_virtual_tape_cut_anywhere_gives_back_the_segments_before_the_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (address, path, expected) = built(folder.path(), "volume.tap");
    let good = std::fs::read(&path).unwrap();
    let behind_the_segments = good.len().saturating_sub(3000);
    let cuts = (0..behind_the_segments).step_by(173).chain((behind_the_segments..good.len()).step_by(19));
    let mut came_back = 0;
    for cut in cuts {
        std::fs::write(&path, &good[..cut]).unwrap();
        let read = match read_volume(&address) {
            Ok(read) => read,
            // The label itself is cut.
            Err(volume::Error::NotAVolume { .. } | volume::Error::Medium(_)) if came_back == 0 => continue,
            Err(error) => panic!("cut at {cut}: {error}"),
        };
        assert!(read.collected.intact.len() >= came_back, "cut at {cut}: a longer tape gave back less");
        came_back = read.collected.intact.len();
        let volume = volume::Volume::open(&address).unwrap();
        assert!(!volume.is_complete() || !read.findings.is_empty() || cut + 8 >= good.len(), "cut at {cut}");
        for (member, data) in &read.collected.intact {
            assert!(expected[member] == *data, "cut at {cut}: {member}");
        }
    }
    assert_eq!(came_back, expected.len());
}

#[test]
fn a_segment_that_does_not_belong_to_the_volume_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (address, path, _) = built(folder.path(), "volume");
    std::fs::copy(path.join("segment-000001.tar.zst"), path.join("segment-000099.tar.zst")).unwrap();
    let findings = read_volume(&address).unwrap().findings.join("\n");
    assert!(findings.contains("segment-000099"), "{findings}");
}

#[test]
fn junk_is_no_volume() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("junk.tap");
    std::fs::write(&path, common::noise(5, 100_000)).unwrap();
    let address: Address = path.to_str().unwrap().parse().unwrap();
    let error = read_volume(&address).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("is not a medium"), "{error}");
    let path = folder.path().join("holiday");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("VOLUME.tar"), common::noise(5, 100_000)).unwrap();
    let address: Address = path.to_str().unwrap().parse().unwrap();
    let error = read_volume(&address).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("holds no volume"), "{error}");
}

#[test]
fn a_local_folder_that_cannot_take_the_index_is_no_damage_of_the_volume() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _, _) = built(folder.path(), "volume.tap");
    let mut volume = volume::Volume::open(&address).unwrap();
    volume.copy_index_below(folder.path().join("gone"));
    let error = volume.index().map(|_| ()).unwrap_err();
    assert!(matches!(&error, volume::Error::IndexCopy { .. }), "{error}");
    assert!(volume.findings().is_empty(), "{:?}", volume.findings());
}

#[test]
fn a_trailer_of_more_than_the_format_allows_is_not_taken_into_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (address, path, expected) = built(folder.path(), "volume");
    let file = path.join("TRAILER.json");
    let text = std::fs::read_to_string(&file).unwrap();
    let body =
        text.strip_prefix("{\"trailer\":{").and_then(|text| text.rsplit_once(",\"blake3\"")).unwrap().0;
    let body = format!("{{\"pad\":\"{}\",{body}", "x".repeat(manifest::MAX_TRAILER_BYTES as usize));
    let digest = manifest::Digest::of(body.as_bytes());
    std::fs::write(&file, format!("{{\"trailer\":{body},\"blake3\":\"{digest}\"}}\n")).unwrap();
    let read = read_volume(&address).unwrap();
    assert!(
        read.findings.iter().any(|finding| finding.contains("longer than the format")),
        "{:?}",
        read.findings
    );
    assert!(read.collected.intact == expected);
}
