//! kill -9 at random instants: the rerun ends as if nothing had happened, and nothing is done twice but what was in flight.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use e2e::disk::scratch;
use e2e::orthanc::Orthanc;
use e2e::part10::Part10;
use e2e::program::{Exit, Program};
use e2e::proxy::Proxy;
use e2e::random::Random;
use e2e::synthetic;
use e2e::transfer::{self, Balance, text};

/// How often each program is killed.
const KILLS: usize = 50;
const STUDIES: u32 = 20;
const INSTANCES: u32 = 6;
const PIXELS: u32 = 60_000;
const OBJECTS: u64 = (STUDIES * INSTANCES) as u64;
/// An object with its header and what DIMSE adds to it.
const OBJECT_ON_THE_WIRE: u64 = PIXELS as u64 + 4_096;
const ASSOCIATIONS: u32 = 2;
/// What timing the source takes more in one run than in another: less than an object.
const SMALL_REQUESTS: u64 = 32_768;

/// Runs a command until it ends by itself, killing it at random instants below `longest` at most `most` times.
/// Returns how often it was killed.
fn run_under_fire(
    program: &Program,
    arguments: &[String],
    random: &mut Random,
    longest: Duration,
    most: usize,
) -> usize {
    for killed in 0..most {
        let running = program.spawn(arguments);
        sleep(random.moment(longest));
        if !running.kill() {
            return killed;
        }
    }
    most
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// A source with many small studies, whose objects make several segments and volumes.
fn source(folder: &Path) -> Orthanc {
    let files = folder.join("files");
    synthetic::write_many(&files, STUDIES, INSTANCES, PIXELS);
    let orthanc = Orthanc::start("SITE_A", &folder.join("a"));
    orthanc.load(&files);
    orthanc
}

struct Export {
    p2t: Program,
    medium: PathBuf,
}

impl Export {
    fn new(folder: &Path, node: &str, number: usize) -> Self {
        let medium = folder.join(format!("tape-{number}-{{seq}}.tap"));
        let p2t = transfer::new_export(&folder.join(format!("export-{number}")), node, &medium);
        p2t.configure("segment", "frame_bytes", "256 KiB");
        // In turns, little waits in the spool and is written soon, or everything waits there to the end.
        if number.is_multiple_of(2) {
            p2t.configure("segment", "bytes", "1 MiB");
            p2t.configure("media", "volume_bytes", "4 MB");
        }
        Self { p2t, medium }
    }

    /// Fetches what is planned over a line that counts.
    fn fetch_over(&self, node: &str) {
        self.p2t.configure("source", "node", node);
    }

    /// What is on the volumes, by SOP Instance UID; an object that is there twice fails the test.
    fn content(&self, folder: &Path, number: usize) -> BTreeMap<String, Part10> {
        let volumes = transfer::volumes(&self.medium);
        transfer::each(&self.p2t, "verify", &volumes);
        let t2p = transfer::new_ingest(&folder.join(format!("look-{number}")), "UNUSED@127.0.0.1:1");
        let mut content = BTreeMap::new();
        for (volume, path) in volumes.iter().enumerate() {
            let out = folder.join(format!("content-{number}-{volume}"));
            transfer::extract(&t2p, std::slice::from_ref(path), &out);
            for (uid, object) in transfer::objects(&out) {
                assert!(content.insert(uid, object).is_none(), "an object is on two volumes");
            }
        }
        content
    }
}

#[test]
fn p2t_killed_at_fifty_instants_writes_what_an_undisturbed_run_writes() {
    let folder = scratch();
    let folder = folder.path();
    let source = source(folder);
    let line = Proxy::to(source.dicom_port());
    let node = format!("SITE_A@127.0.0.1:{}", line.port());

    let undisturbed = Export::new(folder, &source.node(), 0);
    let clean = |command: &str| {
        let started = Instant::now();
        undisturbed.p2t.run(&[command]).expect(Exit::Clean);
        started.elapsed()
    };
    let planning = clean("plan");
    undisturbed.fetch_over(&node);
    let longest = clean("export");
    let expected = undisturbed.content(folder, 0);
    assert_eq!(expected.len() as u64, OBJECTS);
    let bytes_undisturbed = line.downstream();

    let mut random = Random::new(9);
    let (mut kills, mut round) = (0, 0);
    while kills < KILLS {
        round += 1;
        let before = line.downstream();
        let export = Export::new(folder, &source.node(), round);
        let mut killed = run_under_fire(&export.p2t, &words("plan"), &mut random, planning, 2);
        export.p2t.run(&["plan"]).expect(Exit::Clean);
        export.fetch_over(&node);
        killed += run_under_fire(&export.p2t, &words("export"), &mut random, longest, 8);
        export.p2t.run(&["export"]).expect(Exit::Clean);
        assert_eq!(transfer::balance(&export.p2t), Balance::all_done(OBJECTS));
        assert!(export.content(folder, round) == expected, "round {round} wrote something else");
        // A study is the unit that is asked for: at most one for each association was in flight.
        let in_flight = u64::from(INSTANCES) * OBJECT_ON_THE_WIRE * u64::from(ASSOCIATIONS);
        let allowed = bytes_undisturbed + SMALL_REQUESTS + killed as u64 * in_flight;
        let fetched = line.downstream() - before;
        assert!(
            fetched <= allowed,
            "round {round}: {fetched} bytes fetched, {allowed} allowed, {killed} kills"
        );
        kills += killed;
    }
}

#[test]
fn t2p_killed_at_fifty_instants_delivers_everything_and_repeats_only_what_was_in_flight() {
    let folder = scratch();
    let folder = folder.path();
    let files = folder.join("files");
    synthetic::write_many(&files, STUDIES, INSTANCES, PIXELS);
    let export = Export::new(folder, &text(&files), 0);
    transfer::export(&export.p2t);
    let volumes = transfer::volumes(&export.medium);
    let ingest = transfer::ingest_arguments(&volumes);

    let mut random = Random::new(10);
    let (mut kills, mut round, mut longest) = (0, 0, Duration::from_secs(2));
    while kills < KILLS {
        let destination = Orthanc::start("SITE_B", &folder.join(format!("b-{round}")));
        let t2p = transfer::new_ingest(&folder.join(format!("ingest-{round}")), &destination.node());
        t2p.configure("pace.limits", "associations", i64::from(ASSOCIATIONS));
        // The first round is undisturbed and tells how long one takes.
        let most = if round == 0 { 0 } else { 10 };
        let killed = run_under_fire(&t2p, &ingest, &mut random, longest, most);
        let started = Instant::now();
        t2p.run(&ingest).expect(Exit::Clean);
        if round == 0 {
            longest = started.elapsed();
        }
        t2p.run(&["audit"]).expect(Exit::Clean);
        assert_eq!(transfer::balance(&t2p), Balance::all_done(OBJECTS));
        assert_eq!(destination.uids().len() as u64, OBJECTS);
        let repeated = destination.received().len() - OBJECTS as usize;
        assert!(
            repeated <= killed * ASSOCIATIONS as usize,
            "round {round}: {repeated} sent again after {killed} kills"
        );
        kills += killed;
        round += 1;
    }
}
