//! The colour in which a word is set, as a class of the style sheet. Colour only repeats what the word says.

use crate::model::{Outcome, Overall, Severity, Verdict, VolumeState};

/// Something that has a colour.
pub trait Tone {
    /// `good`, `wait`, `bad` or `calm`.
    fn tone(&self) -> &'static str;
}

impl Tone for Overall {
    fn tone(&self) -> &'static str {
        match self {
            Self::Clean => "good",
            Self::Incomplete => "wait",
            Self::Discrepancies | Self::Failed => "bad",
        }
    }
}

impl Tone for Verdict {
    fn tone(&self) -> &'static str {
        match self {
            Self::Delivered | Self::Written => "good",
            Self::Pending => "wait",
            Self::Excluded => "calm",
            Self::NotArrived | Self::Extra | Self::Failed | Self::Missing => "bad",
        }
    }
}

impl Tone for Outcome {
    fn tone(&self) -> &'static str {
        match self {
            Self::Passed => "good",
            Self::Findings => "bad",
            Self::Partial => "wait",
            Self::NotDone => "calm",
        }
    }
}

impl Tone for VolumeState {
    fn tone(&self) -> &'static str {
        match self {
            Self::Sealed | Self::Arrived => "good",
            Self::Open => "wait",
            Self::Empty => "calm",
            Self::Damaged => "bad",
        }
    }
}

impl Tone for Severity {
    fn tone(&self) -> &'static str {
        match self {
            Self::Info => "calm",
            Self::Warning => "wait",
            Self::Error => "bad",
        }
    }
}
