//! Orthanc, to virtual tapes, to another Orthanc: every study arrives, and every byte is the one that the source sent.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;

use e2e::disk::scratch;
use e2e::orthanc::Orthanc;
use e2e::part10::Part10;
use e2e::program::{Exit, Program};
use e2e::storescp::Storescp;
use e2e::transfer::{self, Balance};
use e2e::{captured, corpus};

/// Exports the whole corpus from an Orthanc onto virtual tapes of at most 60 MB.
fn export(folder: &Path, source: &Orthanc) -> (Program, Vec<std::path::PathBuf>) {
    let medium = folder.join("tape-{seq}.tap");
    let p2t = transfer::new_export(&folder.join("export"), &source.node(), &medium);
    p2t.configure("media", "volume_bytes", "60 MB");
    transfer::export(&p2t);
    let tapes = transfer::volumes(&medium);
    assert!(tapes.len() >= 2, "{} tapes: the test needs several", tapes.len());
    transfer::each(&p2t, "verify", &tapes);
    (p2t, tapes)
}

#[test]
fn every_study_arrives_at_the_second_orthanc_and_every_captured_byte_is_what_the_first_sent() {
    let folder = scratch();
    let folder = folder.path();
    let (source, destination) =
        (Orthanc::start("SITE_A", &folder.join("a")), Orthanc::start("SITE_B", &folder.join("b")));
    let count = source.load(&corpus::studies());
    let (p2t, tapes) = export(folder, &source);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(count as u64));

    let t2p = transfer::new_ingest(&folder.join("ingest"), &destination.node());
    transfer::each(&t2p, "inspect", &tapes);
    transfer::each(&t2p, "verify", &tapes);
    t2p.run(&transfer::ingest_arguments(&tapes)).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&t2p), Balance::all_done(count as u64));
    assert_eq!(destination.uids(), source.uids());
    assert_eq!(destination.study_uids(), source.study_uids());

    transfer::extract(&t2p, &tapes, &folder.join("extracted"));
    let extracted = transfer::objects(&folder.join("extracted"));
    let reference = captured::by_move(&source, &source.study_uids(), &folder.join("reference"));
    assert_eq!(extracted.len(), reference.len());
    for (uid, object) in &reference {
        let ours = &extracted[uid];
        assert_eq!(ours.transfer_syntax, object.transfer_syntax, "{uid} is in another transfer syntax");
        assert!(ours.dataset == object.dataset, "{uid}: captured bytes are not those that the source sends");
    }
    reports_prove_it(&t2p);
}

/// The audit's report is one offline page without scripts, and says the balance.
fn reports_prove_it(t2p: &Program) {
    let page = std::fs::read_to_string(t2p.job().join("reports/t2p-audit-report.html"))
        .expect("audit writes a report");
    assert!(!page.contains("<script") && !page.contains("http://"), "the report needs more than itself");
    assert!(page.contains("<svg") && page.contains("DELIVERED"), "the report lacks its plot or verdicts");
}

#[test]
fn the_destination_is_sent_exactly_the_bytes_on_the_tape() {
    let folder = scratch();
    let folder = folder.path();
    let source = Orthanc::start("SITE_A", &folder.join("a"));
    source.load(&corpus::studies());
    let (_, tapes) = export(folder, &source);
    let peer = Storescp::start(&folder.join("b"));
    let t2p = transfer::new_ingest(&folder.join("ingest"), &peer.node());
    transfer::extract(&t2p, &tapes, &folder.join("extracted"));
    let on_tape = transfer::objects(&folder.join("extracted"));
    t2p.run(&transfer::ingest_arguments(&tapes));
    let received = peer.objects();
    assert_eq!(received.len(), on_tape.len());
    for (uid, object) in &received {
        let Part10 { transfer_syntax, dataset, .. } = &on_tape[uid];
        assert_eq!(&object.transfer_syntax, transfer_syntax, "{uid} was sent in another transfer syntax");
        assert!(&object.dataset == dataset, "{uid} was sent in other bytes than are on the tape");
    }
    assert_eq!(peer.requests(), on_tape.len(), "something was sent twice");
}

#[test]
fn c_move_captures_the_same_bytes_as_c_get() {
    let folder = scratch();
    let folder = folder.path();
    let source = Orthanc::start("SITE_A", &folder.join("a"));
    for study in ["us-mixed-syntaxes", "sc-mixed-syntaxes", "documents", "enhanced-multiframe"] {
        source.load(&corpus::studies().join(study));
    }
    let port = e2e::process::free_port();
    source.add_modality("P2T", port);
    let mut captures = ["c-get", "c-move"].map(|retrieve| {
        let medium = folder.join(format!("{retrieve}-{{seq}}.tap"));
        let p2t = transfer::new_export(&folder.join(retrieve), &source.node(), &medium);
        p2t.configure("source", "retrieve", retrieve);
        p2t.configure("receiver", "port", i64::from(port));
        transfer::export(&p2t);
        let t2p = transfer::without_job(folder);
        let extracted = folder.join(format!("{retrieve}-out"));
        transfer::extract(&t2p, &transfer::volumes(&medium), &extracted);
        transfer::objects(&extracted)
    });
    let [by_get, by_move] = &mut captures;
    assert_eq!(by_get.len(), source.uids().len());
    assert!(by_get == by_move, "C-MOVE and C-GET captured different objects");
}
