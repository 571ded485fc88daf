//! What objects of a study must be like: what contradicts the request is not taken for what was asked for.

use std::collections::HashSet;

use archive::ObjectIdentity;
use catalogue::PlannedStudy;
use catalogue::capture::PendingInstance;

/// What is known of a study before its objects come. The default expects nothing.
#[derive(Debug, Default)]
pub struct Expected {
    study_uid: String,
    patient_id: String,
    /// Instances that will not be asked for again in this run: what is in doubt of them travels, but does not count.
    last_chance: HashSet<String>,
}

impl Expected {
    /// Of `study`, of which `wanted` are asked for.
    pub fn of(study: &PlannedStudy, wanted: &[PendingInstance], is_last_attempt: bool) -> Self {
        let last = wanted.iter().filter(|_| is_last_attempt);
        Self {
            study_uid: study.study.uid.clone(),
            patient_id: study.study.patient_id.clone().unwrap_or_default(),
            last_chance: last.map(|instance| instance.sop_instance.clone()).collect(),
        }
    }

    /// Why an object is not what was asked for. Nothing is known of one that says nothing of itself.
    pub fn doubts(&self, identity: &ObjectIdentity) -> Vec<String> {
        let mut doubts = identity.doubts.clone();
        let other =
            identity.study_uid.as_ref().filter(|uid| !self.study_uid.is_empty() && **uid != self.study_uid);
        doubts.extend(other.map(|uid| format!("the dataset is of another study than was asked for, {uid}")));
        doubts
    }

    /// Whether the dataset names another patient than the list. That is no reason not to take it: many archives correct
    /// patients in their database alone.
    pub fn is_of_another_patient(&self, identity: &ObjectIdentity) -> bool {
        let named = identity.patient_id.as_deref().unwrap_or_default();
        !named.is_empty() && !self.patient_id.is_empty() && named.trim() != self.patient_id.trim()
    }

    /// Whether an object of this instance travels even if it is in doubt.
    pub fn is_last_chance(&self, identity: &ObjectIdentity) -> bool {
        identity.sop_instance.as_ref().is_some_and(|uid| self.last_chance.contains(uid))
    }
}
