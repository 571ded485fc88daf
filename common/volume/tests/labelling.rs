//! A labelling that was cut off is done again, and only that: whatever else is on the medium is somebody's data.

#![allow(clippy::unwrap_used)] // clippy exempts test functions only, not their helpers

mod common;

use std::fs;
use std::path::Path;

use common::{InMemory, label, pack, write_volume};
use medium::{Address, Settings};
use volume::{Error, SegmentFile, Volume, VolumeWriter, lost_segments};

const SETTINGS: Settings = Settings { record_bytes: 4096, capacity_bytes: None };

fn address(path: &Path) -> Address {
    path.to_str().unwrap().parse().unwrap()
}

fn labelled(path: &Path) {
    drop(VolumeWriter::create(&address(path), &SETTINGS, label(1)).unwrap());
}

fn recreate(path: &Path) -> Result<(), Error> {
    VolumeWriter::recreate(&address(path), &SETTINGS, label(1)).map(drop)
}

fn is_refused_and_untouched(path: &Path) {
    let before = fs::read(path).unwrap();
    let error = recreate(path).unwrap_err();
    assert!(matches!(error, Error::Medium(_)), "{error}");
    assert!(fs::read(path).unwrap() == before);
}

#[test]
fn a_label_cut_off_anywhere_on_a_tape_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("v.tap");
    labelled(&tape);
    let whole = fs::read(&tape).unwrap();
    // Around the framing of each record every cut, and some in between.
    let cuts = (0..=whole.len()).filter(|cut| cut % 4104 < 40 || cut % 4104 > 4070 || cut % 509 == 0);
    for cut in cuts {
        for zeros in [0, 700] {
            // Without even the first word, zeros are no image.
            if cut < 4 && zeros > 0 {
                continue;
            }
            let mut torn = whole[..cut].to_vec();
            torn.resize((cut + zeros).min(whole.len()), 0);
            fs::write(&tape, torn).unwrap();
            recreate(&tape).unwrap_or_else(|error| panic!("cut at {cut}, {zeros} zeros: {error}"));
            assert_eq!(Volume::open(&address(&tape)).unwrap().identity.volume, label(1).volume);
        }
    }
}

#[test]
fn a_label_cut_off_in_a_directory_is_written_again_and_other_files_stay() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    labelled(&disk);
    let whole = fs::read(disk.join("VOLUME.tar")).unwrap();
    for left in ["VOLUME.tar", "VOLUME.tar.part"] {
        fs::remove_dir_all(&disk).unwrap();
        fs::create_dir(&disk).unwrap();
        fs::write(disk.join(left), &whole[..whole.len() / 3]).unwrap();
        fs::write(disk.join("holiday.jpg"), "theirs").unwrap();
        recreate(&disk).unwrap();
        assert_eq!(fs::read_to_string(disk.join("holiday.jpg")).unwrap(), "theirs");
    }
}

#[test]
fn a_medium_with_anything_else_on_it_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("v.tap");
    for foreign in [&b"a few words of somebody"[..], &[0xff; 5000], &[7, 0, 0, 0, 1, 2, 3]] {
        fs::write(&tape, foreign).unwrap();
        is_refused_and_untouched(&tape);
    }
    fs::remove_file(&tape).unwrap();
    drop(VolumeWriter::create(&address(&tape), &SETTINGS, label(2)).unwrap());
    is_refused_and_untouched(&tape);
    fs::remove_file(&tape).unwrap();
    write_volume(&address(&tape), label(1), &mut [pack(1, &[3000; 3]).0]);
    is_refused_and_untouched(&tape);
}

#[test]
fn a_disk_with_segments_on_it_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    write_volume(&address(&disk), label(1), &mut [pack(1, &[3000; 3]).0]);
    let error = recreate(&disk).unwrap_err();
    assert!(matches!(error, Error::Medium(medium::Error::NotBlank { .. })), "{error}");
    assert!(disk.join("TRAILER.json").exists());
}

/// A volume of two segments without trailer, and how the writer lists them.
fn unsealed(tape: &Path) -> Vec<manifest::SegmentEntry> {
    let address = address(tape);
    let mut writer = VolumeWriter::create(&address, &SETTINGS, label(1)).unwrap();
    let entries = [1, 2].map(|number| {
        let (packed, _) = pack(number, &[9000; 3]);
        let manifest::Segment { name, bytes, blake3, objects, .. } = packed.segment;
        let frames = packed.frames.len() as u32;
        let segment = SegmentFile { number, bytes, blake3, objects, frames };
        let file = writer.append_segment(&segment, &mut InMemory::new(&packed.sealed)).unwrap();
        manifest::SegmentEntry { number, file, name, bytes, blake3 }
    });
    writer.commit().unwrap();
    entries.into()
}

#[test]
fn a_volume_is_not_gone_on_with_when_its_last_segment_is_lost_or_another_is_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let tape = folder.path().join("v.tap");
    let entries = unsealed(&tape);
    let resume = |sequence| {
        VolumeWriter::resume(&address(&tape), &SETTINGS, &label(sequence), entries.clone(), 6).map(drop)
    };
    let lost = |go_on: &dyn Fn() -> bool| lost_segments(&address(&tape), &label(1), &entries, go_on).unwrap();
    resume(1).unwrap();
    let before = fs::read(&tape).unwrap();
    let other = resume(2).unwrap_err();
    assert!(matches!(other, Error::OtherVolume { sequence: 2, .. }), "{other}");
    let mut torn = before.clone();
    let at = torn.len() - 500;
    torn[at] ^= 1;
    fs::write(&tape, &torn).unwrap();
    let error = resume(1).unwrap_err();
    assert!(matches!(&error, Error::SegmentLost { name, .. } if name.contains('2')), "{error}");
    assert!(fs::read(&tape).unwrap() == torn, "something was written");
    assert_eq!(lost(&|| true), Some(vec![2]));
    fs::write(&tape, &before[..before.len() / 3]).unwrap();
    assert_eq!(lost(&|| true), Some(vec![1, 2]));
    assert_eq!(lost(&|| false), None);
    // A tape with one record of eight bytes.
    let foreign = [&8_u32.to_le_bytes()[..], b"holidays", &8_u32.to_le_bytes(), &[0; 4]].concat();
    fs::write(&tape, foreign).unwrap();
    let unreadable = resume(1).unwrap_err();
    assert!(matches!(unreadable, Error::OtherVolume { .. }), "{unreadable}");
}

#[test]
fn a_volume_is_known_by_its_identity_and_its_records_by_its_label() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["v.tap", "disk"] {
        let path = folder.path().join(name);
        let entries = unsealed(&path);
        let upgraded = || manifest::Label { creator: "p2t 9.9".into(), record_bytes: 8192, ..label(1) };
        let settings = Settings { record_bytes: 8192, ..SETTINGS };
        let resume = |label: &manifest::Label| {
            VolumeWriter::resume(&address(&path), &settings, label, entries.clone(), 6)
        };
        let writer = resume(&upgraded()).unwrap();
        assert_eq!((writer.record_bytes(), writer.label()), (4096, &label(1)), "{name}");
        drop(writer);
        assert_eq!(lost_segments(&address(&path), &upgraded(), &entries, &|| true).unwrap(), Some(vec![]));
        let other = uuid::Uuid::from_u128(99);
        let others = [
            manifest::Label { transfer: other, ..upgraded() },
            manifest::Label { volume_set: other, ..upgraded() },
            manifest::Label { volume: other, ..upgraded() },
            manifest::Label { copy: 2, ..upgraded() },
            manifest::Label { sequence: 2, ..upgraded() },
        ];
        for other in others {
            assert!(matches!(resume(&other).map(drop), Err(Error::OtherVolume { .. })), "{name}");
        }
    }
}

#[test]
fn a_volume_is_labelled_anew_with_other_records_and_no_other_is() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["v.tap", "disk"] {
        let path = folder.path().join(name);
        unsealed(&path);
        let settings = Settings { record_bytes: 1024, ..SETTINGS };
        let smaller = manifest::Label { record_bytes: 1024, ..label(1) };
        let other = manifest::Label { volume: uuid::Uuid::from_u128(99), ..smaller.clone() };
        let refused = VolumeWriter::relabel(&address(&path), &settings, other).map(drop);
        assert!(matches!(refused, Err(Error::OtherVolume { .. })), "{name}");
        assert_eq!(volume::label_on(&address(&path)).unwrap(), Some(label(1)), "{name}");
        VolumeWriter::relabel(&address(&path), &settings, smaller.clone()).unwrap().close().unwrap();
        assert_eq!(volume::label_on(&address(&path)).unwrap(), Some(smaller), "{name}");
        assert_eq!(medium::Medium::open(&address(&path)).unwrap().files().unwrap().len(), 1, "{name}");
    }
}

#[test]
fn an_encrypted_volume_is_called_so_and_not_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("volume");
    let encryption = manifest::Encryption { scheme: "age".into(), recipients: vec!["SHA256:x".into()] };
    let (packed, _) = pack(1, &[100]);
    write_volume(
        &address(&path),
        manifest::Label { encryption: Some(encryption), ..label(1) },
        &mut [packed],
    );
    // As a later version writes it; what an age file has inside matters to nobody here.
    for name in ["segment-000001.tar.zst", "INDEX.jsonl.zst"] {
        fs::write(path.join(format!("{name}.age")), "age-encryption.org/v1\n").unwrap();
        fs::remove_file(path.join(name)).unwrap();
    }
    let refused = || Volume::open(&address(&path)).map(|_| ()).unwrap_err();
    assert!(matches!(refused(), Error::Encrypted { sequence: 1, .. }), "{}", refused());
    // The trailer alone says it, too.
    let text = fs::read_to_string(path.join("TRAILER.json")).unwrap().replace(".zst\"", ".zst.age\"");
    let body = text.strip_prefix("{\"trailer\":").and_then(|text| text.rsplit_once(",\"blake3\"")).unwrap().0;
    let digest = manifest::Digest::of(body.as_bytes());
    fs::write(path.join("TRAILER.json"), format!("{{\"trailer\":{body},\"blake3\":\"{digest}\"}}\n"))
        .unwrap();
    fs::write(path.join("VOLUME.tar"), "damaged").unwrap();
    assert!(matches!(refused(), Error::Encrypted { sequence: 1, .. }), "{}", refused());
}
