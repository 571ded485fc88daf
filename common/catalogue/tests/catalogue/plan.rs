//! Listing: idempotent, resumable, and everything that was listed is in the balance.

use catalogue::balance::{Stage, Tally};
use catalogue::choice::Ruling;
use catalogue::listing::{Answered, ListingProof};
use catalogue::plan::QueryRow;
use catalogue::shortfall::ShortStudy;
use catalogue::{Error, InstanceId, OddityState, PlanPosition, StudyRow};

use crate::lab::{Lab, captured, file_row, instance_row, key, study_row, study_uid, uids};

#[test]
fn listing_again_resets_nothing() {
    let mut lab = Lab::new();
    let study = lab.study(1, 3);
    lab.capture_study(study);
    let again = lab.catalogue.record_instances(study, (0..4).map(|n| instance_row(1, n))).unwrap();
    assert_eq!((again.new, again.known), (1, 3));
    assert_eq!(lab.captured().len(), 3);
    assert_eq!(lab.pending(study).len(), 1);
}

#[test]
fn studies_keep_their_plan_order_and_pages_join_up() {
    let mut lab = Lab::new();
    for study in [5, 3, 9, 1] {
        lab.listed(&study_row(study));
    }
    lab.listed(&study_row(3));
    let order = uids(|after| lab.catalogue.studies_not_enumerated(after, 2));
    assert_eq!(order, [5, 3, 9, 1].map(study_uid));
    lab.study(3, 1);
    let rest = uids(|after| lab.catalogue.studies_not_enumerated(after, 1));
    assert_eq!(rest, [5, 9, 1].map(study_uid));
    assert_eq!(uids(|after| lab.catalogue.studies_to_fetch(after, 1)), [study_uid(3)]);
}

#[test]
fn a_study_known_again_keeps_what_the_new_answer_leaves_out() {
    let mut lab = Lab::new();
    let mut row = study_row(1);
    row.study_date = Some("20200101".into());
    lab.listed(&row);
    row.study_date = None;
    row.accession = Some("A1".into());
    assert!(!lab.listed(&row).1);
    let known = lab.catalogue.studies(PlanPosition::default(), 10).unwrap().remove(0).study;
    assert_eq!((known.study_date.as_deref(), known.accession.as_deref()), (Some("20200101"), Some("A1")));
}

#[test]
fn a_study_whose_instances_are_listed_keeps_its_keys_however_it_is_listed_again() {
    let mut lab = Lab::new();
    let was = StudyRow { patient_id: Some("P1".into()), ..study_row(1) };
    lab.listed(&was);
    lab.study(1, 2);
    let is = StudyRow { patient_id: Some("P2".into()), status: Some("READ".into()), ..was.clone() };
    let listing = lab.catalogue.listing("everything").unwrap();
    let query = |rows| QueryRow {
        at: jiff::Timestamp::now(),
        level: "STUDY".into(),
        keys: "…".into(),
        rows,
        status: 0,
    };
    let answer = |lab: &mut Lab, part, studies: &[StudyRow]| {
        let query = query(studies.len() as u64);
        let answered = Answered { query, part, broken_off: false, studies };
        lab.catalogue.record_answer(listing, &answered).unwrap()
    };
    let ids = answer(&mut lab, "", &[is.clone(), study_row(2)]);
    let known = lab.catalogue.study(ids[0]).unwrap();
    assert_eq!((known.patient_id.as_deref(), known.status.as_deref()), (Some("P1"), Some("READ")));
    // A later run must not take the keys of the plan for those of the answer.
    assert!(lab.catalogue.recall(listing, "").unwrap().is_none());
    answer(&mut lab, "", &[was, study_row(2)]);
    let recalled = lab.catalogue.recall(listing, "").unwrap().unwrap();
    assert_eq!((recalled.rows, recalled.studies.len(), recalled.settled), (2, 2, false));
    lab.catalogue.finish_listing_with(listing, &ListingProof::default()).unwrap();
    assert_eq!(lab.catalogue.listings().unwrap()[0].1.queries, 1);
    lab.catalogue.record_files(&[(is, file_row(1, 1, "a.dcm").1)]).unwrap();
    assert_eq!(lab.catalogue.study(ids[0]).unwrap().patient_id.as_deref(), Some("P1"));
}

#[test]
fn debug_output_of_a_study_has_no_patient_data() {
    let shown = format!("{:?}", study_row(1));
    assert!(shown.contains("1.2.3.1") && !shown.contains("Nobody"), "{shown}");
}

#[test]
fn files_with_the_same_uids_are_instances_of_their_own() {
    let mut lab = Lab::new();
    let files = [file_row(1, 1, "a.dcm"), file_row(1, 1, "b.dcm"), file_row(1, 1, "a.dcm")];
    let listed = lab.catalogue.record_files(&files).unwrap();
    assert_eq!((listed.new, listed.known), (2, 1));
    assert_eq!(lab.catalogue.balance(Stage::Export).unwrap().studies.pending, 1);
    lab.catalogue.finish_listing().unwrap();
    assert!(lab.catalogue.studies_not_enumerated(PlanPosition::default(), 9).unwrap().is_empty());
}

#[test]
fn files_that_are_no_objects_count_as_listed() {
    let mut lab = Lab::new();
    lab.catalogue.record_oddity(b"notes.txt", Some(3), OddityState::Excluded, "not DICOM").unwrap();
    lab.catalogue.record_oddity(b"locked", None, OddityState::Failed, "permission denied").unwrap();
    lab.catalogue.record_oddity(b"late.dcm", None, OddityState::Failed, "permission denied").unwrap();
    lab.catalogue.record_files(&[file_row(1, 1, "late.dcm")]).unwrap();
    let instances = lab.catalogue.balance(Stage::Export).unwrap().instances;
    assert_eq!(instances, Tally { listed: 3, done: 0, excluded: 1, failed: 1, pending: 1 });
    let reasons = lab.catalogue.oddity_reasons(10).unwrap();
    assert_eq!(
        reasons.iter().map(|reason| &*reason.reason).collect::<Vec<_>>(),
        ["not DICOM", "permission denied"]
    );
}

#[test]
fn a_study_without_instances_is_not_done() {
    let mut lab = Lab::new();
    lab.study(1, 0);
    let studies = lab.catalogue.balance(Stage::Export).unwrap().studies;
    assert_eq!((studies.listed, studies.failed), (1, 1));
}

#[test]
fn an_instance_is_given_up_once_and_only_while_pending() {
    let mut lab = Lab::new();
    let study = lab.study(1, 2);
    let ids = lab.pending(study);
    lab.catalogue.fail_instance(ids[0], "never arrived").unwrap();
    let again = lab.catalogue.fail_instance(ids[0], "twice");
    assert!(matches!(again, Err(Error::IllegalTransition { what: "instance", .. })), "{again:?}");
    assert!(matches!(lab.catalogue.fail_instance(InstanceId(99), "x"), Err(Error::Unknown { .. })));
    lab.capture_study(study);
    assert!(matches!(lab.catalogue.fail_instance(ids[1], "x"), Err(Error::IllegalTransition { .. })));
}

#[test]
fn what_was_given_up_can_be_tried_again() {
    let mut lab = Lab::new();
    let study = lab.study(1, 3);
    lab.catalogue.study_attempt_failed(study, "association rejected").unwrap();
    assert_eq!(lab.catalogue.fail_pending_of_study(study, "never arrived").unwrap(), 3);
    assert_eq!(lab.catalogue.balance(Stage::Export).unwrap().instances.failed, 3);
    assert_eq!(lab.catalogue.retry_failed().unwrap(), 3);
    assert_eq!(lab.pending(study).len(), 3);
    assert_eq!(lab.catalogue.studies(PlanPosition::default(), 1).unwrap()[0].attempts, 0);
}

#[test]
fn what_arrived_unlisted_and_is_listed_later_is_one_instance() {
    let mut lab = Lab::new();
    let study = lab.study(1, 1);
    let intake = lab.catalogue.open_intake().unwrap().id;
    lab.capture(captured(key(study, 1, 5), intake, 0, 1));
    let listed = lab.catalogue.record_instances(study, [instance_row(1, 5)]).unwrap();
    assert_eq!((listed.new, listed.known), (0, 1));
    assert_eq!(lab.catalogue.balance(Stage::Export).unwrap().instances.listed, 2);
}

#[test]
fn a_study_is_short_until_what_is_known_of_it_covers_the_claim() {
    let mut lab = Lab::new();
    let claiming = |study, claimed| StudyRow { claimed_instances: Some(claimed), ..study_row(study) };
    // Two short ones; one without images, one as claimed, one with more, one without a claim, one still to be listed.
    for (study, claimed, listed) in [(1, 4, 2), (2, 9, 8), (3, 5, 0), (4, 2, 2), (5, 1, 2)] {
        lab.listed(&claiming(study, claimed));
        lab.study(study, listed);
    }
    lab.study(6, 1);
    lab.listed(&claiming(7, 3));
    let short = |study, claimed, listed| ShortStudy { study: study_uid(study), claimed, listed };
    let found = lab.catalogue.shortfall().unwrap();
    assert_eq!(found.first, [short(1, 4, 2), short(2, 9, 8)]);
    assert_eq!((found.studies, found.instances), (2, 3));
    assert!(found.text().unwrap().contains("of 2 studies the source claims 3 instances more than it lists"));

    // What comes unlisted counts, and what is left out is not missed.
    let first = lab.study_id(&study_uid(1));
    let intake = lab.catalogue.open_intake().unwrap().id;
    lab.capture(captured(key(first, 1, 2), intake, 0, 1));
    assert_eq!(lab.catalogue.shortfall().unwrap().first[0], short(1, 4, 3));
    lab.capture(captured(key(first, 1, 3), intake, 1_000, 2));
    assert_eq!(lab.catalogue.shortfall().unwrap().first, [short(2, 9, 8)]);
    let excluded = Some("left out".to_owned());
    let study = lab.study_id(&study_uid(2));
    lab.catalogue.rule(&[Ruling { study, excluded, waits: None }]).unwrap();
    assert_eq!(lab.catalogue.shortfall().unwrap().text(), None);
}
