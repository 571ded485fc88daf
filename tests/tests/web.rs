//! DICOMweb from a real Orthanc: every study is listed and travels, each file byte for byte as stock `curl` gets it; over HTTPS
//! with certificates and a user, too.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::corpus;
use e2e::disk::scratch;
use e2e::hospital::Hospital;
use e2e::orthanc::Orthanc;
use e2e::part10::Part10;
use e2e::program::{Exit, Program};
use e2e::transfer::{self, Balance, text};
use e2e::tree;
use serde_json::json;

/// An instance's file as `curl` gets it by WADO-RS.
fn by_curl(source: &Orthanc, id: &str, scratch: &Path) -> Vec<u8> {
    let tags = source.rest().get_json(&format!("/instances/{id}/simplified-tags"));
    let uid = |name: &str| tags[name].as_str().expect("an instance has its UIDs").to_owned();
    let (study, series) = (uid("StudyInstanceUID"), uid("SeriesInstanceUID"));
    let resource = format!("studies/{study}/series/{series}/instances/{}", uid("SOPInstanceUID"));
    let (body, head) = (scratch.join("body"), scratch.join("head"));
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--fail", "--header"]);
    curl.arg("Accept: multipart/related; type=\"application/dicom\"; transfer-syntax=*");
    curl.arg("--dump-header").arg(&head).arg("--output").arg(&body);
    let status = curl.arg(format!("{}/{resource}", source.web_node("http"))).status();
    assert!(status.expect("curl is installed").success(), "curl does not get {resource}");
    let head = std::fs::read_to_string(head).expect("curl wrote it");
    let boundary = head.split("boundary=").nth(1).expect("the answer is multipart");
    let boundary = boundary.split(['\r', ';']).next().expect("it ends").trim_matches('"');
    let body = std::fs::read(body).expect("curl wrote it");
    let start = body.windows(4).position(|window| window == b"\r\n\r\n").expect("the part has headers") + 4;
    let close = format!("\r\n--{boundary}--");
    let end = body.windows(close.len()).rposition(|window| window == close.as_bytes());
    body[start..end.expect("the body is closed")].to_vec()
}

/// Extracted files by SOP Instance UID.
fn extracted(folder: &Path, volumes: &[PathBuf]) -> BTreeMap<String, Vec<u8>> {
    let out = folder.join("out");
    transfer::extract(&transfer::without_job(folder), volumes, &out);
    tree::files(&out)
        .iter()
        .map(|path| (Part10::read(path).sop_instance, std::fs::read(path).expect("it was just written")))
        .collect()
}

#[test]
fn every_study_travels_by_dicomweb_and_every_file_is_the_one_that_curl_gets() {
    let folder = scratch();
    let folder = folder.path();
    let source = Orthanc::start_web("SITE_A", &folder.join("a"), json!({}));
    let destination = Orthanc::start("SITE_B", &folder.join("b"));
    let count = source.load(&corpus::studies()) as u64;
    let medium = folder.join("tape-{seq}.tap");
    let p2t = transfer::new_export(&folder.join("export"), &source.web_node("http"), &medium);
    p2t.configure("pace.limits", "associations", 2);
    transfer::export(&p2t);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(count));
    let tapes = transfer::volumes(&medium);
    transfer::each(&p2t, "verify", &tapes);

    let files = extracted(folder, &tapes);
    let held = source.instances();
    assert_eq!(files.keys().collect::<Vec<_>>(), held.keys().collect::<Vec<_>>());
    for (uid, id) in &held {
        assert!(files[uid] == by_curl(&source, id, folder), "{uid} is not the file that curl gets");
    }

    let t2p = transfer::new_ingest(&folder.join("ingest"), &destination.node());
    t2p.run(&transfer::ingest_arguments(&tapes)).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&t2p), Balance::all_done(count));
    assert_eq!(destination.uids(), source.uids());
    assert_eq!(destination.study_uids(), source.study_uids());
}

#[test]
fn a_selection_narrows_what_dicomweb_lists() {
    let folder = scratch();
    let folder = folder.path();
    let source = Orthanc::start_web("SITE_A", &folder.join("a"), json!({}));
    source.load(&corpus::studies());
    let p2t = transfer::new_export(&folder.join("job"), &source.web_node("http"), &folder.join("disk-{seq}"));
    let all = source.study_uids();
    let one = all.first().expect("the corpus has studies");
    p2t.run(&["plan", "--study", one]).expect(Exit::Clean);
    assert_eq!(p2t.run(&["status"]).json()["studies"]["listed"], 1);
    p2t.run(&["plan", "--modality", "CT"]).expect(Exit::Clean);
    let listed = p2t.run(&["status"]).json()["studies"]["listed"].as_u64().expect("it is a number");
    assert!(listed > 1 && listed < all.len() as u64, "{listed} of {} studies are CT", all.len());
}

/// An Orthanc that holds some studies and knows only the user `p2t`, and how many instances there are.
fn with_a_user(folder: &Path) -> (Orthanc, u64) {
    let dir = folder.join("a");
    let open = Orthanc::start("SITE_A", &dir);
    let count = open.load(&corpus::studies().join("us-mixed-syntaxes")) as u64;
    drop(open);
    let options = json!({ "AuthenticationEnabled": true, "RegisteredUsers": { "p2t": "sesame-4711" } });
    (Orthanc::start_web("SITE_A", &dir, options), count)
}

fn job(folder: &Path, name: &str, node: &str) -> Program {
    let p2t = transfer::new_export(&folder.join(name), node, &folder.join(format!("{name}-{{seq}}")));
    p2t.configure("retry", "attempts", 1);
    p2t
}

/// A job over HTTPS to this port, which trusts the hospital's CA.
fn secure_job(folder: &Path, name: &str, port: u16, hospital: &Hospital) -> Program {
    let p2t = job(folder, name, &format!("https://127.0.0.1:{port}/dicom-web"));
    p2t.configure("source.tls", "ca", text(&hospital.ca()));
    p2t
}

/// Has the job say who it is.
fn log_in(p2t: &Program, passcode: &str) {
    std::fs::write(p2t.job().join("passcode"), passcode).expect("the passcode can be written");
    p2t.configure("source.login", "user", "p2t");
    p2t.configure("source.login", "passcode_file", "passcode");
}

/// Runs `plan`, which must not succeed, and must say so.
fn refused(p2t: &Program, words: &str) {
    let plan = p2t.run_for_people(&["plan"]);
    assert!(plan.is(Exit::Incomplete), "{plan:?}");
    plan.says(words);
}

#[test]
fn over_https_with_certificates_and_a_user_everything_travels() {
    let folder = scratch();
    let folder = folder.path();
    let hospital = Hospital::new(&folder.join("certificates"));
    let (source, count) = with_a_user(folder);
    let (_terminator, port) = hospital.terminator(&hospital.server, true, source.http_port(), folder);
    let p2t = secure_job(folder, "secure", port, &hospital);
    refused(&p2t, "it demands a client certificate");
    hospital.secure(&p2t, "source");
    refused(&p2t, "does not let us in (status 401)");
    log_in(&p2t, "wrong");
    refused(&p2t, "does not let us in (status 401)");
    log_in(&p2t, "sesame-4711\n");
    transfer::export(&p2t);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(count));
    let found = Command::new("grep").args(["-rl", "sesame-4711"]).arg(p2t.job().join("logs")).output();
    assert!(found.expect("grep is there").stdout.is_empty(), "the passcode is in a log");
}

#[test]
fn each_fault_of_tls_has_its_words() {
    let folder = scratch();
    let folder = folder.path();
    let hospital = Hospital::new(&folder.join("certificates"));
    let source = Orthanc::start_web("SITE_A", &folder.join("a"), json!({}));
    let terminator = |pair| hospital.terminator(pair, false, source.http_port(), folder);
    let expired = hospital.expired();
    let ((_sound, sound), (_expired, expired)) = (terminator(&hospital.server), terminator(&expired));
    refused(&secure_job(folder, "expired", expired, &hospital), "its certificate has expired");
    let p2t = secure_job(folder, "stranger", sound, &hospital);
    p2t.run(&["plan"]).expect(Exit::Clean);
    p2t.configure("source.tls", "server_name", "elsewhere.example.org");
    refused(&p2t, "its certificate is not for this host");
    p2t.configure("source.tls", "ca", text(&Hospital::stranger(folder)));
    refused(&p2t, "its certificate was not issued by a CA that we trust");
    let plain = source.http_port();
    refused(&secure_job(folder, "no-tls", plain, &hospital), "it does not speak TLS on this port");
    let p2t = job(folder, "no-https", &format!("http://127.0.0.1:{sound}/dicom-web"));
    refused(&p2t, "it may speak TLS on this port; then write https://");
}
