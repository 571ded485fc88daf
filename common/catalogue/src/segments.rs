//! Segments as rows, and the objects in them.

use jiff::Timestamp;
use rusqlite::{Connection, Params, Row, params};

use crate::connection::Reader;
use crate::error::{Error, Result};
use crate::ids::{SegmentId, VolumeId};
use crate::object::{Digest, PackedObject, packed_object, select_object};
use crate::rows::{all, change, each, first};
use crate::states::{InstanceState, SegmentState};
use crate::time::Millis;

/// What makes a segment, wherever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSegment {
    /// Its number in the transfer, from 1.
    pub number: u64,
    /// Its file name, in the spool and on the medium.
    pub file: String,
    /// Length of the sealed file.
    pub bytes: u64,
    /// BLAKE3 of the sealed file.
    pub blake3: Digest,
    /// Length of the tar inside.
    pub plain_bytes: u64,
    /// BLAKE3 of the tar inside.
    pub plain_blake3: Digest,
    /// Objects in it.
    pub objects: u64,
    /// Its frames, as JSON.
    pub frames: String,
    /// True for what was sealed here, or is listed by a volume's index. False for what was found on a volume without
    /// one: bytes and digests may be those of damage, and give way to the first index that lists the segment.
    pub indexed: bool,
}

/// A segment that the catalogue knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentRow {
    /// The segment's row.
    pub id: SegmentId,
    /// Where it is.
    pub state: SegmentState,
    /// When it was sealed, or first seen (`t2p`).
    pub sealed_at: Timestamp,
    /// What it is.
    pub segment: NewSegment,
}

const COLUMNS: &str = "s.id, s.state, s.sealed_at, s.number, s.file, s.bytes, s.blake3, s.plain_bytes, s.plain_blake3, s.objects, s.frames,
    s.indexed";

impl Reader {
    /// The number that the next segment gets.
    pub fn next_segment_number(&self) -> Result<u64> {
        let next = first(&self.conn, "SELECT ifnull(max(number), 0) + 1 FROM segment", [], |row| row.get(0))?;
        Ok(next.unwrap_or(1))
    }

    /// The segments in `state` with numbers above `after`, in order of number.
    pub fn segments_in(&self, state: SegmentState, after: u64, limit: usize) -> Result<Vec<SegmentRow>> {
        let condition = "WHERE s.state = ? AND s.number > ? ORDER BY s.number LIMIT ?";
        select(&self.conn, condition, params![state, after, limit])
    }

    /// How many segments are in `state`, and their sealed bytes in all.
    pub fn segments_total(&self, state: SegmentState) -> Result<(u64, u64)> {
        const SQL: &str = "SELECT count(*), ifnull(sum(bytes), 0) FROM segment WHERE state = ?";
        let total = first(&self.conn, SQL, [state], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(total.unwrap_or_default())
    }

    /// The number of a segment.
    pub fn segment_number(&self, id: SegmentId) -> Result<u64> {
        first(&self.conn, "SELECT number FROM segment WHERE id = ?", [id], |row| row.get(0))?
            .ok_or_else(|| Error::Unknown { what: "segment", id: id.to_string() })
    }

    /// Whether any object of the segment has failed.
    pub fn has_failures(&self, id: SegmentId) -> Result<bool> {
        const SQL: &str = "SELECT EXISTS (SELECT 1 FROM instance WHERE segment_id = ? AND state = ?)";
        Ok(first(&self.conn, SQL, params![id, InstanceState::Failed], |row| row.get(0))?.unwrap_or(false))
    }

    /// A segment by its number.
    pub fn segment(&self, number: u64) -> Result<Option<SegmentRow>> {
        by_number(&self.conn, number)
    }

    /// Calls `visit` for each segment on a volume with its file number, in the volume's order.
    pub fn each_segment_of_volume<E: From<Error>>(
        &self,
        volume_id: VolumeId,
        mut visit: impl FnMut(u64, SegmentRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = format!(
            "SELECT {COLUMNS}, p.file_number FROM segment s JOIN placement p ON p.segment_id = s.id
             WHERE p.volume_id = ? ORDER BY p.file_number"
        );
        let read = |row: &Row<'_>| Ok((row.get("file_number")?, segment_row(row)?));
        each(&self.conn, &sql, [volume_id], read, |(file_number, segment)| visit(file_number, segment))
    }

    /// Calls `visit` for each object of a segment, in the order of its tar.
    pub fn each_object_of_segment<E: From<Error>>(
        &self,
        segment_id: SegmentId,
        visit: impl FnMut(PackedObject) -> Result<(), E>,
    ) -> Result<(), E> {
        let sql = select_object(&[], "WHERE i.segment_id = ? ORDER BY i.tar_offset");
        each(&self.conn, &sql, [segment_id], packed_object, visit)
    }
}

pub(crate) fn insert(conn: &Connection, segment: &NewSegment, state: SegmentState) -> Result<SegmentId> {
    let NewSegment { number, file, bytes, blake3, plain_bytes, plain_blake3, objects, frames, indexed } =
        segment;
    Ok(conn
        .prepare_cached(
            "INSERT INTO segment (number, state, file, bytes, blake3, plain_bytes, plain_blake3, objects, frames,
             indexed, sealed_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )?
        .query_row(
            params![
                number, state, file, bytes, blake3, plain_bytes, plain_blake3, objects, frames, indexed,
                Millis::now()
            ],
            |row| row.get(0),
        )?)
}

/// Describes a segment anew; its state and objects stay.
pub(crate) fn redescribe(conn: &Connection, id: SegmentId, segment: &NewSegment) -> Result<()> {
    let NewSegment { number: _, file, bytes, blake3, plain_bytes, plain_blake3, objects, frames, indexed } =
        segment;
    change(
        conn,
        "UPDATE segment SET file = ?, bytes = ?, blake3 = ?, plain_bytes = ?, plain_blake3 = ?, objects = ?,
         frames = ?, indexed = ? WHERE id = ?",
        params![file, bytes, blake3, plain_bytes, plain_blake3, objects, frames, indexed, id],
    )?;
    Ok(())
}

pub(crate) fn by_number(conn: &Connection, number: u64) -> Result<Option<SegmentRow>> {
    Ok(select(conn, "WHERE s.number = ?", [number])?.pop())
}

pub(crate) fn by_id(conn: &Connection, id: SegmentId) -> Result<SegmentRow> {
    select(conn, "WHERE s.id = ?", [id])?
        .pop()
        .ok_or_else(|| Error::Unknown { what: "segment", id: id.to_string() })
}

pub(crate) fn select(conn: &Connection, condition: &str, params: impl Params) -> Result<Vec<SegmentRow>> {
    all(conn, &format!("SELECT {COLUMNS} FROM segment s {condition}"), params, segment_row)
}

fn segment_row(row: &Row<'_>) -> rusqlite::Result<SegmentRow> {
    Ok(SegmentRow {
        id: row.get(0)?,
        state: row.get(1)?,
        sealed_at: row.get::<_, Millis>(2)?.0,
        segment: NewSegment {
            number: row.get(3)?,
            file: row.get(4)?,
            bytes: row.get(5)?,
            blake3: row.get(6)?,
            plain_bytes: row.get(7)?,
            plain_blake3: row.get(8)?,
            objects: row.get(9)?,
            frames: row.get(10)?,
            indexed: row.get(11)?,
        },
    })
}
