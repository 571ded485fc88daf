//! A library whose robot is played, with real volumes in its drive.

use std::fs;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use medium::changer::played::{self, Shelf};

use super::lab::{DRIVE, Faults, Lab, run, segments_on};
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
