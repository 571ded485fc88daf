//! Where instances stand.

use rusqlite::{Params, Row, params};
use uuid::Uuid;

use super::{VOLUME, uuid};
use crate::connection::Reader;
use crate::error::Result;
use crate::ids::{DestinationId, InstanceId, StudyId};
use crate::object::Digest;
use crate::rows::all;
use crate::states::{DeliveryState, InstanceState, Verdict};

/// The states of instances in the order of their numbers.
const IN_ORDER: [InstanceState; 7] = [
    InstanceState::Pending,
    InstanceState::Captured,
    InstanceState::Packed,
    InstanceState::Written,
    InstanceState::Loaded,
    InstanceState::Excluded,
    InstanceState::Failed,
];

/// An instance, where it is and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceStanding {
    /// The instance's row.
    pub id: InstanceId,
    /// Study Instance UID.
    pub study_uid: String,
    /// Series Instance UID.
    pub series_uid: String,
    /// SOP Instance UID.
    pub sop_instance: String,
    /// SOP Class UID.
    pub sop_class: Option<String>,
    /// Transfer Syntax UID.
    pub transfer_syntax: Option<String>,
    /// A folder source's relative path, as bytes.
    pub source_ref: Option<Vec<u8>>,
    /// Length of the whole object, or the source's hint.
    pub bytes: Option<u64>,
    /// BLAKE3 of the whole object, once its bytes were seen.
    pub blake3: Option<Digest>,
    /// Where it is on its way.
    pub state: InstanceState,
    /// Why it was left out or given up.
    pub reason: Option<String>,
    /// The number of the segment that holds it.
    pub segment: Option<u64>,
    /// A volume that holds the segment.
    pub volume: Option<Uuid>,
    /// What is known of it at the destination; none when never tried, or no destination was asked about.
    pub delivery: Option<DeliveryState>,
    /// What the destination said.
    pub comment: Option<String>,
    /// What the last audit found.
    pub verdict: Option<Verdict>,
}

/// A place among the instances of a study, which are ordered by state; the default lies before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandingCursor {
    state: InstanceState,
    after: InstanceId,
}

impl Default for StandingCursor {
    fn default() -> Self {
        Self::before(InstanceState::Pending)
    }
}

impl StandingCursor {
    /// Before the first instance in `state`.
    pub fn before(state: InstanceState) -> Self {
        Self { state, after: InstanceId(i64::MIN) }
    }

    /// After `instance`.
    pub fn after(instance: &InstanceStanding) -> Self {
        Self { state: instance.state, after: instance.id }
    }
}

impl Reader {
    /// The instances of a study from `cursor` on, ordered by state, and what is known of them at a destination;
    /// none when there are no more.
    pub fn instance_standings(
        &self,
        study: StudyId,
        destination: Option<DestinationId>,
        cursor: StandingCursor,
        limit: usize,
    ) -> Result<Vec<InstanceStanding>> {
        // State by state, as the index has them: else a page would have to sort all of a large study.
        for state in IN_ORDER.into_iter().filter(|state| *state >= cursor.state) {
            let after = if state == cursor.state { cursor.after } else { InstanceId(i64::MIN) };
            let rest = "WHERE i.study_id = ?2 AND i.state = ?3 AND i.id > ?4 ORDER BY i.id LIMIT ?5";
            let page = self.standings(rest, params![destination, study, state, after, limit])?;
            if !page.is_empty() {
                return Ok(page);
            }
        }
        Ok(Vec::new())
    }

    /// The objects that claim a SOP Instance UID and whose bytes were seen.
    pub fn claimants(
        &self,
        sop_instance: &str,
        destination: Option<DestinationId>,
        limit: usize,
    ) -> Result<Vec<InstanceStanding>> {
        let rest = "WHERE i.sop_instance = ?2 AND i.blake3 IS NOT NULL ORDER BY i.id LIMIT ?3";
        self.standings(rest, params![destination, sop_instance, limit])
    }

    fn standings(&self, rest: &str, values: impl Params) -> Result<Vec<InstanceStanding>> {
        let sql = format!(
            "SELECT i.id, s.uid, e.uid, i.sop_instance, i.sop_class, i.transfer_syntax, i.source_ref, i.bytes,
                i.blake3, i.state, i.reason, g.number, {VOLUME}, d.state, d.comment, v.verdict
             FROM instance i JOIN series e ON e.id = i.series_id JOIN study s ON s.id = i.study_id
             LEFT JOIN segment g ON g.id = i.segment_id
             LEFT JOIN delivery d ON d.instance_id = i.id AND d.destination_id = ?1
             LEFT JOIN verdict v ON v.destination_id = ?1 AND v.study_uid = s.uid AND v.sop_instance = i.sop_instance
             {rest}"
        );
        all(&self.conn, &sql, values, standing)
    }
}

fn standing(row: &Row<'_>) -> rusqlite::Result<InstanceStanding> {
    Ok(InstanceStanding {
        id: row.get(0)?,
        study_uid: row.get(1)?,
        series_uid: row.get(2)?,
        sop_instance: row.get(3)?,
        sop_class: row.get(4)?,
        transfer_syntax: row.get(5)?,
        source_ref: row.get(6)?,
        bytes: row.get(7)?,
        blake3: row.get(8)?,
        state: row.get(9)?,
        reason: row.get(10)?,
        segment: row.get(11)?,
        volume: uuid(row, 12)?,
        delivery: row.get(13)?,
        comment: row.get(14)?,
        verdict: row.get(15)?,
    })
}
