//! Destinations that take some of what they are offered, or nothing: what they refuse is named, and keeps nothing else back.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::{Path, PathBuf};

use e2e::disk::scratch;
use e2e::orthanc::Orthanc;
use e2e::program::{Exit, Program};
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
