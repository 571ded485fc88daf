//! Law 1 as data: listed = done + excluded + failed + pending.

use serde::Serialize;

/// The balance at a moment, for studies and for instances.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Counted in studies.
    pub studies: Equation,
    /// Counted in instances.
    pub instances: Equation,
    /// Bytes of the instances that are done.
    pub bytes: u64,
}

impl Balance {
    /// Whether both equations hold.
    pub fn holds(&self) -> bool {
        self.studies.holds() && self.instances.holds()
    }
}

/// One balance equation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Equation {
    /// What the plan lists.
    pub listed: u64,
    /// Done: on a committed volume (export), stored at every destination (ingest), proved there (audit).
    pub done: u64,
    /// Left out on purpose, with a reason.
    pub excluded: u64,
    /// Given up, with a reason.
    pub failed: u64,
    /// Still to do.
    pub pending: u64,
}

impl Equation {
    /// The terms of the right-hand side with their names.
    pub fn terms(&self) -> [(&'static str, u64); 4] {
        [("done", self.done), ("excluded", self.excluded), ("failed", self.failed), ("pending", self.pending)]
    }

    /// Right-hand side of the equation; wide enough that it cannot overflow.
    pub fn accounted(&self) -> u128 {
        self.terms().into_iter().map(|(_, count)| u128::from(count)).sum()
    }

    /// Whether listed = done + excluded + failed + pending.
    pub fn holds(&self) -> bool {
        u128::from(self.listed) == self.accounted()
    }

    /// Adds another equation term by term. A sum beyond `u64` stays at its maximum, which no listing reaches.
    pub fn add(&mut self, other: &Self) {
        self.listed = self.listed.saturating_add(other.listed);
        self.done = self.done.saturating_add(other.done);
        self.excluded = self.excluded.saturating_add(other.excluded);
        self.failed = self.failed.saturating_add(other.failed);
        self.pending = self.pending.saturating_add(other.pending);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_only_when_every_instance_is_accounted_for() {
        let mut equation = Equation { listed: 10, done: 6, excluded: 1, failed: 2, pending: 1 };
        assert!(equation.holds());
        equation.done = 5;
        assert!(!equation.holds());
        equation.done = 7;
        assert!(!equation.holds());
    }

    #[test]
    fn giant_counts_do_not_overflow() {
        let equation = Equation { listed: 1, done: u64::MAX, excluded: u64::MAX, failed: 2, pending: 1 };
        assert!(!equation.holds());
        assert_eq!(equation.accounted(), u128::from(u64::MAX) * 2 + 3);
    }
}
