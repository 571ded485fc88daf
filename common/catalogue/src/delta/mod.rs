//! Deltas: a second listing of the source held against the plan, what it found, and what that does to the balance.
//!
//! - [`Delta`] is begun, gone on with after an interruption, and ended
//! - [`relist`] the second listing, and the pairs to compare
//! - [`apply`] what a comparison changes, one transaction a study
//! - [`files`] the same for the files of a folder
//! - [`changes`] what was found, at either end

pub mod apply;
pub mod changes;
pub mod files;
pub mod relist;

use jiff::Timestamp;
use rusqlite::{Row, params};

use crate::connection::{Catalogue, Reader};
use crate::error::Result;
use crate::ids::{StudyId, VolumeId};
use crate::rows::{all, change, first};
use crate::states::DeltaScope;
use crate::time::Millis;

/// A second listing held against the plan: a run of `p2t plan --delta`, or of a part of the source during an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    /// Its number, from 1.
    pub id: u32,
    /// When the listing before it began; none if that is not on record.
    pub since: Option<Timestamp>,
    /// When it began.
    pub begun_at: Timestamp,
    /// When the studies were listed.
    pub listed_at: Option<Timestamp>,
    /// When all was compared; none if it was cut off.
    pub ended_at: Option<Timestamp>,
    /// Studies that had not changed.
    pub unchanged: u64,
    /// What it lists again.
    pub scope: DeltaScope,
    /// The volume before whose sealing it ran.
    pub volume: Option<VolumeId>,
    /// Studies that could not be asked for, or not compared.
    pub left_out: u64,
}

/// The catalogue's key for when the plan's own listing began.
const PLANNED: &str = "planned_at";

impl Catalogue {
    /// Notes that a listing for the plan begins; the first one counts.
    pub fn planning_begins(&mut self) -> Result<()> {
        if self.job(PLANNED)?.is_none() {
            self.set_job(PLANNED, &Timestamp::now().to_string())?;
        }
        Ok(())
    }

    /// Begins a delta, or goes on with one that was cut off: what that one recorded stays, and the source is listed anew.
    pub fn begin_delta(&mut self) -> Result<Delta> {
        let planned = self.job(PLANNED)?.and_then(|text| text.parse::<Timestamp>().ok());
        self.quick(|tx| {
            change(tx, "DELETE FROM relisted", [])?;
            let again = "UPDATE delta SET begun_at = ? WHERE ended_at IS NULL AND scope = 0";
            if change(tx, again, [Millis::now()])? == 0 {
                change(
                    tx,
                    "INSERT INTO delta (since, begun_at) VALUES (ifnull((SELECT max(begun_at) FROM delta WHERE scope = 0), ?), ?)",
                    params![planned.map(Millis), Millis::now()],
                )?;
            }
            let begun = first(tx, &format!("{SELECT} WHERE ended_at IS NULL AND scope = 0"), [], delta)?;
            begun.ok_or_else(|| crate::Error::Unknown { what: "delta", id: "new".to_owned() })
        })
    }

    /// Notes that the second listing has come to its end, and takes over the status of each study.
    pub fn delta_listed(&mut self, id: u32) -> Result<()> {
        const STATUS: &str = "UPDATE study SET status = r.status FROM relisted r
            WHERE r.uid = study.uid AND r.status IS NOT NULL AND study.status IS NOT r.status";
        self.quick(|tx| {
            change(tx, STATUS, [])?;
            change(tx, "UPDATE delta SET listed_at = ? WHERE id = ?", params![Millis::now(), id])?;
            Ok(())
        })
    }

    /// Begins a delta that lists a part of the source alone.
    pub fn begin_partial_delta(&mut self, scope: DeltaScope, volume: Option<VolumeId>) -> Result<u32> {
        self.quick(|tx| {
            const SQL: &str =
                "INSERT INTO delta (begun_at, listed_at, scope, volume_id) VALUES (?1, ?1, ?2, ?3)";
            change(tx, SQL, params![Millis::now(), scope, volume])?;
            Ok(u32::try_from(tx.last_insert_rowid()).unwrap_or(u32::MAX))
        })
    }

    /// Ends a delta that listed a part alone, with how many studies had not changed, and how many could not be asked for.
    pub fn end_partial_delta(&mut self, id: u32, unchanged: u64, left_out: u64) -> Result<()> {
        const SQL: &str = "UPDATE delta SET ended_at = ?, unchanged = ?, left_out = ? WHERE id = ?";
        self.quick(|tx| {
            change(tx, SQL, params![Millis::now(), unchanged, left_out, id])?;
            Ok(())
        })
    }

    /// Notes that the instances of a study were listed once more after the last of them was fetched.
    pub fn study_listed_again(&mut self, study: StudyId) -> Result<()> {
        self.quick(|tx| {
            change(tx, "UPDATE study SET listed_again = 1 WHERE id = ?", [study])?;
            Ok(())
        })
    }

    /// Ends a delta, durably, with how many studies had not changed, and how many could not be compared.
    pub fn end_delta(&mut self, id: u32, unchanged: u64, left_out: u64) -> Result<()> {
        const SQL: &str = "UPDATE delta SET ended_at = ?, unchanged = ?, left_out = ? WHERE id = ?";
        self.durable(|tx| {
            change(tx, "DELETE FROM relisted", [])?;
            change(tx, SQL, params![Millis::now(), unchanged, left_out, id])?;
            Ok(())
        })
    }
}

impl Reader {
    /// All deltas, oldest first.
    pub fn deltas(&self) -> Result<Vec<Delta>> {
        all(&self.conn, &format!("{SELECT} ORDER BY id"), [], delta)
    }

    /// The studies with objects on a volume that were not listed again since these were fetched, and that the source had.
    pub fn studies_to_list_again(&self, volume: VolumeId) -> Result<Vec<StudyId>> {
        const SQL: &str = "SELECT s.id FROM
                (SELECT DISTINCT i.study_id FROM placement p CROSS JOIN instance i ON i.segment_id = p.segment_id
                 WHERE p.volume_id = ?) o
            JOIN study s ON s.id = o.study_id
            WHERE s.listed_again = 0 AND s.gone IS NULL AND s.excluded IS NULL AND s.uid <> '' ORDER BY s.position, s.id";
        all(&self.conn, SQL, [volume], |row| row.get(0))
    }

    /// The studies that have waited long enough and of which anything is to be fetched, in plan order.
    pub fn studies_to_look_at(&self, now: Timestamp) -> Result<Vec<StudyId>> {
        const SQL: &str = "SELECT id FROM study WHERE waits_until <= ? AND excluded IS NULL AND listing = 1
            AND EXISTS (SELECT 1 FROM tally WHERE study_id = study.id AND state = 0 AND instances > 0)
            ORDER BY position, id";
        all(&self.conn, SQL, [Millis(now)], |row| row.get(0))
    }
}

const SELECT: &str =
    "SELECT id, since, begun_at, listed_at, ended_at, unchanged, scope, volume_id, left_out FROM delta";

fn delta(row: &Row<'_>) -> rusqlite::Result<Delta> {
    let time = |at| Ok::<_, rusqlite::Error>(row.get::<_, Option<Millis>>(at)?.map(|at| at.0));
    Ok(Delta {
        id: row.get(0)?,
        since: time(1)?,
        begun_at: row.get::<_, Millis>(2)?.0,
        listed_at: time(3)?,
        ended_at: time(4)?,
        unchanged: row.get(5)?,
        scope: row.get(6)?,
        volume: row.get(7)?,
        left_out: row.get(8)?,
    })
}
