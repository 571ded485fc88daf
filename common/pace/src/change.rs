//! The record of a change of pace.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Limits;

/// That from `at` on something else was allowed than before, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PaceChange {
    /// When it was noticed.
    pub at: Timestamp,
    /// What caused it, such as `start`, `window opened: mon,tue 19:00 to 06:00`, `paused: backup` or
    /// `C-FIND answered slowly`.
    pub signal: String,
    /// The signal's value, where it was measured; a calendar's signals have none.
    pub value: Option<f64>,
    /// What the value is compared with, where there is such a thing.
    pub baseline: Option<f64>,
    /// What was allowed before; none means nothing at all.
    pub old: Option<Limits>,
    /// What is allowed now; none means nothing at all.
    pub new: Option<Limits>,
    /// What adaptive control allowed before within the limits: associations at work on average. None without it.
    pub old_load: Option<f64>,
    /// What it allows now.
    pub new_load: Option<f64>,
}
