//! How fast the work went and how fast it was allowed to go.

use jiff::Timestamp;
use serde::Serialize;

/// Work that one stage did in a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RateSample {
    /// Start of the span.
    pub from: Timestamp,
    /// End of the span; a sample that does not end after its start is ignored.
    pub to: Timestamp,
    /// The stage.
    pub stage: Stage,
    /// Instances done in the span.
    pub instances: u64,
    /// Bytes done in the span.
    pub bytes: u64,
}

/// A stage whose rate is plotted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Source to spool.
    Fetch,
    /// Spool to volume.
    Write,
    /// Volume to spool.
    Load,
    /// Spool to destination.
    Deliver,
}

impl Stage {
    /// Its name in style sheets and legends.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Write => "write",
            Self::Load => "load",
            Self::Deliver => "deliver",
        }
    }

    /// From where to where the bytes go.
    pub fn path(self) -> &'static str {
        match self {
            Self::Fetch => "source to spool",
            Self::Write => "spool to volume",
            Self::Load => "volume to spool",
            Self::Deliver => "spool to destination",
        }
    }
}

/// One change of pace (law 9).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PaceRow {
    /// When.
    pub at: Timestamp,
    /// What called for the change, such as `window` or `operator`.
    pub signal: String,
    /// The signal's value.
    pub value: String,
    /// What it was compared with; empty if with nothing.
    pub baseline: String,
    /// What was allowed before.
    pub old: Allowance,
    /// What is allowed from now on.
    pub new: Allowance,
}

/// What the pace allows. `None` is no ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Allowance {
    /// Whether work may be done at all: false outside a window.
    pub open: bool,
    /// Bytes per second.
    pub bytes_per_second: Option<f64>,
    /// Instances per second.
    pub instances_per_second: Option<f64>,
    /// Studies per hour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub studies_per_hour: Option<f64>,
    /// Associations at a time.
    pub associations: Option<u32>,
    /// What adaptive control allows of that: associations at work on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
}

/// What a small request took while work went on, averaged over a span that begins at `at`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CanaryRow {
    /// When.
    pub at: Timestamp,
    /// The request: `C-ECHO`, `C-FIND` or `QIDO-RS`.
    pub probe: String,
    /// How long the answer took.
    pub milliseconds: f64,
    /// How long it takes when the archive is left alone, as far as known.
    pub baseline: Option<f64>,
    /// Associations at work that were allowed, on average.
    pub load: f64,
}
