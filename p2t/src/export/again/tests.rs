//! Studies listed again: what a source says then, and when it may be asked.

use std::sync::Mutex;

use archive::Error;
use catalogue::plan::InstanceRow;
use catalogue::segments::NewSegment;
use catalogue::volumes::NewVolume;
use catalogue::write::Commit;
use catalogue::{Catalogue, InstanceState, PlanPosition, StudyRow};
use job::config::RetryConfig;
use job::{Journal, Stop, Void};
use pace::{Calendar, Limits, Pace, SystemClock};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::export::capture::Capture;
use crate::export::planned::Planned;
use crate::export::spool::Spool;

type Says = Result<Vec<InstanceRow>, ()>;

struct Lab {
    fetch: Arc<Fetch>,
    volume: VolumeId,
    /// What the source says of each study now.
    says: Arc<Mutex<Says>>,
    asked: Arc<Mutex<u32>>,
    source: Arc<Planned>,
    _dir: TempDir,
}

fn row(number: u8) -> InstanceRow {
    InstanceRow {
        series_uid: "1.2.3".into(),
        sop_instance: format!("1.2.3.{number}"),
        ..InstanceRow::default()
    }
}

impl Lab {
    /// Study 1.2 of instance 1, which is on an open volume; a source that lists what the test says.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut catalogue = Catalogue::open(&dir.path().join("catalogue.sqlite")).unwrap();
        catalogue.upsert_studies([StudyRow { uid: "1.2".into(), ..StudyRow::default() }]).unwrap();
        let study = catalogue.studies(PlanPosition::default(), 1).unwrap().remove(0).id;
        catalogue.record_instances(study, [row(1)]).unwrap();
        let volume = on_volume(&mut catalogue, study);
        let journal = Arc::new(Journal::new(catalogue));
        let spool = dir.path().join("spool");
        std::fs::create_dir(&spool).unwrap();
        let spool = Arc::new(Spool::recover(spool, u64::MAX, 0, &journal).unwrap());
        let clock = Arc::new(SystemClock::new());
        let limits = Limits { associations: 1, ..Limits::default() };
        let pace = Arc::new(Pace::new(limits, Calendar::always(), clock, Box::new(|_| ())));
        let capture = Arc::new(Capture::new(journal, spool, pace, Arc::new(Void), Stop::new()));
        let says = Arc::new(Mutex::new(Ok(vec![row(1)])));
        let asked = Arc::new(Mutex::new(0));
        let (told, counted) = (says.clone(), asked.clone());
        let lists = move |_: &str| {
            *counted.lock().unwrap() += 1;
            told.lock().unwrap().clone().map_err(|()| Error::NoAnswer("LAB".into()))
        };
        let source = Planned::listing(lists, |_, _| Ok(archive::RetrieveEnd::default()));
        let fetch = Arc::new(Fetch::new(source.clone(), capture, RetryConfig::default()));
        Self { fetch, volume, says, asked, source, _dir: dir }
    }

    fn before_sealing(&self) -> (bool, bool) {
        let relist = Relist::new(self.fetch.clone());
        let sealable = relist.before_sealing(self.volume, "volume 1").unwrap();
        (sealable, relist.has_found())
    }

    fn asked(&self) -> u32 {
        *self.asked.lock().unwrap()
    }

    /// Studies unchanged and left out, of the last delta.
    fn last(&self) -> (u64, u64) {
        let last = self.fetch.capture.shared.lock().deltas().unwrap().pop().unwrap();
        assert_eq!(
            (last.scope, last.volume, last.ended_at.is_some()),
            (DeltaScope::Volume, Some(self.volume), true)
        );
        (last.unchanged, last.left_out)
    }

    fn pending(&self) -> u64 {
        let states = self.fetch.capture.shared.lock().instance_states().unwrap();
        states.iter().find(|(state, _)| *state == InstanceState::Pending).map_or(0, |(_, count)| *count)
    }
}

/// Captures the first instance of a study that is pending.
fn capture(catalogue: &mut Catalogue, study: StudyId) -> catalogue::InstanceId {
    use catalogue::capture::{CaptureKey, Captured};
    let first = catalogue.pending_instances(study, catalogue::InstanceId::default(), 1).unwrap().remove(0).id;
    let intake_id = catalogue.open_intake().unwrap().id;
    let captured = Captured {
        key: CaptureKey::Instance(first),
        intake_id,
        offset: 0,
        bytes: 10,
        blake3: [1; 32],
        dataset: None,
        transfer_syntax: None,
        findings: None,
    };
    catalogue.record_captured(&[captured]).unwrap();
    first
}

/// Puts the study's instance on a volume, as if it had been fetched, packed and written.
fn on_volume(catalogue: &mut Catalogue, study: StudyId) -> VolumeId {
    use catalogue::pack::Member;
    let instance = capture(catalogue, study);
    let segment = NewSegment {
        number: 1,
        file: "segment-000001.tar.zst".into(),
        bytes: 10,
        blake3: [2; 32],
        plain_bytes: 10,
        plain_blake3: [3; 32],
        objects: 1,
        frames: "[]".into(),
        indexed: true,
    };
    let member = Member { instance_id: instance, member: "a".into(), tar_offset: 0 };
    let segment = catalogue.seal_segment(&segment, [member]).unwrap();
    let volume = NewVolume {
        uuid: Uuid::from_u128(7),
        sequence: 1,
        copy: 1,
        medium: "vol-1.tap".into(),
        barcode: None,
    };
    let volume = catalogue.begin_volume(&volume).unwrap();
    catalogue.label_committed(volume, &["VOLUME.tar".into()], 10).unwrap();
    let commit = Commit { segments: &[(segment, 1)], files: &["VOLUME.tar".into()], bytes: 20 };
    catalogue.segments_written(volume, &commit, 1).unwrap();
    volume
}

#[test]
fn a_study_is_asked_for_once_until_more_of_it_was_fetched() {
    let lab = Lab::new();
    assert_eq!((lab.before_sealing(), lab.last(), lab.asked()), ((true, false), (1, 0), 1));
    assert_eq!((lab.before_sealing(), lab.asked()), ((true, false), 1));
}

#[test]
fn what_is_new_is_to_be_fetched() {
    let lab = Lab::new();
    *lab.says.lock().unwrap() = Ok(vec![row(1), row(2)]);
    assert_eq!((lab.before_sealing(), lab.pending()), ((true, true), 1));
    // When that has come, the study is looked at once more.
    let shared = &lab.fetch.capture.shared;
    let study = shared.lock().studies(PlanPosition::default(), 1).unwrap().remove(0).id;
    capture(&mut shared.lock(), study);
    assert_eq!((lab.before_sealing(), lab.asked()), ((true, false), 2));
}

#[test]
fn a_source_that_does_not_answer_leaves_the_volume_to_be_sealed_and_is_asked_another_time() {
    let lab = Lab::new();
    *lab.says.lock().unwrap() = Err(());
    assert_eq!((lab.before_sealing(), lab.last(), lab.pending()), ((true, false), (0, 1), 0));
    let events = lab.fetch.capture.shared.lock().last_events(Level::Warning, 9).unwrap();
    assert!(events[0].message.contains("1 of 1 studies of volume 1 were not listed again"), "{events:?}");
    *lab.says.lock().unwrap() = Ok(vec![row(1)]);
    assert_eq!((lab.before_sealing(), lab.last()), ((true, false), (1, 0)));
}

#[test]
fn a_list_that_ends_early_deletes_nothing() {
    let lab = Lab::new();
    let shared = &lab.fetch.capture.shared;
    *lab.says.lock().unwrap() = Ok(vec![row(1), row(2)]);
    assert_eq!((lab.before_sealing(), lab.pending()), ((true, true), 1));
    let study = shared.lock().studies(PlanPosition::default(), 1).unwrap().remove(0).id;
    capture(&mut shared.lock(), study);
    // Both are there, by the source's own count.
    *lab.source.claims.lock().unwrap() = Some(2);
    for short in [vec![row(1)], Vec::new()] {
        *lab.says.lock().unwrap() = Ok(short);
        assert_eq!((lab.before_sealing(), lab.last()), ((true, false), (0, 1)));
        let events = shared.lock().last_events(Level::Warning, 1).unwrap();
        assert!(events[0].message.contains("not taken for deleted"), "{events:?}");
        let known = shared.lock().known_instances(study).unwrap();
        assert!(known.iter().all(|known| !known.gone), "{known:?}");
    }
    *lab.source.claims.lock().unwrap() = Some(1);
    *lab.says.lock().unwrap() = Ok(vec![row(1)]);
    assert_eq!(lab.before_sealing(), (true, true));
    assert!(shared.lock().known_instances(study).unwrap()[1].gone);
}

#[test]
fn a_pause_is_waited_for_and_a_stop_leaves_the_volume_open() {
    let lab = Lab::new();
    let pace = lab.fetch.capture.pace.clone();
    pace.set_pause(Some(pace::Pause { until: None, reason: String::new() }));
    std::thread::scope(|scope| {
        let sealing = scope.spawn(|| lab.before_sealing());
        std::thread::sleep(Duration::from_millis(500));
        assert!(!sealing.is_finished() && lab.asked() == 0);
        pace.set_pause(None);
        assert_eq!(sealing.join().unwrap(), (true, false));
    });
    assert_eq!((lab.last(), lab.asked()), ((1, 0), 1));

    let lab = Lab::new();
    lab.fetch.capture.pace.set_pause(Some(pace::Pause { until: None, reason: String::new() }));
    std::thread::scope(|scope| {
        let sealing = scope.spawn(|| lab.before_sealing());
        lab.fetch.capture.stop.request();
        assert_eq!(sealing.join().unwrap(), (false, false));
    });
    assert_eq!(lab.asked(), 0);
}

#[test]
fn an_association_is_taken_from_the_workers_and_given_back() {
    let lab = Lab::new();
    let (lent, fetch) = (Lent::new(&lab.fetch), &lab.fetch);
    let borrowed = fetch.borrow().ok().unwrap();
    assert_eq!((fetch.lent.load(Ordering::Acquire), fetch.capture.pace.at_work()), (1, 1));
    drop((borrowed, lent));
    assert_eq!((fetch.lent.load(Ordering::Acquire), fetch.capture.pace.at_work()), (0, 0));
}

#[test]
fn a_study_that_settles_is_taken_and_one_that_changes_waits_longer() {
    let lab = Lab::new();
    let settle = jiff::SignedDuration::from_mins(30);
    let shared = lab.fetch.capture.shared.clone();
    let fetch = Arc::into_inner(lab.fetch).unwrap().settling(settle);
    let study = shared.lock().studies(PlanPosition::default(), 1).unwrap().remove(0).id;
    let delta = shared.lock().begin_partial_delta(DeltaScope::Waiting, None).unwrap();
    let waits = || shared.lock().studies(PlanPosition::default(), 1).unwrap().remove(0).waits_until;
    let to_fetch = || shared.lock().studies_to_fetch(PlanPosition::default(), 9).unwrap().len();
    let list = |fetch: &Fetch, numbers: &[u8]| {
        *lab.says.lock().unwrap() = Ok(numbers.iter().map(|number| row(*number)).collect());
        fetch.list_again(delta, study).unwrap();
    };
    // Listed a moment ago, and it grows.
    list(&fetch, &[1, 2]);
    let first = waits().unwrap();
    assert!(first > Timestamp::now() + jiff::SignedDuration::from_mins(29) && to_fetch() == 0);
    // Listed too early to tell.
    list(&fetch, &[1, 2]);
    assert_eq!(waits(), Some(first));
    // The time has passed, and it has grown again meanwhile.
    let pass = |number| {
        let reason = "its images changed in a test".to_owned();
        let waits = Some((Timestamp::now() - jiff::SignedDuration::from_secs(number), reason));
        shared.lock().rule(&[catalogue::choice::Ruling { study, excluded: None, waits }]).unwrap();
    };
    pass(1);
    assert_eq!(shared.lock().studies_to_look_at(Timestamp::now()).unwrap(), [study]);
    list(&fetch, &[1, 2, 3]);
    assert!(waits().is_some_and(|until| until > Timestamp::now()) && to_fetch() == 0);
    pass(1);
    list(&fetch, &[1, 2, 3]);
    assert_eq!((waits(), to_fetch()), (None, 1));
    // Once seen to change it is watched, however far its listings lie apart.
    list(&fetch, &[1, 2]);
    assert!(waits().is_some());
    pass(1);
    let fetch = fetch.settling(jiff::SignedDuration::from_millis(1));
    std::thread::sleep(Duration::from_millis(5));
    list(&fetch, &[1]);
    assert!(waits().is_some());
}
