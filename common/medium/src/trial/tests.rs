use std::cell::RefCell;
use std::collections::BTreeMap;

use super::*;
use crate::model::{Cartridge, FaultKind, ModelDrive};

const KIB: u64 = 1024;
/// So that the sweep takes seconds; what is tried does not depend on it.
const SIZES: [usize; 3] = [256, 512, 1024];
const ALL: Extent = Extent { speed_bytes: 4 * KIB, to_end: true };

/// Hears the names of checks, and stops before the check with this number.
#[derive(Default)]
struct Ears {
    begun: RefCell<Vec<&'static str>>,
    stop_before: Option<usize>,
}

impl Watch for Ears {
    fn begins(&self, name: &'static str) {
        self.begun.borrow_mut().push(name);
    }

    fn moved(&self, _: u64) {}

    fn ended(&self, _: &Check) {}

    fn stops(&self) -> bool {
        self.stop_before.is_some_and(|number| self.begun.borrow().len() > number)
    }
}

/// A drive whose cartridge holds more than all checks but the last write.
fn drive() -> ModelDrive {
    ModelDrive::with(Cartridge::with_end(12 * KIB, 14 * KIB))
}

fn run(drive: &ModelDrive, extent: Extent, ears: &Ears) -> Result<Trial, Error> {
    super::run(&|| drive.device(true), SIZES, extent, ears)
}

fn tried(drive: &ModelDrive) -> Trial {
    run(drive, ALL, &Ears::default()).unwrap()
}

fn verdicts(trial: &Trial) -> Vec<Verdict> {
    trial.checks.iter().map(|check| check.verdict).collect()
}

#[test]
fn a_sound_drive_passes() {
    let drive = drive();
    let trial = tried(&drive);
    assert!(trial.passed(), "{trial:#?}");
    assert_eq!(trial.largest_record_bytes, Some(1024));
    // A record of the mark, and then 256 bytes each; early warning is told with the record that reaches it.
    assert_eq!(trial.early_warning_bytes, Some(12 * KIB - 256));
    assert!(trial.end_bytes > trial.early_warning_bytes);
    assert!(trial.write_rate > Some(0.0) && trial.read_rate > Some(0.0));
    // What it left can be told, and be tried again.
    assert!(drive.on_tape().unwrap().files()[0].starts_with(MARK));
    assert!(tried(&drive).passed());
}

#[test]
fn what_is_not_wanted_is_not_tried() {
    let trial = run(&drive(), Extent { speed_bytes: 0, to_end: false }, &Ears::default()).unwrap();
    assert!(trial.passed());
    assert_eq!((trial.checks.len(), trial.write_rate, trial.end_bytes), (STEPS.len() + 1, None, None));
}

#[test]
fn a_drive_that_cannot_be_opened_is_an_error() {
    let open = |drive: &ModelDrive| run(drive, ALL, &Ears::default());
    assert!(matches!(open(&ModelDrive::default()), Err(Error::NoCartridge { .. })));
    let protected = ModelDrive::with(Cartridge::blank().protected(true));
    assert!(matches!(open(&protected), Err(Error::WriteProtected { .. })));
}

#[test]
fn a_trial_that_is_stopped_says_what_it_did_not_do() {
    for number in 0..STEPS.len() + 3 {
        let ears = Ears { stop_before: Some(number), ..Ears::default() };
        let trial = run(&drive(), ALL, &ears).unwrap();
        assert!(trial.stopped && !trial.passed());
        let verdicts = verdicts(&trial);
        assert_eq!(verdicts.len(), STEPS.len() + 3);
        assert!(verdicts[..number].iter().all(|verdict| *verdict == Verdict::Passed), "{trial:#?}");
        assert!(verdicts[number..].iter().all(|verdict| *verdict == Verdict::NotDone), "{trial:#?}");
    }
}

#[test]
fn records_that_are_too_large_for_the_host_adapter_are_told() {
    // The first of the second size: the mark and four records come before it.
    let drive = drive();
    drive.fail_at(FaultKind::RecordLimit, 5);
    let trial = run(&drive, Extent { speed_bytes: 0, to_end: false }, &Ears::default()).unwrap();
    let sizes = &trial.checks[1];
    assert_eq!((sizes.verdict, trial.largest_record_bytes), (Verdict::Passed, Some(256)));
    assert!(sizes.detail.contains("is refused (EBUSY"), "{}", sizes.detail);
    // In this model nothing more is moved until the drive is opened anew.
    assert_eq!(trial.checks[2].verdict, Verdict::Failed);
    drive.fail_at(FaultKind::RecordLimit, drive.operations(FaultKind::RecordLimit));
    let none = tried(&drive);
    assert_eq!((none.checks[1].verdict, none.largest_record_bytes), (Verdict::Failed, None));
}

#[test]
fn a_check_that_fails_keeps_only_those_from_being_made_that_rest_on_it() {
    use Verdict::{Failed, NotDone, Passed};
    let sound = drive();
    let writes_before = {
        run(
            &sound,
            Extent { speed_bytes: 0, to_end: false },
            &Ears { stop_before: Some(3), ..Ears::default() },
        )
        .unwrap();
        sound.operations(FaultKind::PositionSlip)
    };
    let drive = drive();
    drive.fail_at(FaultKind::PositionSlip, writes_before + 2);
    let trial = tried(&drive);
    let expected = [Passed, Passed, Passed, Failed, NotDone, NotDone, NotDone, Passed, Passed, Passed];
    assert_eq!(verdicts(&trial), expected, "{trial:#?}");
    assert!(trial.checks[3].detail.contains("the drive is at block"), "{}", trial.checks[3].detail);
}

/// Every kind of fault at every operation at which it can happen. The counts are printed.
#[test]
fn faults_are_caught_wherever_they_happen() {
    use FaultKind as Kind;
    // Each of these is the drive's own doing, and ruins a volume.
    let must_be_caught = [
        Kind::WriteError,
        Kind::ErrorButWritten,
        Kind::ShortWrite,
        Kind::DeferredError,
        Kind::CommitError,
        Kind::PositionSlip,
        Kind::PositionError,
        Kind::MoveError,
        Kind::MissingFilemark,
        Kind::ExtraFilemark,
    ];
    let quick = Extent { speed_bytes: KIB, to_end: false };
    let mut counts = BTreeMap::new();
    for kind in Kind::ALL {
        let (mut runs, mut caught) = (0, 0);
        for index in 0.. {
            let drive = drive();
            drive.fail_at(*kind, index);
            let trial = run(&drive, quick, &Ears::default());
            if drive.faults_met().is_empty() {
                assert!(trial.unwrap().passed(), "nothing happened, and it was told");
                break;
            }
            runs += 1;
            let passed = trial.is_ok_and(|trial| trial.passed());
            assert!(!(passed && must_be_caught.contains(kind)), "{kind:?} {index} was not seen");
            caught += u32::from(!passed);
        }
        println!("{kind:?}: caught {caught} of {runs}");
        assert!(runs > 0, "{kind:?} can never happen");
        counts.insert(*kind, (caught, runs));
    }
    // Damage to a record is seen wherever the record is read: everywhere but in the marks. EIO is right at the end of data, and
    // ENOMEM where the room is too short; the 14 filemarks that are read have no length.
    for (kind, right) in
        [(Kind::BitRot, 4), (Kind::Unreadable, 4), (Kind::ReadError, 1), (Kind::LongRecord, 1 + 14)]
    {
        let (caught, runs) = counts[&kind];
        assert!(caught + right >= runs, "{kind:?}: {caught} of {runs}");
    }
}
