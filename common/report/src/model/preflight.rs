//! What was found about the source before anything was taken from it.

use jiff::Timestamp;
use serde::Serialize;

/// One look at the source.
#[derive(Debug, Clone, Serialize)]
pub struct Preflight {
    /// When.
    pub at: Timestamp,
    /// The source.
    pub archive: String,
    /// What was looked at.
    pub checks: Vec<PreflightCheck>,
    /// What follows from it.
    pub conclusion: String,
    /// Whether there is a way to retrieve.
    pub works: bool,
}

/// Something that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct PreflightCheck {
    /// What.
    pub name: String,
    /// Whether it is as it should be.
    pub good: bool,
    /// What was found.
    pub found: String,
}
