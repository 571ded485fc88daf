//! What goes onto a volume comes back from it, on every medium.

#![allow(clippy::unwrap_used)] // clippy exempts test functions only, not their helpers

mod common;

use common::{InMemory, label, pack, read_volume, write_volume};
use medium::Address;
use volume::SegmentHealth;

#[test]
fn objects_of_every_size_come_back_from_every_medium() {
    // Around a tar block, around a frame, and several frames long.
    let sizes = [101, 511, 512, 513, 19_000, 20_000, 20_001, 75_000, 400];
    for name in ["volume.tap", "volume"] {
        let folder = tempfile::tempdir().unwrap();
        let address: Address = folder.path().join(name).to_str().unwrap().parse().unwrap();
        let (first, objects) = pack(1, &sizes);
        let (second, more) = pack(2, &[3000; 5]);
        write_volume(&address, label(1), &mut [first, second]);

        let read = read_volume(&address).unwrap();
        assert_eq!(read.findings, Vec::<String>::new());
        assert_eq!(read.checks.len(), 2);
        assert!(read.checks.iter().all(|check| check.health == SegmentHealth::Intact), "{:?}", read.checks);
        let expected = objects.into_iter().chain(more).collect();
        assert!(read.collected.intact == expected);
    }
}

#[test]
fn a_segment_is_the_same_whatever_the_number_of_workers() {
    assert!(pack(1, &[5000; 20]).0.sealed == pack(1, &[5000; 20]).0.sealed);
}

#[test]
fn an_object_that_changed_in_the_spool_is_refused() {
    use std::sync::Arc;
    let identity =
        volume::SegmentIdentity { transfer: common::TRANSFER, volume_set: common::TRANSFER, number: 1 };
    let mut writer = volume::SegmentWriter::new(Vec::new(), identity, common::OPTIONS).unwrap();
    let mut object = pack(1, &[1000]).0.entries[0].object.clone();
    object.tar_offset = 0;
    let other = common::noise(77, 1000);
    let error = writer.add(&Arc::default(), &Arc::default(), object, &mut other.as_slice()).unwrap_err();
    assert!(matches!(error, volume::Error::ObjectChanged { .. }), "{error}");
}

#[test]
fn a_segment_that_changed_in_the_spool_leaves_no_trace_on_the_volume() {
    let folder = tempfile::tempdir().unwrap();
    let address: Address = folder.path().join("v.tap").to_str().unwrap().parse().unwrap();
    let settings = medium::Settings { record_bytes: 4096, capacity_bytes: None };
    let mut writer = volume::VolumeWriter::create(&address, &settings, label(1)).unwrap();
    let (packed, _) = pack(1, &[9000; 3]);
    let used = writer.used_bytes();
    let file = volume::SegmentFile {
        number: 1,
        bytes: packed.segment.bytes,
        blake3: packed.segment.blake3,
        objects: 3,
        frames: 2,
    };
    let mut spoilt = packed.sealed.clone();
    spoilt[500] ^= 1;
    let error = writer.append_segment(&file, &mut InMemory::new(&spoilt)).unwrap_err();
    assert!(matches!(error, volume::Error::SegmentChanged { .. }), "{error}");
    assert_eq!(writer.used_bytes(), used);
    assert_eq!(writer.append_segment(&file, &mut InMemory::new(&packed.sealed)).unwrap(), 1);
    writer.commit().unwrap();
}
