//! Cartridges that a drive cannot write any more, in a run that can have others brought.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use catalogue::VolumeState;
use job::ExitCode;
use medium::changer::played::{self, Shelf};

use super::lab::{DRIVE, Faults, Lab, run, segments_on};
use crate::export::write::{Write, Written};
use crate::media::library::Library;

/// Puts a cartridge into the drive and two on the shelf of its robot.
fn cartridges(lab: &Lab) -> Vec<PathBuf> {
    let shelf: Vec<_> = ["third.tap", "second.tap"].map(|name| lab.path(name)).into();
    for path in shelf.iter().chain([&lab.path(DRIVE)]) {
        fs::write(path, "").unwrap();
    }
    shelf
}

/// Has a robot change the cartridges of the drive.
fn with_robot(lab: &Lab, stage: &mut Write) -> Arc<Mutex<Shelf>> {
    let cartridges =
        [(256, ("P2T001L8", Some(4096))), (4097, ("P2T002L8", None)), (4098, ("P2T003L8", None))].into();
    let shelf = Arc::new(Mutex::new(Shelf { cartridges, at_once: 100, ..Shelf::default() }));
    let changer = played::open(&shelf, &[lab.path(DRIVE)]).unwrap();
    Arc::get_mut(&mut stage.media).unwrap().change.library = Some(Library::over(changer, Vec::new()));
    shelf
}

/// A job of five segments and two copies, the second on a virtual tape; the drive of the first fails at its ninth record, in the
/// second segment, and so many cartridges with it.
fn run_with(bad_cartridges: u32) -> (Lab, Written, Arc<Mutex<Shelf>>) {
    let lab = Lab::new(5, 0);
    let shelf = cartridges(&lab);
    let faults = Faults {
        on: DRIVE.to_owned(),
        fail_record: 9.into(),
        bad_cartridges: bad_cartridges.into(),
        shelf: shelf.into(),
        ..Faults::default()
    };
    let mut stage = lab.stage(&[&[lab.tape(DRIVE)], &[lab.tape("other.tap")]], &Arc::new(faults));
    stage.pacing.commit.bytes = 1;
    let shelf = with_robot(&lab, &mut stage);
    let written = run(&stage).unwrap();
    assert_eq!(segments_on(&lab.tape("other.tap")), [1, 2, 3, 4, 5], "the other copy has all");
    (lab, written, shelf)
}

/// What became of the first copy's volumes, and how many segments are on each.
fn volumes(lab: &Lab) -> Vec<(VolumeState, usize)> {
    let catalogue = lab.shared.lock();
    let of_copy = catalogue.volumes().unwrap().into_iter().filter(|row| row.volume.copy == 1);
    let held = |id| {
        let mut segments = 0;
        catalogue.each_segment_of_volume(id, |_, _| {
            segments += 1;
            Ok::<_, catalogue::Error>(())
        })?;
        Ok::<_, catalogue::Error>(segments)
    };
    of_copy.map(|row| (row.state, held(row.id).unwrap())).collect()
}

#[test]
fn a_drive_that_fails_once_goes_on_with_the_same_cartridge() {
    let (lab, written, shelf) = run_with(0);
    assert!(written.failure.is_none() && shelf.lock().unwrap().moves.is_empty());
    assert_eq!((lab.instances().done, lab.spooled()), (5, 0));
    assert_eq!(volumes(&lab), [(VolumeState::Sealed, 5)]);
    assert_eq!(segments_on(&lab.tape(DRIVE)), [1, 2, 3, 4, 5]);
    assert!(lab.events().iter().any(|event| event.contains("volume 1 of copy 1 is opened anew")));
}

#[test]
fn a_cartridge_that_fails_twice_is_given_up_with_what_is_on_it_and_the_next_one_gets_the_rest() {
    let (lab, written, shelf) = run_with(1);
    assert!(written.failure.is_none() && written.wanted_medium.is_none());
    assert_eq!(shelf.lock().unwrap().moves, [[1, 256, 4096], [1, 4097, 256]]);
    assert_eq!((lab.instances().done, lab.spooled()), (5, 0));
    let given_up = volumes(&lab);
    let [(VolumeState::Abandoned, kept), (VolumeState::Sealed, rest)] = given_up[..] else {
        panic!("{given_up:?}")
    };
    assert!(kept > 0 && kept + rest == 5, "{given_up:?}");
    assert_eq!(segments_on(&lab.tape(DRIVE)).len(), rest);
    let events = lab.events();
    assert!(events.iter().any(|event| event.contains("is given up, with")), "{events:?}");
    // What it holds was seen before it left the drive.
    assert_eq!(written.read_back.len(), 1);
    assert!(lab.shared.lock().volumes().unwrap()[0].is_verified_whole());
}

#[test]
fn a_second_cartridge_in_a_row_that_fails_ends_the_copy_and_no_third_is_tried() {
    let (lab, written, shelf) = run_with(9);
    let failure = written.failure.unwrap();
    assert_eq!(failure.exit_code(), ExitCode::Incomplete, "{failure}");
    assert_eq!(shelf.lock().unwrap().moves.len(), 2, "one exchange");
    let states = volumes(&lab).into_iter().map(|(state, _)| state).collect::<Vec<_>>();
    assert!(
        matches!(states[..], [VolumeState::Abandoned, VolumeState::Open | VolumeState::Labelling]),
        "{states:?}"
    );
    assert!(lab.spooled() > 0 && lab.to_fetch() == 0, "what the copy lacks is in the spool");
    assert!(fs::metadata(lab.path("third.tap")).is_ok_and(|third| third.len() == 0));
}

#[test]
fn a_volume_whose_records_are_not_taken_any_more_is_followed_by_one_with_shorter_ones() {
    let lab = Lab::with_objects(2, 1, 1_200_000);
    let shelf = cartridges(&lab);
    let mut stage = lab.stage(&[&[lab.tape(DRIVE)]], &Arc::default());
    stage.settings.record_bytes = 1 << 20;
    assert!(run(&stage).unwrap().sealed.is_empty(), "one instance is still to come");
    lab.seal(2..3);
    let faults = Faults { longest_record: 600 << 10, shelf: shelf.into(), ..Faults::default() };
    stage = lab.stage(&[&[lab.tape(DRIVE)]], &Arc::new(faults));
    stage.settings.record_bytes = 1 << 20;
    with_robot(&lab, &mut stage);
    let written = run(&stage).unwrap();
    assert!(written.failure.is_none(), "{}", written.failure.unwrap());
    assert_eq!(volumes(&lab), [(VolumeState::Abandoned, 2), (VolumeState::Sealed, 1)]);
    assert!(lab.events().iter().any(|event| event.contains("does not take its records any more")));
}
