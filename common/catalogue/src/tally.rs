//! The equation itself: `listed = done + excluded + failed + pending`.

use serde::Serialize;

use crate::states::OddityState;

/// One side of the equation each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// All there are.
    pub listed: u64,
    /// Through this stage.
    pub done: u64,
    /// Left out on purpose.
    pub excluded: u64,
    /// Given up, with a reason.
    pub failed: u64,
    /// Still to do.
    pub pending: u64,
}

/// The side of the equation that something is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Through the stage.
    Done,
    /// Left out on purpose.
    Excluded,
    /// Given up.
    Failed,
    /// Still to do.
    Pending,
}

impl From<OddityState> for Side {
    fn from(state: OddityState) -> Self {
        match state {
            OddityState::Excluded => Self::Excluded,
            OddityState::Failed => Self::Failed,
        }
    }
}

impl Tally {
    /// Whether the equation holds.
    pub fn holds(&self) -> bool {
        self.listed == self.done + self.excluded + self.failed + self.pending
    }

    fn side(&mut self, side: Side) -> &mut u64 {
        match side {
            Side::Done => &mut self.done,
            Side::Excluded => &mut self.excluded,
            Side::Failed => &mut self.failed,
            Side::Pending => &mut self.pending,
        }
    }

    pub(crate) fn list(&mut self, side: Side, count: u64) {
        self.listed += count;
        *self.side(side) += count;
    }

    /// Moves `count` over; a count that was never there leaves an equation that does not hold, for all to see.
    pub(crate) fn shift(&mut self, from: Side, to: Side, count: u64) {
        *self.side(from) = self.side(from).saturating_sub(count);
        *self.side(to) += count;
    }

    /// Adds another tally, term by term.
    pub fn add(&mut self, other: &Self) {
        self.listed += other.listed;
        self.done += other.done;
        self.excluded += other.excluded;
        self.failed += other.failed;
        self.pending += other.pending;
    }
}
