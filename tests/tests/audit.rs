//! The audit compares sets both ways: what is gone from the destination and what was never sent are both named.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use e2e::disk::scratch;
use e2e::orthanc::Orthanc;
use e2e::peer::Peer;
use e2e::program::{Exit, Program};
use e2e::synthetic::{self, Instance};
use e2e::transfer::{self, Balance, text};

const OBJECTS: u64 = 20;

fn delivered(folder: &Path) -> (Orthanc, Program, Vec<String>) {
    let files = folder.join("files");
    synthetic::write_many(&files, 4, 5, 5_000);
    let medium = folder.join("disk-{seq}");
    transfer::export(&transfer::new_export(&folder.join("export"), &text(&files), &medium));
    let destination = Orthanc::start("SITE_B", &folder.join("b"));
    let t2p = transfer::new_ingest(&folder.join("ingest"), &destination.node());
    let ingest = transfer::ingest_arguments(&transfer::volumes(&medium));
    t2p.run(&ingest).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    (destination, t2p, ingest)
}

fn report(t2p: &Program) -> String {
    std::fs::read_to_string(t2p.job().join("reports/t2p-audit-report.html")).expect("audit writes a report")
}

#[test]
fn an_instance_that_the_destination_lost_is_missing_until_it_is_delivered_again() {
    let folder = scratch();
    let (destination, t2p, ingest) = delivered(folder.path());
    let lost = Instance { study: 2, series: 1, number: 3 }.uid();
    destination.delete(&destination.instances()[&lost]);
    t2p.run(&["audit"]).expect(Exit::Discrepancies).says(&lost);
    assert!(report(&t2p).contains("MISSING"));
    assert_eq!(transfer::balance(&t2p).done, OBJECTS - 1);
    t2p.run(&ingest).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&t2p), Balance::all_done(OBJECTS));
    assert_eq!(
        destination.received().len() as u64,
        OBJECTS + 1,
        "more than the lost instance was sent again"
    );
}

#[test]
fn an_instance_that_no_volume_carries_is_extra() {
    let folder = scratch();
    let (destination, t2p, _) = delivered(folder.path());
    let foreign = Instance { study: 2, series: 7, number: 1 };
    destination.load_bytes(&foreign.small(100));
    t2p.run(&["audit"]).expect(Exit::Discrepancies).says(&foreign.uid());
    assert!(report(&t2p).contains("EXTRA"));
    assert_eq!(transfer::balance(&t2p), Balance::all_done(OBJECTS));
}

#[test]
fn studies_of_other_transfers_at_the_destination_are_none_of_our_business() {
    let folder = scratch();
    let (destination, t2p, _) = delivered(folder.path());
    destination.load_bytes(&Instance { study: 77, series: 1, number: 1 }.small(100));
    t2p.run(&["audit"]).expect(Exit::Clean);
}

#[test]
fn a_study_that_the_destination_cannot_be_asked_about_keeps_no_other_from_being_proved() {
    let folder = scratch();
    let folder = folder.path();
    let files = folder.join("files");
    synthetic::write_many(&files, 4, 5, 5_000);
    let medium = folder.join("disk-{seq}");
    transfer::export(&transfer::new_export(&folder.join("export"), &text(&files), &medium));
    let empty = folder.join("empty");
    std::fs::create_dir(&empty).expect("a folder can be made");
    let silent = Instance { study: 2, series: 1, number: 1 };
    let destination = Peer::start(folder, &empty, &["--find-fails", &silent.study_uid()]);
    let t2p = transfer::new_ingest(&folder.join("ingest"), &destination.node());
    t2p.run(&transfer::ingest_arguments(&transfer::volumes(&medium))).expect(Exit::Clean);
    let audit = t2p.run_for_people(&["audit"]);
    audit
        .expect(Exit::Discrepancies)
        .says("DELIVERED 15, MISSING 0, EXTRA 0, FAILED 5")
        .says("does not tell");
}

#[test]
fn a_destination_that_does_not_answer_is_not_asked_for_study_after_study() {
    const STUDIES: u32 = 120;
    let folder = scratch();
    let folder = folder.path();
    let files = folder.join("files");
    synthetic::write_many(&files, STUDIES, 1, 500);
    let medium = folder.join("disk-{seq}");
    transfer::export(&transfer::new_export(&folder.join("export"), &text(&files), &medium));
    let empty = folder.join("empty");
    std::fs::create_dir(&empty).expect("a folder can be made");
    let destination = Peer::start(folder, &empty, &[]);
    let (node, port) = (destination.node(), destination.port());
    let t2p = transfer::new_ingest(&folder.join("ingest"), &node);
    t2p.run(&transfer::ingest_arguments(&transfer::volumes(&medium))).expect(Exit::Clean);
    drop(destination);
    // It takes calls, and hangs up.
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free again");
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    thread::spawn(move || {
        for call in listener.incoming() {
            drop(call);
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    t2p.run(&["audit"]).expect(Exit::Incomplete);
    let calls = calls.load(Ordering::Relaxed);
    assert!((1..STUDIES / 2).contains(&calls), "it was called {calls} times");
}

#[test]
fn what_the_destination_refuses_because_it_has_it_is_delivered_once_it_lists_it() {
    let folder = scratch();
    let folder = folder.path();
    let files = folder.join("files");
    synthetic::write_many(&files, 2, 2, 5_000);
    let medium = folder.join("disk-{seq}");
    transfer::export(&transfer::new_export(&folder.join("export"), &text(&files), &medium));
    // 0111: duplicate SOP Instance (PS3.7 section C.5.4).
    std::fs::remove_file(files.join("000001/000002.dcm")).expect("a file can be deleted");
    let destination = Peer::start(folder, &files, &["--store-status", "0111"]);
    let t2p = transfer::new_ingest(&folder.join("ingest"), &destination.node());
    let ingest = transfer::ingest_arguments(&transfer::volumes(&medium));
    t2p.run(&ingest).expect(Exit::Discrepancies);
    let audit = t2p.run_for_people(&["audit"]);
    audit.expect(Exit::Discrepancies).says("DELIVERED 3, MISSING 0, EXTRA 0, FAILED 1").says("0111");
    assert_eq!(transfer::balance(&t2p), Balance { done: 3, failed: 1, ..Balance::all_done(4) });
}

/// Volumes with two objects that differ and share a SOP Instance UID, and a third.
fn volumes_with_twins(folder: &Path) -> Vec<PathBuf> {
    let files = folder.join("files");
    synthetic::write_many(&files, 1, 2, 5_000);
    let mut twin = std::fs::read(files.join("000001/000001.dcm")).expect("a file can be read");
    *twin.last_mut().expect("it has pixels") ^= 1;
    std::fs::write(files.join("000001/twin.dcm"), twin).expect("a file can be written");
    let medium = folder.join("disk-{seq}");
    let p2t = transfer::new_export(&folder.join("export"), &text(&files), &medium);
    p2t.run(&["plan"]).expect(Exit::Clean);
    p2t.run(&["export"]).expect(Exit::Discrepancies);
    transfer::volumes(&medium)
}

#[test]
fn an_object_that_was_refused_is_not_proved_by_another_under_its_uid() {
    let folder = scratch();
    let folder = folder.path();
    let volumes = volumes_with_twins(folder);
    std::fs::create_dir(folder.join("empty")).expect("a folder can be made");
    let destination = Peer::start(folder, &folder.join("empty"), &["--refuse-twins"]);
    let t2p = transfer::new_ingest(&folder.join("ingest"), &destination.node());
    t2p.run(&transfer::ingest_arguments(&volumes)).expect(Exit::Discrepancies);
    let audit = t2p.run_for_people(&["audit"]);
    audit.expect(Exit::Discrepancies).says("DELIVERED 1, MISSING 0, EXTRA 0, FAILED 1").says("0111");
}

#[test]
fn an_audit_that_finds_nothing_wrong_but_a_conflict_says_so() {
    let folder = scratch();
    let folder = folder.path();
    let volumes = volumes_with_twins(folder);
    std::fs::create_dir(folder.join("empty")).expect("a folder can be made");
    let destination = Peer::start(folder, &folder.join("empty"), &[]);
    let t2p = transfer::new_ingest(&folder.join("ingest"), &destination.node());
    t2p.run(&transfer::ingest_arguments(&volumes)).expect(Exit::Clean);
    for command in ["audit", "report"] {
        let ended = t2p.run_for_people(&[command]);
        ended.expect(Exit::Discrepancies).says("1 conflict of SOP Instance UIDs");
    }
    let document = t2p.run(&["audit"]).json();
    assert!(text_of(&document["reports"][0]["summary"]).contains("1 conflict"), "{document}");
}

fn text_of(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}
