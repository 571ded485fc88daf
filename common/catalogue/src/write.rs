//! Writing: volumes begun, segments committed on them, volumes sealed.

use rusqlite::{Connection, params};

use crate::connection::Catalogue;
use crate::copies::copies_of;
use crate::delta::changes::Untold;
use crate::error::{Error, Result};
use crate::ids::{SegmentId, VolumeId};
use crate::object::Digest;
use crate::rows::{change, first};
use crate::states::{InstanceState, SegmentState, VolumeState};
use crate::time::Millis;
use crate::transition::{advance, advance_all, advance_from};
use crate::volumes::{NewVolume, files_json, insert};

/// What a commit made durable on a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Commit<'a> {
    /// Each segment and its file number on the volume.
    pub segments: &'a [(SegmentId, u64)],
    /// Names of all committed files of the volume so far, in order.
    pub files: &'a [String],
    /// All bytes committed on the volume so far.
    pub bytes: u64,
}

impl Catalogue {
    /// Adds a volume whose label is about to be written.
    pub fn begin_volume(&mut self, volume: &NewVolume) -> Result<VolumeId> {
        self.durable(|tx| insert(tx, volume, VolumeState::Labelling))
    }

    /// Records that the label is committed: the volume is open.
    pub fn label_committed(&mut self, id: VolumeId, files: &[String], bytes: u64) -> Result<()> {
        self.durable(|tx| {
            advance(tx, id.0, VolumeState::Open, &[("files = ?", &files_json(files)), ("bytes = ?", &bytes)])
        })
    }

    /// Records that a volume that holds nothing but its label is about to be labelled anew.
    pub fn label_again(&mut self, id: VolumeId) -> Result<()> {
        self.durable(|tx| {
            let is_empty = "SELECT NOT EXISTS (SELECT 1 FROM placement WHERE volume_id = ?)";
            // A volume with segments is not to be labelled: the step is refused as one from no state.
            let from: &[VolumeState] = match first(tx, is_empty, [id], |row| row.get::<_, bool>(0))? {
                Some(true) => &[VolumeState::Open],
                _ => &[],
            };
            advance_from(
                tx,
                id.0,
                from,
                VolumeState::Labelling,
                &[("files = ?", &files_json(&[])), ("bytes = ?", &0)],
            )
        })
    }

    /// Records that a volume in work was found on another medium than it was on last.
    pub fn volume_moved(&mut self, id: VolumeId, medium: &str) -> Result<()> {
        self.durable(|tx| {
            change(tx, "UPDATE volume SET medium = ? WHERE id = ?", params![medium, id]).map(drop)
        })
    }

    /// Records that segments are committed on an open volume, in one durable transaction. Those that are now on all of
    /// `copies` are written, with all their instances, and returned: the spool need not keep them. Saying the same twice
    /// does no harm.
    pub fn segments_written(
        &mut self,
        id: VolumeId,
        commit: &Commit<'_>,
        copies: u32,
    ) -> Result<Vec<SegmentId>> {
        self.durable(|tx| {
            let columns: [(&str, &dyn rusqlite::ToSql); 2] =
                [("files = ?", &files_json(commit.files)), ("bytes = ?", &commit.bytes)];
            advance_from(tx, id.0, &[VolumeState::Open], VolumeState::Open, &columns)?;
            let mut written = Vec::new();
            for &(segment, file_number) in commit.segments {
                place(tx, id, segment, file_number, Some(Millis::now()), true)?;
                if copies_of(tx, segment)? >= copies {
                    advance(tx, segment.0, SegmentState::Written, &[])?;
                    write_instances(tx, segment)?;
                    written.push(segment);
                }
            }
            Ok(written)
        })
    }

    /// Records that index and trailer are committed. Its index tells these changes of the source.
    pub fn seal_volume(
        &mut self,
        id: VolumeId,
        index_blake3: &Digest,
        files: &[String],
        bytes: u64,
        last: bool,
        told: Untold,
    ) -> Result<()> {
        self.durable(|tx| {
            advance(
                tx,
                id.0,
                VolumeState::Sealed,
                &[
                    ("index_blake3 = ?", index_blake3),
                    ("files = ?", &files_json(files)),
                    ("bytes = ?", &bytes),
                    ("last = ?", &last),
                    ("changes_after = ?", &told.after),
                    ("last_change = ?", &told.last),
                    ("sealed_at = ?", &Millis::now()),
                ],
            )
        })
    }

    /// Gives up a volume that cannot be sealed, or is damaged or lost. What is placed on it stays written: segments stand alone.
    pub fn abandon_volume(&mut self, id: VolumeId) -> Result<()> {
        self.durable(|tx| advance(tx, id.0, VolumeState::Abandoned, &[]))
    }
}

/// Notes that a segment is a volume's file; saying so again is fine, saying otherwise is not.
pub(crate) fn place(
    conn: &Connection,
    volume: VolumeId,
    segment: SegmentId,
    file_number: u64,
    written_at: Option<Millis>,
    indexed: bool,
) -> Result<()> {
    let known = first(
        conn,
        "SELECT file_number FROM placement WHERE segment_id = ? AND volume_id = ?",
        params![segment, volume],
        |row| row.get::<_, u64>(0),
    )?;
    if known == Some(file_number) {
        return Ok(());
    }
    let placed = change(
        conn,
        "INSERT INTO placement (volume_id, file_number, segment_id, written_at, indexed) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT DO NOTHING",
        params![volume, file_number, segment, written_at, indexed],
    )?;
    if placed == 0 {
        return Err(Error::PlaceTaken { segment_id: segment.0, file_number });
    }
    Ok(())
}

/// Returns how many instances were not written before.
pub(crate) fn write_instances(conn: &Connection, segment: SegmentId) -> Result<u64> {
    let step = (InstanceState::Packed, InstanceState::Written);
    advance_all(conn, step, &[], "segment_id = :segment", &[(":segment", &segment)])
}
