//! Loading: segments and their objects arriving in the spool, checked.

use rusqlite::{Connection, ToSql, params};

use crate::connection::Catalogue;
use crate::error::{Error, Result};
use crate::ids::{InstanceId, SegmentId, VolumeId};
use crate::rows::first;
use crate::states::{InstanceState, SegmentState, VolumeState};
use crate::transition::{advance, advance_all};

/// What became of a segment's objects when it was read.
#[derive(Debug, Clone, Copy)]
pub struct LoadedSegment<'a> {
    /// Those that are in the spool with the right digests, each with its first byte there.
    pub loaded: &'a [(InstanceId, u64)],
    /// Those that could not be read right, each with its reason.
    pub damaged: &'a [(InstanceId, String)],
}

impl Catalogue {
    /// Records a segment that was read, with all its objects, in one durable transaction: after a crash it is either
    /// loaded or still to be loaded. Returns how many of them had failed before.
    pub fn load_segment(&mut self, id: SegmentId, found: &LoadedSegment<'_>) -> Result<u64> {
        self.durable(|tx| {
            const FAILED: &str = "SELECT count(*) FROM instance WHERE segment_id = ? AND state = ?";
            let failed_before = first(tx, FAILED, params![id, InstanceState::Failed], |row| row.get(0))?;
            for &(instance, spool_offset) in found.loaded {
                belongs(tx, instance, id)?;
                load(tx, instance, spool_offset)?;
            }
            for (instance, reason) in found.damaged {
                belongs(tx, *instance, id)?;
                fail(tx, *instance, reason)?;
            }
            let state = if found.damaged.is_empty() { SegmentState::Loaded } else { SegmentState::Damaged };
            advance(tx, id.0, state, &[])?;
            Ok(failed_before.unwrap_or_default())
        })
    }

    /// Puts a segment back to be loaded, because its spool file is gone or a better copy is here; its objects become
    /// pending, what is delivered stays delivered. Returns how many objects.
    pub fn reload_segment(&mut self, id: SegmentId) -> Result<u64> {
        self.quick(|tx| {
            advance(tx, id.0, SegmentState::Known, &[])?;
            let mut objects = 0;
            for from in [InstanceState::Loaded, InstanceState::Failed, InstanceState::Excluded] {
                let step = (from, InstanceState::Pending);
                let forget = ["reason = NULL", "spool_offset = NULL"];
                objects += advance_all(tx, step, &forget, "segment_id = :segment", &[(":segment", &id)])?;
            }
            Ok(objects)
        })
    }

    /// Records that all segments of a volume are done with.
    pub fn volume_done(&mut self, id: VolumeId) -> Result<()> {
        self.quick(|tx| advance(tx, id.0, VolumeState::Done, &[]))
    }
}

fn load(conn: &Connection, id: InstanceId, spool_offset: u64) -> Result<()> {
    let reason = None::<String>;
    let values: [(&str, &dyn ToSql); 2] = [("spool_offset = ?", &spool_offset), ("reason = ?", &reason)];
    advance(conn, id.0, InstanceState::Loaded, &values)
}

fn fail(conn: &Connection, id: InstanceId, reason: &str) -> Result<()> {
    advance(conn, id.0, InstanceState::Failed, &[("reason = ?", &reason)])
}

fn belongs(conn: &Connection, id: InstanceId, segment: SegmentId) -> Result<()> {
    const SQL: &str = "SELECT 1 FROM instance WHERE id = ? AND segment_id = ?";
    first(conn, SQL, params![id, segment], |_| Ok(()))?
        .ok_or_else(|| Error::NotAMember { instance_id: id.0, owner: format!("segment {segment}") })
}
