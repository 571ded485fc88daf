//! An object that the source sends cut short travels, and gives way to the sound one of its instance, whenever that comes.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use e2e::disk::scratch;
use e2e::liar::Liar;
use e2e::orthanc::Orthanc;
use e2e::part10::Part10;
use e2e::program::{Exit, Program};
use e2e::transfer::{self, Balance, report, text};
use fakepacs::{Kind, Lie};

/// An export whose first volume has one object cut short, and whose second the sound one. Returns its SOP Instance UID and the
/// volumes.
fn exported(liar: &Liar, folder: &Path) -> (String, Vec<PathBuf>) {
    let uid = liar.pacs.archive().data_sets().into_keys().next().expect("the PACS holds something");
    liar.p2t.run(&["plan"]).expect(Exit::Clean);
    liar.lie_about(&[Lie::about(Kind::Truncated, uid.as_str())]);
    liar.p2t.run(&["export"]).expect(Exit::Discrepancies);
    liar.lie(&[]);
    liar.p2t.run(&["export", "--retry-failed"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&liar.p2t), Balance::all_done(liar.instances() + 1));
    assert_eq!(report(&liar.p2t)["conflicts"].as_array().map(Vec::len), Some(0));
    let volumes = transfer::volumes(&folder.join("disk-{seq}"));
    assert_eq!(volumes.len(), 2);
    (uid, volumes)
}

/// What the destination holds is what the source holds, and nobody speaks of a conflict.
fn check_arrived(liar: &Liar, t2p: &Program, destination: &Orthanc) {
    t2p.run(&["audit"]).expect(Exit::Clean);
    let instances = liar.instances();
    let balance = Balance { listed: instances + 1, done: instances, excluded: 1, failed: 0, pending: 0 };
    assert_eq!(transfer::balance(t2p), balance);
    assert_eq!(report(t2p)["conflicts"].as_array().map(Vec::len), Some(0));
    let honest = liar.pacs.archive().data_sets();
    let held = destination.instances();
    assert!(held.keys().eq(honest.keys()));
    for (uid, id) in &held {
        assert_eq!(
            Part10::parse(&destination.file(id)).expect("it is a DICOM file").dataset.len(),
            honest[uid].len(),
            "{uid}"
        );
    }
}

#[test]
fn of_two_volumes_the_sound_object_is_delivered_and_the_other_left_out() {
    let folder = scratch();
    let folder = folder.path();
    let liar = Liar::new(folder, 4096);
    let (_, volumes) = exported(&liar, folder);
    let destination = Orthanc::start("SITE_B", &folder.join("b"));
    for (name, order) in [("forth", [0, 1]), ("back", [1, 0])] {
        let t2p = transfer::new_ingest(&folder.join(name), &destination.node());
        let volumes = order.map(|at| text(&volumes[at]));
        t2p.run(&["ingest", &volumes[0], &volumes[1]]).expect(Exit::Clean);
        check_arrived(&liar, &t2p, &destination);
    }
}

#[test]
fn an_object_cut_short_is_not_sent_and_what_was_said_of_it_goes_when_the_sound_one_comes() {
    let folder = scratch();
    let folder = folder.path();
    let liar = Liar::new(folder, 4096);
    let (uid, volumes) = exported(&liar, folder);
    let destination = Orthanc::start("SITE_B", &folder.join("b"));
    let t2p = transfer::new_ingest(&folder.join("ingest"), &destination.node());
    let begun = Instant::now();
    let first = t2p.run(&["ingest", &text(&volumes[0])]);
    first.expect(Exit::Discrepancies);
    assert!(begun.elapsed() < Duration::from_secs(60), "it was waited for an answer");
    assert!(!destination.received().contains(&uid));
    t2p.run(&["audit"]).expect(Exit::Discrepancies).says("its dataset ends within an element");
    t2p.run(&["ingest", &text(&volumes[1])]).expect(Exit::Clean);
    check_arrived(&liar, &t2p, &destination);
}
