//! Records that a drive does not take, and settings that change between two runs.

use std::fs;
use std::sync::Arc;

use catalogue::VolumeState;
use job::ExitCode;
use medium::{Address, FileId, Medium, Record};

use super::lab::{DRIVE, Faults, Lab, run, segments_on};
use super::{faults_on, no_faults, open_volume};

/// What the label on a tape says.
fn record_bytes_on(tape: &str) -> u32 {
    let address: Address = tape.parse().unwrap();
    volume::label_on(&address).unwrap().unwrap().record_bytes
}

/// The length of the first record of each segment on a tape.
fn records_on(tape: &str, segments: u32) -> Vec<Record> {
    let address: Address = tape.parse().unwrap();
    let mut reader = address.open().unwrap();
    let mut first = |number| {
        assert!(reader.open_file(&FileId { number, name: String::new() }).unwrap());
        reader.read_record(&mut [0; 16 << 10]).unwrap()
    };
    (1..=segments).map(&mut first).collect()
}

#[test]
fn a_volume_whose_first_record_is_refused_is_labelled_anew_with_smaller_ones() {
    for (longest, taken) in [(600 << 10, 512 << 10), (256 << 10, 256 << 10)] {
        let lab = Lab::with_objects(3, 0, 1_200_000);
        let faults = Arc::new(Faults { longest_record: longest, ..Faults::default() });
        let mut stage = lab.stage(&[&[lab.tape("v.tap")]], &faults);
        stage.settings.record_bytes = 1 << 20;
        let written = run(&stage).unwrap();
        assert!(written.failure.is_none(), "{}", written.failure.unwrap());
        assert_eq!((lab.instances().done, lab.spooled(), written.sealed.len()), (3, 0, 1));
        assert_eq!(
            (segments_on(&lab.tape("v.tap")), record_bytes_on(&lab.tape("v.tap"))),
            (vec![1, 2, 3], taken)
        );
        assert!(lab.events().iter().any(|event| event.contains("refuses records of 1024 KiB")));
    }
}

#[test]
fn a_drive_that_does_not_take_the_smallest_records_either_ends_the_run_and_smaller_ones_can_be_set() {
    let lab = Lab::with_objects(3, 0, 1_200_000);
    let faults = Arc::new(Faults { longest_record: 128 << 10, ..Faults::default() });
    let stage = |record_bytes| {
        let mut stage = lab.stage(&[&[lab.tape("v.tap")]], &faults);
        stage.settings.record_bytes = record_bytes;
        stage
    };
    let failure = run(&stage(512 << 10)).unwrap().failure.unwrap();
    assert!(failure.to_string().contains("records of this size"), "{failure}");
    assert_eq!(lab.spooled(), 3);
    assert!(run(&stage(128 << 10)).unwrap().failure.is_none());
    assert_eq!(
        (segments_on(&lab.tape("v.tap")), record_bytes_on(&lab.tape("v.tap"))),
        (vec![1, 2, 3], 128 << 10)
    );
}

#[test]
fn a_volume_with_segments_goes_on_in_its_own_records_whatever_is_set() {
    for set in [2048, 8192] {
        let lab = Lab::new(2, 1);
        let specs = [lab.tape("v.tap")];
        open_volume(&lab, &[&specs]);
        lab.seal(2..3);
        let mut stage = lab.stage(&[&specs], &no_faults());
        stage.settings.record_bytes = set;
        let written = run(&stage).unwrap();
        assert!(written.failure.is_none(), "{}", written.failure.unwrap());
        assert_eq!((segments_on(&specs[0]), record_bytes_on(&specs[0])), (vec![1, 2, 3], 4096));
        assert_eq!(records_on(&specs[0], 3), [Record::Data(4096); 3]);
    }
}

#[test]
fn a_label_that_was_cut_off_while_it_was_written_anew_is_made_good() {
    let lab = Lab::with_objects(3, 0, 1_200_000);
    // The label's only record, the first refused one, and then the label again.
    let faults = Faults { longest_record: 600 << 10, ..Arc::into_inner(faults_on("v.tap", 3, 0)).unwrap() };
    let mut stage = lab.stage(&[&[lab.tape("v.tap")]], &Arc::new(faults));
    stage.settings.record_bytes = 1 << 20;
    assert!(run(&stage).unwrap().failure.is_some());
    assert!(lab.events().iter().any(|event| event.contains("is labelled anew")));
    let state = lab.shared.lock().volumes().unwrap()[0].state;
    assert_eq!(state, VolumeState::Labelling, "there is no label that a run could go on behind");
    let mut stage = lab.stage(&[&[lab.tape("v.tap")]], &no_faults());
    stage.settings.record_bytes = 512 << 10;
    assert!(run(&stage).unwrap().failure.is_none());
    assert_eq!(
        (segments_on(&lab.tape("v.tap")), record_bytes_on(&lab.tape("v.tap"))),
        (vec![1, 2, 3], 512 << 10)
    );
}

#[test]
fn a_volume_whose_records_are_not_taken_any_more_waits_for_its_drive_or_for_a_blank_cartridge() {
    let lab = Lab::new(2, 1);
    let specs = [lab.tape(DRIVE)];
    fs::write(&specs[0], "").unwrap();
    open_volume(&lab, &[&specs]);
    lab.seal(2..3);
    let faults = Arc::new(Faults { longest_record: 2048, ..Faults::default() });
    let mut stage = lab.stage(&[&specs], &faults);
    let failure = run(&stage).unwrap().failure.unwrap();
    assert!(
        failure.to_string().contains("volume 1 has records that are too long for the way to"),
        "{failure}"
    );
    assert_eq!((failure.exit_code(), lab.spooled()), (ExitCode::Incomplete, 1));

    // A blank one is put in: what was on the other counts.
    fs::rename(&specs[0], lab.path("first.tap")).unwrap();
    fs::write(&specs[0], "").unwrap();
    stage = lab.stage(&[&specs], &faults);
    stage.settings.record_bytes = 2048;
    assert!(run(&stage).unwrap().failure.is_none());
    assert_eq!((lab.instances().done, segments_on(&specs[0])), (3, vec![3]));
    assert_eq!(lab.shared.lock().volumes().unwrap()[0].state, VolumeState::Abandoned);
}
