//! t2p: whatever loads, damages, answers and evidence come in whatever order, every balance is the naive model's.

use std::collections::BTreeSet;

use catalogue::answers::StoreResult;
use catalogue::balance::{Stage, Tally};
use catalogue::load::LoadedSegment;
use catalogue::{DeliveryState, DestinationId, Error, InstanceId, InstanceState, SegmentId};
use proptest::prelude::*;

use crate::lab::{Lab, object_row};

const SEGMENTS: u64 = 3;
const OBJECTS: u64 = 4;

#[derive(Debug, Clone)]
enum Step {
    Load { segment: usize, harmed: u8 },
    Reload { segment: usize },
    Answer { object: usize, destination: usize, accepted: bool },
    Deliver { object: usize, destination: usize },
    Again { object: usize, destination: usize },
    RetryFailed,
    RetryRefused { destination: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let object = 0..(SEGMENTS * OBJECTS) as usize;
    prop_oneof![
        4 => (0..SEGMENTS as usize, 0..1_u8 << OBJECTS)
            .prop_map(|(segment, harmed)| Step::Load { segment, harmed }),
        2 => (0..SEGMENTS as usize).prop_map(|segment| Step::Reload { segment }),
        4 => (object.clone(), 0..2_usize, any::<bool>())
            .prop_map(|(object, destination, accepted)| Step::Answer { object, destination, accepted }),
        2 => (object.clone(), 0..2_usize).prop_map(|(object, destination)| Step::Deliver { object, destination }),
        1 => (object, 0..2_usize).prop_map(|(object, destination)| Step::Again { object, destination }),
        1 => Just(Step::RetryFailed),
        1 => (0..2_usize).prop_map(|destination| Step::RetryRefused { destination }),
    ]
}

struct Row {
    id: InstanceId,
    segment: SegmentId,
    state: InstanceState,
    delivery: [Option<DeliveryState>; 2],
}

struct Run {
    lab: Lab,
    rows: Vec<Row>,
    segments: Vec<SegmentId>,
    /// Segments that are loaded with nothing harmed.
    loaded: BTreeSet<SegmentId>,
    destinations: [DestinationId; 2],
}

impl Run {
    fn new() -> Self {
        let mut lab = Lab::new();
        let mut run_rows = Vec::new();
        let mut segments = Vec::new();
        for number in 0..SEGMENTS {
            // A study goes on in the next segment.
            let objects: Vec<_> = (0..OBJECTS)
                .map(|n| object_row((number * OBJECTS + n) / 3, number * OBJECTS + n, n * 1_024))
                .collect();
            let segment = lab.registered_segment(number + 1, &objects);
            segments.push(segment);
            run_rows.extend(lab.objects(segment).into_iter().map(|id| Row {
                id,
                segment,
                state: InstanceState::Pending,
                delivery: [None; 2],
            }));
        }
        let destinations =
            ["one", "two"].map(|name| lab.catalogue.add_destination(name, "AE@localhost:104").unwrap());
        Self { lab, rows: run_rows, segments, loaded: BTreeSet::new(), destinations }
    }

    fn take(&mut self, step: &Step) {
        let catalogue = &mut self.lab.catalogue;
        match *step {
            Step::Load { segment, harmed } => self.load(segment, harmed),
            Step::Reload { segment } => {
                let segment = self.segments[segment];
                if catalogue.reload_segment(segment).is_ok() {
                    self.loaded.remove(&segment);
                    let from = [InstanceState::Loaded, InstanceState::Failed];
                    self.move_rows(segment, &from, InstanceState::Pending);
                }
            }
            Step::Answer { object, destination, accepted } => {
                let row = &mut self.rows[object];
                let result = StoreResult { instance_id: row.id, accepted, status_code: None, comment: None };
                let legal = row.delivery[destination] != Some(DeliveryState::Delivered);
                if agrees(&catalogue.record_store_results(self.destinations[destination], &[result]), legal) {
                    let to = if accepted { DeliveryState::Sent } else { DeliveryState::Failed };
                    row.delivery[destination] = Some(to);
                }
            }
            Step::Deliver { object, destination } => {
                let row = &mut self.rows[object];
                catalogue.record_delivered(self.destinations[destination], &[row.id]).unwrap();
                row.delivery[destination] = Some(DeliveryState::Delivered);
            }
            Step::Again { object, destination } => {
                let row = &mut self.rows[object];
                let legal = !matches!(row.delivery[destination], None | Some(DeliveryState::Pending));
                if agrees(&catalogue.deliver_again(self.destinations[destination], &[row.id]), legal) {
                    row.delivery[destination] = Some(DeliveryState::Pending);
                }
            }
            Step::RetryFailed => {
                catalogue.retry_failed().unwrap();
                for segment in self.segments.clone() {
                    self.move_rows(segment, &[InstanceState::Failed], InstanceState::Pending);
                }
            }
            Step::RetryRefused { destination } => {
                catalogue.retry_refused(self.destinations[destination]).unwrap();
                for row in &mut self.rows {
                    let delivery = &mut row.delivery[destination];
                    if *delivery == Some(DeliveryState::Failed) {
                        *delivery = Some(DeliveryState::Pending);
                    }
                }
            }
        }
    }

    /// Loads a segment of which the objects with a bit in `harmed` are damaged.
    fn load(&mut self, segment: usize, harmed: u8) {
        let id = self.segments[segment];
        let mut rows: Vec<_> = self.rows.iter_mut().filter(|row| row.segment == id).collect();
        let (mut loaded, mut damaged) = (Vec::new(), Vec::new());
        let mut legal = !self.loaded.contains(&id);
        for (number, row) in rows.iter().enumerate() {
            let pending = row.state == InstanceState::Pending;
            if harmed & 1 << number == 0 {
                loaded.push((row.id, 0));
                legal &= pending || row.state == InstanceState::Failed;
            } else {
                damaged.push((row.id, "digest differs".to_owned()));
                legal &= pending;
            }
        }
        let found = LoadedSegment { loaded: &loaded, damaged: &damaged };
        if agrees(&self.lab.catalogue.load_segment(id, &found), legal) {
            for (number, row) in rows.iter_mut().enumerate() {
                let whole = harmed & 1 << number == 0;
                row.state = if whole { InstanceState::Loaded } else { InstanceState::Failed };
            }
            if harmed == 0 {
                self.loaded.insert(id);
            }
        }
    }

    fn move_rows(&mut self, segment: SegmentId, from: &[InstanceState], to: InstanceState) {
        for row in self.rows.iter_mut().filter(|row| row.segment == segment && from.contains(&row.state)) {
            row.state = to;
        }
    }

    fn expected(&self, stage: Stage) -> Tally {
        let mut tally = Tally { listed: self.rows.len() as u64, ..Tally::default() };
        for row in &self.rows {
            let destination = |id| self.destinations.iter().position(|known| *known == id).unwrap();
            let delivery = match stage {
                Stage::Deliver(id) | Stage::Audit(id) => row.delivery[destination(id)],
                Stage::Load | Stage::Export => None,
            };
            let side = match (stage, row.state, delivery) {
                (_, _, Some(DeliveryState::Delivered))
                | (Stage::Deliver(_), _, Some(DeliveryState::Sent))
                | (Stage::Load, InstanceState::Loaded, _) => &mut tally.done,
                (_, _, Some(DeliveryState::Failed)) | (_, InstanceState::Failed, None) => &mut tally.failed,
                _ => &mut tally.pending,
            };
            *side += 1;
        }
        tally
    }
}

fn agrees<T: std::fmt::Debug>(result: &catalogue::Result<T>, legal: bool) -> bool {
    assert!(result.is_ok() == legal, "{result:?}");
    assert!(matches!(result, Ok(_) | Err(Error::IllegalTransition { .. })), "{result:?}");
    legal
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_balance_is_the_models(steps in prop::collection::vec(step(), 1..60)) {
        let mut run = Run::new();
        for step in &steps {
            run.take(step);
            let [one, two] = run.destinations;
            for stage in [Stage::Load, Stage::Deliver(one), Stage::Audit(one), Stage::Deliver(two), Stage::Audit(two)] {
                let balance = run.lab.catalogue.balance(stage).unwrap();
                prop_assert!(balance.holds(), "after {step:?}: {balance:?}");
                prop_assert_eq!(balance.instances, run.expected(stage), "{:?} after {:?}", stage, step);
            }
        }
        prop_assert_eq!(run.lab.catalogue.recount().unwrap(), 0);
    }
}
