//! What of the plan is left out, what waits, and in which order the rest goes: for people and machines.

use catalogue::Reader;
use catalogue::choice::{PlanOrder, StudyReason};

use crate::error::Result;

/// What the rules came to.
pub struct Choice {
    pub order: Option<PlanOrder>,
    /// Why studies are left out as a whole.
    pub excluded: Vec<StudyReason>,
    /// What others wait for.
    pub waiting: Vec<StudyReason>,
}

impl Choice {
    pub fn read(reader: &Reader) -> Result<Self> {
        let (excluded, waiting) = (reader.excluded_studies()?, reader.waiting_studies()?);
        Ok(Self { order: reader.plan_order()?, excluded, waiting })
    }

    /// A line for each reason, and one for an order that was asked for.
    pub fn lines(&self) -> Vec<String> {
        let excluded =
            self.excluded.iter().map(|study| format!("  {} studies {}", study.studies, study.reason));
        let order = self.order.map(|order| format!("order: {order}"));
        excluded.chain(self.waiting.iter().map(waiting)).chain(order).collect()
    }
}

fn waiting(study: &StudyReason) -> String {
    let first = study.first_at.map_or(String::new(), |at| {
        format!("; the first can be looked at again at {}", at.strftime("%Y-%m-%d %H:%M UTC"))
    });
    format!("  {} studies wait: {}{first}", study.studies, study.reason)
}
