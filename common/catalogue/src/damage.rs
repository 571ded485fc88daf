//! `p2t`: what reading volumes back showed to be wrong with them.

use rusqlite::params;

use crate::connection::{Catalogue, Reader};
use crate::error::{Error, Result};
use crate::ids::{SegmentId, VolumeId};
use crate::rows::{all, change};

/// A segment that a volume does not hold as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HarmedPlacement {
    /// The volume's row.
    pub volume: VolumeId,
    /// The volume's id on its label.
    pub uuid: String,
    /// The segment's row.
    pub segment: SegmentId,
    /// The segment's number.
    pub number: u64,
    /// Objects in it.
    pub objects: u64,
}

impl Reader {
    /// Segments that volumes do not hold as they were written, in order of volume and place.
    pub fn harmed_placements(&self) -> Result<Vec<HarmedPlacement>> {
        const SQL: &str = "SELECT p.volume_id, v.uuid, p.segment_id, s.number, s.objects FROM placement p
            JOIN volume v ON v.id = p.volume_id JOIN segment s ON s.id = p.segment_id
            WHERE p.harmed = 1 ORDER BY p.volume_id, p.file_number";
        all(&self.conn, SQL, [], |row| {
            Ok(HarmedPlacement {
                volume: row.get(0)?,
                uuid: row.get(1)?,
                segment: row.get(2)?,
                number: row.get(3)?,
                objects: row.get(4)?,
            })
        })
    }
}

impl Catalogue {
    /// Records that a volume was read back and found not as written: what is wrong with its label, index or trailer, and
    /// the numbers of the segments that are harmed. It counts as read back no more.
    pub fn volume_damaged(&mut self, id: VolumeId, unsound: Option<&str>, segments: &[u64]) -> Result<()> {
        self.durable(|tx| {
            const VOLUME: &str =
                "UPDATE volume SET verified_at = NULL, verified_how = NULL, unsound = ifnull(?2, unsound) WHERE id = ?1";
            const PLACEMENT: &str = "UPDATE placement SET harmed = 1
                WHERE volume_id = ? AND segment_id = (SELECT id FROM segment WHERE number = ?)";
            if change(tx, VOLUME, params![id, unsound])? == 0 {
                return Err(Error::Unknown { what: "volume", id: id.to_string() });
            }
            segments.iter().try_for_each(|number| change(tx, PLACEMENT, params![id, number]).map(|_| ()))
        })
    }
}
