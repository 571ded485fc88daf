//! What can go wrong with an archive, and what that means for the next attempt.

use crate::folder;

/// Any error of the program that called us, handed through.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What an error means for trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// The same request will fail again.
    Permanent,
    /// The same request may succeed later.
    Transient,
    /// Somebody must do something first.
    NeedsOperator,
}

/// Why an archive did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The DIMSE peer.
    #[error("{node}: {source}")]
    Dimse {
        /// The peer, as `AETITLE@host:port`.
        node: String,
        /// What went wrong with it.
        source: dimse::Error,
    },
    /// The folder.
    #[error(transparent)]
    Folder(#[from] folder::Error),
    /// A list ended with a status that says it is not whole.
    #[error(
        "{node} ended a C-FIND at {level} level with status {status} after {rows} rows: the list is cut short; \
         select less at a time, by dates for example"
    )]
    CutShort {
        /// The peer.
        node: String,
        /// Query/Retrieve level.
        level: &'static str,
        /// Final status.
        status: dimse::Status,
        /// Rows that came.
        rows: u64,
    },
    /// Whoever takes the rows or objects failed.
    #[error("{0}")]
    Taker(#[source] Cause),
    /// The selection file.
    #[error("{0}")]
    Selection(String),
    /// C-MOVE needs a listener that is not running.
    #[error(
        "C-MOVE needs our storage listener: set [receiver] in the configuration, and register it at the source"
    )]
    NoReceiver,
    /// Asked to stop.
    #[error("stopped as asked; rerun to continue")]
    Stopped,
}

impl Error {
    pub(crate) fn dimse(node: &dimse::Node) -> impl Fn(dimse::Error) -> Self + use<'_> {
        move |source| Self::Dimse { node: node.to_string(), source }
    }

    /// What the error means for trying again.
    pub fn outlook(&self) -> Outlook {
        match self {
            Self::Dimse { source, .. } => match source.remedy() {
                dimse::Remedy::Permanent => Outlook::Permanent,
                dimse::Remedy::Transient => Outlook::Transient,
                dimse::Remedy::NeedsOperator => Outlook::NeedsOperator,
            },
            Self::Stopped => Outlook::Transient,
            Self::CutShort { .. } => Outlook::Permanent,
            Self::Folder(_) | Self::Taker(_) | Self::Selection(_) | Self::NoReceiver => {
                Outlook::NeedsOperator
            }
        }
    }
}
