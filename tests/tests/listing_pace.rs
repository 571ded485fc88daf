//! What holds an export back holds a listing back, too: windows, pauses, and a source that has no association free.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use e2e::disk::scratch;
use e2e::program::{Exit, Program, Running};
use e2e::transfer;
use e2e::window::{always, never_now, within};
use fakepacs::{Archive, FakePacs, Kind, Lies, Population};

/// Longer than a pause takes to be seen.
const SEEN: Duration = Duration::from_millis(1_500);
const PATIENCE: Duration = Duration::from_secs(60);

struct Site {
    pacs: FakePacs,
    p2t: Program,
}

impl Site {
    fn new(folder: &Path, studies: u32, lies: Lies) -> Self {
        let population = Population { studies, days: 3, ..Population::default() };
        let title = "FAKE".parse().expect("it is an AE title");
        let address = ([127, 0, 0, 1], 0).into();
        let pacs = FakePacs::start(address, title, Archive::new(population.make()), lies, |_| {})
            .expect("loopback has a free port");
        let node = format!("FAKE@{}", pacs.address());
        let p2t = transfer::new_export(&folder.join("export"), &node, &folder.join("disk-{seq}"));
        p2t.configure("source", "preflight", false);
        Self { pacs, p2t }
    }

    fn wait_until_asked(&self, queries: u64) {
        let begun = Instant::now();
        while self.pacs.queries() < queries {
            assert!(begun.elapsed() < PATIENCE, "the source is not asked");
            sleep(Duration::from_millis(5));
        }
    }

    /// The source is asked for nothing more for a while, and the program waits for more.
    fn is_left_alone(&self, running: &mut Running) {
        let held = self.pacs.queries();
        sleep(SEEN);
        assert!(running.is_running(), "it ended instead of waiting");
        assert_eq!(self.pacs.queries(), held, "the source was asked");
    }
}

#[test]
fn outside_its_window_a_plan_waits_and_says_so_and_a_delta_too() {
    let folder = scratch();
    let site = Site::new(folder.path(), 30, Lies::default());
    for arguments in [&["plan"][..], &["plan", "--delta"]] {
        within(&site.p2t, never_now());
        let mut waiting = site.p2t.spawn(arguments);
        sleep(SEEN);
        site.is_left_alone(&mut waiting);
        waiting.interrupt();
        let waited = waiting.finish();
        waited.expect(Exit::Incomplete);
        assert!(waited.stderr.contains("listing waits until a window opens, at "), "{}", waited.stderr);
        within(&site.p2t, always());
        site.p2t.run(arguments).expect(Exit::Clean);
    }
    assert_eq!(site.p2t.run(&["status"]).json()["studies"]["listed"], 30);
}

#[test]
fn a_pause_holds_a_plan_and_it_goes_on_where_it_was() {
    let folder = scratch();
    let lies = Lies { cap: Some(10), latency: 10, ..Lies::default() };
    let site = Site::new(folder.path(), 60, lies);
    let mut plan = site.p2t.spawn(&["plan"]);
    site.wait_until_asked(10);
    site.p2t.run(&["pause", "backup"]).expect(Exit::Clean);
    sleep(SEEN);
    site.is_left_alone(&mut plan);
    site.p2t.run(&["resume"]).expect(Exit::Clean);
    let planned = plan.finish();
    let document = planned.expect(Exit::Clean).json();
    assert_eq!(document["studies"]["listed"], 60);
    assert!(planned.stderr.contains("listing waits until the pause ends"), "{}", planned.stderr);
}

#[test]
fn a_source_without_a_free_association_is_asked_again_and_counts_as_busy() {
    let folder = scratch();
    let site = Site::new(folder.path(), 20, Lies::default());
    site.p2t.configure("retry", "delay_seconds", 1);
    let reject = Lies { lies: vec![Kind::RejectTransient.into()], ..Lies::default() };
    site.pacs.set_lies(reject);
    let plan = site.p2t.spawn(&["plan"]);
    sleep(SEEN);
    site.pacs.set_lies(Lies::default());
    let planned = plan.finish();
    planned.expect(Exit::Clean);
    assert!(planned.stderr.contains("asked again in 1 s"), "{}", planned.stderr);
    let status = site.p2t.run(&["status"]).json();
    assert!(status["pace"].to_string().contains("association rejected"), "{status}");
}

#[test]
fn what_a_plan_asks_is_watched_by_the_canary() {
    let folder = scratch();
    let lies = Lies { cap: Some(20), latency: 30, ..Lies::default() };
    let site = Site::new(folder.path(), 600, lies);
    site.p2t.configure("pace.adaptive", "canary_seconds", 1);
    let mut plan = site.p2t.spawn(&["plan"]);
    let begun = Instant::now();
    let mut seen = String::new();
    // Rows of the canary are for three answers each.
    while !(seen.contains("C-ECHO") && seen.contains("C-FIND")) {
        assert!(begun.elapsed() < PATIENCE && plan.is_running(), "no canary is on record: {seen}");
        sleep(Duration::from_millis(200));
        seen = site.p2t.run(&["status"]).json()["pace"]["canary"].to_string();
    }
    plan.interrupt();
    plan.finish().expect(Exit::Incomplete);
}

#[test]
fn a_source_with_one_place_for_us_is_listed_and_exported_under_adaptive_control() {
    let folder = scratch();
    let site = Site::new(folder.path(), 40, Lies { associations: Some(1), latency: 30, ..Lies::default() });
    site.p2t.configure("source", "retrieve", "c-get");
    site.p2t.configure("pace.adaptive", "canary_seconds", 1_i64);
    for arguments in [&["plan"][..], &["export"], &["plan", "--delta"]] {
        let ran = site.p2t.run(arguments);
        ran.expect(Exit::Clean);
        assert!(!ran.stderr.contains("rejected"), "{}", ran.stderr);
    }
    let status = site.p2t.run_for_people(&["status"]);
    assert!(!status.stdout.contains("association rejected"), "{}", status.stdout);
}

#[test]
fn ctrl_c_does_not_wait_for_a_source_that_never_answers_an_association() {
    let folder = scratch();
    let lies = Lies { lies: vec![Kind::HangAssociation.into()], ..Lies::default() };
    let site = Site::new(folder.path(), 3, lies);
    let plan = site.p2t.spawn(&["plan"]);
    sleep(SEEN);
    let begun = Instant::now();
    plan.interrupt();
    let stopped = plan.finish();
    stopped.expect(Exit::Incomplete);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(stopped.stderr.contains("stopped"), "{}", stopped.stderr);
}
