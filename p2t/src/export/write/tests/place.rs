//! A volume in work whose cartridge is in another drive than before.

use std::fs;

use catalogue::VolumeState;

use super::lab::{DRIVE, Lab, exchange, run, segments_on};
use super::{faults_on, no_faults, open_volume};

/// Where the volumes are, by the catalogue.
fn media(lab: &Lab) -> Vec<(String, VolumeState)> {
    let volumes = lab.shared.lock().volumes().unwrap();
    volumes.into_iter().map(|row| (row.volume.medium, row.state)).collect()
}

/// A job of three instances, two of them on a volume that is open in `DRIVE`, and one that is still to be written.
fn interrupted() -> Lab {
    let lab = Lab::new(2, 1);
    fs::write(lab.path(DRIVE), "").unwrap();
    open_volume(&lab, &[&[lab.tape(DRIVE)]]);
    lab.seal(2..3);
    lab
}

fn goes_on_in(lab: &Lab, named: &[String], found: &str) {
    let written = run(&lab.stage(&[named], &no_faults())).unwrap();
    assert!(written.failure.is_none(), "{}", written.failure.unwrap());
    assert_eq!((lab.instances().done, lab.to_fetch(), segments_on(found)), (3, 0, vec![1, 2, 3]));
    assert_eq!(media(lab), [(found.to_owned(), VolumeState::Sealed)]);
}

#[test]
fn a_volume_goes_on_in_the_drive_that_is_named_now() {
    let (lab, other) = (interrupted(), "spare/nst0.tap");
    fs::create_dir(lab.path("spare")).unwrap();
    exchange(&lab.path(DRIVE), &lab.path(other), None);
    goes_on_in(&lab, &[lab.tape(other)], &lab.tape(other));
}

#[test]
fn a_volume_is_found_when_drives_have_changed_their_numbers() {
    let (lab, other) = (interrupted(), "nst1/nst0.tap");
    fs::create_dir(lab.path("nst1")).unwrap();
    exchange(&lab.path(DRIVE), &lab.path(other), None);
    // Somebody else's cartridge, which stays as it is.
    fs::write(lab.path(DRIVE), b"\x04\0\0\0data\x04\0\0\0\0\0\0\0").unwrap();
    let foreign = fs::read(lab.path(DRIVE)).unwrap();
    goes_on_in(&lab, &[lab.tape(DRIVE), lab.tape(other)], &lab.tape(other));
    assert_eq!(fs::read(lab.path(DRIVE)).unwrap(), foreign);
}

#[test]
fn a_volume_goes_on_where_it_was_when_other_media_are_named_for_what_follows() {
    let lab = interrupted();
    goes_on_in(&lab, &[lab.tape("further.tap")], &lab.tape(DRIVE));
    assert!(!lab.path("further.tap").exists());
}

#[test]
fn a_volume_that_was_never_labelled_does_not_wait_for_its_drive() {
    let lab = Lab::new(3, 0);
    fs::write(lab.path(DRIVE), "").unwrap();
    let failed = run(&lab.stage(&[&[lab.tape(DRIVE)]], &faults_on(DRIVE, 1, 0))).unwrap().failure;
    assert!(failed.is_some());
    let written = run(&lab.stage(&[&[lab.tape("v.tap")]], &no_faults())).unwrap();
    assert!(written.failure.is_none(), "{}", written.failure.unwrap());
    let (drive, other) = (lab.tape(DRIVE), lab.tape("v.tap"));
    assert_eq!(media(&lab), [(drive, VolumeState::Abandoned), (other.clone(), VolumeState::Sealed)]);
    assert_eq!((lab.instances().done, segments_on(&other)), (3, vec![1, 2, 3]));
}
