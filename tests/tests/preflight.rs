//! What `p2t preflight` finds out about a source, and that an export goes by it.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;
use std::sync::{Arc, OnceLock};

use e2e::disk::scratch;
use e2e::orthanc::Orthanc;
use e2e::process::free_port;
use e2e::program::{Exit, Program};
use e2e::synthetic;
use e2e::transfer::{self, Balance, report};
use e2e::window::{never_now, within};
use fakepacs::{Archive, Asked, FakePacs, Kind, Lie, Lies, Population};
use serde_json::Value;

/// A job that looks at its source, with a listener for C-MOVE.
fn job(folder: &Path, node: &str) -> (Program, u16) {
    let p2t = transfer::new_export(&folder.join("export"), node, &folder.join("disk-{seq}"));
    let port = free_port();
    p2t.configure("source", "preflight", true);
    p2t.configure("receiver", "bind", "127.0.0.1");
    p2t.configure("receiver", "port", i64::from(port));
    p2t.configure("pace.adaptive", "enabled", false);
    (p2t, port)
}

fn fake(folder: &Path, lies: &[Kind]) -> (FakePacs, Program) {
    let archive = Archive::new(Population { studies: 12, days: 3, ..Population::default() }.make());
    let lies = Lies { lies: lies.iter().map(|kind| Lie::from(*kind)).collect(), ..Lies::default() };
    let title = "FAKE".parse().expect("it is an AE title");
    let pacs = FakePacs::start(([127, 0, 0, 1], 0).into(), title, archive, lies, |_| {})
        .expect("loopback has a free port");
    let (p2t, port) = job(folder, &format!("FAKE@{}", pacs.address()));
    pacs.know(format!("P2T@127.0.0.1:{port}").parse().expect("it is a node"));
    (pacs, p2t)
}

fn asked(pacs: &FakePacs, what: &str) -> usize {
    pacs.asked().iter().filter(|asked| asked.what.starts_with(what)).count()
}

fn check<'a>(found: &'a Value, name: &str) -> &'a Value {
    let checks = found["checks"].as_array().expect("checks are a list");
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name} in {found}"))
}

#[test]
fn orthanc_is_found_to_send_the_same_bytes_by_both_services_and_is_asked_by_c_get() {
    let folder = scratch();
    let folder = folder.path();
    synthetic::write_many(&folder.join("files"), 5, 3, 20_000);
    let source = Orthanc::start("SITE_A", &folder.join("a"));
    source.load(&folder.join("files"));
    let (p2t, port) = job(folder, &source.node());
    source.add_modality("P2T", port);
    let plan = p2t.run(&["plan"]).expect(Exit::Clean).json();
    assert_eq!(plan["preflight"]["choice"], "C-GET", "{plan}");
    p2t.configure("pace.limits", "associations", 3_i64);
    let found = p2t.run(&["preflight"]).expect(Exit::Clean).json();
    for name in ["C-ECHO", "C-FIND", "associations", "C-GET twice", "C-MOVE twice", "C-GET and C-MOVE"] {
        assert_eq!(check(&found, name)["good"], true, "{found}");
    }
    let services = found["services"].as_array().expect("services are a list");
    let brought =
        |tried: &Value| (tried["service"].clone(), tried["objects"].clone(), tried["works"].clone());
    let all = |service: &str| (service.into(), 3.into(), true.into());
    assert_eq!(services.iter().map(brought).collect::<Vec<_>>(), [all("C-GET"), all("C-MOVE")]);
    assert_eq!(report(&p2t)["preflight"]["works"], true);
    p2t.run(&["export"]).expect(Exit::Clean);
}

#[test]
fn a_source_that_is_left_alone_is_not_looked_at() {
    let folder = scratch();
    let (pacs, p2t) = fake(folder.path(), &[]);
    p2t.run(&["pause", "backup"]).expect(Exit::Clean);
    p2t.run(&["preflight"]).expect(Exit::Incomplete);
    p2t.run(&["resume"]).expect(Exit::Clean);
    within(&p2t, never_now());
    p2t.run(&["preflight"]).expect(Exit::Incomplete);
    assert_eq!(pacs.asked().len(), 0);
}

#[test]
fn a_source_without_c_get_is_asked_by_c_move_and_never_again_by_c_get() {
    let folder = scratch();
    let (pacs, p2t) = fake(folder.path(), &[Kind::NoGet]);
    let plan = p2t.run(&["plan"]).expect(Exit::Clean).json();
    assert_eq!(plan["preflight"]["choice"], "C-MOVE", "{plan}");
    let moves = asked(&pacs, "C-MOVE");
    // It could be asked by C-GET again.
    pacs.set_lies(Lies::default());
    p2t.run(&["export"]).expect(Exit::Clean);
    assert!(asked(&pacs, "C-MOVE") >= moves + 12);
    assert_eq!(asked(&pacs, "C-GET"), 0);
    let balance = transfer::balance(&p2t);
    assert_eq!(balance, Balance::all_done(balance.listed));
}

#[test]
fn a_source_that_does_not_know_where_to_send_is_one_clear_error() {
    let folder = scratch();
    let (_pacs, p2t) = fake(folder.path(), &[Kind::NoGet]);
    p2t.configure("receiver", "aet", "ELSEWHERE");
    p2t.run(&["plan"]).expect(Exit::Clean);
    p2t.run(&["export"])
        .expect(Exit::Failed)
        .says("sends no objects by any service")
        .says("status A801h: move destination unknown");
}

#[test]
fn without_a_preflight_a_source_without_c_get_is_asked_by_it_once() {
    let folder = scratch();
    let archive = Archive::new(Population { studies: 12, days: 3, ..Population::default() }.make());
    let lies = Lies { lies: vec![Lie::from(Kind::NoGet)], ..Lies::default() };
    let pacs: Arc<OnceLock<FakePacs>> = Arc::default();
    let told = pacs.clone();
    // Once the first study was moved, the source could be asked by C-GET again.
    let relent = move |asked: &Asked| {
        if let Some(pacs) = told.get().filter(|_| asked.what.starts_with("C-MOVE")) {
            pacs.set_lies(Lies::default());
        }
    };
    let title = "FAKE".parse().expect("it is an AE title");
    let started = FakePacs::start(([127, 0, 0, 1], 0).into(), title, archive, lies, relent)
        .expect("loopback has a free port");
    let pacs = pacs.get_or_init(|| started);
    let (p2t, port) = job(folder.path(), &format!("FAKE@{}", pacs.address()));
    p2t.configure("source", "preflight", false);
    pacs.know(format!("P2T@127.0.0.1:{port}").parse().expect("it is a node"));
    p2t.run(&["plan"]).expect(Exit::Clean);
    p2t.run(&["export"]).expect(Exit::Clean);
    assert_eq!((asked(pacs, "C-MOVE"), asked(pacs, "C-GET")), (12, 0));
}

#[test]
fn a_source_that_sends_other_pixels_each_time_is_told_and_the_transfer_goes_on() {
    let folder = scratch();
    let (_pacs, p2t) = fake(folder.path(), &[Kind::RandomPixels]);
    p2t.run(&["plan"]).expect(Exit::Clean);
    let found = p2t.run(&["preflight"]).expect(Exit::Discrepancies).json();
    assert_eq!(found["choice"], "C-GET");
    assert_eq!(check(&found, "C-GET twice")["good"], false, "{found}");
    assert_eq!(check(&found, "C-GET and C-MOVE")["good"], false, "{found}");
    p2t.run(&["export"]).expect(Exit::Clean);
    let report = report(&p2t);
    let events = report["events"].to_string();
    assert!(events.contains("had other bytes the second time"), "{events}");
    let balance = transfer::balance(&p2t);
    assert_eq!(balance, Balance::all_done(balance.listed));
}

#[test]
fn a_source_that_sends_by_no_service_is_one_clear_error() {
    let folder = scratch();
    let (pacs, p2t) = fake(folder.path(), &[Kind::NoGet, Kind::NoMove]);
    p2t.run(&["plan"]).expect(Exit::Clean);
    for command in ["preflight", "export"] {
        p2t.run(&[command])
            .expect(Exit::Failed)
            .says("sends no objects by any service")
            .says("C-GET brought none")
            .says("C-MOVE brought none");
    }
    pacs.set_lies(Lies::default());
    p2t.run(&["export"]).expect(Exit::Clean);
}
