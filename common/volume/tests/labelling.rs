//! A labelling that was cut off is done again, and only that: whatever else is on the medium is somebody's data.

#![allow(clippy::unwrap_used)] // clippy exempts test functions only, not their helpers

mod common;

use std::fs;
use std::path::Path;

use common::{label, pack, write_volume};
use medium::{Address, Settings};
use volume::{Error, Volume, VolumeWriter};

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
