//! Volumes written by released formats stay readable, to the byte (docs/VOLUME-FORMAT.md, "Promise").

#![allow(clippy::unwrap_used)] // clippy exempts test functions only, not their helpers

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::read_volume;
use manifest::Digest;
use medium::Address;
use volume::SegmentHealth;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/volumes/v1")
}

fn expected() -> BTreeMap<String, Digest> {
    let sums = std::fs::read_to_string(folder().join("B3SUMS")).unwrap();
    sums.lines()
        .map(|line| line.split_once("  ").unwrap())
        .map(|(digest, member)| (member.to_owned(), digest.parse().unwrap()))
        .collect()
}

#[test]
fn volumes_of_format_1_are_readable() {
    for medium in ["disk", "tape.tap"] {
        let address: Address = folder().join(medium).to_str().unwrap().parse().unwrap();
        let read = read_volume(&address).unwrap();
        assert_eq!(read.findings, Vec::<String>::new(), "{medium}");
        assert!(read.checks.iter().all(|check| check.health == SegmentHealth::Intact), "{medium}");
        let found: BTreeMap<String, Digest> =
            read.collected.intact.iter().map(|(member, data)| (member.clone(), Digest::of(data))).collect();
        assert_eq!(found, expected(), "{medium}");
    }
}
