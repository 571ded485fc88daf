//! A delta at the size of a department: run by `tools/delta-drill`, because it takes long.
#![allow(clippy::print_stdout, reason = "what it measured is what it is for")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use e2e::changing::{Scale, Site};
use e2e::disk::scratch;
use e2e::orthanc::Orthanc;
use e2e::program::Exit;
use e2e::transfer;

/// A department, of whose studies a fifth change.
const DEPARTMENT: Scale =
    Scale { studies: 10_000, new: 1_000, grew: 500, shrank: 300, deleted: 200, reidentified: 200 };
/// What a cutover has.
const WINDOW: Duration = Duration::from_secs(15 * 60);

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    println!("{what:<28} {:7.1} s", started.elapsed().as_secs_f64());
    done
}

/// The same in a tenth of the size.
const WARD: Scale = Scale { studies: 1_000, new: 100, grew: 50, shrank: 30, deleted: 20, reidentified: 20 };

#[test]
#[ignore = "takes minutes: tools/delta-drill"]
fn ten_thousand_studies_of_which_two_thousand_and_two_hundred_change() {
    drill(&DEPARTMENT);
}

#[test]
fn a_thousand_studies_of_which_two_hundred_and_twenty_change() {
    drill(&WARD);
}

fn drill(scale: &Scale) {
    let folder = scratch();
    let site = timed("load and plan", || Site::planned(folder.path(), scale.studies));
    timed("export", || {
        site.p2t.run(&["export"]).expect(Exit::Clean);
    });
    let bulk = site.volumes();
    let destination = Orthanc::start("SITE_B", &site.folder.join("b"));
    let t2p = transfer::new_ingest(&site.folder.join("ingest"), &destination.node());
    timed("ingest", || {
        t2p.run(&transfer::ingest_arguments(&bulk)).expect(Exit::Clean);
    });
    let mut expected = destination.uids();
    expected.extend(scale.fresh());
    timed("studies change", || site.change(scale));

    let frozen = Instant::now();
    let found = timed("p2t plan --delta", || site.delta());
    timed("p2t export", || {
        site.p2t.run(&["export"]).expect(Exit::Clean);
    });
    let changed: Vec<PathBuf> = site.volumes().into_iter().filter(|volume| !bulk.contains(volume)).collect();
    timed("t2p ingest", || {
        t2p.run(&transfer::ingest_arguments(&changed)).expect(Exit::Clean);
    });
    let audit = timed("t2p audit", || t2p.run(&["audit"]).expect(Exit::Clean).json());
    let took = frozen.elapsed();
    println!("{:<28} {:7.1} s", "the delta, in all", took.as_secs_f64());

    assert_eq!(found, scale.expected());
    assert!(destination.uids() == expected, "a tombstone was applied, or a change did not arrive");
    let deleted = audit["destinations"][0]["deleted_at_source"]["count"].as_u64();
    assert_eq!(deleted, Some(u64::from(scale.shrank + scale.deleted * 2)));
    assert!(took < WINDOW, "{took:?} is more than a cutover has");
}
