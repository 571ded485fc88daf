//! What `p2t` reports.

use catalogue::OddityState;
use catalogue::capture::CaptureKey;
use catalogue::plan::InstanceRow;
use report::Overall;

use crate::lab::{Lab, instance_rows, study_row, volume};

#[test]
fn an_export_that_is_done_is_clean() {
    let mut lab = Lab::new();
    lab.query("STUDY", 2, 0);
    lab.query("IMAGE", 3, 0);
    for (study, instances) in [("1.1", 3), ("1.2", 2)] {
        let id = lab.study(study, instances);
        lab.capture_study(id);
    }
    let volume = lab.write_all();
    lab.catalogue.volume_verified(volume, "every digest").unwrap();
    lab.sample("fetch", 0, 0);
    lab.sample("fetch", 2, 5);
    let (written, json) = lab.export();
    assert_eq!(written.verdict, Overall::Clean);
    let report = &json["report"];
    assert_eq!(
        report["summary"],
        "All 2 studies with 5 instances (5.0 kB) are on 1 volume, read back and checked."
    );
    assert_eq!(report["balance"]["bytes"], 5_000);
    assert_eq!(report["volumes"][0]["objects"], 5);
    assert_eq!(report["volumes"][0]["medium"], "virtual tape vol-1.tap");
    assert_eq!(report["plan"]["claimed_instances"], 5);
    assert!(report["plan"]["short_studies"].is_null());
    assert_eq!(report["rates"][0]["instances"], 5);
    assert_eq!(json["studies"][0]["modalities"][1], "SR");
    assert!(instance_rows(&written).is_empty());
}

#[test]
fn a_study_of_which_more_is_claimed_than_listed_is_told() {
    let mut lab = Lab::new();
    lab.query("STUDY", 2, 0);
    for (study, claimed) in [("1.1", 2), ("1.2", 300)] {
        let id = lab.claimed_study(study, 2, claimed);
        lab.capture_study(id);
    }
    let volume = lab.write_all();
    lab.catalogue.volume_verified(volume, "every digest").unwrap();
    let (written, json) = lab.export();
    assert_eq!(written.verdict, Overall::Discrepancies);
    let summary = json["report"]["summary"].as_str().unwrap();
    assert!(summary.ends_with("; the source claims more instances of 1 study than it lists."), "{summary}");
    let short = serde_json::json!({ "study": "1.2", "claimed": 300, "listed": 2 });
    assert_eq!(json["report"]["plan"]["short_studies"]["first"], serde_json::json!([short]));
    assert_eq!(json["studies"][0]["reasons"], serde_json::json!([]));
    let why = "the source claims 300 instances, and 2 were listed or came";
    assert_eq!(json["studies"][1]["reasons"], serde_json::json!([why]));
    let page = std::fs::read_to_string(written.html).unwrap();
    assert!(page.contains("1.2 (claimed 300, listed 2)"), "{page}");
}

#[test]
fn what_a_delta_or_a_comparison_leaves_open_is_no_clean_export() {
    let mut lab = Lab::new();
    let study = lab.study("1.1", 2);
    lab.capture_study(study);
    lab.write_all();
    let delta = |lab: &mut Lab, not_compared| {
        let delta = lab.catalogue.begin_delta().unwrap();
        lab.catalogue.end_delta(delta.id, 0, not_compared).unwrap();
    };
    let said = |lab: &Lab| {
        let (written, json) = lab.export();
        (written.verdict, json["report"]["summary"].as_str().unwrap().to_owned())
    };
    delta(&mut lab, 52);
    let (verdict, summary) = said(&lab);
    assert_eq!(verdict, Overall::Discrepancies);
    assert!(summary.contains("; the last delta could not compare 52 studies"), "{summary}");
    // The next one settles it.
    delta(&mut lab, 0);
    assert_eq!(said(&lab).0, Overall::Clean);

    let line = |number, uid: &str| (number, Some(uid.to_owned()), None);
    lab.catalogue.compare("ris.csv", &[line(2, "1.1"), line(3, "1.7"), line(4, "1.8")]).unwrap();
    let (verdict, summary) = said(&lab);
    assert_eq!(verdict, Overall::Discrepancies);
    assert!(summary.contains("; the source lists no study for 2 lines of the list"), "{summary}");
    lab.catalogue.compare("ris.csv", &[line(2, "1.1")]).unwrap();
    assert_eq!(said(&lab).0, Overall::Clean);
}

#[test]
fn what_is_not_written_is_listed_with_its_reason_and_files_that_are_not_dicom_too() {
    let mut lab = Lab::new();
    lab.query("FOLDER", 9, 0);
    let (mixed, whole) = (lab.study("1.1", 5), lab.study("1.2", 2));
    let ids = lab.pending(mixed);
    lab.catalogue.fail_instance(ids[0], "C-GET ended with A900H").unwrap();
    let copy =
        InstanceRow { series_uid: "1.1.8".into(), sop_instance: "1.1.7.2".into(), ..InstanceRow::default() };
    lab.catalogue.record_instances(mixed, [copy]).unwrap();
    let copy = lab.pending(mixed).pop().unwrap();
    lab.capture_study(whole);
    lab.capture([1, 2].map(|n| (CaptureKey::Instance(ids[n]), 69 + n as u64)));
    lab.capture([(CaptureKey::Instance(copy), 71)]);
    lab.write_all();
    lab.capture([(CaptureKey::Instance(ids[3]), 72)]);
    lab.catalogue.record_oddity(b"a/notes.txt", Some(9), OddityState::Excluded, "not DICOM: text").unwrap();
    lab.catalogue.record_oddity(b"b/locked.dcm", None, OddityState::Failed, "permission denied").unwrap();

    let (written, json) = lab.export();
    assert_eq!(written.verdict, Overall::Incomplete);
    let instances = &json["report"]["balance"]["instances"];
    let terms =
        ["listed", "done", "excluded", "failed", "pending"].map(|term| instances[term].as_u64().unwrap());
    assert_eq!(terms, [10, 4, 2, 2, 2]);
    let rows = instance_rows(&written);
    assert_eq!(rows.len(), 6);
    assert_eq!(rows["1.1.7.0"], ("FAILED".into(), "C-GET ended with A900H".into()));
    assert_eq!(rows["1.1.7.2"].0, "EXCLUDED");
    assert_eq!(rows["1.1.7.3"], ("PENDING".into(), "captured, not packed yet".into()));
    assert_eq!(rows["1.1.7.4"], ("PENDING".into(), "not fetched yet".into()));
    assert_eq!(rows["a/notes.txt"], ("EXCLUDED".into(), "not DICOM: text".into()));
    assert_eq!(rows["b/locked.dcm"].0, "FAILED");
    // Two studies, and the row for the files beside them.
    assert_eq!(json["footing"]["studies"]["listed"], 2);
    assert_eq!(json["studies"].as_array().unwrap().len(), 3);
    assert_eq!(json["studies"][2]["outside_studies"], true);

    lab.catalogue.fail_pending_of_study(mixed, "given up").unwrap();
    let ids = lab.pending(mixed);
    assert!(ids.is_empty());
    lab.write_all();
    assert_eq!(lab.export().0.verdict, Overall::Discrepancies);
}

#[test]
fn a_study_without_instances_and_one_still_to_be_listed_are_accounted_for() {
    let mut lab = Lab::new();
    lab.query("STUDY", 3, 0);
    let done = lab.study("1.1", 1);
    lab.capture_study(done);
    lab.write_all();
    lab.study("1.2", 0);
    let (written, json) = lab.export();
    assert_eq!(written.verdict, Overall::Discrepancies);
    assert_eq!(json["report"]["balance"]["studies"]["failed"], 1);
    lab.listed(study_row("1.3"));
    let (written, json) = lab.export();
    assert_eq!(written.verdict, Overall::Incomplete);
    assert_eq!(json["report"]["balance"]["studies"]["pending"], 1);
}

#[test]
fn objects_that_claim_one_uid_are_a_conflict_and_those_without_uids_are_none() {
    let mut lab = Lab::new();
    lab.query("STUDY", 2, 0);
    let (named, nameless) = (lab.study("1.1", 1), lab.study("", 0));
    lab.capture_study(named);
    let key = |study_id, study: &str, sop: &str| CaptureKey::Uids {
        study_id,
        series_uid: format!("{study}.7"),
        sop_instance: sop.to_owned(),
        sop_class: String::new(),
    };
    lab.capture([
        (key(named, "1.1", "1.1.7.0"), 50),
        (key(nameless, "", ""), 51),
        (key(nameless, "", ""), 52),
    ]);
    lab.write_all();
    let (written, json) = lab.export();
    assert_eq!(written.verdict, Overall::Discrepancies);
    let conflicts = json["report"]["conflicts"].as_array().unwrap();
    assert_eq!(conflicts.len(), 1);
    assert_eq!(conflicts[0]["objects"].as_array().unwrap().len(), 2);
    assert_eq!(json["studies"][1]["study_instance_uid"], "(no Study Instance UID)");
    assert_eq!(json["report"]["balance"]["instances"]["done"], 4);
}

#[test]
fn nothing_planned_an_empty_selection_and_an_open_volume_are_told_apart() {
    let mut lab = Lab::new();
    assert_eq!(lab.export().0.verdict, Overall::Incomplete);
    lab.query("STUDY", 0, 0);
    assert_eq!(lab.export().0.verdict, Overall::Clean);
    let study = lab.study("1.1", 2);
    lab.capture_study(study);
    lab.write_open();
    let (written, json) = lab.export();
    assert_eq!(written.verdict, Overall::Incomplete);
    assert!(json["report"]["summary"].as_str().unwrap().contains("1 volume not sealed yet"));
}

#[test]
fn volumes_that_were_labelled_and_not_needed_carry_nothing_and_keep_nothing_open() {
    let mut lab = Lab::new();
    lab.query("STUDY", 1, 0);
    let study = lab.study("1.1", 2);
    lab.capture_study(study);
    let full = lab.write_all();
    lab.catalogue.volume_verified(full, "every digest").unwrap();
    for sequence in [2, 3] {
        let bare = lab.catalogue.begin_volume(&volume(sequence)).unwrap();
        lab.catalogue.label_committed(bare, &["VOLUME.tar".into()], 1).unwrap();
        if sequence == 3 {
            lab.catalogue.abandon_volume(bare).unwrap();
        }
    }
    let (written, json) = lab.export();
    assert_eq!(written.verdict, Overall::Clean);
    let report = &json["report"];
    assert_eq!(
        report["summary"],
        "All 1 study with 2 instances (2.0 kB) are on 1 volume, read back and checked."
    );
    let states: Vec<_> = (0..3).map(|at| report["volumes"][at]["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["sealed", "empty", "empty"]);
    assert_eq!(report["volumes"][2]["findings"][0], "given up, and nothing is on it");
}
