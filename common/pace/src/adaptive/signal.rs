//! What adaptive control hears, and what it says.

use std::fmt;

/// The canary's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Probe {
    /// C-ECHO: network and association layer (PS3.7 section 9.1.5).
    Echo,
    /// A C-FIND for one study: the database (PS3.4 section C.4.1).
    Find,
    /// A QIDO-RS search for one study: the same over DICOMweb (PS3.18 section 10.6).
    Search,
}

impl Probe {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Echo, Self::Find, Self::Search];
    /// Those of DIMSE.
    pub const DIMSE: &[Self] = &[Self::Echo, Self::Find];
    /// That of DICOMweb, which has no Verification.
    pub const WEB: &[Self] = &[Self::Search];

    /// Its name in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Echo => "C-ECHO",
            Self::Find => "C-FIND",
            Self::Search => "QIDO-RS",
        }
    }

    /// The probe with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|probe| probe.name() == name)
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Something that an archive with too much to do does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Loss {
    /// It rejected an association for now (PS3.8 section 9.3.4: result 2).
    Rejected,
    /// It ended an association or connection in the middle of the work.
    Aborted,
    /// It fell silent in the middle of the work.
    TimedOut,
    /// It fell silent before the first byte of a study. That is how a recall from tape looks, too.
    SilentFirst,
    /// It refused for want of resources: A7xx.
    Refused,
    /// It said Success and sent less than it had listed.
    Short,
    /// HTTP 429 or 503.
    TooBusy,
}

impl Loss {
    /// Whether the fault may lie with the one study asked for: then it takes two studies to be believed.
    pub(super) fn may_be_the_study(self) -> bool {
        matches!(self, Self::Refused | Self::Short)
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rejected => "association rejected",
            Self::Aborted => "association lost",
            Self::TimedOut => "fell silent",
            Self::SilentFirst => "silent before the first byte",
            Self::Refused => "out of resources for several studies",
            Self::Short => "several studies came short",
            Self::TooBusy => "too busy",
        })
    }
}

/// That another load is allowed from now on, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// What was noticed.
    pub signal: String,
    /// Its value, in milliseconds, where it was measured.
    pub value: Option<f64>,
    /// What that is when the archive is left alone, in milliseconds.
    pub baseline: Option<f64>,
    /// The load before.
    pub old: f64,
    /// The load now.
    pub new: f64,
}
