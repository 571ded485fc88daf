//! Deltas: what a PACS changes while the volumes are on the road is found, carried and told; exactly that.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use e2e::changing::{Delta, INSTANCES, Scale, Site, instance};
use e2e::disk::scratch;
use e2e::orthanc::Orthanc;
use e2e::program::{Exit, Program};
use e2e::random::Random;
use e2e::transfer::{self, text};
use serde_json::{Value, json};

const SCALE: Scale = Scale { studies: 200, new: 20, grew: 15, shrank: 10, deleted: 8, reidentified: 12 };

fn in_volume(t2p: &Program, volume: &Path) -> Value {
    t2p.run(&["inspect", &text(volume)]).expect(Exit::Clean).json()
}

#[test]
fn a_delta_brings_exactly_what_has_changed_and_tells_what_was_deleted() {
    let folder = scratch();
    let site = Site::planned(folder.path(), SCALE.studies);
    site.p2t.run(&["export"]).expect(Exit::Clean);
    let bulk = site.volumes();
    let destination = Orthanc::start("SITE_B", &site.folder.join("b"));
    let t2p = transfer::new_ingest(&site.folder.join("ingest"), &destination.node());
    t2p.run(&transfer::ingest_arguments(&bulk)).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    let before = destination.uids();

    site.change(&SCALE);
    assert_eq!(site.delta(), SCALE.expected());
    let nothing = Delta { unchanged: u64::from(SCALE.studies) + 20 - 8, ..Delta::default() };
    assert_eq!(site.delta(), nothing);
    site.p2t.run(&["export"]).expect(Exit::Clean);
    let changed: Vec<PathBuf> = site.volumes().into_iter().filter(|volume| !bulk.contains(volume)).collect();
    assert_eq!(changed.len(), 1, "the changes are on {changed:?}");
    let volume = in_volume(&t2p, &changed[0]);
    assert_eq!(volume["identity"]["sequence"], bulk.len() + 1);
    assert_eq!(volume["trailer"]["objects"], SCALE.fresh().len());
    assert_eq!(volume["source_changes"], SCALE.told());
    let balance = transfer::balance(&site.p2t);
    assert_eq!(
        (balance.done, balance.pending),
        (u64::from(SCALE.studies * INSTANCES) + SCALE.fresh().len() as u64, 0)
    );

    let told = t2p.run(&transfer::ingest_arguments(&changed)).expect(Exit::Clean).json();
    let expected = json!({ "deleted_studies": 8, "deleted_instances": 10, "restored_studies": 0,
        "restored_instances": 0, "reidentified_studies": 12 });
    assert_eq!(told["source_changes"], expected);
    t2p.run_for_people(&["status"]).says("deleted 8 studies and 10 instances of others");
    let audit = t2p.run(&["audit"]);
    audit.expect(Exit::Clean);
    let mut expected: BTreeSet<String> = before;
    expected.extend(SCALE.fresh());
    assert_eq!(destination.uids(), expected, "a tombstone was applied, or a change did not arrive");
    let document = audit.json();
    assert_eq!(document["destinations"][0]["deleted_at_source"]["count"], 10 + 16);

    let of_export = report(&site.p2t.run(&["report"]).json());
    let of_audit = report(&t2p.run(&["report"]).json()["reports"][0]);
    for deltas in [&of_export, &of_audit] {
        assert_eq!((&deltas["tombstones_total"], &deltas["reidentified_total"]), (&18.into(), &12.into()));
        assert_eq!(deltas["reidentified"][0]["keys"], json!(["Patient ID"]));
    }
    let scopes = |scope: &str| {
        let runs = of_export["runs"].as_array().expect("there are runs").iter();
        runs.filter(|run| run["scope"] == scope).cloned().collect::<Vec<_>>()
    };
    let [first, second] = &scopes("source")[..] else { panic!("{of_export}") };
    assert_eq!((&first["unchanged"], &first["changed"]), (&155.into(), &65.into()));
    assert_eq!(second["changed"], 0);
    let of_volume = scopes("volume");
    assert!(of_volume.iter().all(|run| run["changed"] == 0 && run["left_out"] == 0), "{of_volume:?}");
    assert_eq!(of_audit["runs"].as_array().map(Vec::len), Some(1));
    let told = json!([
        { "class": "reidentified", "studies": 12, "instances": 0 },
        { "class": "deleted", "studies": 8, "instances": 10 },
    ]);
    assert_eq!(of_audit["classes"], told);
}

/// What a report says of deltas; its file of changes has a row for each, and no word of who it is about.
fn report(files: &Value) -> Value {
    let read = |name: &str| {
        std::fs::read_to_string(files[name].as_str().expect("it is named")).expect("it can be read")
    };
    let (document, changes): (Value, _) =
        (serde_json::from_str(&read("json")).expect("it is JSON"), read("changes_csv"));
    assert!(changes.lines().count() >= 1 + 18 + 12, "{changes}");
    for text in [&changes, &read("html")] {
        assert!(!text.contains("SYN0") && !text.contains("NEW0"), "a patient is named");
    }
    document["report"]["deltas"].clone()
}

#[test]
fn deletions_alone_make_a_small_volume_and_what_was_never_fetched_is_left_out() {
    let folder = scratch();
    let site = Site::planned(folder.path(), SCALE.studies);
    let ids = site.source.instances();
    // Planned and not exported yet.
    site.source.delete(&ids[&instance(1, 1).uid()]);
    assert_eq!(site.delta().classes, BTreeMap::from([("shrank".to_owned(), (1, 1))]));
    site.p2t.run(&["export"]).expect(Exit::Clean);
    let balance = transfer::balance(&site.p2t);
    assert_eq!((balance.excluded, balance.failed, balance.pending), (1, 0, 0));
    let bulk = site.volumes();

    site.source.delete(&ids[&instance(2, 1).uid()]);
    site.source.delete(&ids[&instance(2, 2).uid()]);
    assert_eq!(site.delta().classes, BTreeMap::from([("deleted".to_owned(), (1, 2))]));
    site.p2t.run(&["export"]).expect(Exit::Clean);
    let volumes = site.volumes();
    assert_eq!(volumes.len(), bulk.len() + 1);
    let last = volumes.last().expect("there is a volume");
    let t2p = transfer::without_job(&site.folder);
    let volume = in_volume(&t2p, last);
    assert_eq!((&volume["trailer"]["objects"], &volume["source_changes"]), (&0.into(), &1.into()));
    // Nothing more is to be told.
    site.p2t.run(&["export"]).expect(Exit::Clean);
    assert_eq!(site.volumes().len(), volumes.len());

    let destination = Orthanc::start("SITE_B", &site.folder.join("b"));
    let t2p = transfer::new_ingest(&site.folder.join("ingest"), &destination.node());
    // The later volumes first: they are delivered, and the transfer is not complete.
    let later = transfer::ingest_arguments(&volumes[1..]);
    assert_eq!(t2p.run(&later).expect(Exit::Incomplete).json()["missing_volumes"], json!(["1"]));
    t2p.run(&transfer::ingest_arguments(&volumes)).expect(Exit::Clean);
    t2p.run_for_people(&["audit"]).says("2 instances were deleted at the source since, and are still");
    // What somebody deletes here too is not sent again.
    let there = destination.instances();
    destination.delete(&there[&instance(2, 1).uid()]);
    t2p.run(&["audit"]).expect(Exit::Discrepancies).says("the source deleted it since");
    t2p.run(&transfer::ingest_arguments(&volumes));
    assert!(!destination.uids().contains(&instance(2, 1).uid()), "what was deleted was sent again");
}

#[test]
fn a_volume_that_is_lost_for_good_can_be_done_without() {
    let folder = scratch();
    let site = Site::planned(folder.path(), SCALE.studies);
    site.p2t.run(&["export"]).expect(Exit::Clean);
    site.change(&SCALE);
    site.delta();
    site.p2t.run(&["export"]).expect(Exit::Clean);
    let volumes = site.volumes();
    let destination = Orthanc::start("SITE_B", &site.folder.join("b"));
    let t2p = transfer::new_ingest(&site.folder.join("ingest"), &destination.node());
    let last = volumes.last().expect("there is a volume");
    t2p.run_for_people(&["ingest", &text(last)])
        .expect(Exit::Incomplete)
        .says("A VOLUME IS MISSING: volume 1");
    assert_eq!(destination.uids().len(), SCALE.fresh().len(), "a missing volume blocks the others");
    t2p.run(&["ingest", "--accept-gap"]).expect(Exit::Clean);
    t2p.run(&["ingest", &text(last)]).expect(Exit::Clean);
    // The audit goes on naming it.
    assert_eq!(t2p.run(&["audit"]).expect(Exit::Discrepancies).json()["missing_volumes"], json!(["1"]));
}

#[test]
fn a_delta_that_is_killed_at_any_moment_finds_the_same_when_it_is_run_again() {
    let folder = scratch();
    let site = Site::planned(folder.path(), SCALE.studies);
    site.p2t.run(&["export"]).expect(Exit::Clean);
    site.change(&SCALE);
    let mut random = Random::new(4);
    let (mut killed, mut ended) = (0, None);
    while killed < 8 && ended.is_none() {
        let mut running = site.p2t.spawn(&["plan", "--delta"]);
        std::thread::sleep(random.moment(std::time::Duration::from_millis(150)));
        if running.is_running() {
            killed += usize::from(running.kill());
        } else {
            ended = Some(Delta::of(&running.finish().expect(Exit::Clean).json()));
        }
    }
    assert!(killed > 0, "it was never in work when it was killed");
    // A run that was cut off and the one that goes on with it are one delta.
    let found = ended.unwrap_or_else(|| site.delta());
    assert_eq!(found.classes, SCALE.expected().classes);
    site.p2t.run(&["export"]).expect(Exit::Clean);
    let t2p = transfer::without_job(&site.folder);
    let last = site.volumes().pop().expect("there is a volume");
    let volume = in_volume(&t2p, &last);
    assert_eq!(
        (&volume["trailer"]["objects"], &volume["source_changes"]),
        (&SCALE.fresh().len().into(), &30.into())
    );
}

#[test]
fn what_is_deleted_and_made_anew_under_its_uids_is_fetched_again_and_packed_where_it_differs() {
    let folder = scratch();
    let site = Site::planned(folder.path(), 4);
    site.p2t.run(&["export"]).expect(Exit::Clean);
    let ids = site.source.instances();
    for study in [1, 2] {
        (1..=INSTANCES).for_each(|number| site.source.delete(&ids[&instance(study, number).uid()]));
    }
    site.delta();
    site.p2t.run(&["export"]).expect(Exit::Clean);
    // The first study comes back as it was, the second with other pixels.
    for (study, pixels) in [(1, 200), (2, 300)] {
        (1..=INSTANCES).for_each(|number| site.source.load_bytes(&instance(study, number).small(pixels)));
    }
    let expected = [("restored".to_owned(), (2, 0))].into();
    assert_eq!(site.delta(), Delta { unchanged: 2, classes: expected });
    site.p2t.run_for_people(&["export"]).expect(Exit::Discrepancies).says("claimed by objects that differ");
    let last = site.volumes().pop().expect("there is a volume");
    let t2p = transfer::without_job(&site.folder);
    assert_eq!(in_volume(&t2p, &last)["trailer"]["objects"], INSTANCES);
    let balance = transfer::balance(&site.p2t);
    assert_eq!((balance.done, balance.excluded, balance.pending), (10, 2, 0));
    site.p2t.run(&["report"]).expect(Exit::Discrepancies);
    // Neither is asked for once more.
    assert_eq!(site.delta(), Delta { unchanged: 4, ..Delta::default() });
}

#[test]
fn a_cutover_is_reckoned_from_what_was_measured() {
    let folder = scratch();
    let site = Site::planned(folder.path(), SCALE.studies);
    site.p2t.run(&["export"]).expect(Exit::Clean);
    site.p2t.run(&["cutover"]).expect(Exit::Failed).says("no delta has run");
    site.change(&SCALE);
    site.delta();
    site.p2t.run(&["export"]).expect(Exit::Clean);
    let forecast = site.p2t.run(&["cutover", "--window", "12h"]).expect(Exit::Clean).json();
    assert_eq!(forecast["forecast"]["holds"], true);
    assert_eq!(forecast["deliver_rate_assumed"], true);
    // 65 studies and 55 images, over the time between two listings.
    let (studies, images) =
        (&forecast["changes"]["studies_per_hour"], &forecast["changes"]["instances_per_hour"]);
    let ratio = images.as_f64().expect("a number") / studies.as_f64().expect("a number");
    assert!((ratio - 55.0 / 65.0).abs() < 1e-9, "{forecast}");
    // A courier who takes a day holds no window of an hour.
    let carried = site.p2t.run(&["cutover", "--window", "1h", "--carry", "24h", "--deliver-rate", "80 MB"]);
    carried.expect(Exit::Discrepancies);
    site.p2t.configure("cutover", "carry_hours", 24.0);
    site.p2t.run_for_people(&["cutover"]).expect(Exit::Discrepancies).says("DOES NOT HOLD");
}

#[test]
fn a_file_that_has_changed_travels_as_a_further_version_and_one_that_is_gone_is_told() {
    let folder = scratch();
    let folder = folder.path();
    let files = folder.join("files");
    e2e::synthetic::write_many(&files, 6, INSTANCES, 2000);
    let path = |study: u32, number: u32| files.join(format!("{study:06}/{number:06}.dcm"));
    let medium = folder.join("disk-{seq}.tap");
    let p2t = transfer::new_export(&folder.join("export"), &text(&files), &medium);
    transfer::export(&p2t);
    let delta = || Delta::of(&p2t.run(&["plan", "--delta"]).expect(Exit::Clean).json());
    assert_eq!(delta(), Delta { unchanged: 6, ..Delta::default() });

    // As long as before, and written over in place; one that replaces another; one more; one less; a study less.
    let mut changed = std::fs::read(path(1, 1)).expect("a file can be read");
    *changed.last_mut().expect("it is not empty") ^= 1;
    std::fs::write(path(1, 1), changed).expect("a file can be written");
    std::fs::write(path(2, 1), instance(2, 7).small(2000)).expect("a file can be written");
    std::fs::write(path(3, 3), instance(3, 3).small(2000)).expect("a file can be written");
    std::fs::remove_file(path(4, 1)).expect("a file can be removed");
    std::fs::remove_dir_all(files.join("000005")).expect("a folder can be removed");
    let expected = [("grew", (3, 3)), ("shrank", (2, 2)), ("deleted", (1, 2))];
    let expected = expected.map(|(class, counts)| (class.to_owned(), counts)).into();
    assert_eq!(delta(), Delta { unchanged: 1, classes: expected });
    assert_eq!(delta(), Delta { unchanged: 5, ..Delta::default() });
    p2t.run_for_people(&["export"]).expect(Exit::Discrepancies).says("claimed by objects that differ");
    let last = transfer::volumes(&medium).pop().expect("there is a volume");
    let volume = in_volume(&transfer::without_job(folder), &last);
    assert_eq!((&volume["trailer"]["objects"], &volume["source_changes"]), (&3.into(), &3.into()));
}
