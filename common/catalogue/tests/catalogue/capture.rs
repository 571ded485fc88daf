//! Capture: retries, lying sources, conflicts, and spool files that may go.

use catalogue::capture::{CaptureKey, CaptureOutcome, Captured};
use catalogue::plan::InstanceRow;
use catalogue::{Error, InstanceId};

use crate::lab::{
    Lab, captured, digest, doubtful_key, file_row, instance_row, key, series_uid, sop_uid, study_row,
};

#[test]
fn an_object_finds_its_listed_instance_by_uids() {
    let mut lab = Lab::new();
    let study = lab.study(1, 2);
    let ids = lab.pending(study);
    let intake = lab.catalogue.open_intake().unwrap().id;
    assert_eq!(lab.capture(captured(key(study, 1, 1), intake, 0, 9)), (CaptureOutcome::Captured, ids[1]));
    assert_eq!(lab.pending(study), [ids[0]]);
}

#[test]
fn the_same_bytes_again_are_a_duplicate() {
    let mut lab = Lab::new();
    let study = lab.study(1, 1);
    let intake = lab.catalogue.open_intake().unwrap().id;
    let (_, id) = lab.capture(captured(key(study, 1, 0), intake, 0, 9));
    // Our File Meta may differ between two fetches; the dataset decides.
    let other_meta = Captured { blake3: digest(77), ..captured(key(study, 1, 0), intake, 1_000, 9) };
    assert_eq!(lab.capture(other_meta), (CaptureOutcome::Duplicate, id));
    assert_eq!(
        lab.capture(captured(CaptureKey::Instance(id), intake, 2_000, 9)),
        (CaptureOutcome::Duplicate, id)
    );
    lab.seal_all();
    assert_eq!(lab.capture(captured(key(study, 1, 0), intake, 0, 9)), (CaptureOutcome::Duplicate, id));
}

#[test]
fn other_bytes_under_the_same_uid_travel_too() {
    let mut lab = Lab::new();
    let study = lab.study(1, 1);
    let intake = lab.catalogue.open_intake().unwrap().id;
    let (_, first) = lab.capture(captured(key(study, 1, 0), intake, 0, 1));
    let (outcome, second) = lab.capture(captured(key(study, 1, 0), intake, 1_000, 2));
    assert_eq!(outcome, CaptureOutcome::Conflict);
    assert_ne!(first, second);
    assert_eq!(
        lab.capture(captured(key(study, 1, 0), intake, 2_000, 2)),
        (CaptureOutcome::Duplicate, second)
    );
    assert_eq!(lab.captured(), [first, second]);
    assert_eq!(conflicts(&lab), [(sop_uid(1, 0), 2, 2)]);
}

#[test]
fn what_is_in_doubt_travels_and_its_instance_stays_pending() {
    let mut lab = Lab::new();
    let study = lab.study(1, 1);
    let listed = lab.pending(study)[0];
    let intake = lab.catalogue.open_intake().unwrap().id;
    let (outcome, doubtful) = lab.capture(captured(doubtful_key(study, 1, 0), intake, 0, 1));
    assert_eq!((outcome, lab.pending(study)), (CaptureOutcome::Doubtful, vec![listed]));
    let again = captured(doubtful_key(study, 1, 0), intake, 1_000, 1);
    assert_eq!(lab.capture(again), (CaptureOutcome::Duplicate, doubtful));
    let sound = captured(key(study, 1, 0), intake, 2_000, 2);
    assert_eq!(lab.capture(sound), (CaptureOutcome::Captured, listed));
    assert_eq!(lab.captured(), [listed, doubtful]);
}

#[test]
fn files_under_one_uid_conflict_only_when_their_datasets_differ() {
    let mut lab = Lab::new();
    let files = [file_row(1, 1, "a"), file_row(1, 1, "b"), file_row(1, 2, "c"), file_row(1, 2, "d")];
    lab.catalogue.record_files(&files).unwrap();
    let study = lab.study_id("1.2.3.1");
    let intake = lab.catalogue.open_intake().unwrap().id;
    let outcomes: Vec<_> = lab
        .pending(study)
        .into_iter()
        .zip([1, 1, 1, 2])
        .map(|(id, seed)| lab.capture(captured(CaptureKey::Instance(id), intake, 0, seed)).0)
        .collect();
    // The copy of a file does not travel; a file that differs does.
    let (captured, copy) = (CaptureOutcome::Captured, CaptureOutcome::Copy);
    assert_eq!(outcomes, [captured, copy, captured, captured]);
    assert_eq!(conflicts(&lab), [(sop_uid(1, 2), 2, 2)]);
}

#[test]
fn an_object_that_was_not_listed_is_added() {
    let mut lab = Lab::new();
    let study = lab.study(1, 1);
    let intake = lab.catalogue.open_intake().unwrap().id;
    let (outcome, id) = lab.capture(captured(key(study, 1, 8), intake, 0, 1));
    assert_eq!(outcome, CaptureOutcome::Unlisted);
    assert_eq!(lab.captured(), [id]);
    assert_eq!(lab.pending(study).len(), 1);
}

#[test]
fn an_object_that_names_no_series_stays_in_that_in_which_it_is_listed() {
    let mut lab = Lab::new();
    let study = lab.listed(&study_row(1)).0;
    let listed = InstanceRow { sop_class: Some("1.2.840.10008.5.1.4.1.1.2".into()), ..instance_row(1, 0) };
    lab.catalogue.record_instances(study, [listed]).unwrap();
    let id = lab.pending(study)[0];
    let intake = lab.catalogue.open_intake().unwrap().id;
    let nameless = |number| CaptureKey::Uids {
        study_id: study,
        series_uid: String::new(),
        sop_instance: sop_uid(1, number),
        sop_class: String::new(),
    };
    assert_eq!(lab.capture(captured(nameless(0), intake, 0, 9)), (CaptureOutcome::Captured, id));
    assert_eq!(lab.capture(captured(nameless(5), intake, 1_000, 8)).0, CaptureOutcome::Unlisted);
    let segment = lab.seal_all();
    let mut found = Vec::new();
    lab.catalogue
        .each_object_of_segment(segment, |packed| {
            found.push((packed.object.series_uid, packed.object.sop_class));
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(found, [(series_uid(1), Some("1.2.840.10008.5.1.4.1.1.2".into())), (String::new(), None)]);
}

#[test]
fn an_object_listed_under_another_series_is_the_listed_one() {
    let mut lab = Lab::new();
    let study = lab.study(1, 0);
    let elsewhere = InstanceRow { series_uid: "1.2.3.999".into(), ..instance_row(1, 0) };
    lab.catalogue.record_instances(study, [elsewhere]).unwrap();
    let ids = lab.pending(study);
    let intake = lab.catalogue.open_intake().unwrap().id;
    assert_eq!(lab.capture(captured(key(study, 1, 0), intake, 0, 1)), (CaptureOutcome::Captured, ids[0]));
    let segment = lab.seal_all();
    lab.catalogue
        .each_object_of_segment(segment, |packed| {
            assert_eq!(packed.object.series_uid, "1.2.3.1.7");
            Ok::<_, Error>(())
        })
        .unwrap();
}

#[test]
fn failed_instances_may_still_arrive_and_excluded_ones_stay_out() {
    let mut lab = Lab::new();
    lab.catalogue.record_files(&[file_row(1, 1, "a"), file_row(1, 1, "b")]).unwrap();
    let study = lab.study_id("1.2.3.1");
    let ids = lab.pending(study);
    lab.catalogue.fail_instance(ids[0], "cannot be read").unwrap();
    let intake = lab.catalogue.open_intake().unwrap().id;
    let mut capture = |id, seed| lab.capture(captured(CaptureKey::Instance(id), intake, 0, seed));
    assert_eq!(capture(ids[0], 1), (CaptureOutcome::Captured, ids[0]));
    assert_eq!(capture(ids[1], 1), (CaptureOutcome::Copy, ids[0]));
    assert_eq!(capture(ids[1], 2), (CaptureOutcome::Excluded, ids[1]));
}

#[test]
fn a_batch_is_recorded_whole_or_not_at_all() {
    let mut lab = Lab::new();
    let study = lab.study(1, 1);
    let intake = lab.catalogue.open_intake().unwrap().id;
    let batch = [
        captured(key(study, 1, 0), intake, 0, 1),
        captured(CaptureKey::Instance(InstanceId(4_711)), intake, 0, 1),
    ];
    assert!(matches!(lab.catalogue.record_captured(&batch), Err(Error::Unknown { what: "instance", .. })));
    assert_eq!(lab.pending(study).len(), 1);
}

#[test]
fn an_intake_may_go_when_all_of_it_is_packed() {
    let mut lab = Lab::new();
    let study = lab.study(1, 3);
    let intake = lab.capture_study(study);
    let known = lab.catalogue.intakes().unwrap().remove(0);
    assert_eq!((known.objects, known.end, known.is_deletable()), (3, 3_000, false));
    assert!(matches!(lab.catalogue.forget_intake(intake), Err(Error::IntakeInUse(_))));
    lab.seal_all();
    assert!(lab.catalogue.intakes().unwrap()[0].is_deletable());
    lab.catalogue.forget_intake(intake).unwrap();
    let next = lab.catalogue.open_intake().unwrap();
    assert_ne!(next.file_name(), known.file_name(), "names in the spool are never used twice");
    assert!(!next.is_deletable(), "an open intake may still grow");
}

#[test]
fn a_lost_intake_is_fetched_again() {
    let mut lab = Lab::new();
    let study = lab.study(1, 3);
    let intake = lab.capture_study(study);
    assert_eq!(lab.catalogue.release_intake(intake).unwrap(), 3);
    assert_eq!(lab.pending(study).len(), 3);
    assert!(lab.catalogue.intakes().unwrap()[0].is_deletable());
    lab.capture_study(study);
    assert_eq!(lab.captured().len(), 3);
}

fn conflicts(lab: &Lab) -> Vec<(String, u64, u64)> {
    let mut found = Vec::new();
    lab.catalogue
        .each_conflict(|conflict| {
            found.push((conflict.sop_instance, conflict.objects, conflict.datasets));
            Ok::<_, Error>(())
        })
        .unwrap();
    found
}
