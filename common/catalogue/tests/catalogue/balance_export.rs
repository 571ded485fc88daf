//! p2t: whatever legal and illegal steps are tried in whatever order, the balance is the naive model's.

use catalogue::balance::{Balance, Stage, Tally};
use catalogue::capture::{CaptureKey, CaptureOutcome};
use catalogue::loss::Loss;
use catalogue::write::Commit;
use catalogue::{Error, InstanceId, InstanceState, IntakeId, SegmentId, SegmentState, StudyId};
use proptest::prelude::*;

use crate::lab::{Lab, captured, doubtful_key, instance_row, key, members, segment, study_row};

#[derive(Debug, Clone)]
enum Step {
    List { study: u64, instances: u64 },
    Capture { instance: usize },
    Arrive { study: u64, instance: u64, seed: u8, doubtful: bool },
    Fail { instance: usize },
    RetryFailed,
    ReleaseIntake,
    Seal { count: usize },
    SealWrongly { instance: usize },
    LoseSegment { segment: usize },
    Write { segment: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..4_u64, 0..5_u64).prop_map(|(study, instances)| Step::List { study, instances }),
        6 => (0..20_usize).prop_map(|instance| Step::Capture { instance }),
        4 => (0..4_u64, 0..6_u64, 1..4_u8, prop::bool::weighted(0.2))
            .prop_map(|(study, instance, seed, doubtful)| Step::Arrive { study, instance, seed, doubtful }),
        1 => (0..20_usize).prop_map(|instance| Step::Fail { instance }),
        1 => Just(Step::RetryFailed),
        1 => Just(Step::ReleaseIntake),
        3 => (1..6_usize).prop_map(|count| Step::Seal { count }),
        1 => (0..20_usize).prop_map(|instance| Step::SealWrongly { instance }),
        1 => (0..6_usize).prop_map(|segment| Step::LoseSegment { segment }),
        3 => (0..6_usize).prop_map(|segment| Step::Write { segment }),
    ]
}

struct Row {
    id: InstanceId,
    study: StudyId,
    number: u64,
    state: InstanceState,
    seed: u8,
    segment: Option<SegmentId>,
}

/// The naive model: every instance in a list.
#[derive(Default)]
struct Model {
    studies: Vec<(u64, StudyId)>,
    rows: Vec<Row>,
    segments: Vec<(SegmentId, SegmentState)>,
}

impl Model {
    fn tally(rows: impl Iterator<Item = InstanceState>) -> Tally {
        let mut tally = Tally::default();
        for state in rows {
            tally.listed += 1;
            match state {
                InstanceState::Written => tally.done += 1,
                InstanceState::Excluded => tally.excluded += 1,
                InstanceState::Failed => tally.failed += 1,
                _ => tally.pending += 1,
            }
        }
        tally
    }

    fn balance(&self) -> Balance {
        let mut studies = Tally { listed: self.studies.len() as u64, ..Tally::default() };
        for (_, study) in &self.studies {
            let states = self.rows.iter().filter(|row| row.study == *study).map(|row| row.state);
            match Self::tally(states) {
                tally if tally.pending > 0 => studies.pending += 1,
                tally if tally.failed > 0 || tally.listed == 0 => studies.failed += 1,
                tally if tally.done > 0 => studies.done += 1,
                _ => studies.excluded += 1,
            }
        }
        Balance { studies, instances: Self::tally(self.rows.iter().map(|row| row.state)) }
    }

    fn move_segment(&mut self, id: SegmentId, to: InstanceState) {
        for row in self.rows.iter_mut().filter(|row| row.segment == Some(id)) {
            row.state = to;
        }
    }
}

struct Run {
    lab: Lab,
    model: Model,
    intake: IntakeId,
    volume: catalogue::VolumeId,
}

impl Run {
    fn new() -> Self {
        let mut lab = Lab::new();
        let intake = lab.catalogue.open_intake().unwrap().id;
        let volume = lab.open_volume();
        Self { lab, model: Model::default(), intake, volume }
    }

    fn take(&mut self, step: &Step) {
        let catalogue = &mut self.lab.catalogue;
        match *step {
            Step::List { study, instances } => self.list(study, instances),
            Step::Capture { instance } => self.capture(instance),
            Step::Arrive { study, instance, seed, doubtful } => self.arrive(study, instance, seed, doubtful),
            Step::Fail { instance } => {
                let Some(row) = self.model.rows.get_mut(instance) else { return };
                let result = catalogue.fail_instance(row.id, "gone");
                give_up(row, &result);
            }
            Step::RetryFailed => {
                catalogue.retry_failed().unwrap();
                for row in self.model.rows.iter_mut().filter(|row| row.state == InstanceState::Failed) {
                    row.state = InstanceState::Pending;
                }
            }
            Step::ReleaseIntake => {
                catalogue.release_intake(self.intake).unwrap();
                for row in self.model.rows.iter_mut().filter(|row| row.state == InstanceState::Captured) {
                    row.state = InstanceState::Pending;
                }
            }
            Step::Seal { count } => self.seal(count),
            Step::SealWrongly { instance } => {
                let Some(row) = self.model.rows.get(instance) else { return };
                if row.state != InstanceState::Captured {
                    let result = catalogue.seal_segment(&segment(900, 1), members(&[row.id]));
                    assert!(matches!(result, Err(Error::IllegalTransition { .. })), "{result:?}");
                }
            }
            Step::LoseSegment { segment } => self.lose_segment(segment),
            Step::Write { segment } => self.write(segment),
        }
    }

    fn list(&mut self, study: u64, instances: u64) {
        let (id, new) = self.lab.listed(&study_row(study));
        if new {
            self.model.studies.push((study, id));
        }
        self.lab.catalogue.record_instances(id, (0..instances).map(|n| instance_row(study, n))).unwrap();
        let known: Vec<_> = self.model.rows.iter().map(|row| row.id).collect();
        for pending in self.lab.pending(id) {
            if !known.contains(&pending) {
                let listed = self.lab.catalogue.pending_instances(id, InstanceId(pending.0 - 1), 1).unwrap();
                let number = listed[0].sop_instance.rsplit('.').next().unwrap().parse().unwrap();
                let state = InstanceState::Pending;
                self.model.rows.push(Row { id: pending, study: id, number, state, seed: 0, segment: None });
            }
        }
    }

    fn capture(&mut self, instance: usize) {
        let Some(row) = self.model.rows.get(instance) else { return };
        if !matches!(row.state, InstanceState::Pending | InstanceState::Failed) {
            return;
        }
        let twin = self.model.rows.iter().find(|twin| {
            let same = twin.study == row.study && twin.number == row.number && twin.id != row.id;
            same && held(twin) && twin.seed == 1 && row.state == InstanceState::Pending
        });
        let (id, twin) = (row.id, twin.map(|twin| twin.id));
        let result = self.lab.capture(captured(CaptureKey::Instance(id), self.intake, 0, 1));
        let Some(row) = self.model.rows.get_mut(instance) else { return };
        if let Some(twin) = twin {
            assert_eq!(result, (CaptureOutcome::Copy, twin));
            row.state = InstanceState::Excluded;
        } else {
            assert_eq!(result, (CaptureOutcome::Captured, id));
            (row.state, row.seed) = (InstanceState::Captured, 1);
        }
    }

    fn arrive(&mut self, study: u64, instance: u64, seed: u8, doubtful: bool) {
        let Some((_, id)) = self.model.studies.iter().find(|(number, _)| *number == study) else { return };
        let id = *id;
        let key = if doubtful { doubtful_key(id, study, instance) } else { key(id, study, instance) };
        let (outcome, row) = self.lab.capture(captured(key, self.intake, 0, seed));
        let mut same = self.model.rows.iter_mut().filter(|row| row.study == id && row.number == instance);
        match outcome {
            CaptureOutcome::Copy => panic!("only a file of a folder can be a copy of another"),
            CaptureOutcome::Duplicate => assert!(same.any(|row| held(row) && row.seed == seed)),
            CaptureOutcome::Excluded => assert!(same.any(|row| row.state == InstanceState::Excluded)),
            CaptureOutcome::Captured => {
                assert!(!doubtful, "what is in doubt stands for nothing that is listed");
                let found = same.find(|found| found.id == row).unwrap();
                assert!(matches!(found.state, InstanceState::Pending | InstanceState::Failed));
                (found.state, found.seed) = (InstanceState::Captured, seed);
            }
            CaptureOutcome::Conflict | CaptureOutcome::Unlisted | CaptureOutcome::Doubtful => {
                let rivals: Vec<_> = same.collect();
                assert_eq!(outcome == CaptureOutcome::Doubtful, doubtful);
                assert!(doubtful || (outcome == CaptureOutcome::Conflict) != rivals.is_empty());
                assert!(rivals.iter().all(|rival| held(rival) || doubtful));
                assert!(rivals.iter().all(|rival| !held(rival) || rival.seed != seed));
                let state = InstanceState::Captured;
                self.model.rows.push(Row {
                    id: row,
                    study: id,
                    number: instance,
                    state,
                    seed,
                    segment: None,
                });
            }
        }
    }

    fn seal(&mut self, count: usize) {
        let mut ids = self.lab.captured();
        ids.truncate(count);
        if ids.is_empty() {
            return;
        }
        let number = self.lab.catalogue.next_segment_number().unwrap();
        let row = segment(number, ids.len() as u64);
        let id = self.lab.catalogue.seal_segment(&row, members(&ids)).unwrap();
        for row in self.model.rows.iter_mut().filter(|row| ids.contains(&row.id)) {
            assert_eq!(row.state, InstanceState::Captured);
            (row.state, row.segment) = (InstanceState::Packed, Some(id));
        }
        self.model.segments.push((id, SegmentState::Sealed));
    }

    /// Loses a segment where it is: in the spool, or on the one volume that has it.
    fn lose_segment(&mut self, index: usize) {
        let Some(&(id, state)) = self.model.segments.get(index) else { return };
        self.model.move_segment(id, InstanceState::Pending);
        let rows = self.model.rows.iter_mut().filter(|row| row.segment == Some(id));
        let instances = rows.map(|row| row.segment = None).count() as u64;
        let lost = if state == SegmentState::Sealed {
            self.lab.catalogue.lose_spooled_segment(id).unwrap()
        } else {
            let in_spool = self.lab.catalogue.lose_spooled_segment(id);
            assert!(matches!(in_spool, Err(Error::IllegalTransition { .. })), "{in_spool:?}");
            self.lab.catalogue.lose_placement(self.volume, id).unwrap()
        };
        assert_eq!(lost, Loss::Pending(instances));
        self.model.segments.remove(index);
    }

    fn write(&mut self, index: usize) {
        let Some((id, state)) = self.model.segments.get_mut(index) else { return };
        let segments = [(*id, id.0 as u64)];
        self.lab
            .catalogue
            .segments_written(self.volume, &Commit { segments: &segments, files: &[], bytes: 1 }, 1)
            .unwrap();
        *state = SegmentState::Written;
        let id = *id;
        self.model.move_segment(id, InstanceState::Written);
    }
}

fn give_up(row: &mut Row, result: &catalogue::Result<()>) {
    if row.state == InstanceState::Pending {
        assert!(result.is_ok(), "{result:?}");
        row.state = InstanceState::Failed;
    } else {
        assert!(matches!(result, Err(Error::IllegalTransition { .. })), "{result:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_balance_is_the_models(steps in prop::collection::vec(step(), 1..60)) {
        let mut run = Run::new();
        for step in steps {
            run.take(&step);
            let balance = run.lab.catalogue.balance(Stage::Export).unwrap();
            prop_assert!(balance.holds(), "after {step:?}: {balance:?}");
            prop_assert_eq!(balance, run.model.balance(), "after {:?}", step);
        }
        prop_assert_eq!(run.lab.catalogue.recount().unwrap(), 0);
    }
}

fn held(row: &Row) -> bool {
    matches!(row.state, InstanceState::Captured | InstanceState::Packed | InstanceState::Written)
}
