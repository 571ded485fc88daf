//! Segments that were lost: in the spool before they were written, or on a volume afterwards.

use rusqlite::{Connection, params};

use crate::connection::Catalogue;
use crate::copies::copies_of;
use crate::error::{Error, Result};
use crate::ids::{SegmentId, VolumeId};
use crate::rows::change;
use crate::states::{InstanceState, SegmentState};
use crate::transition::{advance, advance_all, advance_from, state_of};
use crate::write::write_instances;

/// What became of the instances of a segment that was lost in one place. Each case has their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It is nowhere else: they are pending again.
    Pending(u64),
    /// Other copies have it: they count as written, on fewer copies than asked for.
    FewerCopies(u64),
    /// It is still in the spool, and goes onto the next volume.
    InSpool,
}

impl Catalogue {
    /// Records that the spool file of a sealed segment is lost. Refuses a segment that the spool need not have any
    /// more.
    pub fn lose_spooled_segment(&mut self, id: SegmentId) -> Result<Loss> {
        self.durable(|tx| {
            // Moves nowhere; refuses every state but Sealed.
            advance_from(tx, id.0, &[SegmentState::Sealed], SegmentState::Sealed, &[])?;
            if copies_of(tx, id)? == 0 {
                return Ok(Loss::Pending(forget(tx, id, InstanceState::Packed)?));
            }
            advance(tx, id.0, SegmentState::Written, &[])?;
            Ok(Loss::FewerCopies(write_instances(tx, id)?))
        })
    }

    /// Records that a segment that was committed on a volume is not there any more.
    pub fn lose_placement(&mut self, volume: VolumeId, id: SegmentId) -> Result<Loss> {
        self.durable(|tx| {
            let gone = "DELETE FROM placement WHERE volume_id = ? AND segment_id = ?";
            if change(tx, gone, params![volume, id])? == 0 {
                return Err(Error::Unknown { what: "segment on the volume", id: id.to_string() });
            }
            if state_of::<SegmentState>(tx, id.0)? == Some(SegmentState::Sealed) {
                return Ok(Loss::InSpool);
            }
            if copies_of(tx, id)? == 0 {
                return Ok(Loss::Pending(forget(tx, id, InstanceState::Written)?));
            }
            let of_segment = "SELECT objects FROM segment WHERE id = ?";
            let objects = crate::rows::first(tx, of_segment, [id], |row| row.get(0))?;
            Ok(Loss::FewerCopies(objects.unwrap_or_default()))
        })
    }
}

/// Forgets a segment and makes its instances pending again; returns how many. Its number is not given again: what is left
/// of it on a volume would be taken for the other.
fn forget(conn: &Connection, id: SegmentId, from: InstanceState) -> Result<u64> {
    const KEEP_NUMBER: &str =
        "INSERT INTO job SELECT 'segment_numbers_used', max(number) FROM segment WHERE true
        ON CONFLICT DO UPDATE SET value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER))";
    change(conn, KEEP_NUMBER, [])?;
    let columns = ["segment_id = NULL", "member = NULL", "tar_offset = NULL"];
    let step = (from, InstanceState::Pending);
    let forgotten = advance_all(conn, step, &columns, "segment_id = :segment", &[(":segment", &id)])?;
    change(conn, "DELETE FROM segment WHERE id = ?", [id])?;
    Ok(forgotten)
}
