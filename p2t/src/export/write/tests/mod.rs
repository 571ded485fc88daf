//! The stage with real segments and real media, and with media that fail.

mod change;
mod lab;
mod mishap;
mod place;
mod records;
mod robot;
mod stall;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use catalogue::VolumeState;
use job::ExitCode;
use job::config::Verify;
use medium::Address;
use volume::Extent;

use self::lab::{Faults, Lab, exchange, leg, run, segments_on};
use super::handout::Why;
use super::leg::Step;
use crate::error::Error;
use crate::readback;

fn no_faults() -> Arc<Faults> {
    Arc::default()
}

fn faults_on(medium: &str, record: u32, commit: u32) -> Arc<Faults> {
    let on = medium.to_owned();
    Arc::new(Faults { on, fail_record: record.into(), fail_commit: commit.into(), ..Faults::default() })
}

#[test]
fn a_commit_covers_all_segments_of_a_burst_and_more_are_made_when_they_are_due() {
    // Label, end of the burst, trailer; and with an interval of a byte one for every segment.
    for (interval, commits) in [(u64::MAX, 3), (1, 2 + 5)] {
        let lab = Lab::new(5, 0);
        let faults = no_faults();
        let mut stage = lab.stage(&[&[lab.tape("v.tap")]], &faults);
        stage.pacing.commit.bytes = interval;
        let written = run(&stage).unwrap();
        assert_eq!((written.sealed.len(), written.sealed[0].last), (1, true));
        assert_eq!(faults.commits.load(Ordering::Relaxed), commits);
        assert_eq!((lab.instances().done, lab.spooled()), (5, 0));
        assert_eq!(segments_on(&lab.tape("v.tap")), [1, 2, 3, 4, 5]);
    }
}

#[test]
fn what_no_commit_covers_stays_in_the_spool_and_is_written_by_the_next_run() {
    // At each commit but the label's, and at every record.
    let faults = (2..4)
        .map(|commit| faults_on("v.tap", 0, commit))
        .chain((4..17).map(|record| faults_on("v.tap", record, 0)));
    for faults in faults {
        let lab = Lab::new(4, 0);
        let specs = [lab.tape("v.tap")];
        let mut stage = lab.stage(&[&specs], &faults);
        stage.pacing.commit.bytes = 20_000;
        let failure = run(&stage).unwrap().failure;
        assert!(failure.is_some_and(|error| error.exit_code() == ExitCode::Incomplete));
        let done = lab.instances().done;
        assert_eq!(lab.spooled() as u64, 4 - done, "what is not written is in the spool, and only that");
        let written = run(&lab.stage(&[&specs], &no_faults())).unwrap();
        assert_eq!((written.sealed.len(), lab.instances().done, lab.to_fetch()), (1, 4, 0));
        assert_eq!(segments_on(&specs[0]), [1, 2, 3, 4]);
    }
}

#[test]
fn files_that_nobody_knows_leave_the_spool_and_what_the_file_system_keeps_there_stays() {
    let lab = Lab::new(1, 0);
    fs::create_dir(lab.path("spool/lost+found")).unwrap();
    fs::write(lab.path("spool/segment-000009.tar.zst.part"), "half").unwrap();
    run(&lab.stage(&[&[lab.tape("v.tap")]], &no_faults())).unwrap();
    assert_eq!((lab.instances().done, lab.spooled()), (1, 1));
    assert!(lab.path("spool/lost+found").is_dir());
}

#[test]
fn segments_gather_until_there_is_a_burst_or_nothing_more_comes_or_the_spool_is_full() {
    let lab = Lab::new(3, 0);
    let specs = [lab.tape("v.tap")];
    let mut stage = lab.stage(&[&specs], &no_faults());
    stage.packed = false.into();
    let waiting = stage.shared.lock().waiting_for_copy(1).unwrap().1;
    stage.pacing.burst_bytes = vec![waiting + 1];
    assert_eq!(leg(&stage).step().unwrap(), Step::Idle);
    stage.pacing.burst_bytes = vec![waiting];
    let mut leg = leg(&stage);
    assert_eq!(leg.step().unwrap(), Step::Went);
    assert_eq!(leg.step().unwrap(), Step::Idle);
    drop(leg);

    let lab = Lab::new(3, 0).with_limit(1);
    let mut stage = lab.stage(&[&[lab.tape("v.tap")]], &no_faults());
    (stage.packed, stage.pacing.burst_bytes) = (false.into(), vec![u64::MAX]);
    assert_eq!(lab::leg(&stage).step().unwrap(), Step::Went);
}

#[test]
fn two_copies_have_the_same_segments_and_only_both_free_the_spool() {
    let lab = Lab::new(4, 0);
    let specs = [[lab.tape("a.tap")], [lab.tape("b.tap")]];
    let written = run(&lab.stage(&[&specs[0], &specs[1]], &no_faults())).unwrap();
    assert_eq!((written.sealed.len(), lab.instances().done, lab.spooled()), (2, 4, 0));
    let volumes = lab.shared.lock().volumes().unwrap();
    let places: Vec<_> = volumes.iter().map(|row| (row.volume.copy, row.volume.sequence, row.last)).collect();
    assert_eq!(places, [(1, 1, true), (2, 1, true)]);
    assert_eq!(segments_on(&specs[0][0]), segments_on(&specs[1][0]));
}

#[test]
fn a_copy_whose_drive_fails_loses_the_other_nothing_and_catches_up_later() {
    let lab = Lab::new(4, 0);
    let specs = [[lab.tape("a.tap")], [lab.tape("b.tap")]];
    let written = run(&lab.stage(&[&specs[0], &specs[1]], &faults_on("b.tap", 9, 0))).unwrap();
    let failure = written.failure.unwrap();
    assert_eq!(failure.exit_code(), ExitCode::Incomplete, "{failure}");
    assert!(lab.events().iter().any(|event| event.starts_with("copy 2: the drive")), "{:?}", lab.events());
    assert_eq!(written.sealed.len(), 1, "the other has all there is");
    assert_eq!((lab.instances().done, lab.to_fetch(), lab.spooled()), (0, 0, 4));
    let state = lab.shared.lock().volume(written.sealed[0].volume.uuid).unwrap().unwrap();
    assert!(state.last && state.state == VolumeState::Sealed);
    let written = run(&lab.stage(&[&specs[0], &specs[1]], &no_faults())).unwrap();
    assert_eq!((written.sealed.len(), lab.instances().done, lab.spooled()), (1, 4, 0));
    assert_eq!(segments_on(&specs[1][0]), [1, 2, 3, 4]);
}

#[test]
fn a_copy_for_which_there_is_no_medium_is_wanted_by_name() {
    let lab = Lab::new(3, 0);
    let specs = [[lab.tape("a.tap")], [lab.tape("b.tap")]];
    let mut stage = lab.stage(&[&specs[0], &specs[1]], &no_faults());
    // Two segments and no third fit on a volume.
    stage.settings.capacity_bytes = Some(103_000);
    let written = run(&stage).unwrap();
    let wanted = written.wanted_medium.unwrap();
    for copy in ["copy1=MEDIUM", "copy2=MEDIUM"] {
        assert!(wanted.contains(copy), "{wanted}");
    }
    let further = [[lab.tape("c.tap")], [lab.tape("d.tap")]];
    run(&lab.stage(&[&further[0], &further[1]], &no_faults())).unwrap();
    assert_eq!(lab.instances().done, 3);
    let volumes = lab.shared.lock().volumes().unwrap();
    let sequences: Vec<_> = volumes.iter().map(|row| (row.volume.copy, row.volume.sequence)).collect();
    assert_eq!(sequences, [(1, 1), (1, 2), (2, 1), (2, 2)]);
    // Each copy has its own chain.
    for (medium, copy) in [(&further[0][0], 1), (&further[1][0], 2)] {
        let mut volume = volume::Volume::open(&medium.parse::<Address>().unwrap()).unwrap();
        let earlier = volume.index().unwrap().unwrap().earlier;
        let own = volumes.iter().find(|row| row.volume.copy == copy).unwrap();
        assert_eq!(earlier.iter().map(|volume| volume.volume).collect::<Vec<_>>(), [own.volume.uuid]);
    }
}

#[test]
fn copies_that_share_a_drive_take_turns() {
    let lab = Lab::new(3, 0);
    let drive = [lab.tape("drive")];
    let copies: [&[String]; 2] = [&drive, &drive];
    let (first, second) = (lab.path("first"), lab.path("second"));
    let written = run(&lab.stage(&copies, &no_faults())).unwrap();
    assert_eq!((written.sealed.len(), written.sealed[0].volume.copy), (1, 1));
    assert!(written.wanted_medium.unwrap().contains("copy2=MEDIUM"));
    assert_eq!((lab.instances().done, lab.spooled()), (0, 3));
    exchange(&lab.path("drive"), &first, None);
    let written = run(&lab.stage(&copies, &no_faults())).unwrap();
    assert_eq!((written.sealed.len(), written.sealed[0].volume.copy), (1, 2));
    assert_eq!((written.wanted_medium, lab.instances().done, lab.spooled()), (None, 3, 0));
    exchange(&lab.path("drive"), &second, None);
    assert_eq!(segments_on(&first.display().to_string()), [1, 2, 3]);
    assert_eq!(segments_on(&second.display().to_string()), [1, 2, 3]);
}

#[test]
fn a_copy_makes_way_for_the_other_when_the_spool_is_full() {
    let lab = Lab::new(3, 2).with_limit(1);
    let drive = [lab.tape("drive")];
    let mut stage = lab.stage(&[&drive, &drive], &no_faults());
    // More would come, if there were room.
    stage.packed = false.into();
    let written = run(&stage).unwrap();
    assert_eq!((written.sealed.len(), written.sealed[0].last), (1, false));
    assert!(written.wanted_medium.unwrap().contains("of copy 2"));
}

/// A volume that is open, with `segments` segments on it, because two instances are still to be fetched.
fn open_volume(lab: &Lab, copies: &[&[String]]) {
    let written = run(&lab.stage(copies, &no_faults())).unwrap();
    assert!(written.sealed.is_empty() && written.failure.is_none());
    assert_eq!(lab.spooled(), 0);
}

fn read_back(lab: &Lab, tape: &str, extent: Extent) {
    let mut catalogue = lab.shared.lock();
    let medium: Address = tape.parse().unwrap();
    let read = readback::read_back(&catalogue, &medium, extent, lab.path(""), &mut |_| true).unwrap();
    read.unwrap().record(&mut catalogue).unwrap();
}

/// Cuts a tape off behind so many files.
fn cut(tape: &str, files: usize) {
    let mut bytes = fs::read(tape).unwrap();
    let (mut at, mut left) = (0, files);
    while left > 0 {
        let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        left -= usize::from(length == 0);
        at += if length == 0 { 4 } else { length.next_multiple_of(2) + 8 };
    }
    bytes.truncate(at);
    fs::write(tape, bytes).unwrap();
}

/// Changes a byte of a tape, counted from its end.
fn spoil(tape: &str, from_end: usize) {
    let mut bytes = fs::read(tape).unwrap();
    let at = bytes.len() - from_end;
    bytes[at] ^= 1;
    fs::write(tape, bytes).unwrap();
}

#[test]
fn a_volume_that_lost_segments_is_given_up_and_what_it_lost_is_fetched_again() {
    // However little of a sound volume is read back, all segments of this one are.
    for verify in [Verify::Full, Verify::Sample, Verify::None] {
        let lab = Lab::new(4, 2);
        let specs = [lab.tape("a.tap"), lab.tape("b.tap")];
        open_volume(&lab, &[&specs]);
        // In the last segment of 9 kB and in the one before.
        for at in [500, 15_000] {
            spoil(&specs[0], at);
        }
        let mut stage = lab.stage(&[&specs], &no_faults());
        stage.verify = verify;
        assert!(run(&stage).unwrap().failure.is_none());
        assert_eq!((lab.instances().done, lab.to_fetch()), (2, 4));
        let states: Vec<_> = lab.shared.lock().volumes().unwrap().iter().map(|row| row.state).collect();
        assert_eq!(states, [VolumeState::Abandoned]);
        let events = lab.events();
        let told = events.iter().find(|event| event.contains("is given up")).unwrap();
        assert!(told.contains("segment-000004") && told.contains("Keep the medium"), "{told}");
        // What counts as written on it is read back as on any other.
        let left = || readback::unread(&lab.shared.lock()).unwrap().len();
        assert_eq!(left(), 1);
        read_back(&lab, &specs[0], Extent::Whole);
        assert_eq!(left(), 0);
        // Nor may it be labelled anew.
        let given_up = lab.shared.lock().volumes().unwrap().remove(0);
        assert!(readback::holds_segments(&lab.shared.lock(), &given_up).unwrap());
        assert_eq!(lab.shared.lock().harmed_placements().unwrap().len(), 0);
        lab.seal(0..6);
        run(&lab.stage(&[&specs], &no_faults())).unwrap();
        assert_eq!((lab.instances().done, lab.to_fetch()), (6, 0));
        assert_eq!(segments_on(&specs[1]).len(), 4);
    }
}

#[test]
fn a_volume_whose_tail_is_gone_is_written_off_to_the_last_segment_whatever_is_read_back() {
    for verify in [Verify::Full, Verify::Sample, Verify::None] {
        let lab = Lab::new(20, 1);
        let specs = [lab.tape("a.tap")];
        open_volume(&lab, &[&specs]);
        cut(&specs[0], 4);
        let mut stage = lab.stage(&[&specs], &no_faults());
        stage.verify = verify;
        assert!(run(&stage).unwrap().failure.is_none());
        assert_eq!((lab.instances().done, lab.to_fetch()), (3, 18), "{verify:?}");
        assert_eq!(segments_on(&specs[0]), [1, 2, 3]);
    }
}

#[test]
fn a_volume_given_up_that_lost_its_tail_afterwards_is_not_found_right_by_a_sample() {
    let lab = Lab::new(20, 1);
    let specs = [lab.tape("a.tap")];
    open_volume(&lab, &[&specs]);
    let row = lab.shared.lock().volumes().unwrap().remove(0);
    lab.shared.lock().abandon_volume(row.id).unwrap();
    cut(&specs[0], 4);
    read_back(&lab, &specs[0], Extent::Sample);
    let harmed = lab.shared.lock().harmed_placements().unwrap();
    assert!(harmed.iter().map(|placement| placement.number).eq(4..=20), "{harmed:?}");
    assert_eq!(readback::unread(&lab.shared.lock()).unwrap().len(), 1);
}

#[test]
fn what_one_copy_lost_the_other_still_has() {
    let lab = Lab::new(4, 2);
    let specs = [[lab.tape("a.tap")], [lab.tape("b.tap")]];
    let copies: [&[String]; 2] = [&specs[0], &specs[1]];
    open_volume(&lab, &copies);
    spoil(&specs[0][0], 500);
    run(&lab.stage(&copies, &no_faults())).unwrap();
    assert_eq!((lab.instances().done, lab.to_fetch()), (4, 2));
    assert_eq!(lab.shared.lock().segments_on_fewer_copies(2, 9).unwrap(), [4]);
}

#[test]
fn another_volume_in_the_drive_is_told_and_not_touched() {
    let lab = Lab::new(2, 1);
    let drive = [lab.tape("drive.tap")];
    open_volume(&lab, &[&drive]);
    let other = Lab::new(1, 1);
    let others = [other.tape("other.tap")];
    open_volume(&other, &[&others]);
    let ours = lab.path("ours.tap");
    exchange(&lab.path("drive.tap"), &ours, Some(&other.path("other.tap")));
    let before = fs::read(&drive[0]).unwrap();
    lab.seal(2..3);
    let failure = run(&lab.stage(&[&drive], &no_faults())).unwrap().failure.unwrap();
    let Error::VolumeInWork { source, .. } = &failure else { panic!("{failure}") };
    assert!(matches!(**source, Error::Volume(volume::Error::OtherVolume { sequence: 1, .. })), "{failure}");
    assert_eq!(failure.exit_code(), ExitCode::Incomplete);
    assert!(fs::read(&drive[0]).unwrap() == before, "something was written");
    exchange(&lab.path("drive.tap"), &other.path("other.tap"), Some(&ours));
    run(&lab.stage(&[&drive], &no_faults())).unwrap();
    assert_eq!((lab.instances().done, segments_on(&drive[0])), (3, vec![1, 2, 3]));
}

#[test]
fn a_segment_that_changed_in_the_spool_is_fetched_again_unless_a_copy_has_it() {
    for copies_that_have_it in [0, 1] {
        let lab = Lab::new(3, 0);
        let specs = [[lab.tape("a.tap")], [lab.tape("b.tap")]];
        let copies: [&[String]; 2] = [&specs[0], &specs[1]];
        if copies_that_have_it == 1 {
            // The second has its label and nothing else.
            assert!(run(&lab.stage(&copies, &faults_on("b.tap", 4, 0))).unwrap().failure.is_some());
        }
        let segment = lab.path("spool/segment-000002.tar.zst");
        let mut bytes = fs::read(&segment).unwrap();
        bytes[300] ^= 1;
        fs::write(&segment, bytes).unwrap();
        let spoilt = run(&lab.stage(&copies, &no_faults()));
        assert!(matches!(spoilt, Err(Error::SpoolDamaged)));
        assert_eq!(lab.to_fetch(), 1 - copies_that_have_it);
        assert!(!segment.exists());
        let fewer = lab.shared.lock().segments_on_fewer_copies(2, 9).unwrap();
        assert_eq!(fewer.len(), copies_that_have_it);
        lab.seal(0..3);
        run(&lab.stage(&copies, &no_faults())).unwrap();
        assert_eq!((lab.instances().done, lab.spooled()), (3, 0));
    }
}

#[test]
fn a_segment_leaves_the_spool_only_when_no_leg_has_it_in_hand() {
    let lab = Lab::new(1, 0);
    let specs = [[lab.tape("a.tap")], [lab.tape("b.tap")]];
    let stage = lab.stage(&[&specs[0], &specs[1]], &no_faults());
    let row = stage.handout.take(1, 0).unwrap().unwrap();
    assert!(stage.handout.take(2, 0).unwrap().is_some());
    stage.handout.condemn(&row, Why::Changed);
    stage.handout.put_back(1).unwrap();
    assert_eq!((lab.to_fetch(), lab.spooled()), (0, 1), "the other may be writing it");
    assert!(stage.handout.take(1, 0).unwrap().is_none());
    stage.handout.put_back(2).unwrap();
    assert_eq!((lab.to_fetch(), lab.spooled()), (1, 0));
}
