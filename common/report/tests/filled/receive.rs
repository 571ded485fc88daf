//! What `t2p` reports.

use catalogue::answers::StoreResult;
use catalogue::audit::VerdictRow;
use catalogue::volumes::NewVolume;
use catalogue::{DestinationId, InstanceId, Verdict};
use report::Overall;
use serde_json::Value;

use crate::lab::{Lab, facts, instance_rows, volume};

impl Lab {
    fn store(&mut self, destination: DestinationId, ids: &[InstanceId], accepted: bool) {
        let comment = (!accepted).then(|| "C000H: cannot understand".to_owned());
        let results: Vec<_> = ids
            .iter()
            .map(|id| StoreResult {
                instance_id: *id,
                accepted,
                status_code: Some(if accepted { 0 } else { 0xC000 }),
                comment: comment.clone(),
            })
            .collect();
        self.catalogue.record_store_results(destination, &results).unwrap();
    }

    fn verdicts(&mut self, destination: DestinationId, study: &str, rows: &[(&str, Verdict)]) {
        let rows: Vec<_> = rows
            .iter()
            .map(|(sop, verdict)| VerdictRow {
                study_uid: study.into(),
                sop_instance: (*sop).into(),
                verdict: *verdict,
                reason: None,
            })
            .collect();
        self.catalogue.put_verdicts(destination, &rows).unwrap();
    }

    fn source_says(&mut self, written: u64, failed: u64) {
        let state = manifest::TransferState {
            listed: written + failed,
            written,
            excluded: 0,
            failed,
            pending: 0,
            last: true,
        };
        let json = serde_json::to_string(&state).unwrap();
        self.catalogue.set_job("transfer_state", &json).unwrap();
        self.catalogue.set_job("transfer_state_of_volume", "1").unwrap();
    }
}

fn terms(json: &Value) -> [u64; 5] {
    let instances = &json["report"]["balance"]["instances"];
    ["listed", "done", "excluded", "failed", "pending"].map(|term| instances[term].as_u64().unwrap())
}

#[test]
fn a_transfer_that_was_found_whole_is_clean_and_its_ingest_was_before() {
    let mut lab = Lab::new();
    let pacs = lab.catalogue.add_destination("B", "PACS-B@b:104").unwrap();
    let segment = lab.arrive(1, true, "1.1", 0..4);
    let ids = lab.load(segment, 0);
    lab.source_says(4, 0);
    lab.store(pacs, &ids, true);
    let (written, json) = lab.audit(pacs, "B");
    assert_eq!((written.verdict, &json["report"]["kind"]), (Overall::Clean, &Value::from("ingest")));
    assert!(written.html.ends_with("reports/t2p-ingest-report.html"));

    lab.verdicts(pacs, "1.1", &[("1.1.7.0", Verdict::Delivered)]);
    assert_eq!(lab.audit(pacs, "B").0.verdict, Overall::Incomplete);
    lab.catalogue.record_delivered(pacs, &ids).unwrap();
    let (written, json) = lab.audit(pacs, "B");
    assert_eq!(written.verdict, Overall::Clean, "{}", json["report"]["summary"]);
    assert!(written.html.ends_with("reports/t2p-audit-report.html"));
    assert_eq!(terms(&json), [4, 4, 0, 0, 0]);
    assert_eq!(json["report"]["balance"]["bytes"], 4_000);
    assert_eq!(json["studies"][0]["modalities"][0], "MR");
    assert_eq!(json["report"]["transfer"]["destinations"][0], "B (PACS-B@b:104)");
}

#[test]
fn failures_losses_extras_and_damage_are_each_named() {
    let mut lab = Lab::new();
    let pacs = lab.catalogue.add_destination("B", "B").unwrap();
    let first = lab.arrive(1, true, "1.1", 0..6);
    let ids = lab.load(first, 2);
    lab.store(pacs, &ids[..3], true);
    lab.store(pacs, &ids[3..], false);
    lab.catalogue.record_delivered(pacs, &ids[..2]).unwrap();
    lab.catalogue.deliver_again(pacs, &ids[2..3]).unwrap();
    lab.source_says(6, 1);
    let verdicts = [
        ("1.1.7.0", Verdict::Delivered),
        ("1.1.7.1", Verdict::Delivered),
        ("1.1.7.2", Verdict::Missing),
        ("1.1.7.3", Verdict::Failed),
        ("9.9", Verdict::Extra),
    ];
    lab.verdicts(pacs, "1.1", &verdicts);
    let (written, json) = lab.audit(pacs, "B");
    assert_eq!(written.verdict, Overall::Discrepancies);
    assert_eq!(terms(&json), [6, 2, 0, 3, 1]);
    let rows = instance_rows(&written);
    assert_eq!(rows["1.1.7.2"].0, "MISSING");
    assert_eq!(rows["1.1.7.3"], ("FAILED".into(), "C000H: cannot understand".into()));
    assert_eq!(rows["1.1.7.5"], ("FAILED".into(), "damaged on the volume: digest".into()));
    assert_eq!(rows["9.9"].0, "EXTRA");
    assert_eq!(rows.len(), 5);
    let report = &json["report"];
    assert_eq!((&report["damage"][0]["segment"], &report["damage"][0]["objects"]), (&1.into(), &2.into()));
    assert_eq!(report["volumes"][0]["state"], "damaged");
    assert_eq!(json["studies"][0]["extra"], 1);
    assert_eq!(json["studies"][0]["verdict"], "MISSING");
    let summary = report["summary"].as_str().unwrap();
    for part in ["3 failed", "1 missing", "1 extra", "1 damaged segment", "could not capture 1 instance"] {
        assert!(summary.contains(part), "{part} is not in: {summary}");
    }
}

#[test]
fn objects_that_share_their_uids_each_count() {
    let mut lab = Lab::new();
    let pacs = lab.catalogue.add_destination("B", "B").unwrap();
    let first = lab.arrive(1, false, "1.1", 0..3);
    let second = lab.arrive(2, true, "1.1", 1..4);
    let ids = [lab.load(first, 0), lab.load(second, 0)].concat();
    lab.store(pacs, &ids, true);
    lab.verdicts(pacs, "1.1", &[("1.1.7.1", Verdict::Missing), ("1.1.7.2", Verdict::Delivered)]);
    let (_, json) = lab.audit(pacs, "B");
    assert_eq!(terms(&json), [6, 0, 0, 0, 6]);
    let missing = json["report"]["verdicts"].as_array().unwrap();
    assert!(missing.iter().any(|row| row["verdict"] == "MISSING" && row["instances"] == 2), "{missing:?}");
}

#[test]
fn volumes_that_did_not_arrive_are_missing_and_the_rest_is_reported() {
    let mut lab = Lab::new();
    let pacs = lab.catalogue.add_destination("B", "B").unwrap();
    let segment = lab.arrive(4, true, "1.1", 0..2);
    let unseen = NewVolume { medium: String::new(), ..volume(2) };
    lab.catalogue.register_volume(&unseen).unwrap();
    let ids = lab.load(segment, 0);
    lab.catalogue.record_delivered(pacs, &ids).unwrap();
    lab.verdicts(pacs, "1.1", &[("1.1.7.0", Verdict::Delivered)]);
    let (written, json) = lab.audit(pacs, "B");
    assert_eq!(written.verdict, Overall::Discrepancies);
    let missing = json["report"]["missing_volumes"].as_array().unwrap();
    let sequences: Vec<_> = missing.iter().map(|row| row["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, [1, 2, 3]);
    assert!(json["report"]["summary"].as_str().unwrap().contains("volume 1, volume 2, volume 3"));
    assert_eq!(json["report"]["volumes"].as_array().unwrap().len(), 1);

    let mut lab = Lab::new();
    let pacs = lab.catalogue.add_destination("B", "B").unwrap();
    let segment = lab.arrive(1, false, "1.1", 0..2);
    let ids = lab.load(segment, 0);
    lab.store(pacs, &ids, true);
    assert_eq!(lab.audit(pacs, "B").0.verdict, Overall::Incomplete);
}

#[test]
fn each_of_several_destinations_has_its_own_files() {
    let mut lab = Lab::new();
    let names = ["a/b", "a:b"];
    let [one, other] = names.map(|name| lab.catalogue.add_destination(name, name).unwrap());
    let segment = lab.arrive(1, true, "1.1", 0..2);
    let ids = lab.load(segment, 0);
    lab.store(one, &ids, true);
    lab.store(other, &ids[..1], true);
    let (first, _) = lab.audit(one, names[0]);
    let (second, _) = lab.audit(other, names[1]);
    assert_eq!((first.verdict, second.verdict), (Overall::Clean, Overall::Incomplete));
    assert_ne!(first.html, second.html);
    for written in [&first, &second] {
        assert_eq!(written.html.parent().unwrap().parent().unwrap(), lab.reports());
    }
    let ingested = report::filled::ingest(&lab.catalogue, &facts(), one, names[0], &lab.reports());
    assert_eq!(ingested.unwrap(), first);
}
