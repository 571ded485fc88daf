//! Rows that pass by in any number: studies and instances; and conflicts, which are few.

use serde::Serialize;

use super::{Equation, Verdict};

/// One study.
#[derive(Debug, Clone, Serialize)]
pub struct StudyRow {
    /// Study Instance UID; for a folder source's files without one, the folder's path within the source.
    pub study_instance_uid: String,
    /// Whether the row stands for files outside any study: it counts in instances, but not as a study.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub outside_studies: bool,
    /// Study Date as in DICOM, `YYYYMMDD`; empty if unknown.
    pub study_date: String,
    /// Modalities in Study.
    pub modalities: Vec<String>,
    /// The balance of its instances.
    pub instances: Equation,
    /// Instances at the destination that no volume carries.
    pub extra: u64,
    /// Bytes of the instances that are done.
    pub bytes: u64,
    /// The worst verdict among its instances.
    pub verdict: Verdict,
    /// Why, in short sentences; the most frequent first.
    pub reasons: Vec<String>,
}

impl StudyRow {
    /// The study as an equation of one: pending if any instance is pending or still to be listed, else failed if
    /// any failed, else done if any is done, else excluded. A study without listed instances goes by its verdict.
    pub fn as_equation(&self) -> Equation {
        if self.outside_studies {
            return Equation::default();
        }
        let one = Equation { listed: 1, ..Equation::default() };
        let of = self.instances;
        if of.listed == 0 {
            return match self.verdict {
                Verdict::Extra => Equation::default(),
                Verdict::Delivered | Verdict::Written => Equation { done: 1, ..one },
                Verdict::Excluded => Equation { excluded: 1, ..one },
                Verdict::Pending | Verdict::NotArrived => Equation { pending: 1, ..one },
                Verdict::Failed | Verdict::Missing => Equation { failed: 1, ..one },
            };
        }
        if of.pending > 0 || self.verdict == Verdict::Pending {
            Equation { pending: 1, ..one }
        } else if of.failed > 0 {
            Equation { failed: 1, ..one }
        } else if of.done > 0 {
            Equation { done: 1, ..one }
        } else {
            Equation { excluded: 1, ..one }
        }
    }

    /// Whether the row has nothing to explain.
    pub fn is_clean(&self) -> bool {
        matches!(self.verdict, Verdict::Delivered | Verdict::Written)
            && self.instances.done == self.instances.listed
            && self.extra == 0
            && self.reasons.is_empty()
    }

    /// Whether somebody has to look at it.
    pub fn is_discrepancy(&self) -> bool {
        self.verdict.is_discrepancy()
            || self.extra > 0
            || self.instances.failed > 0
            || !self.instances.holds()
    }
}

/// One instance.
#[derive(Debug, Clone, Serialize)]
pub struct InstanceRow {
    /// Study Instance UID.
    pub study_instance_uid: String,
    /// Series Instance UID.
    pub series_instance_uid: String,
    /// SOP Instance UID, or a file's path within the source where it has none.
    pub sop_instance_uid: String,
    /// SOP Class UID.
    pub sop_class_uid: String,
    /// Transfer Syntax UID.
    pub transfer_syntax_uid: String,
    /// Length of the object's file.
    pub bytes: Option<u64>,
    /// BLAKE3 of the object's file; empty if there is none.
    pub blake3: String,
    /// Volume id; empty if on none.
    pub volume: String,
    /// Segment number in the transfer.
    pub segment: Option<u32>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why; empty if clean.
    pub reason: String,
}

/// A SOP Instance UID that objects of different bytes claim. All of them travel.
#[derive(Debug, Clone, Serialize)]
pub struct Conflict {
    /// The UID.
    pub sop_instance_uid: String,
    /// The objects that claim it.
    pub objects: Vec<ConflictObject>,
}

/// One of the objects in a conflict.
#[derive(Debug, Clone, Serialize)]
pub struct ConflictObject {
    /// BLAKE3 of the object's file.
    pub blake3: String,
    /// Length of the object's file.
    pub bytes: u64,
    /// Where it came from or lies: a file of the source, or a segment and member.
    pub origin: String,
    /// What became of it.
    pub verdict: Verdict,
}
