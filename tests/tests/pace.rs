//! Ceilings and windows, measured on the wire: the PACS is never hurt.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use e2e::disk::scratch;
use e2e::orthanc::Orthanc;
use e2e::peer::Peer;
use e2e::program::{Exit, Program};
use e2e::proxy::Proxy;
use e2e::synthetic;
use e2e::transfer::{self, text};
use e2e::window::{always, never_now, within};

const CEILING: u32 = 5_000_000;
const MINUTE: Duration = Duration::from_secs(60);
/// The start of a run: connecting, querying, and a full bucket.
const WARM_UP: Duration = Duration::from_secs(3);

/// 400 MB: more than a minute's worth at the ceiling. Objects are large, because the proxy acknowledges late as any
/// ordinary program does, and a server with Nagle's algorithm waits for that after each object.
fn files(folder: &Path) -> PathBuf {
    let files = folder.join("files");
    synthetic::write_many(&files, 100, 8, 500_000);
    files
}

fn limit(program: &Program) {
    program.configure("pace.limits", "bytes_per_second", i64::from(CEILING));
}

/// Watches a minute of what passes, and checks it against the ceiling.
fn keeps_the_ceiling(line: &Proxy, passed: fn(&(Duration, u64, u64)) -> u64) {
    sleep(WARM_UP);
    let samples = line.sample(Duration::from_millis(500), MINUTE);
    let (first, last) = (&samples[0], &samples[samples.len() - 1]);
    let rate = (passed(last) - passed(first)) as f64 / last.0.saturating_sub(first.0).as_secs_f64();
    let share = rate / f64::from(CEILING);
    assert!((0.95..=1.05).contains(&share), "{rate:.0} bytes/s over a minute, the ceiling is {CEILING}");
}

#[test]
fn both_ends_keep_the_ceiling_within_five_per_cent_over_a_minute() {
    let folder = scratch();
    let folder = folder.path();
    let files = files(folder);
    std::thread::scope(|scope| {
        scope.spawn(|| p2t_fetches_at_the_ceiling(&files, &folder.join("out")));
        scope.spawn(|| t2p_delivers_at_the_ceiling(&files, &folder.join("in")));
    });
}

fn p2t_fetches_at_the_ceiling(files: &Path, folder: &Path) {
    let source = Orthanc::start("SITE_A", &folder.join("a"));
    source.load(files);
    let line = Proxy::to(source.dicom_port());
    let node = format!("SITE_A@127.0.0.1:{}", line.port());
    let p2t = transfer::new_export(&folder.join("export"), &node, &folder.join("disk-{seq}"));
    limit(&p2t);
    // The ceiling is what is measured, not what else holds the export back.
    p2t.configure("pace.adaptive", "enabled", false);
    p2t.run(&["plan"]).expect(Exit::Clean);
    let running = p2t.spawn(&["export"]);
    keeps_the_ceiling(&line, |sample| sample.1);
    running.interrupt();
    running.finish().expect(Exit::Incomplete);
}

fn t2p_delivers_at_the_ceiling(files: &Path, folder: &Path) {
    std::fs::create_dir(folder).expect("a folder can be made");
    let medium = folder.join("disk-{seq}");
    transfer::export(&transfer::new_export(&folder.join("export"), &text(files), &medium));
    let destination = Orthanc::start("SITE_B", &folder.join("b"));
    let line = Proxy::to(destination.dicom_port());
    let t2p = transfer::new_ingest(&folder.join("ingest"), &format!("SITE_B@127.0.0.1:{}", line.port()));
    limit(&t2p);
    let running = t2p.spawn(&transfer::ingest_arguments(&transfer::volumes(&medium)));
    keeps_the_ceiling(&line, |sample| sample.2);
    running.interrupt();
    running.finish().expect(Exit::Incomplete);
}

#[test]
fn p2t_fetches_nothing_outside_its_window() {
    let folder = scratch();
    let folder = folder.path();
    let files = folder.join("files");
    synthetic::write_many(&files, 4, 4, 60_000);
    let source = Orthanc::start("SITE_A", &folder.join("a"));
    source.load(&files);
    let line = Proxy::to(source.dicom_port());
    let node = format!("SITE_A@127.0.0.1:{}", line.port());
    let p2t = transfer::new_export(&folder.join("export"), &node, &folder.join("disk-{seq}"));
    p2t.run(&["plan"]).expect(Exit::Clean);
    within(&p2t, never_now());
    let planned = line.downstream();
    let mut running = p2t.spawn(&["export"]);
    sleep(Duration::from_secs(5));
    if running.is_running() {
        running.interrupt();
    }
    running.finish().expect(Exit::Incomplete);
    assert_eq!(line.downstream(), planned, "the source was asked outside the window");
    assert_eq!(transfer::balance(&p2t).pending, 16);
    within(&p2t, always());
    p2t.run(&["export"]).expect(Exit::Clean);
}

#[test]
fn t2p_delivers_nothing_outside_its_window() {
    let folder = scratch();
    let folder = folder.path();
    let files = folder.join("files");
    synthetic::write_many(&files, 4, 4, 60_000);
    let medium = folder.join("disk-{seq}");
    transfer::export(&transfer::new_export(&folder.join("export"), &text(&files), &medium));
    let destination = Orthanc::start("SITE_B", &folder.join("b"));
    let t2p = transfer::new_ingest(&folder.join("ingest"), &destination.node());
    within(&t2p, never_now());
    let ingest = transfer::ingest_arguments(&transfer::volumes(&medium));
    let mut running = t2p.spawn(&ingest);
    sleep(Duration::from_secs(5));
    if running.is_running() {
        running.interrupt();
    }
    running.finish().expect(Exit::Incomplete);
    assert_eq!(destination.received(), Vec::<String>::new());
    within(&t2p, always());
    t2p.run(&ingest).expect(Exit::Clean);
    assert_eq!(destination.uids().len(), 16);
    within(&t2p, never_now());
    let mut audit = t2p.spawn(&["audit"]);
    sleep(Duration::from_secs(2));
    assert!(audit.is_running(), "an audit did not wait for its window");
    audit.interrupt();
    let audited = audit.finish();
    assert!(audited.stderr.contains("listing waits until a window opens"), "{}", audited.stderr);
    audited.expect(Exit::Incomplete);
    within(&t2p, always());
    t2p.run(&["audit"]).expect(Exit::Clean);
}

/// The most associations that t2p has open at once to a destination that is slow to answer.
fn most_associations(folder: &Path, volumes: &[PathBuf], configure: impl FnOnce(&Program, &str)) -> u64 {
    std::fs::create_dir_all(folder.join("empty")).expect("a folder can be made");
    let destination = Peer::start(folder, &folder.join("empty"), &["--stall", "0.3"]);
    let line = Proxy::to(destination.port());
    let node = format!("PEER@127.0.0.1:{}", line.port());
    let t2p = transfer::new_ingest(&folder.join("ingest"), &node);
    configure(&t2p, &node);
    t2p.run(&transfer::ingest_arguments(volumes)).expect(Exit::Clean);
    line.most_open()
}

#[test]
fn t2p_has_no_more_associations_open_than_the_pace_allows_and_as_many_as_a_window_does() {
    let folder = scratch();
    let folder = folder.path();
    let files = folder.join("files");
    synthetic::write_many(&files, 12, 1, 1_000);
    let medium = folder.join("disk-{seq}");
    transfer::export(&transfer::new_export(&folder.join("export"), &text(&files), &medium));
    let volumes = transfer::volumes(&medium);
    let wanted = |associations: i64| {
        move |t2p: &Program, node: &str| {
            t2p.redirect_with(node, |destination| {
                destination.insert("associations".to_owned(), associations.into());
            });
        }
    };
    assert_eq!(most_associations(&folder.join("more"), &volumes, wanted(6)), 1);
    let wide = |t2p: &Program, _: &str| {
        let mut window = always();
        let limits = toml::Table::from_iter([("associations".to_owned(), 5.into())]);
        if let Some(window) = window[0].as_table_mut() {
            window.insert("limits".to_owned(), limits.into());
        }
        within(t2p, window);
    };
    let most = most_associations(&folder.join("window"), &volumes, wide);
    assert!((2..=5).contains(&most), "{most} associations were open in a window that allows 5");
    let both = |t2p: &Program, node: &str| {
        wide(t2p, node);
        wanted(2)(t2p, node);
    };
    assert_eq!(most_associations(&folder.join("both"), &volumes, both), 2);
}
