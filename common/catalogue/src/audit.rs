//! Audit: the verdict on each instance at each destination.

use rusqlite::params;

use crate::connection::{Catalogue, Reader};
use crate::error::{Error, Result};
use crate::ids::{DestinationId, InstanceId, StudyId};
use crate::rows::{all, change, each};
use crate::states::{DeliveryState, InstanceState, Verdict};

/// A verdict on one SOP Instance UID of a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictRow {
    /// Study Instance UID.
    pub study_uid: String,
    /// SOP Instance UID.
    pub sop_instance: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, where it is not Delivered.
    pub reason: Option<String>,
}

/// What we say of an instance, to be held against what the destination says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The instance's row.
    pub id: InstanceId,
    /// SOP Instance UID; several objects may claim the same.
    pub sop_instance: String,
    /// Whether other objects claim it, too: the destination can list it once only.
    pub is_shared: bool,
    /// Where it is on its way here.
    pub state: InstanceState,
    /// What is known of it at the destination; none when never tried.
    pub delivery: Option<DeliveryState>,
    /// Why it failed, here or there.
    pub reason: Option<String>,
}

impl Catalogue {
    /// Records verdicts; a later one replaces an earlier one on the same instance. One quick transaction.
    pub fn put_verdicts(&mut self, destination: DestinationId, batch: &[VerdictRow]) -> Result<()> {
        self.quick(|tx| {
            for VerdictRow { study_uid, sop_instance, verdict, reason } in batch {
                change(
                    tx,
                    "INSERT OR REPLACE INTO verdict (destination_id, study_uid, sop_instance, verdict, reason)
                     VALUES (?, ?, ?, ?, ?)",
                    params![destination, study_uid, sop_instance, verdict, reason],
                )?;
            }
            Ok(())
        })
    }

    /// Forgets all verdicts on a destination, before a new audit.
    pub fn clear_verdicts(&mut self, destination: DestinationId) -> Result<()> {
        self.quick(|tx| {
            change(tx, "DELETE FROM verdict WHERE destination_id = ?", [destination])?;
            Ok(())
        })
    }
}

impl Reader {
    /// Calls `visit` for each object of a study that is not left out and what is known of it at a destination, ordered by UID.
    pub fn each_claimed<E: From<Error>>(
        &self,
        destination: DestinationId,
        study_id: StudyId,
        visit: impl FnMut(Claimed) -> Result<(), E>,
    ) -> Result<(), E> {
        each(
            &self.conn,
            "SELECT i.id, i.sop_instance, i.state, d.state, ifnull(i.reason, d.comment),
                EXISTS (SELECT 1 FROM instance o WHERE o.sop_instance = i.sop_instance AND o.id <> i.id AND o.state <> ?3)
             FROM instance i LEFT JOIN delivery d ON d.instance_id = i.id AND d.destination_id = ?1
             WHERE i.study_id = ?2 AND i.state <> ?3 ORDER BY i.sop_instance, i.id",
            params![destination, study_id, InstanceState::Excluded],
            |row| {
                Ok(Claimed {
                    id: row.get(0)?,
                    sop_instance: row.get(1)?,
                    state: row.get(2)?,
                    delivery: row.get(3)?,
                    reason: row.get(4)?,
                    is_shared: row.get(5)?,
                })
            },
            visit,
        )
    }

    /// How many verdicts of each kind there are on a destination.
    pub fn verdict_counts(&self, destination: DestinationId) -> Result<Vec<(Verdict, u64)>> {
        all(
            &self.conn,
            "SELECT verdict, count(*) FROM verdict WHERE destination_id = ? GROUP BY verdict",
            [destination],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// Calls `visit` for each verdict on a destination, ordered by study and instance UID.
    pub fn each_verdict<E: From<Error>>(
        &self,
        destination: DestinationId,
        visit: impl FnMut(VerdictRow) -> Result<(), E>,
    ) -> Result<(), E> {
        each(
            &self.conn,
            "SELECT study_uid, sop_instance, verdict, reason FROM verdict WHERE destination_id = ?
             ORDER BY study_uid, sop_instance",
            [destination],
            |row| {
                Ok(VerdictRow {
                    study_uid: row.get(0)?,
                    sop_instance: row.get(1)?,
                    verdict: row.get(2)?,
                    reason: row.get(3)?,
                })
            },
            visit,
        )
    }
}
