//! What is told of a retrieval besides what it brought.

use archive::RetrieveEnd;
use catalogue::{Level, PlannedStudy};
use job::Counter;

use super::{Fetch, StudyIntake};
use crate::error::Result;

impl Fetch {
    /// Everything that was asked for came: whatever else the source said or sent is on record.
    pub(super) fn tell_of_whole(
        &self,
        study: &PlannedStudy,
        end: std::result::Result<RetrieveEnd, archive::Error>,
        doubts: &[String],
    ) -> Result<()> {
        let uid = &study.study.uid;
        let said = match end {
            Ok(end) => end.remarks,
            Err(error) => vec![error.to_string()],
        };
        if !said.is_empty() {
            let message = format!("study {uid} came whole; on the way: {}", said.join("; "));
            self.capture.shared.event(Level::Info, "fetch", message)?;
        }
        if doubts.is_empty() {
            return Ok(());
        }
        let message = format!("study {uid} came whole; besides, {}", doubts.join("; "));
        self.capture.monitor.finding(&message);
        Ok(self.capture.shared.event(Level::Warning, "doubtful", message)?)
    }

    /// Only behind what was captured: an object of the same UID that is not left out stands for the instance.
    pub(super) fn leave_out(&self, study: &PlannedStudy, intake: &StudyIntake) -> Result<()> {
        let objects = intake.take_excluded();
        let Some((_, reason)) = objects.first() else { return Ok(()) };
        let instances = self.capture.shared.lock().exclude_pending(&objects)?;
        self.capture.monitor.count(Counter::Excluded, instances);
        let (count, uid) = (objects.len(), &study.study.uid);
        let message = format!(
            "{count} objects of study {uid} name somebody else than its listing and were not taken: {reason}"
        );
        Ok(self.capture.shared.event(Level::Warning, "excluded", message)?)
    }

    pub(super) fn tell_of_patients(&self, study: &PlannedStudy, intake: &StudyIntake) -> Result<()> {
        let count = intake.of_another_patient();
        if count == 0 {
            return Ok(());
        }
        let uid = &study.study.uid;
        let message = format!("{count} objects of study {uid} name another patient than the source's list");
        Ok(self.capture.shared.event(Level::Warning, "another-patient", message)?)
    }
}
