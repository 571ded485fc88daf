//! What a source changes while an export runs: studies are listed again before their volume is sealed, and young or changing ones
//! wait.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use e2e::disk::scratch;
use e2e::orthanc::Orthanc;
use e2e::program::{Exit, Program, Running};
use e2e::synthetic::{self, Instance};
use e2e::transfer::{self, text};
use fakepacs::{Archive, FakePacs, Lies, Population};
use serde_json::Value;

const PIXELS: u32 = 20_000;

struct Site {
    folder: PathBuf,
    source: Orthanc,
    p2t: Program,
    medium: PathBuf,
}

impl Site {
    /// A PACS with so many studies of two instances, planned, to be fetched at so many instances a second.
    fn planned(folder: &Path, studies: u32, instances_per_second: f64, segment: &str) -> Self {
        let files = folder.join("files");
        synthetic::write_many(&files, studies, 2, PIXELS);
        let source = Orthanc::start("SITE_A", &folder.join("a"));
        source.load(&files);
        let medium = folder.join("disk-{seq}.tap");
        let p2t = transfer::new_export(&folder.join("export"), &source.node(), &medium);
        p2t.configure("pace.limits", "associations", 1);
        p2t.configure("pace.limits", "instances_per_second", instances_per_second);
        p2t.configure("segment", "bytes", segment);
        p2t.configure("segment", "frame_bytes", "8 KiB");
        // So that studies 1 and 2 are the first to come.
        p2t.configure("selection", "order", "oldest");
        p2t.run(&["plan"]).expect(Exit::Clean);
        Self { folder: folder.to_owned(), source, p2t, medium }
    }

    fn volumes(&self) -> Vec<PathBuf> {
        transfer::volumes(&self.medium)
    }

    /// Waits until so many instances have come.
    fn wait_for(&self, instances: u64) {
        let came = || -> u64 {
            let status = self.p2t.run(&["status"]).json();
            let states = status["states"].as_array().cloned().unwrap_or_default();
            let came = states.iter().filter(|state| state["state"] != "pending");
            came.filter_map(|state| state["count"].as_u64()).sum()
        };
        while came() < instances {
            sleep(Duration::from_millis(20));
        }
    }

    fn delete(&self, instance: Instance) {
        self.source.delete(&self.source.instances()[&instance.uid()]);
    }

    /// The SOP Instance UIDs on a volume.
    fn objects(&self, volume: &Path) -> Vec<String> {
        let out = self.folder.join(format!("out-{}", volume.file_stem().expect("it has a name").display()));
        transfer::extract(&transfer::without_job(&self.folder), &[volume.to_owned()], &out);
        transfer::objects(&out).into_keys().collect()
    }

    fn inspect(&self, volume: &Path) -> Value {
        transfer::without_job(&self.folder).run(&["inspect", &text(volume)]).expect(Exit::Clean).json()
    }

    fn report(&self) -> Value {
        let files = self.p2t.run(&["report"]).json();
        let json = std::fs::read(files["json"].as_str().expect("it is named")).expect("it can be read");
        serde_json::from_slice(&json).expect("it is JSON")
    }

    /// What happens to studies 1 and 2 when they are on their way: one more instance, one less, one in another's place.
    fn change(&self) {
        self.source.load_bytes(&instance(1, 3).small(PIXELS));
        self.delete(instance(2, 1));
        self.source.load_bytes(&instance(2, 3).small(PIXELS));
    }
}

fn instance(study: u32, number: u32) -> Instance {
    Instance { study, series: 1, number }
}

fn finish(export: Running, exit: Exit) -> String {
    export.finish().expect(exit).stderr.clone()
}

#[test]
fn what_changes_after_it_was_fetched_is_on_the_volume_when_it_is_sealed() {
    let folder = scratch();
    let site = Site::planned(folder.path(), 20, 12.0, "100 KiB");
    let export = site.p2t.spawn(&["export"]);
    site.wait_for(6);
    site.change();
    let said = finish(export, Exit::Clean);
    assert!(said.contains("volume 1: its 20 studies are listed again before it is sealed"), "{said}");
    let balance = transfer::balance(&site.p2t);
    assert_eq!((balance.listed, balance.done, balance.pending), (42, 42, 0));
    let volumes = site.volumes();
    assert_eq!(volumes.len(), 1);
    let objects = site.objects(&volumes[0]);
    for new in [instance(1, 3), instance(2, 3)] {
        assert!(objects.contains(&new.uid()), "{} did not travel: {objects:?}", new.uid());
    }
    // The one that is gone was fetched before, and is told as deleted by the same volume.
    assert!(objects.contains(&instance(2, 1).uid()));
    assert_eq!(site.inspect(&volumes[0])["source_changes"], 1);
    // Nothing is left for a delta.
    let delta = site.p2t.run(&["plan", "--delta", "--deep"]).expect(Exit::Clean).json();
    assert_eq!(delta["changes"].as_array().map(Vec::len), Some(0), "{delta}");
}

#[test]
fn a_pause_holds_though_all_is_fetched_and_the_last_volume_is_about_to_be_sealed() {
    let folder = scratch();
    let archive = Archive::new(Population { studies: 12, days: 3, ..Population::default() }.make());
    let (title, address) = ("FAKE".parse().expect("it is an AE title"), ([127, 0, 0, 1], 0).into());
    let pacs =
        FakePacs::start(address, title, archive, Lies::default(), |_| {}).expect("loopback has a free port");
    let node = format!("FAKE@{}", pacs.address());
    let p2t =
        transfer::new_export(&folder.path().join("export"), &node, &folder.path().join("disk-{seq}.tap"));
    p2t.configure("pace.adaptive", "enabled", false);
    p2t.run(&["plan"]).expect(Exit::Clean);
    // Slow enough to be caught at it.
    pacs.set_lies(Lies { latency: 200, ..Lies::default() });
    let planned = pacs.queries();
    let mut export = p2t.spawn(&["export"]);
    // Objects are asked for without any.
    while pacs.queries() < planned + 2 {
        assert!(export.is_running(), "nothing was listed again");
        sleep(Duration::from_millis(5));
    }
    p2t.run(&["pause", "backup"]).expect(Exit::Clean);
    sleep(Duration::from_millis(1_500));
    let held = pacs.queries();
    sleep(Duration::from_millis(1_500));
    assert_eq!(pacs.queries(), held, "the source was asked during a pause");
    assert!(export.is_running(), "the volume was sealed during a pause");
    p2t.run(&["resume"]).expect(Exit::Clean);
    finish(export, Exit::Clean);
    assert!(pacs.queries() > held);
}

#[test]
fn it_is_not_listed_again_where_that_is_not_wanted() {
    let folder = scratch();
    let site = Site::planned(folder.path(), 10, 12.0, "100 KiB");
    site.p2t.configure("delta", "relist", false);
    let export = site.p2t.spawn(&["export"]);
    site.wait_for(6);
    site.change();
    finish(export, Exit::Clean);
    assert_eq!(transfer::balance(&site.p2t).listed, 20);
    let delta = site.p2t.run(&["plan", "--delta", "--deep"]).expect(Exit::Clean).json();
    assert_eq!(delta["instances"]["pending"], 2);
}

#[test]
fn what_is_found_when_a_volume_is_full_goes_to_the_next() {
    let folder = scratch();
    let site = Site::planned(folder.path(), 24, 8.0, "40 KiB");
    // Six or seven studies.
    site.p2t.configure("media", "volume_bytes", "400 kB");
    let export = site.p2t.spawn(&["export"]);
    site.wait_for(5);
    site.change();
    finish(export, Exit::Clean);
    let balance = transfer::balance(&site.p2t);
    assert_eq!((balance.listed, balance.done, balance.pending), (50, 50, 0));
    let volumes = site.volumes();
    assert!(volumes.len() > 2, "{volumes:?}");
    let first = site.objects(&volumes[0]);
    assert!(first.contains(&instance(1, 1).uid()) && !first.contains(&instance(1, 3).uid()), "{first:?}");
    let later: Vec<String> = volumes[1..].iter().flat_map(|volume| site.objects(volume)).collect();
    assert!(later.contains(&instance(1, 3).uid()) && later.contains(&instance(2, 3).uid()), "{later:?}");
}

#[test]
fn two_copies_have_what_was_found_and_the_source_is_asked_once() {
    let folder = scratch();
    let site = Site::planned(folder.path(), 12, 12.0, "100 KiB");
    let other = site.folder.join("other-{seq}.tap");
    let to = [format!("copy1={}", text(&site.medium)), format!("copy2={}", text(&other))];
    let export = site.p2t.spawn(&["export", "--copies", "2", "--to", &to[0], "--to", &to[1]]);
    site.wait_for(6);
    site.change();
    finish(export, Exit::Clean);
    let found = [site.volumes(), transfer::volumes(&other)];
    for volumes in &found {
        let objects: Vec<String> = volumes.iter().flat_map(|volume| site.objects(volume)).collect();
        assert!(
            objects.contains(&instance(1, 3).uid()) && objects.contains(&instance(2, 3).uid()),
            "{objects:?}"
        );
    }
    let report = site.report();
    let deltas = report["report"]["deltas"]["runs"].as_array().expect("the report tells of deltas");
    let asked: u64 = deltas
        .iter()
        .filter(|delta| delta["scope"] == "volume")
        .map(|delta| delta["unchanged"].as_u64().unwrap_or(0) + delta["changed"].as_u64().unwrap_or(0))
        .sum();
    // All twelve, and the two that were fetched once more.
    assert_eq!(asked, 14, "{deltas:?}");
}

#[test]
fn a_source_that_cannot_be_asked_keeps_no_volume_open_and_that_is_on_record() {
    let folder = scratch();
    let mut site = Site::planned(folder.path(), 4, 500.0, "100 KiB");
    site.p2t.configure("selection", "settle_minutes", 30);
    site.source.load_bytes(&instance(3, 3).small(PIXELS));
    site.p2t.run(&["plan", "--delta"]).expect(Exit::Clean);
    // The volume stays open for the study that waits, until that is not wanted any more.
    site.p2t.run(&["export"]).expect(Exit::Incomplete);
    site.p2t.run(&["plan", "--exclude-study", &instance(3, 1).study_uid()]).expect(Exit::Clean);
    site.source.stop();
    let exported = site.p2t.run(&["export"]);
    exported.expect(Exit::Clean);
    assert!(
        exported.stderr.contains("3 of 3 studies of volume 1 were not listed again"),
        "{}",
        exported.stderr
    );
    assert_eq!(exported.json()["volumes"][0]["state"], "sealed");
    let report = site.report();
    let last = report["report"]["deltas"]["runs"].as_array().and_then(|runs| runs.last().cloned());
    assert_eq!(last.map(|run| run["left_out"].clone()), Some(3.into()));
}

#[test]
fn a_young_study_waits_and_is_looked_at_again_when_its_time_has_come() {
    let folder = scratch();
    let site = Site::planned(folder.path(), 3, 500.0, "100 KiB");
    site.p2t.configure("pace", "time_zone", "UTC");
    site.p2t.configure("selection", "min_age_hours", 1);
    let ready = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(12);
    let made = ready - jiff::SignedDuration::from_hours(1);
    let (date, time) = (made.strftime("%Y%m%d").to_string(), made.strftime("%H%M%S").to_string());
    let young = |number| instance(9, number).small_of(PIXELS, &date, &time, "SYN000009");
    site.source.load_bytes(&young(1));
    let document = site.p2t.run(&["plan"]).expect(Exit::Clean).json();
    assert_eq!(document["waiting_studies"][0]["studies"], 1, "{document}");
    site.p2t
        .run_for_people(&["export"])
        .expect(Exit::Incomplete)
        .says("1 studies wait: younger than 1 hours");
    let balance = transfer::balance(&site.p2t);
    assert_eq!((balance.done, balance.pending), (6, 1));
    // It grows while it waits.
    site.source.load_bytes(&young(2));
    let left = ready.duration_since(jiff::Timestamp::now()).as_secs_f64();
    sleep(Duration::from_secs_f64(left.max(0.0) + 1.0));
    site.p2t.run(&["export"]).expect(Exit::Clean);
    let balance = transfer::balance(&site.p2t);
    assert_eq!((balance.done, balance.pending), (8, 0));
    assert_eq!(site.volumes().len(), 1, "the volume was not gone on with");
}

#[test]
fn a_study_that_changes_waits_until_it_has_settled() {
    let folder = scratch();
    let site = Site::planned(folder.path(), 4, 500.0, "100 KiB");
    site.p2t.configure("selection", "settle_minutes", 30);
    site.source.load_bytes(&instance(3, 3).small(PIXELS));
    let delta = site.p2t.run(&["plan", "--delta"]).expect(Exit::Clean).json();
    assert_eq!(delta["waiting_studies"][0]["studies"], 1, "{delta}");
    site.p2t
        .run_for_people(&["export"])
        .expect(Exit::Incomplete)
        .says("its images changed between two listings less than 30 minutes apart");
    let balance = transfer::balance(&site.p2t);
    assert_eq!((balance.done, balance.pending), (6, 3));
    let reasons = site.report()["report"]["reasons"].to_string();
    assert!(reasons.contains("waits: its images changed"), "{reasons}");
}
