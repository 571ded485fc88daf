//! A source that cannot be talked to, or has no resources for us: whose fault that is, and how long it is waited for.

use archive::Outlook;
use catalogue::{Level, PlannedStudy, StudyId};
use pace::Failed;

use super::Fetch;
use crate::error::{Error, Result};

/// Kinds of events.
pub const SOURCE_DOWN: &str = "source-down";
pub const SOURCE_UP: &str = "source-up";

impl Fetch {
    /// The source is not to be reached: that is no study's fault. All workers wait while one asks now and then whether it
    /// is back; in the end the run is given up. A source that answers all the same breaks off over this study, perhaps each time: that counts against
    /// the study, or one such study would keep the plan from ever being done.
    pub(super) fn outage(&self, study: &PlannedStudy, source: archive::Error) -> Result<()> {
        if source.outlook() == Outlook::Transient && self.source.answers() {
            self.attempt_failed(study, &source.to_string())?;
        }
        self.source_failed(source)
    }

    /// The source has no resources for us now. That is no study's fault either, unless others come whole meanwhile.
    pub(super) fn refused(&self, study: &PlannedStudy, said: String) -> Result<()> {
        self.queue().refused.insert(study.id, (study.clone(), said.clone()));
        let tried =
            self.source_failed(archive::Error::OutOfResources { archive: self.source.describe(), said });
        if tried.is_err() {
            // Or a study that is refused for ever would keep every run to come from ending well.
            self.hold_refusals(None)?;
        }
        tried
    }

    /// A source that gives this study whole has resources: what it refused before, it refused for another reason.
    pub(super) fn came_whole(&self, study: &PlannedStudy) -> Result<()> {
        self.hold_refusals(Some(study.id))
    }

    fn hold_refusals(&self, but: Option<StudyId>) -> Result<()> {
        let refused = std::mem::take(&mut self.queue().refused);
        let held = refused.into_values().filter(|(study, _)| Some(study.id) != but);
        held.into_iter().try_for_each(|(study, why)| self.attempt_failed(&study, &why))
    }

    /// Asks the source whether it is back.
    pub(super) fn find_out(&self) -> Result<()> {
        if !self.source.answers() {
            return self.source_failed(archive::Error::NoAnswer(self.source.describe()));
        }
        self.breaker().answered();
        let message = "the source answers again";
        self.capture.monitor.finding(message);
        Ok(self.capture.shared.event(Level::Info, SOURCE_UP, message)?)
    }

    pub fn source_failed(&self, source: archive::Error) -> Result<()> {
        let failed = self.breaker().failed(self.now());
        match failed {
            Failed::Known => Ok(()),
            Failed::Open { failures: 1 } => {
                self.capture.monitor.finding(&source.to_string());
                Ok(self.capture.shared.event(Level::Warning, SOURCE_DOWN, source.to_string())?)
            }
            Failed::Open { failures } => {
                tracing::warn!(failures, error = %source, "the source is still down");
                Ok(())
            }
            Failed::GiveUp { failures } => Err(Error::SourceDown { attempts: failures, source }),
        }
    }
}
