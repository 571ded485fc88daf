//! The whole loop over TLS with certificates on both sides, by C-GET and by C-MOVE, and a listener that lets in only whom
//! it knows.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;
use std::process::Command;

use e2e::corpus;
use e2e::disk::scratch;
use e2e::hospital::Hospital;
use e2e::orthanc::Orthanc;
use e2e::program::{Exit, Program};
use e2e::transfer::{self, Balance, text};

const STUDIES: [&str; 2] = ["us-mixed-syntaxes", "documents"];

fn source(folder: &Path, hospital: &Hospital) -> (Orthanc, u64) {
    let source = Orthanc::start_with("SITE_A", &folder.join("a"), hospital.orthanc_options());
    let count: usize = STUDIES.iter().map(|study| source.load(&corpus::studies().join(study))).sum();
    (source, count as u64)
}

/// A job that fetches over TLS by C-MOVE, through a listener with TLS.
fn by_move(folder: &Path, hospital: &Hospital, source: &Orthanc) -> Program {
    let port = e2e::process::free_port();
    source.add_tls_modality("P2T", port);
    let p2t = transfer::new_export(&folder.join("move"), &source.node(), &folder.join("move-{seq}.tap"));
    hospital.secure(&p2t, "source");
    p2t.configure("source", "retrieve", "c-move");
    p2t.configure("receiver", "port", i64::from(port));
    p2t.configure("receiver.tls", "certificate", text(&hospital.server.certificate));
    p2t.configure("receiver.tls", "key", text(&hospital.server.key));
    p2t.configure("receiver.tls", "client_ca", text(&hospital.ca()));
    p2t.configure("receiver", "allow", vec!["SITE_A"]);
    p2t
}

#[test]
fn everything_travels_over_tls_from_one_orthanc_to_the_other() {
    let folder = scratch();
    let folder = folder.path();
    let hospital = Hospital::new(&folder.join("certificates"));
    let (source, count) = source(folder, &hospital);
    let destination = Orthanc::start_with("SITE_B", &folder.join("b"), hospital.orthanc_options());
    let by_get = transfer::new_export(&folder.join("get"), &source.node(), &folder.join("get-{seq}.tap"));
    hospital.secure(&by_get, "source");
    by_get.configure("source.login", "user", "p2t");
    transfer::export(&by_get);
    let by_move = by_move(folder, &hospital, &source);
    transfer::export(&by_move);
    let t2p = transfer::new_ingest(&folder.join("ingest"), &destination.node());
    let extracted = ["get", "move"].map(|name| {
        let out = folder.join(format!("{name}-out"));
        let volumes = transfer::volumes(&folder.join(format!("{name}-{{seq}}.tap")));
        transfer::extract(&transfer::without_job(folder), &volumes, &out);
        transfer::objects(&out)
    });
    assert_eq!(extracted[0].len() as u64, count);
    assert!(extracted[0] == extracted[1], "C-MOVE and C-GET captured different objects");

    let tapes = transfer::volumes(&folder.join("get-{seq}.tap"));
    t2p.configure("retry", "attempts", 1);
    let refused = t2p.run_for_people(&transfer::ingest_arguments(&tapes));
    refused.says("TLS on this port");
    t2p.redirect_with(&destination.node(), |destination| {
        let mut tls = toml::Table::new();
        tls.insert("ca".to_owned(), text(&hospital.ca()).into());
        tls.insert("certificate".to_owned(), text(&hospital.client.certificate).into());
        tls.insert("key".to_owned(), text(&hospital.client.key).into());
        destination.insert("tls".to_owned(), tls.into());
    });
    t2p.run(&transfer::ingest_arguments(&tapes)).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&t2p), Balance::all_done(count));
    assert_eq!(destination.uids(), source.uids());
}

#[test]
fn a_caller_that_is_not_allowed_is_rejected_and_stands_in_the_report() {
    let folder = scratch();
    let folder = folder.path();
    let hospital = Hospital::new(&folder.join("certificates"));
    let (source, count) = source(folder, &hospital);
    let p2t = by_move(folder, &hospital, &source);
    p2t.configure("receiver", "allow", vec!["SOMEBODY_ELSE"]);
    p2t.configure("retry", "attempts", 1);
    p2t.run(&["plan"]).expect(Exit::Clean);
    let refused = p2t.run_for_people(&["export"]);
    refused.says("A caller that names itself \"SITE_A\" was turned away: its AE title is not among those");
    assert_eq!(transfer::balance(&p2t).done, 0);
    p2t.run(&["report"]);
    let page = std::fs::read_to_string(p2t.job().join("reports/p2t-export-report.html"));
    let page = page.expect("the report is written");
    assert!(page.contains("SITE_A") && page.contains("was turned away"), "the report does not tell");
    p2t.configure("receiver", "allow", vec!["SITE_A"]);
    p2t.run(&["export", "--retry-failed"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(count));
}

#[test]
fn a_passcode_is_in_no_log_and_in_no_message() {
    let folder = scratch();
    let folder = folder.path();
    let source = Orthanc::start("SITE_A", &folder.join("a"));
    source.load(&corpus::studies().join("documents"));
    let p2t = transfer::new_export(&folder.join("job"), &source.node(), &folder.join("get-{seq}.tap"));
    p2t.configure("source.login", "user", "p2t");
    p2t.configure("source.login", "passcode_env", "P2T_TEST_PASSCODE");
    let mut plan = p2t.command(&["plan", "-vv"]);
    plan.env_remove("P2T_TEST_PASSCODE");
    let output = plan.output().expect("p2t starts");
    assert_eq!(
        output.status.code(),
        Some(Exit::Usage as i32),
        "a missing passcode is a matter of configuration"
    );
    for verb in ["plan", "export", "report"] {
        let mut command = p2t.command(&[verb, "-vv"]);
        let output = command.env("P2T_TEST_PASSCODE", "sesame-4711").output().expect("p2t starts");
        assert!(output.status.success(), "{verb}: {}", String::from_utf8_lossy(&output.stderr));
        let said = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&said).contains("sesame"), "{verb} tells the passcode");
    }
    let search = Command::new("grep").args(["-rl", "sesame-4711"]).arg(p2t.job()).output();
    let found = search.expect("grep is there").stdout;
    assert!(found.is_empty(), "the passcode is in {}", String::from_utf8_lossy(&found));
}
