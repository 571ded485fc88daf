//! Which of the two programs is running: names that differ between them.

use std::fmt;

use crate::AeTitle;

/// One of the two programs of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The exporting one.
    P2t,
    /// The ingesting one.
    T2p,
}

impl Program {
    /// Both.
    pub const ALL: [Self; 2] = [Self::P2t, Self::T2p];

    /// The name of the command.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::P2t => "p2t",
            Self::T2p => "t2p",
        }
    }

    /// The name of its configuration in a job directory, which marks the directory as its own.
    #[must_use]
    pub fn config_name(self) -> &'static str {
        match self {
            Self::P2t => "p2t.toml",
            Self::T2p => "t2p.toml",
        }
    }

    /// What it calls itself unless it is told otherwise.
    pub(crate) fn ae_title(self) -> AeTitle {
        const P2T: AeTitle = AeTitle::from_static("P2T");
        const T2P: AeTitle = AeTitle::from_static("T2P");
        match self {
            Self::P2t => P2T,
            Self::T2p => T2P,
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
