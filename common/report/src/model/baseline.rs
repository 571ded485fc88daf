//! How archives answered the same small workload, side by side.

use jiff::Timestamp;
use serde::Serialize;

/// One measurement, or two that are compared.
#[derive(Debug, Clone, Serialize)]
pub struct Baselines {
    /// The earlier one: of the source, before the transfer.
    pub before: Option<Measured>,
    /// The later one: of the destination, or of the source again.
    pub after: Option<Measured>,
    /// A row for each kind of request.
    pub rows: Vec<BaselineRow>,
}

/// Whose measurement it is.
#[derive(Debug, Clone, Serialize)]
pub struct Measured {
    /// The archive.
    pub archive: String,
    /// When.
    pub at: Timestamp,
}

/// What requests of one kind took.
#[derive(Debug, Clone, Serialize)]
pub struct BaselineRow {
    /// `C-ECHO`, `C-FIND`, `retrieve`.
    pub operation: String,
    /// At the earlier measurement.
    pub before: Option<Figure>,
    /// At the later one.
    pub after: Option<Figure>,
    /// What the later median is of the earlier one; of retrieval, the time for each byte.
    pub ratio: Option<f64>,
}

/// The figures of one kind of request.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Figure {
    /// Requests that were answered in full.
    pub answered: u32,
    /// Requests that were not.
    pub failed: u32,
    /// Median, in milliseconds.
    pub median_ms: f64,
    /// 95 % took no longer, in milliseconds.
    pub p95_ms: f64,
    /// Bytes a second, where objects were moved.
    pub bytes_per_second: Option<u64>,
}

impl BaselineRow {
    /// More than this part slower is slower; less is noise.
    const TOLERANCE: f64 = 1.1;

    /// The answer to "same or better?", where there are two to compare.
    pub fn judgement(&self) -> String {
        match (self.after.filter(|after| after.failed > 0), self.ratio) {
            (Some(after), _) => format!("{} of {} failed", after.failed, after.failed + after.answered),
            (None, Some(ratio)) if ratio <= Self::TOLERANCE => "same or better".to_owned(),
            (None, Some(ratio)) => format!("{ratio:.1} times as slow"),
            (None, None) => String::new(),
        }
    }

    /// Whether the later measurement is worse.
    pub fn is_worse(&self) -> bool {
        self.after.is_some_and(|after| after.failed > 0)
            || self.ratio.is_some_and(|ratio| ratio > Self::TOLERANCE)
    }
}
