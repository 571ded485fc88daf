//! The stages on a spool and a catalogue of their own, with a source that is made up.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use archive::{Exclusions, Intake, IntakeError, ObjectIdentity, RetrieveEnd};
use catalogue::pack::{Budget, Member, ObjectCursor, Readiness};
use catalogue::plan::InstanceRow;
use catalogue::segments::NewSegment;
use catalogue::{Catalogue, InstanceState, PlanPosition, StudyId, StudyRow};
use job::config::{ExcludeConfig, RetryConfig};
use job::{Journal, Stop, Void};
use pace::{Calendar, Limits, Pace, SystemClock};
use tempfile::TempDir;

use super::capture::Capture;
use super::fetch::Fetch;
use super::object::StudyIntake;
use super::planned::Planned;
use super::spool::{INTAKE_BYTES, Spool};
use crate::error::Error;

const ASSOCIATIONS: u16 = 4;

struct Lab {
    /// Held for its end: dropping it removes the job.
    _dir: TempDir,
    capture: Arc<Capture>,
    study: StudyId,
}

impl Lab {
    /// A job whose plan is one study with `count` instances.
    fn new(count: usize) -> Self {
        Self::with_spool(count, u64::MAX)
    }

    fn with_spool(count: usize, limit_bytes: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut catalogue = Catalogue::open(&dir.path().join("catalogue.sqlite")).unwrap();
        let study = plan(&mut catalogue, "1.2", (0..count).map(instance));
        let journal = Arc::new(Journal::new(catalogue));
        let spool = dir.path().join("spool");
        std::fs::create_dir(&spool).unwrap();
        let spool = Arc::new(Spool::recover(spool, limit_bytes, 0, &journal).unwrap());
        let limits = Limits { associations: ASSOCIATIONS, ..Limits::default() };
        let pace = Pace::new(limits, Calendar::always(), Arc::new(SystemClock::new()), Box::new(|_| ()));
        let capture = Capture::new(journal, spool, Arc::new(pace), Arc::new(Void), Stop::new());
        Self { _dir: dir, capture: Arc::new(capture), study }
    }

    fn intake(&self) -> StudyIntake {
        StudyIntake::new(self.capture.clone(), self.study)
    }

    fn in_state(&self, wanted: InstanceState) -> u64 {
        let states = self.capture.shared.lock().instance_states().unwrap();
        states.iter().find(|(state, _)| *state == wanted).map_or(0, |(_, count)| *count)
    }
}

/// Puts a study with these instances at the plan's end.
fn plan(catalogue: &mut Catalogue, uid: &str, instances: impl IntoIterator<Item = InstanceRow>) -> StudyId {
    catalogue.upsert_studies([StudyRow { uid: uid.to_owned(), ..StudyRow::default() }]).unwrap();
    let study = catalogue.studies(PlanPosition::default(), 1000).unwrap().pop().unwrap().id;
    catalogue.record_instances(study, instances).unwrap();
    study
}

fn uid(number: usize) -> String {
    format!("1.2.3.{number}")
}

fn instance(number: usize) -> InstanceRow {
    InstanceRow {
        series_uid: "1.2.3".into(),
        modality: None,
        sop_instance: uid(number),
        sop_class: None,
        source_ref: None,
        bytes: None,
    }
}

fn arrive(intake: &dyn Intake, number: usize) {
    let mut object = intake.begin(4).unwrap();
    object.write(b"metadata").unwrap();
    let identity = ObjectIdentity {
        series_uid: Some("1.2.3".into()),
        sop_instance: Some(uid(number)),
        ..ObjectIdentity::default()
    };
    object.finish(identity).unwrap();
}

#[test]
fn objects_are_answered_while_an_earlier_group_waits_for_the_disk() {
    const COUNT: usize = 700;
    let lab = Lab::new(COUNT);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| lab.capture.keep_up(&over));
        let intake = lab.intake();
        arrive(&intake, 0);
        // Stands for a disk that hangs: nothing becomes durable before it is let go.
        let held = lab.capture.shared.lock();
        let (answered, all_answered) = mpsc::channel();
        scope.spawn(move || {
            (1..COUNT).for_each(|number| arrive(&intake, number));
            answered.send(()).unwrap();
        });
        let in_time = all_answered.recv_timeout(Duration::from_secs(10));
        drop(held);
        over.store(true, Ordering::Release);
        in_time.unwrap();
    });
    lab.capture.close().unwrap();
    assert_eq!(lab.in_state(InstanceState::Captured), COUNT as u64);
    let studies = lab.capture.shared.lock().studies(PlanPosition::default(), 1).unwrap();
    assert_eq!((studies[0].attempts, &studies[0].last_error), (0, &None));
}

#[test]
fn fetching_that_is_done_ends_though_the_spool_has_no_room() {
    let lab = Lab::with_spool(0, 0);
    assert!(!lab.capture.spool.has_room());
    let (ended, has_ended) = mpsc::channel();
    let capture = lab.capture.clone();
    thread::spawn(move || {
        let fetch = Fetch::new(broken(false), capture, RetryConfig::default());
        ended.send(fetch.work(0).is_ok()).unwrap();
    });
    assert!(has_ended.recv_timeout(Duration::from_secs(20)).unwrap());
    // With something to fetch it waits for room.
    let lab = Lab::with_spool(1, 0);
    lab.capture.stop.request();
    Fetch::new(broken(false), lab.capture.clone(), RetryConfig::default()).work(0).unwrap();
    assert_eq!(lab.in_state(InstanceState::Pending), 1);
}

#[test]
fn an_intake_that_is_full_is_not_deleted_before_its_objects_are_recorded() {
    let lab = Lab::new(1);
    let mut file = lab.capture.spool.open_intake(&mut lab.capture.shared.lock()).unwrap();
    file.end = INTAKE_BYTES - 1;
    lab.capture.give_back(file);
    arrive(&lab.intake(), 0);
    let path = lab.capture.spool.path(&lab.capture.shared.lock().intakes().unwrap()[0].file_name());
    lab.capture.spool.delete_packed_intakes(&mut lab.capture.shared.lock()).unwrap();
    assert!(path.exists());
    lab.capture.flush().unwrap();
    let intakes = lab.capture.shared.lock().intakes().unwrap();
    assert_eq!((intakes.len(), intakes[0].objects, intakes[0].state), (1, 1, catalogue::IntakeState::Closed));
}

#[test]
fn a_full_spool_is_emptied_of_an_intake_that_is_packed_and_not_full() {
    let lab = Lab::with_spool(1, 12);
    lab.capture.give_back(lab.capture.spool.open_intake(&mut lab.capture.shared.lock()).unwrap());
    let intake = lab.intake();
    arrive(&intake, 0);
    lab.capture.flush().unwrap();
    lab.capture.make_room().unwrap();
    assert!(lab.capture.spool.has_room());
    lab.capture.spool.grow(4);
    assert!(!lab.capture.spool.has_room());
    pack_all(&lab);
    lab.capture.make_room().unwrap();
    assert!(lab.capture.spool.has_room());
    assert_eq!(lab.capture.shared.lock().intakes().unwrap(), []);
}

/// Records what is captured as packed.
fn pack_all(lab: &Lab) {
    let mut catalogue = lab.capture.shared.lock();
    let budget = Budget { bytes: u64::MAX, objects: usize::MAX };
    let captured = catalogue.captured_objects(&mut ObjectCursor::default(), Readiness::Any, budget).unwrap();
    let members: Vec<Member> = captured
        .iter()
        .zip(0..)
        .map(|(captured, number)| Member {
            instance_id: captured.object.id,
            member: format!("member-{number}"),
            tar_offset: number * 1024,
        })
        .collect();
    let segment = NewSegment {
        number: 1,
        file: "segment-000001.tar.zst".to_owned(),
        bytes: 1,
        blake3: [0; 32],
        plain_bytes: 1,
        plain_blake3: [0; 32],
        objects: members.len() as u64,
        frames: "[]".to_owned(),
        indexed: true,
    };
    catalogue.seal_segment(&segment, members).unwrap();
}

#[test]
fn pieces_lie_in_the_intake_as_they_came_whatever_their_length() {
    let lab = Lab::new(1);
    let over = AtomicBool::new(false);
    let lengths =
        [10, 70_000, 5, 65_535, 65_536, 1, 200_000, 60_000, 60_000, 60_000, 60_000, 60_000, 300_000];
    let bytes: Vec<u8> = (0..lengths.iter().sum::<usize>()).map(|at| (at / 7 % 251) as u8).collect();
    thread::scope(|scope| {
        scope.spawn(|| lab.capture.keep_up(&over));
        let intake = lab.intake();
        let mut object = intake.begin(4).unwrap();
        let mut rest = bytes.as_slice();
        for length in lengths {
            let (piece, behind) = rest.split_at(length);
            object.write(piece).unwrap();
            rest = behind;
        }
        let sop_instance = Some(uid(0));
        object.finish(ObjectIdentity { sop_instance, ..ObjectIdentity::default() }).unwrap();
        over.store(true, Ordering::Release);
    });
    let mut files = std::fs::read_dir(lab.capture.spool.dir()).unwrap().map(|entry| entry.unwrap().path());
    assert!(files.any(|path| std::fs::read(path).unwrap() == bytes));
}

#[test]
fn an_object_that_breaks_off_leaves_nothing_behind() {
    let lab = Lab::new(2);
    lab.capture.give_back(lab.capture.spool.open_intake(&mut lab.capture.shared.lock()).unwrap());
    let intake = lab.intake();
    let mut broken = intake.begin(0).unwrap();
    broken.write(&vec![1; 600_000]).unwrap();
    drop(broken);
    arrive(&intake, 1);
    lab.capture.close().unwrap();
    assert_eq!(lab.in_state(InstanceState::Captured), 1);
    assert_eq!(lab.capture.shared.lock().intakes().unwrap()[0].end, 8);
}

/// A source that breaks off whatever it is asked for.
fn broken(answers: bool) -> Arc<Planned> {
    Planned::new(answers, |_, _| Err(archive::Error::Stopped))
}

#[test]
fn a_source_that_is_down_is_given_up_after_the_pauses_however_many_workers_find_it_so() {
    let lab = Lab::new(1);
    for study in 3..10 {
        let mut catalogue = lab.capture.shared.lock();
        plan(&mut catalogue, &format!("1.{study}"), [instance(study)]);
    }
    let retry = RetryConfig { attempts: 2, delay_seconds: 1 };
    let fetch = Fetch::new(broken(false), lab.capture.clone(), retry);
    let started = Instant::now();
    let ends: Vec<_> = thread::scope(|scope| {
        let work = |number| {
            let end = fetch.work(number);
            lab.capture.stop.request();
            end
        };
        let workers: Vec<_> = (0..ASSOCIATIONS).map(|number| scope.spawn(move || work(number))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    let given_up = |end: &Result<(), Error>| matches!(end, Err(Error::SourceDown { attempts: 2, .. }));
    assert!(ends.iter().any(given_up), "{ends:?}");
}

#[test]
fn a_study_over_which_the_source_breaks_off_each_time_fails_in_the_end() {
    let lab = Lab::new(3);
    let retry = RetryConfig { attempts: 2, delay_seconds: 0 };
    let run = || Fetch::new(broken(true), lab.capture.clone(), retry).work(0);
    assert!(matches!(run(), Err(Error::SourceDown { .. })));
    run().unwrap();
    assert_eq!(lab.in_state(InstanceState::Failed), 3);
}

/// What a PACS without resources says.
fn out_of_resources() -> RetrieveEnd {
    let remarks = vec!["status A701".to_owned()];
    RetrieveEnd { remarks, refused: true, exhausted: true, ..RetrieveEnd::default() }
}

fn attempts(lab: &Lab) -> Vec<u32> {
    let studies = lab.capture.shared.lock().studies(PlanPosition::default(), 9).unwrap();
    studies.iter().map(|study| study.attempts).collect()
}

#[test]
fn a_source_out_of_resources_is_left_alone_for_a_while_and_no_study_suffers_for_it() {
    let lab = Lab::new(3);
    lab.capture.give_back(lab.capture.spool.open_intake(&mut lab.capture.shared.lock()).unwrap());
    let asked = AtomicU32::new(0);
    let source = Planned::new(true, move |request, intake| {
        if asked.fetch_add(1, Ordering::Relaxed) < 5 {
            return Ok(out_of_resources());
        }
        (0..request.wanted.len()).for_each(|number| arrive(intake, number));
        Ok(RetrieveEnd::default())
    });
    let retry = RetryConfig { attempts: 2, delay_seconds: 0 };
    Fetch::new(source, lab.capture.clone(), retry).waiting(Duration::from_secs(3600)).work(0).unwrap();
    assert_eq!((lab.in_state(InstanceState::Captured), attempts(&lab)), (3, vec![0]));
    // The same, when nobody waits so long: what is missing is asked for by the next run.
    let lab = Lab::new(3);
    let refusing = || Planned::new(true, |_, _| Ok(out_of_resources()));
    let run = |retry| Fetch::new(refusing(), lab.capture.clone(), retry).work(0);
    assert!(matches!(run(retry), Err(Error::SourceDown { attempts: 2, .. })));
    assert_eq!((lab.in_state(InstanceState::Pending), attempts(&lab)), (3, vec![1]));
}

#[test]
fn a_study_that_is_refused_while_others_come_whole_fails_in_the_end() {
    let lab = Lab::new(1);
    lab.capture.give_back(lab.capture.spool.open_intake(&mut lab.capture.shared.lock()).unwrap());
    for study in 3..6 {
        plan(&mut lab.capture.shared.lock(), &format!("1.{study}"), [instance(study)]);
    }
    let source = Planned::new(true, |request, intake| {
        if request.study_uid == "1.2" {
            return Ok(out_of_resources());
        }
        arrive(intake, request.study_uid[2..].parse().unwrap());
        Ok(RetrieveEnd::default())
    });
    let retry = RetryConfig { attempts: 1, delay_seconds: 0 };
    Fetch::new(source, lab.capture.clone(), retry).waiting(Duration::from_secs(3600)).work(0).unwrap();
    assert_eq!((lab.in_state(InstanceState::Captured), lab.in_state(InstanceState::Failed)), (3, 1));
}

#[test]
fn a_study_with_more_instances_than_are_asked_for_at_once_comes_whole_in_one_attempt() {
    const COUNT: usize = 100;
    let lab = Lab::new(COUNT);
    lab.capture.give_back(lab.capture.spool.open_intake(&mut lab.capture.shared.lock()).unwrap());
    let retry = RetryConfig { attempts: 1, delay_seconds: 0 };
    let source = Planned::new(true, |request, intake| {
        for wanted in request.wanted {
            arrive(intake, wanted.sop_instance.rsplit('.').next().unwrap().parse().unwrap());
        }
        Ok(RetrieveEnd::default())
    });
    let fetch = Fetch::new(source, lab.capture.clone(), retry).in_parts_of(7);
    fetch.work(0).unwrap();
    assert_eq!(lab.in_state(InstanceState::Captured), COUNT as u64);
    let studies = lab.capture.shared.lock().studies(PlanPosition::default(), 1).unwrap();
    assert_eq!((studies[0].attempts, &studies[0].last_error), (0, &None));
}

#[test]
fn of_patients_with_one_study_uid_the_excluded_ones_objects_are_left_out_alone() {
    // The last one comes under the same SOP Instance UID from both.
    const COUNT: usize = 3;
    let lab = Lab::new(COUNT);
    lab.capture.give_back(lab.capture.spool.open_intake(&mut lab.capture.shared.lock()).unwrap());
    let source = Planned::new(true, |_, intake| {
        for (number, patient, accession) in [
            (0, "WANTED", "A1"),
            (1, "EXCL ", "A1"),
            (2, "EXCL", "A1"),
            (2, "WANTED", "A1"),
            (3, "WANTED", "A9"),
        ] {
            let mut object = intake.begin(4).unwrap();
            object.write(b"meta").unwrap();
            object.write(patient.as_bytes()).unwrap();
            let identity = ObjectIdentity {
                sop_instance: Some(uid(number)),
                patient_id: Some(patient.to_owned()),
                accession: Some(accession.to_owned()),
                ..ObjectIdentity::default()
            };
            object.finish(identity).unwrap();
        }
        Ok(RetrieveEnd::default())
    });
    let exclude = ExcludeConfig {
        patient_ids: vec!["EXCL".to_owned()],
        accession_numbers: vec!["A9".to_owned()],
        ..ExcludeConfig::default()
    };
    let exclusions = Exclusions::read(&exclude).unwrap();
    Fetch::new(source, lab.capture.clone(), RetryConfig::default()).excluding(exclusions).work(0).unwrap();
    lab.capture.close().unwrap();
    assert_eq!((lab.in_state(InstanceState::Captured), lab.in_state(InstanceState::Excluded)), (2, 1));
    let catalogue = lab.capture.shared.lock();
    let bytes: u64 = catalogue.intakes().unwrap().iter().map(|intake| intake.end).sum();
    assert_eq!(bytes, 2 * "metaWANTED".len() as u64);
    assert!(catalogue.balance(catalogue::balance::Stage::Export).unwrap().holds());
    let studies = catalogue.studies(PlanPosition::default(), 1).unwrap();
    assert_eq!((studies[0].attempts, &studies[0].last_error), (0, &None));
}

/// Fetches one instance of a source whose object contradicts itself the first `wrong` times that it comes, in two
/// attempts. Says how many instances failed, and how many objects were captured.
fn fetched_of_a_source_that_is_wrong(wrong: u32) -> (u64, u64) {
    let lab = Lab::new(1);
    lab.capture.give_back(lab.capture.spool.open_intake(&mut lab.capture.shared.lock()).unwrap());
    let asked = AtomicU32::new(0);
    let source = Planned::new(true, move |_, intake| {
        if asked.fetch_add(1, Ordering::Relaxed) >= wrong {
            arrive(intake, 0);
            return Ok(RetrieveEnd::default());
        }
        let mut object = intake.begin(4).unwrap();
        object.write(b"metawrong").unwrap();
        let doubts = vec!["the object ends within an element".to_owned()];
        let identity = ObjectIdentity { sop_instance: Some(uid(0)), doubts, ..ObjectIdentity::default() };
        assert!(matches!(object.finish(identity), Err(IntakeError::Doubtful(_))));
        Ok(RetrieveEnd::default())
    });
    let retry = RetryConfig { attempts: 2, delay_seconds: 0 };
    Fetch::new(source, lab.capture.clone(), retry).work(0).unwrap();
    (lab.in_state(InstanceState::Failed), lab.in_state(InstanceState::Captured))
}

#[test]
fn what_contradicts_itself_once_leaves_nothing_behind_and_what_always_does_travels_without_counting() {
    assert_eq!(fetched_of_a_source_that_is_wrong(0), (0, 1));
    assert_eq!(fetched_of_a_source_that_is_wrong(1), (0, 1));
    assert_eq!(fetched_of_a_source_that_is_wrong(2), (1, 1));
}
