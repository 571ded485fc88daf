//! Destinations that take some of what they are offered, or nothing: what they refuse is named, and keeps nothing else back.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::{Path, PathBuf};

use e2e::disk::scratch;
use e2e::orthanc::Orthanc;
use e2e::peer::Peer;
use e2e::program::{Exit, Program};
use e2e::storescp::Storescp;
use e2e::synthetic::{self, Instance};
use e2e::transfer::{self, Balance, text};
use serde_json::json;

const STUDIES: u32 = 8;
/// In each study, before the one that is refused.
const IMAGES: u32 = 3;
const OBJECTS: u64 = (STUDIES * (IMAGES + 1)) as u64;
/// Two studies fit into the smallest spool, and three do not.
const PIXELS: u32 = 120_000;

/// Volumes with a segment for each study, in each of which is one object of a SOP class that no PACS knows.
fn volumes(folder: &Path) -> Vec<PathBuf> {
    let files = folder.join("files");
    synthetic::write_many(&files, STUDIES, IMAGES, PIXELS);
    for study in 1..=STUDIES {
        let odd = Instance { study, series: 2, number: 1 }.unknown(PIXELS);
        std::fs::write(files.join(format!("{study:06}/unknown.dcm")), odd).expect("a file can be written");
    }
    let medium = folder.join("made-{seq}");
    let p2t = transfer::new_export(&folder.join("made"), &text(&files), &medium);
    p2t.configure("segment", "bytes", "512 KiB");
    p2t.configure("segment", "frame_bytes", "64 KiB");
    transfer::export(&p2t);
    transfer::volumes(&medium)
}

/// A job with a spool for two studies, to a destination that goes by one name whatever node it has.
fn ingest_to(folder: &Path, node: &str) -> Program {
    let t2p = transfer::new_ingest(&folder.join("ingest"), node);
    redirect(&t2p, node);
    t2p.configure("spool", "limit_bytes", "1 MiB");
    t2p.configure("retry", "attempts", 2);
    t2p.configure("retry", "delay_seconds", 0);
    t2p
}

fn redirect(t2p: &Program, node: &str) {
    t2p.redirect_with(node, |destination| {
        destination.insert("name".to_owned(), "site B".into());
    });
}

#[test]
fn an_object_in_each_segment_that_is_refused_keeps_no_other_back_and_goes_when_it_is_allowed() {
    let folder = scratch();
    let folder = folder.path();
    let volumes = volumes(folder);
    let strict = Orthanc::start_with("STRICT", &folder.join("a"), json!({"UnknownSopClassAccepted": false}));
    let t2p = ingest_to(folder, &strict.node());
    let mut ingest = transfer::ingest_arguments(&volumes);
    t2p.run_for_people(&ingest).expect(Exit::Discrepancies).says("does not take SOP class");
    let refused = u64::from(STUDIES);
    let expected = Balance { done: OBJECTS - refused, failed: refused, ..Balance::all_done(OBJECTS) };
    assert_eq!(transfer::balance(&t2p), expected);
    let open = Orthanc::start("OPEN", &folder.join("b"));
    redirect(&t2p, &open.node());
    t2p.run(&ingest).expect(Exit::Discrepancies);
    assert_eq!(open.received().len(), 0, "what was refused is offered again unasked");
    ingest.push("--retry-failed".to_owned());
    t2p.run(&ingest).expect(Exit::Clean);
    assert_eq!(open.received().len() as u64, refused);
    assert_eq!(transfer::balance(&t2p), Balance::all_done(OBJECTS));
}

/// A peer with nothing in it.
fn peer(folder: &Path, name: &str, behaviour: &[&str]) -> Peer {
    let dir = folder.join(name);
    std::fs::create_dir_all(dir.join("empty")).expect("a folder can be made");
    Peer::start(&dir, &dir.join("empty"), behaviour)
}

#[test]
fn a_destination_that_breaks_every_association_is_given_up_and_no_object_is_blamed() {
    let folder = scratch();
    let folder = folder.path();
    let ingest = transfer::ingest_arguments(&volumes(folder));
    let broken = Storescp::start_with(&folder.join("a"), &["--abort-during"]);
    let t2p = ingest_to(folder, &broken.node());
    t2p.run(&ingest).expect(Exit::Incomplete).says("takes nothing any more");
    let balance = transfer::balance(&t2p);
    assert_eq!((balance.done, balance.failed), (0, 0));
    let well = Orthanc::start("WELL", &folder.join("b"));
    redirect(&t2p, &well.node());
    t2p.run(&ingest).expect(Exit::Clean);
    assert_eq!(well.received().len() as u64, OBJECTS);
}

#[test]
fn an_object_over_which_each_association_breaks_is_named_and_the_others_are_delivered() {
    let folder = scratch();
    let folder = folder.path();
    let ingest = transfer::ingest_arguments(&volumes(folder));
    let fatal = Instance { study: 3, series: 1, number: 2 }.uid();
    let destination = peer(folder, "a", &["--abort-over", &fatal]);
    let t2p = ingest_to(folder, &destination.node());
    t2p.run(&ingest).expect(Exit::Discrepancies).says(&fatal);
    let failed = u64::from(STUDIES) + 1;
    let expected = Balance { done: OBJECTS - failed, failed, ..Balance::all_done(OBJECTS) };
    assert_eq!(transfer::balance(&t2p), expected);
    assert_eq!(destination.count(&format!("STORE {fatal}")), 2, "as many tries as are configured");
}

#[test]
fn a_spool_full_of_what_the_destination_cannot_take_now_is_named_and_emptied_by_a_later_run() {
    let folder = scratch();
    let folder = folder.path();
    let ingest = transfer::ingest_arguments(&volumes(folder));
    let [one, three] = [1, 3].map(|study| Instance { study, series: 1, number: 1 }.study_uid());
    let busy = peer(folder, "a", &["--busy-with", &one, "--busy-with", &three]);
    let t2p = ingest_to(folder, &busy.node());
    t2p.run(&ingest).expect(Exit::Incomplete).says("the spool holds as much as it may");
    assert_eq!(transfer::balance(&t2p).done, u64::from(IMAGES), "study 2");
    let well = Orthanc::start("WELL", &folder.join("b"));
    redirect(&t2p, &well.node());
    t2p.run(&ingest).expect(Exit::Discrepancies);
    let refused = 1;
    let expected = Balance { done: OBJECTS - refused, failed: refused, ..Balance::all_done(OBJECTS) };
    assert_eq!(transfer::balance(&t2p), expected);
}
