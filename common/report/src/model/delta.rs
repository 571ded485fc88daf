//! What the source changed while the transfer was under way.

use catalogue::{ChangeClass, DeltaScope};
use jiff::Timestamp;
use serde::Serialize;

/// All that deltas found, or, at the receiving end, what volumes told of it.
#[derive(Debug, Clone, Serialize)]
pub struct Deltas {
    /// Each second listing, oldest first.
    pub runs: Vec<DeltaRun>,
    /// What they found together.
    pub classes: Vec<ClassRow>,
    /// What the source has deleted or restored, oldest first; the file of changes has all.
    pub tombstones: Vec<ChangeRow>,
    /// How many these are.
    pub tombstones_total: u64,
    /// Studies that the source knows by other keys now, oldest first; the file of changes has all.
    pub reidentified: Vec<ChangeRow>,
    /// How many these are.
    pub reidentified_total: u64,
}

/// A second listing of the source, or of a part of it.
#[derive(Debug, Clone, Serialize)]
pub struct DeltaRun {
    /// Its number.
    pub number: u32,
    /// What was listed; none where only volumes tell of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<DeltaScope>,
    /// The same in words.
    pub what: String,
    /// When the listing before it began.
    pub since: Option<Timestamp>,
    /// When it began; at the receiving end, when the first of its changes was seen.
    pub begun_at: Timestamp,
    /// When all was compared; none if it was cut off, or is not known.
    pub ended_at: Option<Timestamp>,
    /// Studies that had not changed, as far as is known.
    pub unchanged: u64,
    /// Studies that had.
    pub changed: u64,
    /// Studies that the source could not be asked for.
    pub left_out: u64,
    /// What was found.
    pub classes: Vec<ClassRow>,
}

/// How much fell into a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ClassRow {
    /// The class.
    pub class: ChangeClass,
    /// Studies; at the receiving end, studies as a whole.
    pub studies: u64,
    /// Instances of these; at the receiving end, instances of other studies.
    pub instances: u64,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChangeRow {
    /// Its number in the transfer.
    pub number: u64,
    /// The delta that found it.
    pub delta: u32,
    /// When.
    pub at: Timestamp,
    /// What it is.
    pub class: ChangeClass,
    /// Study Instance UID.
    pub study_instance_uid: String,
    /// SOP Instance UID; empty when it is the study as a whole.
    pub sop_instance_uid: String,
    /// How many instances it concerns.
    pub instances: u64,
    /// The names of the keys that differ. Their values, which identify people, are in the catalogue and in encrypted indexes.
    pub keys: Vec<&'static str>,
}

/// A class as people read it.
pub fn class_word(class: ChangeClass) -> &'static str {
    match class {
        ChangeClass::New => "NEW",
        ChangeClass::Grew => "GREW",
        ChangeClass::Shrank => "SHRANK",
        ChangeClass::Reidentified => "RE-IDENTIFIED",
        ChangeClass::Deleted => "DELETED",
        ChangeClass::Restored => "RESTORED",
    }
}
