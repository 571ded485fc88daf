//! Where studies, instances and files stand, page by page: what a report lists besides its sums.

mod instance;
mod study;

use rusqlite::{Row, Transaction, params};
use uuid::Uuid;

use crate::audit::VerdictRow;
use crate::connection::Reader;
use crate::error::Result;
use crate::ids::DestinationId;
use crate::rows::all;
use crate::states::{OddityState, Verdict};

pub use instance::{InstanceStanding, StandingCursor};
pub use study::StudyStanding;

/// Keeps a [`Reader`]'s answers of one moment until it is dropped, while another process goes on writing.
#[derive(Debug)]
pub struct Snapshot<'a>(#[expect(dead_code, reason = "held for its end")] Transaction<'a>);

/// A listed file that is no DICOM object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OddityRow {
    /// The row; start of the next page.
    pub id: i64,
    /// Its path within the folder source, as bytes.
    pub source_ref: Vec<u8>,
    /// Its length.
    pub bytes: Option<u64>,
    /// Left out or unreadable.
    pub state: OddityState,
    /// Why.
    pub reason: String,
}

/// A segment that could not be read whole, or of which objects could not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HarmedSegment {
    /// Its number in the transfer.
    pub number: u64,
    /// A volume that holds it.
    pub volume: Option<Uuid>,
    /// Objects that failed.
    pub harmed: u64,
    /// The reason of one of them.
    pub reason: Option<String>,
    /// A few SOP Instance UIDs.
    pub examples: Vec<String>,
}

/// A volume that holds the segment `g`.
const VOLUME: &str = "(SELECT v.uuid FROM placement p JOIN volume v ON v.id = p.volume_id
    WHERE p.segment_id = g.id ORDER BY v.copy, v.id LIMIT 1)";

impl Reader {
    /// Makes all answers come from one moment until the snapshot is dropped.
    pub fn snapshot(&self) -> Result<Snapshot<'_>> {
        Ok(Snapshot(self.conn.unchecked_transaction()?))
    }

    /// The listed files after `after` (0 at the start) that are no DICOM objects.
    pub fn oddities(&self, after: i64, limit: usize) -> Result<Vec<OddityRow>> {
        const SQL: &str =
            "SELECT id, source_ref, bytes, state, reason FROM oddity WHERE id > ? ORDER BY id LIMIT ?";
        all(&self.conn, SQL, params![after, limit], |row| {
            Ok(OddityRow {
                id: row.get(0)?,
                source_ref: row.get(1)?,
                bytes: row.get(2)?,
                state: row.get(3)?,
                reason: row.get(4)?,
            })
        })
    }

    /// What the last audit found beyond the manifest after a study and instance UID, ordered by both.
    pub fn extras(
        &self,
        destination: DestinationId,
        after: (&str, &str),
        limit: usize,
    ) -> Result<Vec<VerdictRow>> {
        const SQL: &str = "SELECT study_uid, sop_instance, verdict, reason FROM verdict
            WHERE destination_id = ? AND (study_uid, sop_instance) > (?, ?) AND verdict = ?
            ORDER BY study_uid, sop_instance LIMIT ?";
        all(&self.conn, SQL, params![destination, after.0, after.1, Verdict::Extra, limit], |row| {
            Ok(VerdictRow {
                study_uid: row.get(0)?,
                sop_instance: row.get(1)?,
                verdict: row.get(2)?,
                reason: row.get(3)?,
            })
        })
    }

    /// Segments that could not be read whole, or of which objects could not, in order of number.
    pub fn harmed_segments(&self, limit: usize) -> Result<Vec<HarmedSegment>> {
        const EXAMPLES: &str = "SELECT sop_instance FROM instance WHERE segment_id =
            (SELECT id FROM segment WHERE number = ?) AND state = 9 LIMIT 5";
        // State 4 is Damaged; what was delivered of a damaged segment is Done, and its failed objects still tell.
        let sql = format!(
            "SELECT g.number, {VOLUME}, ifnull(f.harmed, 0), f.reason FROM segment g
             LEFT JOIN (SELECT segment_id, count(*) AS harmed, min(reason) AS reason FROM instance
                WHERE state >= 8 AND state = 9 AND segment_id IS NOT NULL GROUP BY segment_id) f
             ON f.segment_id = g.id
             WHERE g.state = 4 OR f.harmed > 0 ORDER BY g.number LIMIT ?"
        );
        let harmed = |row: &Row<'_>| {
            let volume = uuid(row, 1)?;
            let (number, harmed, reason) = (row.get(0)?, row.get(2)?, row.get(3)?);
            Ok(HarmedSegment { number, volume, harmed, reason, examples: Vec::new() })
        };
        let mut segments = all(&self.conn, &sql, [limit], harmed)?;
        for segment in &mut segments {
            segment.examples = all(&self.conn, EXAMPLES, [segment.number], |row| row.get(0))?;
        }
        Ok(segments)
    }
}

fn uuid(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Uuid>> {
    let text: Option<String> = row.get(index)?;
    Ok(text.and_then(|text| text.parse().ok()))
}
