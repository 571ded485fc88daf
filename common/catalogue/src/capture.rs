//! Capture: what is still to fetch, and objects becoming durable in the spool.

use rusqlite::params;

use crate::claims;
use crate::connection::{Catalogue, Reader};
use crate::error::Result;
use crate::ids::{InstanceId, IntakeId, StudyId};
use crate::object::{Dataset, Digest};
use crate::plan::InstanceRow;
use crate::rows::all;
use crate::states::InstanceState;
use crate::study::{self, PlanPosition, PlannedStudy};

/// An instance still to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingInstance {
    /// The instance's row; start of the next page.
    pub id: InstanceId,
    /// Series Instance UID.
    pub series_uid: String,
    /// SOP Instance UID.
    pub sop_instance: String,
    /// SOP Class UID, where the source told it.
    pub sop_class: Option<String>,
    /// A folder source's relative path, as bytes.
    pub source_ref: Option<Vec<u8>>,
    /// Its size, where the source told it.
    pub bytes: Option<u64>,
}

impl From<InstanceRow> for PendingInstance {
    /// An instance that was listed and is in no plan.
    fn from(row: InstanceRow) -> Self {
        let InstanceRow { series_uid, sop_instance, sop_class, source_ref, bytes, .. } = row;
        Self { id: InstanceId::default(), series_uid, sop_instance, sop_class, source_ref, bytes }
    }
}

/// Which instance an object claims to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureKey {
    /// The row it was fetched for.
    Instance(InstanceId),
    /// The UIDs it came with, in answer to a request for a study.
    Uids {
        /// The study that was asked for.
        study_id: StudyId,
        /// Series Instance UID.
        series_uid: String,
        /// SOP Instance UID.
        sop_instance: String,
        /// SOP Class UID.
        sop_class: String,
    },
    /// The same, of an object that cannot be what it came as: it travels, and the instance counts as missing.
    Doubtful {
        /// The study that was asked for.
        study_id: StudyId,
        /// Series Instance UID.
        series_uid: String,
        /// SOP Instance UID.
        sop_instance: String,
        /// SOP Class UID.
        sop_class: String,
    },
}

/// An object whose bytes are fsynced in an intake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// Which instance it is.
    pub key: CaptureKey,
    /// The intake that holds it.
    pub intake_id: IntakeId,
    /// Its first byte in the intake.
    pub offset: u64,
    /// Length of the whole object.
    pub bytes: u64,
    /// BLAKE3 of the whole object.
    pub blake3: Digest,
    /// Its dataset, where one could be told apart.
    pub dataset: Option<Dataset>,
    /// Transfer Syntax UID.
    pub transfer_syntax: Option<String>,
    /// What was odd about it.
    pub findings: Option<String>,
}

/// What became of a captured object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CaptureOutcome {
    /// The listed instance is captured.
    Captured,
    /// It does not stand for the instance that it came as; it travels all the same.
    Doubtful,
    /// The source had not listed it; it travels all the same.
    Unlisted,
    /// The same bytes are held already; these are not needed.
    Duplicate,
    /// Other bytes under the same SOP Instance UID are held already; both travel.
    Conflict,
    /// Another file of the source, or an earlier version, is the same instance, byte for byte; this one is now excluded.
    Copy,
    /// The instance is excluded; these bytes are not needed.
    Excluded,
}

impl Catalogue {
    /// Records objects whose bytes are durable in intakes; one durable transaction. Returns for each what became of
    /// it, and the row that now stands for it.
    pub fn record_captured(&mut self, batch: &[Captured]) -> Result<Vec<(CaptureOutcome, InstanceId)>> {
        self.durable(|tx| batch.iter().map(|captured| claims::record(tx, captured)).collect())
    }
}

impl Reader {
    /// The studies with pending instances that wait for nothing, in plan order.
    pub fn studies_to_fetch(&self, after: PlanPosition, limit: usize) -> Result<Vec<PlannedStudy>> {
        let condition = format!("waits_until IS NULL AND {}", study::has(InstanceState::Pending));
        study::page(&self.conn, &condition, &[], after, limit)
    }

    /// The pending instances of a study after `after`, in the order they were listed.
    pub fn pending_instances(
        &self,
        study_id: StudyId,
        after: InstanceId,
        limit: usize,
    ) -> Result<Vec<PendingInstance>> {
        all(
            &self.conn,
            "SELECT i.id, e.uid, i.sop_instance, i.sop_class, i.source_ref, i.bytes
             FROM instance i JOIN series e ON e.id = i.series_id
             WHERE i.study_id = ? AND i.state = 0 AND i.id > ? ORDER BY i.id LIMIT ?",
            params![study_id, after, limit],
            |row| {
                Ok(PendingInstance {
                    id: row.get(0)?,
                    series_uid: row.get(1)?,
                    sop_instance: row.get(2)?,
                    sop_class: row.get(3)?,
                    source_ref: row.get(4)?,
                    bytes: row.get(5)?,
                })
            },
        )
    }
}
