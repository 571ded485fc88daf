//! Attempts, and how they end when they do not succeed: left out, given up, or tried again.

use rusqlite::{ToSql, params};

use crate::capture::CaptureKey;
use crate::connection::Catalogue;
use crate::error::Result;
use crate::ids::{InstanceId, StudyId};
use crate::rows::change;
use crate::states::InstanceState;
use crate::transition::{advance, advance_all};

impl Catalogue {
    /// Gives a pending instance up.
    pub fn fail_instance(&mut self, id: InstanceId, reason: &str) -> Result<()> {
        self.durable(|tx| advance(tx, id.0, InstanceState::Failed, &[("reason = ?", &reason)]))
    }

    /// Gives up whatever of a study is still pending; returns how many instances that were.
    pub fn fail_pending_of_study(&mut self, study_id: StudyId, reason: &str) -> Result<u64> {
        self.durable(|tx| {
            let step = (InstanceState::Pending, InstanceState::Failed);
            let values: [(&str, &dyn ToSql); 2] = [(":reason", &reason), (":study", &study_id)];
            advance_all(tx, step, &["reason = :reason"], "study_id = :study", &values)
        })
    }

    /// Leaves out what is pending of these, each for its reason; returns how many instances.
    pub fn exclude_pending(&mut self, objects: &[(CaptureKey, &str)]) -> Result<u64> {
        self.durable(|tx| {
            let step = (InstanceState::Pending, InstanceState::Excluded);
            let leave_out = |condition: &str, values: &[(&str, &dyn ToSql)]| {
                advance_all(tx, step, &["reason = :reason"], condition, values)
            };
            objects.iter().try_fold(0, |excluded, (key, reason)| {
                let more = match key {
                    CaptureKey::Instance(id) => leave_out("id = :id", &[(":reason", reason), (":id", id)])?,
                    CaptureKey::Uids { study_id, sop_instance, .. }
                    | CaptureKey::Doubtful { study_id, sop_instance, .. } => leave_out(
                        "study_id = :study AND sop_instance = :uid",
                        &[(":reason", reason), (":study", study_id), (":uid", sop_instance)],
                    )?,
                };
                Ok(excluded + more)
            })
        })
    }

    /// Makes every failed instance pending again, attempts forgotten; returns how many.
    pub fn retry_failed(&mut self) -> Result<u64> {
        self.durable(|tx| {
            change(tx, "UPDATE study SET attempts = 0, last_error = NULL WHERE attempts > 0", [])?;
            let step = (InstanceState::Failed, InstanceState::Pending);
            // The literal lets the partial index serve.
            advance_all(tx, step, &["reason = NULL"], "state >= 8", &[])
        })
    }

    /// Studies that were given up because their instances could not be listed are to be listed again; says how many. Their
    /// attempts stay counted: one more in vain, and they are given up again.
    pub fn list_given_up_again(&mut self) -> Result<u64> {
        self.durable(|tx| {
            const SQL: &str = "UPDATE study SET listing = 0 WHERE listing = 1 AND attempts > 0
                AND NOT EXISTS (SELECT 1 FROM instance i WHERE i.study_id = study.id)";
            Ok(change(tx, SQL, [])? as u64)
        })
    }

    /// Counts a failed attempt at a study and keeps its cause.
    pub fn study_attempt_failed(&mut self, study_id: StudyId, error: &str) -> Result<()> {
        self.quick(|tx| {
            change(
                tx,
                "UPDATE study SET attempts = attempts + 1, last_error = ?2 WHERE id = ?1",
                params![study_id, error],
            )?;
            Ok(())
        })
    }
}
