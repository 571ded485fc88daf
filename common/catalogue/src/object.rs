//! Objects as the later stages need them: identity, digests and where the bytes are.

use rusqlite::Row;

use crate::ids::{InstanceId, SegmentId, StudyId};

/// A BLAKE3 digest.
pub type Digest = [u8; 32];

/// Where an object's dataset begins, and its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dataset {
    /// First byte of the dataset, from the object's first byte.
    pub offset: u64,
    /// BLAKE3 of the bytes from there to the object's end.
    pub blake3: Digest,
}

/// An object whose bytes have been seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The instance's row.
    pub id: InstanceId,
    /// The study's row.
    pub study_id: StudyId,
    /// Study Instance UID.
    pub study_uid: String,
    /// Series Instance UID.
    pub series_uid: String,
    /// Modality of the series.
    pub modality: Option<String>,
    /// SOP Instance UID.
    pub sop_instance: String,
    /// SOP Class UID.
    pub sop_class: Option<String>,
    /// A folder source's relative path, as bytes.
    pub source_ref: Option<Vec<u8>>,
    /// False when it arrived though the source had not listed it.
    pub listed: bool,
    /// Transfer Syntax UID.
    pub transfer_syntax: Option<String>,
    /// Length of the whole object.
    pub bytes: u64,
    /// BLAKE3 of the whole object.
    pub blake3: Digest,
    /// Its dataset, where one could be told apart.
    pub dataset: Option<Dataset>,
    /// What was odd about it.
    pub findings: Option<String>,
}

/// An object in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedObject {
    /// The object.
    pub object: Object,
    /// The segment that holds it.
    pub segment_id: SegmentId,
    /// Its name in the segment's tar.
    pub member: String,
    /// Where its first byte lies in the tar inside the segment.
    pub tar_offset: u64,
    /// `t2p`: where its bytes begin in the spool, once loaded.
    pub spool_offset: Option<u64>,
}

const COLUMNS: &str = "i.id, i.study_id, s.uid, e.uid, e.modality, i.sop_instance, i.sop_class, i.source_ref,
    i.listed, i.transfer_syntax, i.bytes, i.blake3, i.dataset_offset, i.dataset_blake3, i.findings, i.spool_offset,
    i.intake_id, i.segment_id, i.member, i.tar_offset";
const TABLES: &str = "instance i JOIN series e ON e.id = i.series_id JOIN study s ON s.id = i.study_id";

/// Index of the first column that [`select_object`] was given besides the object's own.
pub(crate) const FURTHER_COLUMN: usize = 20;

/// A query for objects: `further` columns besides, then `rest` (joins, condition, order) on `i` (instance), `e`
/// (series) and `s` (study).
pub(crate) fn select_object(further: &[&str], rest: &str) -> String {
    let columns = [&[COLUMNS], further].concat().join(", ");
    format!("SELECT {columns} FROM {TABLES} {rest}")
}

/// The name of an object in a segment's tar, unless it is unsafe or taken.
pub(crate) const CANONICAL_MEMBER: &str =
    "(SELECT s.uid || '/' || e.uid || '/' || instance.sop_instance || '.dcm'
    FROM series e JOIN study s ON s.id = e.study_id WHERE e.id = instance.series_id)";

pub(crate) fn object(row: &Row<'_>) -> rusqlite::Result<Object> {
    let dataset = match (row.get(12)?, row.get(13)?) {
        (Some(offset), Some(blake3)) => Some(Dataset { offset, blake3 }),
        _ => None,
    };
    Ok(Object {
        id: row.get(0)?,
        study_id: row.get(1)?,
        study_uid: row.get(2)?,
        series_uid: row.get(3)?,
        modality: row.get(4)?,
        sop_instance: row.get(5)?,
        sop_class: row.get(6)?,
        source_ref: row.get(7)?,
        listed: row.get(8)?,
        transfer_syntax: row.get(9)?,
        bytes: row.get(10)?,
        blake3: row.get(11)?,
        dataset,
        findings: row.get(14)?,
    })
}

pub(crate) fn packed_object(row: &Row<'_>) -> rusqlite::Result<PackedObject> {
    let object = object(row)?;
    let member: Option<String> = row.get(18)?;
    let member = member
        .unwrap_or_else(|| format!("{}/{}/{}.dcm", object.study_uid, object.series_uid, object.sop_instance));
    Ok(PackedObject {
        member,
        segment_id: row.get(17)?,
        tar_offset: row.get(19)?,
        spool_offset: row.get(15)?,
        object,
    })
}
