//! The catalogue's files: private whatever the umask, readable while another writes, refused when from the future.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use catalogue::balance::Stage;
use catalogue::events::{Event, PaceChange, Sample};
use catalogue::plan::QueryRow;
use catalogue::{Catalogue, Error, Level, Reader};
use jiff::Timestamp;
use rusqlite::Connection;

use crate::lab::{Lab, study_row};

const MAKER: &str = "CATALOGUE_TEST_MAKER";

/// Makes a catalogue where the environment says, under the umask that the parent set.
#[test]
fn maker() {
    let Some(path) = std::env::var_os(MAKER) else { return };
    let path = Path::new(&path);
    let mut catalogue = Catalogue::open(path).unwrap();
    catalogue.upsert_studies([study_row(1)]).unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let file = format!("{}{suffix}", path.display());
        let mode = std::fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file} has mode {mode:o}");
    }
}

#[test]
fn all_files_are_private_whatever_the_umask() {
    for umask in ["000", "022", "777"] {
        let dir = tempfile::tempdir().unwrap();
        let made = Command::new("sh")
            .args(["-c", &format!("umask {umask}; exec \"$0\" --exact files::maker --nocapture")])
            .arg(std::env::current_exe().unwrap())
            .env(MAKER, dir.path().join("catalogue.sqlite"))
            .output()
            .unwrap();
        assert!(made.status.success(), "umask {umask}: {}", String::from_utf8_lossy(&made.stderr));
    }
}

#[test]
fn loosened_modes_are_tightened() {
    let lab = Lab::new();
    let path = lab.catalogue.path().to_owned();
    drop(lab.catalogue);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let _again = Catalogue::open(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn readers_look_on_while_the_writer_writes() {
    let mut lab = Lab::new();
    let reader = lab.catalogue.reader().unwrap();
    lab.study(1, 5);
    assert_eq!(reader.balance(Stage::Export).unwrap().instances.listed, 5);
    lab.study(2, 5);
    assert_eq!(reader.balance(Stage::Export).unwrap().instances.listed, 10);
    let path = lab.catalogue.path().to_owned();
    drop(lab.catalogue);
    assert_eq!(Reader::open(&path).unwrap().balance(Stage::Export).unwrap().instances.listed, 10);
}

#[test]
fn a_catalogue_opens_again_with_all_it_had() {
    let mut lab = Lab::new();
    lab.catalogue.set_job("transfer", "a").unwrap();
    lab.catalogue.set_job("transfer", "b").unwrap();
    let path = lab.catalogue.path().to_owned();
    drop(lab.catalogue);
    let again = Catalogue::open(&path).unwrap();
    assert_eq!(again.job("transfer").unwrap().as_deref(), Some("b"));
    assert_eq!(again.job("other").unwrap(), None);
}

#[test]
fn schemas_of_other_versions_are_refused_with_their_numbers() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalogue.sqlite");
    assert!(matches!(Reader::open(&path), Err(Error::File { .. })));
    let conn = Connection::open(&path).unwrap();
    assert!(matches!(Reader::open(&path), Err(Error::OlderSchema { found: 0, known: 4, .. })));
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    assert!(matches!(Reader::open(&path), Err(Error::NewerSchema { found: 99, .. })));
    let refused = Catalogue::open(&path);
    assert!(matches!(refused, Err(Error::NewerSchema { found: 99, known: 4, .. })), "{refused:?}");
}

#[test]
fn what_happened_comes_back_in_order() {
    let mut lab = Lab::new();
    let at = |second| Timestamp::from_second(1_700_000_000 + second).unwrap();
    let event = |n: i64, level| Event {
        at: at(n),
        level,
        kind: "association-lost".into(),
        message: format!("lost for the {n}th time"),
        detail: Some("{}".into()),
    };
    for (n, level) in [(1, Level::Info), (2, Level::Warning), (3, Level::Error)] {
        lab.catalogue.record_event(&event(n, level)).unwrap();
    }
    let last = lab.catalogue.last_event_of(["none", "association-lost"]).unwrap();
    assert_eq!(last, Some(event(3, Level::Error)));
    let grave = lab.catalogue.last_events(Level::Warning, 10).unwrap();
    assert_eq!(grave, [event(3, Level::Error), event(2, Level::Warning)]);

    let sample = Sample { at: at(1), stage: "fetch".into(), instances: 7, bytes: 8 };
    lab.catalogue.record_sample(&sample).unwrap();
    let pace = PaceChange {
        at: at(2),
        side: "source".into(),
        signal: "window".into(),
        value: None,
        baseline: None,
        old: Some(0.0),
        new: Some(5e6),
    };
    lab.catalogue.record_pace_change(&pace).unwrap();
    assert_eq!(lab.catalogue.last_pace_change("source", "dow").unwrap(), Some(pace.clone()));
    assert_eq!(lab.catalogue.last_pace_change("source", "(load)").unwrap(), None);
    let query =
        QueryRow { at: at(3), level: "STUDY".into(), keys: "StudyDate=2020".into(), rows: 4, status: 0 };
    lab.catalogue.record_query(&query).unwrap();
    let (mut samples, mut paces, mut queries) = (Vec::new(), Vec::new(), Vec::new());
    lab.catalogue
        .each_sample(|row| {
            samples.push(row);
            Ok::<_, Error>(())
        })
        .unwrap();
    lab.catalogue
        .each_pace_change(|row| {
            paces.push(row);
            Ok::<_, Error>(())
        })
        .unwrap();
    lab.catalogue
        .each_query(|row| {
            queries.push(row);
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!((samples, paces, queries), (vec![sample], vec![pace], vec![query]));
}
