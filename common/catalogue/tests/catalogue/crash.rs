//! kill -9 in the midst of transactions: what was acknowledged is there, and the balance holds.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use catalogue::balance::Stage;
use catalogue::write::Commit;
use catalogue::{Catalogue, PlanPosition, SegmentState};

use crate::lab::Lab;

const VICTIM: &str = "CATALOGUE_TEST_VICTIM";

/// The victim: works on the catalogue that the environment names until it is killed, and says after each step what
/// the catalogue acknowledged. Without that name there is nothing to do.
#[test]
fn victim() {
    let Some(path) = std::env::var_os(VICTIM) else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut lab = Lab { catalogue: Catalogue::open(Path::new(&path)).unwrap(), dir };
    let mut out = std::io::stdout();
    let volume = match lab.catalogue.volume_in_work(1).unwrap() {
        Some(row) => row.id,
        None => lab.open_volume(),
    };
    // The last study may have been killed before its instances were listed; listing it again does no harm.
    let listed = lab.catalogue.balance(Stage::Export).unwrap().studies.listed;
    for number in listed.saturating_sub(1).. {
        lab.study(number, 20);
        for study in lab.catalogue.studies_to_fetch(PlanPosition::default(), 10).unwrap() {
            lab.capture_study(study.id);
        }
        writeln!(out, "captured {}", number + 1).unwrap();
        if !lab.captured().is_empty() {
            lab.seal_all();
        }
        for segment in lab.catalogue.segments_in(SegmentState::Sealed, 0, 10).unwrap() {
            let place = [(segment.id, segment.segment.number)];
            lab.catalogue
                .segments_written(volume, &Commit { segments: &place, files: &[], bytes: 1 }, 1)
                .unwrap();
        }
        writeln!(out, "written {}", number + 1).unwrap();
    }
}

fn start(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::victim", "--nocapture"])
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalogue.sqlite");
    for round in 0..12 {
        let mut child = start(&path);
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let acknowledged: Vec<_> = lines
            .filter(|line| line.starts_with("captured ") || line.starts_with("written "))
            .take(round * 3 % 7 + 1)
            .collect();
        child.kill().unwrap();
        child.wait().unwrap();
        check(&path, &acknowledged);
    }
}

fn check(path: &Path, acknowledged: &[String]) {
    let catalogue = Catalogue::open(path).unwrap();
    let balance = catalogue.balance(Stage::Export).unwrap();
    assert!(balance.holds(), "{balance:?}");
    assert_eq!(catalogue.recount().unwrap(), 0);
    let last = |word: &str| {
        let said = acknowledged.iter().filter_map(|line| line.strip_prefix(word)?.parse::<u64>().ok());
        said.max().unwrap_or(0)
    };
    assert!(balance.instances.listed >= last("captured ") * 20, "{balance:?} after {acknowledged:?}");
    assert!(balance.instances.done >= last("written ") * 20, "{balance:?} after {acknowledged:?}");
    assert_eq!(balance.instances.done % 20, 0, "a commit is whole or not there: {balance:?}");
}

#[test]
fn a_copy_of_the_files_in_mid_work_is_whole() {
    let mut lab = Lab::new();
    let study = lab.study(1, 30);
    lab.capture_study(study);
    let copy = tempfile::tempdir().unwrap();
    for name in ["catalogue.sqlite", "catalogue.sqlite-wal"] {
        std::fs::copy(lab.dir.path().join(name), copy.path().join(name)).unwrap();
    }
    let copied = Catalogue::open(&copy.path().join("catalogue.sqlite")).unwrap();
    assert_eq!(copied.balance(Stage::Export).unwrap(), lab.catalogue.balance(Stage::Export).unwrap());
    assert_eq!(copied.recount().unwrap(), 0);
}

#[test]
fn a_torn_end_of_the_wal_loses_the_last_transaction_only() {
    let mut lab = Lab::new();
    let first = lab.study(1, 30);
    lab.capture_study(first);
    let whole = lab.catalogue.balance(Stage::Export).unwrap();
    lab.study(2, 30);
    let copy = tempfile::tempdir().unwrap();
    let copied = |name: &str| -> PathBuf {
        let to = copy.path().join(name);
        std::fs::copy(lab.dir.path().join(name), &to).unwrap();
        to
    };
    let path = copied("catalogue.sqlite");
    let wal = std::fs::OpenOptions::new().write(true).open(copied("catalogue.sqlite-wal")).unwrap();
    wal.set_len(wal.metadata().unwrap().len() - 1_000).unwrap();
    let torn = Catalogue::open(&path).unwrap();
    let balance = torn.balance(Stage::Export).unwrap();
    assert!(balance.holds());
    assert_eq!(balance.instances, whole.instances);
    assert_eq!(torn.recount().unwrap(), 0);
}
