//! Copies of the volume set: which segments each has, and which it still lacks.

use rusqlite::{Connection, params};

use crate::connection::Reader;
use crate::error::Result;
use crate::ids::SegmentId;
use crate::rows::{all, first};
use crate::segments::{self, SegmentRow};
use crate::states::SegmentState;

/// How far one copy of the volume set is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct CopyStanding {
    /// Which copy, from 1.
    pub copy: u32,
    /// Segments committed on its volumes.
    pub segments: u64,
    /// Their sealed bytes.
    pub bytes: u64,
    /// Segments in the spool that are on none of its volumes yet.
    pub waiting_segments: u64,
    /// Their sealed bytes.
    pub waiting_bytes: u64,
}

/// A segment of the spool that no volume of a copy holds. Few segments are in the spool, so this is asked for each.
const LACKS: &str = "NOT EXISTS (SELECT 1 FROM placement p JOIN volume v ON v.id = p.volume_id
    WHERE p.segment_id = s.id AND v.copy = ?2)";

impl Reader {
    /// The segments in the spool that are on no volume of `copy`, with numbers above `after`, in order of number.
    pub fn segments_for_copy(&self, copy: u32, after: u64, limit: usize) -> Result<Vec<SegmentRow>> {
        let condition =
            format!("WHERE s.state = ?1 AND s.number > ?3 AND {LACKS} ORDER BY s.number LIMIT ?4");
        segments::select(&self.conn, &condition, params![SegmentState::Sealed, copy, after, limit])
    }

    /// How many segments in the spool are on no volume of `copy`, and their sealed bytes in all.
    pub fn waiting_for_copy(&self, copy: u32) -> Result<(u64, u64)> {
        let sql =
            format!("SELECT count(*), ifnull(sum(s.bytes), 0) FROM segment s WHERE s.state = ?1 AND {LACKS}");
        let total = first(&self.conn, &sql, params![SegmentState::Sealed, copy], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        Ok(total.unwrap_or_default())
    }

    /// Instances that are on a volume of `copy` and wait for other copies.
    pub fn instances_ahead(&self, copy: u32) -> Result<u64> {
        let sql =
            format!("SELECT ifnull(sum(s.objects), 0) FROM segment s WHERE s.state = ?1 AND NOT {LACKS}");
        let ahead = first(&self.conn, &sql, params![SegmentState::Sealed, copy], |row| row.get(0))?;
        Ok(ahead.unwrap_or_default())
    }

    /// Where `copy` stands.
    pub fn copy_standing(&self, copy: u32) -> Result<CopyStanding> {
        const ON_VOLUMES: &str = "SELECT count(*), ifnull(sum(s.bytes), 0) FROM volume v
            JOIN placement p ON p.volume_id = v.id JOIN segment s ON s.id = p.segment_id WHERE v.copy = ?";
        let on_volumes = first(&self.conn, ON_VOLUMES, [copy], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let (segments, bytes) = on_volumes.unwrap_or_default();
        let (waiting_segments, waiting_bytes) = self.waiting_for_copy(copy)?;
        Ok(CopyStanding { copy, segments, bytes, waiting_segments, waiting_bytes })
    }

    /// The numbers of segments that count as written and are on fewer than `copies` copies, because one was lost; at
    /// most `limit`.
    pub fn segments_on_fewer_copies(&self, copies: u32, limit: usize) -> Result<Vec<u64>> {
        const SQL: &str = "SELECT s.number FROM segment s WHERE s.state = ?1
            AND (SELECT count(DISTINCT v.copy) FROM placement p JOIN volume v ON v.id = p.volume_id
                 WHERE p.segment_id = s.id) < ?2 ORDER BY s.number LIMIT ?3";
        all(&self.conn, SQL, params![SegmentState::Written, copies, limit], |row| row.get(0))
    }
}

/// On how many copies a segment is.
pub(crate) fn copies_of(conn: &Connection, segment: SegmentId) -> Result<u32> {
    const SQL: &str = "SELECT count(DISTINCT v.copy) FROM placement p JOIN volume v ON v.id = p.volume_id
        WHERE p.segment_id = ?";
    Ok(first(conn, SQL, [segment], |row| row.get(0))?.unwrap_or_default())
}
