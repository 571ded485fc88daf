//! The same small workload on both ends: what was timed on the source travels with the volumes, and reports compare.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use e2e::disk::scratch;
use e2e::orthanc::Orthanc;
use e2e::program::Exit;
use e2e::synthetic;
use e2e::transfer::{self, report, text};
use serde_json::Value;

fn operations(baseline: &Value) -> Vec<(&str, u64, u64)> {
    let of = baseline["operations"].as_array().expect("operations are listed");
    let number = |row: &Value, key: &str| row[key].as_u64().expect("it is a number");
    of.iter()
        .map(|row| {
            (row["name"].as_str().expect("it has a name"), number(row, "answered"), number(row, "failed"))
        })
        .collect()
}

#[test]
fn the_destination_is_asked_for_what_the_source_was_asked_for_and_the_report_compares_them() {
    let folder = scratch();
    let folder = folder.path();
    synthetic::write_many(&folder.join("files"), 12, 3, 60_000);
    let job = transfer::new_export(&folder.join("no-pacs"), &text(&folder.join("files")), &folder.join("x"));
    job.run(&["plan"]).expect(Exit::Clean);
    job.run(&["baseline"]).expect(Exit::Usage).says("a baseline is of a PACS");
    let source = Orthanc::start("SITE_A", &folder.join("a"));
    source.load(&folder.join("files"));
    let p2t = transfer::new_export(&folder.join("export"), &source.node(), &folder.join("{seq}.tap"));
    p2t.run(&["baseline"]).expect(Exit::Failed).says("run `p2t plan` first");
    p2t.run(&["plan"]).expect(Exit::Clean);
    let before = p2t.run(&["baseline", "--requests", "7", "--retrievals", "4"]).expect(Exit::Clean).json();
    assert_eq!(operations(&before), [("C-ECHO", 7, 0), ("C-FIND", 7, 0), ("retrieve", 4, 0)]);
    assert!(before["operations"][2]["bytes"].as_u64() > Some(4 * 3 * 60_000), "{before}");
    let alone = report(&p2t);
    assert_eq!(alone["baselines"]["rows"][0]["before"]["answered"], 7, "{alone}");
    assert_eq!(alone["baselines"]["after"], Value::Null, "{alone}");
    p2t.run(&["export"]).expect(Exit::Clean);

    let destination = Orthanc::start("SITE_B", &folder.join("b"));
    let t2p = transfer::new_ingest(&folder.join("ingest"), &destination.node());
    t2p.run(&transfer::ingest_arguments(&transfer::volumes(&folder.join("{seq}.tap")))).expect(Exit::Clean);
    let after = t2p.run(&["baseline", "--requests", "7", "--retrievals", "4"]).expect(Exit::Clean).json();
    let after = &after["baselines"][0];
    assert_eq!(after["studies"], before["studies"], "the source was asked for others");
    assert_eq!(operations(after), operations(&before));
    let compared = report(&t2p);
    let rows = compared["baselines"]["rows"].as_array().expect("the report compares");
    assert_eq!(rows.len(), 3, "{compared}");
    for row in rows {
        assert!(row["ratio"].as_f64() > Some(0.0), "{row}");
    }
    let archive = |side: &str| compared["baselines"][side]["archive"].as_str().map(str::to_owned);
    assert_eq!([archive("before"), archive("after")], [Some(source.node()), Some(destination.node())]);
}

#[test]
fn what_came_is_sent_back_only_when_told_to_and_changes_nothing() {
    let folder = scratch();
    let folder = folder.path();
    synthetic::write_many(&folder.join("files"), 4, 3, 60_000);
    let source = Orthanc::start("SITE_A", &folder.join("a"));
    source.load(&folder.join("files"));
    let p2t = transfer::new_export(&folder.join("export"), &source.node(), &folder.join("{seq}.tap"));
    p2t.run(&["plan"]).expect(Exit::Clean);
    let before = source.instances();
    let stored = p2t.run(&["baseline", "--requests", "2", "--retrievals", "2", "--store"]);
    let stored = stored.expect(Exit::Clean).json();
    assert_eq!(
        operations(&stored),
        [("C-ECHO", 2, 0), ("C-FIND", 2, 0), ("retrieve", 2, 0), ("C-STORE", 6, 0)]
    );
    assert!(stored["operations"][3]["bytes"].as_u64() > Some(6 * 60_000), "{stored}");
    assert_eq!(source.instances(), before);
    let left: Vec<_> = std::fs::read_dir(folder.join("export/spool")).expect("there is a spool").collect();
    assert!(left.is_empty(), "{left:?}");
}
