//! Cross-footing: the study rows, added up, must give the balance that the report states.

use serde::Serialize;

use crate::{Balance, Equation, StudyRow};

/// The sums over all study rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Footing {
    /// Studies, each counted in one term.
    pub studies: Equation,
    /// Instances.
    pub instances: Equation,
    /// Bytes of the instances that are done.
    pub bytes: u64,
    /// Instances at the destination that no volume carries.
    pub extra: u64,
}

impl Footing {
    /// Adds a row.
    pub fn add(&mut self, row: &StudyRow) {
        self.studies.add(&row.as_equation());
        self.instances.add(&row.instances);
        self.bytes = self.bytes.saturating_add(row.bytes);
        self.extra = self.extra.saturating_add(row.extra);
    }

    /// Whether the sums are the balance, term by term.
    pub fn matches(&self, balance: &Balance) -> bool {
        self.studies == balance.studies && self.instances == balance.instances && self.bytes == balance.bytes
    }
}
