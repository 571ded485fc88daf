//! Objects to which the destination gave no usable answer: silence, a broken association, or "out of resources". Whether
//! the object or the destination is the cause shows only when others are tried, so nothing is held against an object
//! before another was taken.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use catalogue::{InstanceId, StudyId};

/// Bounds memory: a destination that leaves so many studies is in no state to go on.
const MOST_STUDIES: usize = 10_000;

/// What is to be done after trouble with an object.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// Try the same object again, after a rest.
    Again,
    /// Leave the object for now, and try the next.
    Object,
    /// Leave the whole study for now: it stays pending for the next run.
    Study,
    /// The destination takes nothing at all.
    GiveUp,
}

/// The trouble of one destination in this run.
pub struct Trouble {
    /// Tries of one object, objects of one study, and studies, until the larger whole is left.
    attempts: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Objects left since the last one that was taken, with the reason.
    objects: Vec<(InstanceId, String)>,
    studies: BTreeSet<StudyId>,
    /// Studies left since the last object that was taken.
    in_a_row: u32,
}

impl Trouble {
    pub fn new(attempts: u32) -> Self {
        Self { attempts: attempts.max(2), state: Mutex::default() }
    }

    /// Judges try number `tries` (from 1) of an object that came to nothing.
    pub fn judge(&self, study: StudyId, object: InstanceId, tries: u32, why: &str) -> Next {
        let mut state = self.state();
        if state.objects.is_empty() && state.in_a_row == 0 && tries < self.attempts {
            return Next::Again;
        }
        state.objects.push((object, why.to_owned()));
        if state.in_a_row == 0 && state.objects.len() < self.attempts as usize {
            return Next::Object;
        }
        state.objects.clear();
        state.studies.insert(study);
        state.in_a_row += 1;
        let give_up = state.in_a_row >= self.attempts || state.studies.len() >= MOST_STUDIES;
        if give_up { Next::GiveUp } else { Next::Study }
    }

    /// The destination has taken an object. Returns those that it did not take before, and why: it was them.
    pub fn over(&self) -> Vec<(InstanceId, String)> {
        let mut state = self.state();
        state.in_a_row = 0;
        std::mem::take(&mut state.objects)
    }

    /// Whether an object or its study is left for now.
    pub fn leaves(&self, study: StudyId, object: InstanceId) -> bool {
        let state = self.state();
        state.studies.contains(&study) || state.objects.iter().any(|(left, _)| *left == object)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHY: &str = "no answer";

    fn judged(trouble: &Trouble, study: i64, object: i64, tries: u32) -> Next {
        trouble.judge(StudyId(study), InstanceId(object), tries, WHY)
    }

    #[test]
    fn one_object_without_answer_is_blamed_when_the_next_is_taken() {
        let trouble = Trouble::new(3);
        assert_eq!(judged(&trouble, 1, 1, 1), Next::Again);
        assert_eq!(judged(&trouble, 1, 1, 2), Next::Again);
        assert_eq!(judged(&trouble, 1, 1, 3), Next::Object);
        assert!(trouble.leaves(StudyId(1), InstanceId(1)) && !trouble.leaves(StudyId(1), InstanceId(2)));
        assert_eq!(trouble.over(), vec![(InstanceId(1), WHY.to_owned())]);
        assert_eq!(trouble.over(), vec![]);
        assert_eq!(judged(&trouble, 1, 2, 1), Next::Again);
    }

    #[test]
    fn a_silent_destination_is_given_up_and_no_object_is_blamed() {
        let trouble = Trouble::new(2);
        assert_eq!(judged(&trouble, 1, 1, 1), Next::Again);
        assert_eq!(judged(&trouble, 1, 1, 2), Next::Object);
        assert_eq!(judged(&trouble, 1, 2, 1), Next::Study);
        assert!(trouble.leaves(StudyId(1), InstanceId(9)));
        assert_eq!(judged(&trouble, 2, 3, 1), Next::GiveUp);
        assert_eq!(trouble.over(), vec![]);
    }

    #[test]
    fn a_study_that_is_left_does_not_keep_others_from_being_delivered() {
        let trouble = Trouble::new(2);
        for (study, object) in [(1, 1), (2, 3), (3, 5)] {
            assert_eq!(judged(&trouble, study, object, 2), Next::Object);
            assert_eq!(judged(&trouble, study, object + 1, 1), Next::Study);
            assert_eq!(trouble.over(), vec![]);
        }
    }
}
