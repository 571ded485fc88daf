//! A library whose robot is played, with real volumes in its drive.

use std::fs;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use catalogue::VolumeState;
use catalogue::volumes::NewVolume;
use job::ExitCode;
use medium::Address;
use medium::changer::played::{self, Shelf};
use uuid::Uuid;

use super::lab::{DRIVE, Faults, Lab, run, segments_on};
use crate::error::Error;
use crate::media::library::Library;

#[test]
fn a_full_cartridge_is_given_out_by_its_drive_and_put_away_by_the_robot() {
    let lab = Lab::new(3, 0);
    for name in [DRIVE, "second.tap"] {
        fs::write(lab.path(name), "").unwrap();
    }
    let faults = Faults { shelf: Mutex::new(vec![lab.path("second.tap")]), ..Faults::default() };
    let faults = Arc::new(faults);
    let mut stage = lab.stage(&[&[lab.tape(DRIVE)]], &faults);
    // Two segments and no third fit on a volume.
    stage.settings.capacity_bytes = Some(103_000);
    let cartridges = [(256, ("P2T001L8", Some(4096))), (4097, ("P2T002L8", None))].into();
    let shelf = Arc::new(Mutex::new(Shelf { cartridges, at_once: 100, ..Shelf::default() }));
    let changer = played::open(&shelf, &[lab.path(DRIVE)]).unwrap();
    let media = Arc::get_mut(&mut stage.media).unwrap();
    media.change.library = Some(Library::over(changer, Vec::new()));

    let written = run(&stage).unwrap();
    assert!(written.failure.is_none() && written.wanted_medium.is_none());
    assert_eq!(faults.ejected.load(Ordering::Relaxed), 1);
    assert_eq!(shelf.lock().unwrap().moves, [[1, 256, 4096], [1, 4097, 256]]);
    assert_eq!((segments_on(&lab.tape("out-0.tap")), segments_on(&lab.tape(DRIVE))), (vec![1, 2], vec![3]));
    let barcodes = lab.shared.lock().volumes().unwrap().into_iter().map(|row| row.volume.barcode);
    assert_eq!(barcodes.collect::<Vec<_>>(), [Some("P2T001L8".into()), Some("P2T002L8".into())]);
}

/// Writes a segment in a library with this cartridge in the drive, blank, and the blank P2T002L8 in a slot; `P2T…` may be written.
/// Returns the barcodes of the cartridges that were written.
fn written_with(lab: &Lab, in_drive: &'static str) -> Vec<Option<String>> {
    for name in [DRIVE, "second.tap"] {
        fs::write(lab.path(name), "").unwrap();
    }
    let faults = Faults { shelf: Mutex::new(vec![lab.path("second.tap")]), ..Faults::default() };
    let mut stage = lab.stage(&[&[lab.tape(DRIVE)]], &Arc::new(faults));
    let cartridges = [(256, (in_drive, Some(4096))), (4097, ("P2T002L8", None))].into();
    let shelf = Arc::new(Mutex::new(Shelf { cartridges, at_once: 100, ..Shelf::default() }));
    let changer = played::open(&shelf, &[lab.path(DRIVE)]).unwrap();
    let media = Arc::get_mut(&mut stage.media).unwrap();
    media.change.library = Some(Library::over(changer, vec!["P2T".to_owned()]));
    let written = run(&stage).unwrap();
    assert!(written.failure.is_none() && written.wanted_medium.is_none(), "{in_drive}");
    written.sealed.into_iter().map(|row| row.volume.barcode).collect()
}

#[test]
fn what_may_not_be_written_is_not_written_because_it_is_in_the_drive_already() {
    for (in_drive, why) in
        [("BAK001L8", "none of the `cartridges`"), ("P2T001LY", "WORM"), ("CLN001L1", "a cleaning cartridge")]
    {
        let lab = Lab::new(1, 0);
        assert_eq!(written_with(&lab, in_drive), [Some("P2T002L8".to_owned())], "{in_drive}");
        assert_eq!(fs::metadata(lab.path("out-0.tap")).unwrap().len(), 0);
        let events = lab.events();
        assert!(
            events.iter().any(|event| event.starts_with(in_drive) && event.contains(why)),
            "{in_drive}: {events:?}"
        );
    }
}

#[test]
fn a_cartridge_that_could_not_be_labelled_is_taken_later() {
    let lab = Lab::new(1, 0);
    let barcode = Some("P2T002L8".to_owned());
    let volume =
        NewVolume { uuid: Uuid::from_u128(9), sequence: 1, copy: 1, medium: lab.tape(DRIVE), barcode };
    let id = lab.shared.lock().begin_volume(&volume).unwrap();
    lab.shared.lock().abandon_volume(id).unwrap();
    assert_eq!(written_with(&lab, "BAK001L8"), [Some("P2T002L8".to_owned())]);
}

/// Runs a stage, two segments to a cartridge, in a library that has this one in the drive and no other.
fn run_in_library(lab: &Lab, in_drive: &'static str, any_barcode: bool) -> Option<Error> {
    let mut stage = lab.stage(&[&[lab.tape(DRIVE)]], &Arc::default());
    stage.settings.capacity_bytes = Some(103_000);
    let cartridges = [(256, (in_drive, Some(4096)))].into();
    let shelf = Arc::new(Mutex::new(Shelf { cartridges, at_once: 100, ..Shelf::default() }));
    let changer = played::open(&shelf, &[lab.path(DRIVE)]).unwrap();
    let change = &mut Arc::get_mut(&mut stage.media).unwrap().change;
    (change.library, change.any_barcode) = (Some(Library::over(changer, Vec::new())), any_barcode);
    run(&stage).unwrap().failure
}

#[test]
fn a_volume_s_cartridge_that_is_blank_is_not_taken_for_another_one() {
    // Of a volume that is open, and of one that is complete.
    for (sealed, pending) in [(2, 1), (3, 0)] {
        let lab = Lab::new(sealed, pending);
        fs::write(lab.path(DRIVE), "").unwrap();
        assert!(run_in_library(&lab, "P2T001L8", false).is_none());
        lab.seal(sealed..3);
        fs::write(lab.path(DRIVE), "").unwrap();
        let failure = run_in_library(&lab, "P2T001L8", false).unwrap();
        assert!(matches!(&failure, Error::Erased { which, .. } if which == "1:1"), "{failure}");
        assert_eq!(failure.exit_code(), ExitCode::Incomplete);
        assert_eq!(fs::metadata(lab.path(DRIVE)).unwrap().len(), 0, "something was written");
        // Another one is another one.
        assert!(run_in_library(&lab, "P2T002L8", false).is_none());
        assert_eq!((lab.instances().done, segments_on(&lab.tape(DRIVE))), (3, vec![3]));
    }
}

#[test]
fn a_cartridge_that_failed_before_its_label_was_committed_is_made_up_for_by_the_next_blank_one() {
    for any_barcode in [false, true] {
        let lab = Lab::new(2, 0);
        fs::write(lab.path(DRIVE), "").unwrap();
        let (uuid, medium, barcode) = (Uuid::from_u128(9), lab.tape(DRIVE), Some("P2T001L8".to_owned()));
        let volume = NewVolume { uuid, sequence: 1, copy: 1, medium, barcode };
        lab.shared.lock().begin_volume(&volume).unwrap();
        let failure = run_in_library(&lab, "P2T002L8", any_barcode);
        assert!(failure.is_none(), "{}", failure.unwrap());
        let last = lab.shared.lock().volumes().unwrap().pop().unwrap();
        assert_eq!((last.state, last.volume.sequence), (VolumeState::Sealed, 2 - u32::from(any_barcode)));
        let address: Address = lab.tape(DRIVE).parse().unwrap();
        let label = volume::label_on(&address).unwrap().unwrap();
        assert_eq!([label.barcode, last.volume.barcode], [Some("P2T002L8".into()), Some("P2T002L8".into())]);
        assert_eq!((lab.instances().done, segments_on(&lab.tape(DRIVE))), (2, vec![1, 2]));
    }
}
