//! What the source changed after it was listed, as lines of an index. They are told, and never applied by a reader.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::lines::{Line, Study};

/// A study, or one instance of it, that the source deleted or took back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Number of the change in the transfer, from 1: of two about the same, the higher one holds.
    pub change: u64,
    /// Number of the delta that found it, from 1.
    pub delta: u32,
    /// When it was found.
    pub seen_at: Timestamp,
    /// Study Instance UID.
    pub study: String,
    /// SOP Instance UID; absent when it is the study as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sop_instance: Option<String>,
}

/// A study that the source knows by other keys than before: merged, moved to another patient, or corrected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reidentified {
    /// As in [`Presence`].
    pub change: u64,
    /// As in [`Presence`].
    pub delta: u32,
    /// As in [`Presence`].
    pub seen_at: Timestamp,
    /// Study Instance UID.
    pub study: String,
    /// The keys that differ, as they were.
    pub old: Study,
    /// The same keys as they are now; one that is absent has no value any more.
    pub new: Study,
}

/// Any of these lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The source deleted a study or an instance.
    Deleted(Presence),
    /// What the source had deleted is there again.
    Restored(Presence),
    /// The source changed the keys of a study.
    Reidentified(Box<Reidentified>),
}

impl From<Change> for Line {
    fn from(change: Change) -> Self {
        match change {
            Change::Deleted(presence) => Self::Deleted(presence),
            Change::Restored(presence) => Self::Restored(presence),
            Change::Reidentified(reidentified) => Self::Reidentified(reidentified),
        }
    }
}

impl TryFrom<Line> for Change {
    /// A line of another kind.
    type Error = Line;

    fn try_from(line: Line) -> Result<Self, Line> {
        match line {
            Line::Deleted(presence) => Ok(Self::Deleted(presence)),
            Line::Restored(presence) => Ok(Self::Restored(presence)),
            Line::Reidentified(reidentified) => Ok(Self::Reidentified(reidentified)),
            other => Err(other),
        }
    }
}
