//! C-FIND as its users meet it: our own, and DCMTK's.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
use std::ops::ControlFlow;
use std::process::Command;
use std::time::Instant;

use dataset::tags::{PATIENT_ID, STUDY_DATE, STUDY_INSTANCE_UID};
use dimse::{AeTitle, Association, Error, FindEnd, Key, Level, Options, Proposal, Status};
use fakepacs::{Archive, FakePacs, Lies, Order, Population};

fn start(lies: Lies) -> FakePacs {
    let population = Population { studies: 300, days: 10, null_dates: 10, ..Population::default() };
    let address = ([127, 0, 0, 1], 0).into();
    FakePacs::start(address, title("FAKE"), Archive::new(population.make()), lies, |_| {}).unwrap()
}

fn title(text: &str) -> AeTitle {
    text.parse().unwrap()
}

fn find(pacs: &FakePacs, level: Level, keys: &[Key<'_>]) -> Result<(FindEnd, Vec<dataset::FlatSet>), Error> {
    let node = format!("FAKE@{}", pacs.address()).parse().unwrap();
    let mut association = Association::open(&node, &title("TEST"), &[Proposal::find()], &Options::default())?;
    let mut rows = Vec::new();
    let end = association.find(level, keys, &mut |row| {
        rows.push(row);
        ControlFlow::Continue(())
    })?;
    association.release()?;
    Ok((end, rows))
}

#[test]
fn an_honest_one_tells_what_it_holds() {
    let pacs = start(Lies::default());
    let (end, rows) = find(&pacs, Level::Study, &[(STUDY_INSTANCE_UID, ""), (PATIENT_ID, "")]).unwrap();
    assert!(end.is_complete());
    let uids: Vec<_> = rows.iter().map(|row| row.uid(STUDY_INSTANCE_UID).unwrap()).collect();
    let held: Vec<_> = pacs.archive().studies().iter().map(|study| study.uid.clone()).collect();
    assert_eq!(uids, held);
    let study = &pacs.archive().studies()[7];
    let keys = [(STUDY_INSTANCE_UID, study.uid.as_str())];
    let (_, series) = find(&pacs, Level::Series, &keys).unwrap();
    assert_eq!(series.len(), study.series.len());
    let keys = [keys[0], (dataset::tags::SERIES_INSTANCE_UID, study.series[0].uid.as_str())];
    let (_, images) = find(&pacs, Level::Image, &keys).unwrap();
    assert_eq!(images.len(), study.series[0].instances as usize);
    let asked = pacs.asked();
    assert_eq!((asked.len(), asked[0].what.as_str(), asked[0].rows), (3, "C-FIND STUDY", 300));
}

#[test]
fn a_cap_can_be_silent_or_not_and_a_key_ignored() {
    let silent = Lies { cap: Some(7), order: Order::NullsLast, ..Lies::default() };
    let pacs = start(silent.clone());
    let (end, rows) = find(&pacs, Level::Study, &[(STUDY_DATE, "20100101-20101231")]).unwrap();
    assert!(end.is_complete() && rows.len() == 7);
    pacs.set_lies(Lies { cap_status: Status(0xB000), ..silent });
    let (end, rows) = find(&pacs, Level::Study, &[(STUDY_DATE, "")]).unwrap();
    assert_eq!((end.status, rows.len()), (Status(0xB000), 7));
    pacs.set_lies(Lies { refuse_above: Some(10), ..Lies::default() });
    let refused = find(&pacs, Level::Study, &[(STUDY_DATE, "")]).unwrap_err();
    assert!(matches!(refused, Error::Failed { status: Status::OUT_OF_RESOURCES, .. }), "{refused}");
    pacs.set_lies(Lies {
        ignore: vec!["StudyDate".parse().unwrap()],
        rows_per_study: Some(2),
        ..Lies::default()
    });
    let (_, rows) = find(&pacs, Level::Study, &[(STUDY_DATE, "20990101")]).unwrap();
    assert_eq!(rows.len(), 600);
}

#[test]
fn findscu_is_served() {
    let pacs = start(Lies::default());
    let port = pacs.address().port().to_string();
    let study = pacs.archive().studies().iter().find(|study| !study.date.is_empty()).unwrap();
    let found = Command::new("findscu")
        .args(["-S", "-aec", "FAKE", "-k", "0008,0052=STUDY", "-k"])
        .arg(format!("0008,0020={}", study.date))
        .args(["-k", "0020,000D", "127.0.0.1", &port])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&found.stderr).into_owned() + &String::from_utf8_lossy(&found.stdout);
    let expected = pacs.archive().studies().iter().filter(|other| other.date == study.date).count();
    assert_eq!(text.matches("Find Response:").count(), expected, "{text}");
    assert!(text.contains(&study.uid), "{text}");
}

#[test]
fn answers_take_longer_when_more_is_asked_at_once() {
    let pacs = start(Lies { latency: 60, knee: 1, slope: 100, ..Lies::default() });
    let timed = || {
        let begun = Instant::now();
        let _ = find(&pacs, Level::Study, &[(PATIENT_ID, "P1*")]).unwrap();
        begun.elapsed()
    };
    let alone = (0..3).map(|_| timed()).min().unwrap();
    let together = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..5).map(|_| scope.spawn(timed)).collect();
        asking.into_iter().map(|asked| asked.join().unwrap()).max().unwrap()
    });
    assert!(together > alone * 2, "{alone:?} alone, {together:?} with four others");
}
