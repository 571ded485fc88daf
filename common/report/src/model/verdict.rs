//! Verdicts on instances and studies, and the reasons behind those that are not clean.

use std::fmt;

use serde::Serialize;

/// The verdict on one instance, or the worst one in a study. Ordered from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// At the destination, by the evidence that the report names.
    Delivered,
    /// On a volume, committed.
    Written,
    /// Left out on purpose.
    Excluded,
    /// Still to do.
    Pending,
    /// On a volume that has not arrived.
    NotArrived,
    /// At the destination under a study of the transfer, but in no manifest.
    Extra,
    /// Given up.
    Failed,
    /// The destination does not list it although it was sent.
    Missing,
}

impl Verdict {
    /// Whether somebody has to look at it.
    pub fn is_discrepancy(self) -> bool {
        matches!(self, Self::NotArrived | Self::Extra | Self::Failed | Self::Missing)
    }

    /// The verdict's word in every rendering.
    pub fn word(self) -> &'static str {
        match self {
            Self::Delivered => "DELIVERED",
            Self::Written => "WRITTEN",
            Self::Excluded => "EXCLUDED",
            Self::Pending => "PENDING",
            Self::NotArrived => "NOT ARRIVED",
            Self::Extra => "EXTRA",
            Self::Failed => "FAILED",
            Self::Missing => "MISSING",
        }
    }

    /// What the word means, for a reader who sees it for the first time.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Delivered => "Stored at the destination, by the evidence named in this report.",
            Self::Written => "On a volume and committed: the medium holds it durably.",
            Self::Excluded => "Left out on purpose, for a stated reason.",
            Self::Pending => "Not done yet; running the same command again continues.",
            Self::NotArrived => "Lies on a volume or segment that has not arrived or cannot be read.",
            Self::Extra => {
                "The destination lists it under a study of this transfer, but no volume carries it. Not in the balance."
            }
            Self::Failed => "Given up, for a stated reason.",
            Self::Missing => "Was sent, but the destination does not list it.",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How many instances have a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct VerdictCount {
    /// The verdict.
    pub verdict: Verdict,
    /// Instances.
    pub instances: u64,
}

/// Instances that share a verdict and a reason.
#[derive(Debug, Clone, Serialize)]
pub struct ReasonGroup {
    /// The verdict.
    pub verdict: Verdict,
    /// The reason, a sentence without patient data; status codes as `A700H`.
    pub reason: String,
    /// Instances.
    pub count: u64,
    /// A few UIDs, or paths within a folder source.
    pub examples: Vec<String>,
}
