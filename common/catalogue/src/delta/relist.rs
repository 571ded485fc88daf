//! The second listing of the source, kept until every study of it was compared with the plan.

use rusqlite::{Row, params};

use crate::connection::{Catalogue, Reader};
use crate::delta::changes::{ChangeClass, NewChange, record};
use crate::error::Result;
use crate::ids::{InstanceId, StudyId};
use crate::rows::{all, change, first};
use crate::states::StudyListing;
use crate::study::{self, COLUMNS, StudyRow};

/// A study of the plan as a delta finds it.
#[derive(Debug, Clone)]
pub struct KnownStudy {
    /// The study's row.
    pub id: StudyId,
    /// What is known of it.
    pub study: StudyRow,
    /// Whether its instances are known.
    pub listing: StudyListing,
    /// Whether an earlier delta found it deleted.
    pub gone: bool,
    /// The series that the source claimed when it listed as many instances as it claimed.
    pub agreed_series: Option<u64>,
    /// The instances that it claimed and listed then.
    pub agreed_instances: Option<u64>,
    /// Whether it is left out as a whole.
    pub excluded: bool,
    /// Whether it waits to be looked at again.
    pub waits: bool,
}

/// An instance of the plan as a delta finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownInstance {
    /// The instance's row.
    pub id: InstanceId,
    /// SOP Instance UID.
    pub sop_instance: String,
    /// Whether an earlier delta found it deleted.
    pub gone: bool,
}

impl Catalogue {
    /// Keeps studies that the source lists now. Of several answers about one study the last one stands.
    pub fn relist(&mut self, rows: impl IntoIterator<Item = StudyRow>) -> Result<()> {
        self.quick(|tx| {
            for row in rows {
                let sql = format!(
                    "INSERT OR REPLACE INTO relisted ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
                );
                change(tx, &sql, study::columns(&row))?;
            }
            Ok(())
        })
    }

    /// Puts studies that the plan does not know at its end, at most `limit` in one transaction; returns how many.
    pub fn plan_new_studies(&mut self, delta: u32, limit: usize) -> Result<u64> {
        self.quick(|tx| {
            let sql = format!(
                "SELECT {COLUMNS} FROM relisted r WHERE NOT EXISTS (SELECT 1 FROM study s WHERE s.uid = r.uid)
                 ORDER BY uid LIMIT ?"
            );
            let rows = all(tx, &sql, [limit], |row| study::from_row(row, 0))?;
            for row in &rows {
                study::upsert(tx, row)?;
                record(tx, delta, &NewChange::of_study(ChangeClass::New, &row.uid))?;
            }
            Ok(rows.len() as u64)
        })
    }
}

impl Reader {
    /// A study of the plan as a delta finds it.
    pub fn known_study(&self, study: StudyId) -> Result<Option<KnownStudy>> {
        let sql = format!("SELECT {} FROM study s WHERE s.id = ?", known_columns());
        first(&self.conn, &sql, [study], known)
    }

    /// Studies of the plan that the source lists now, with what it says of them, after the study `after`.
    pub fn relisted_studies(&self, after: StudyId, limit: usize) -> Result<Vec<(KnownStudy, StudyRow)>> {
        let told = prefixed("r");
        let sql = format!(
            "SELECT {KNOWN}, {told} FROM study s JOIN relisted r ON r.uid = s.uid WHERE s.id > ? ORDER BY s.id LIMIT ?",
            KNOWN = known_columns(),
        );
        all(&self.conn, &sql, params![after, limit], |row| {
            Ok((known(row)?, study::from_row(row, AFTER_KNOWN)?))
        })
    }

    /// Studies of the plan that the source does not list now and that no earlier delta found deleted, after `after`.
    pub fn studies_not_relisted(&self, after: StudyId, limit: usize) -> Result<Vec<KnownStudy>> {
        let sql = format!(
            "SELECT {KNOWN} FROM study s WHERE s.id > ? AND s.gone IS NULL AND s.uid <> ''
             AND NOT EXISTS (SELECT 1 FROM relisted r WHERE r.uid = s.uid) ORDER BY s.id LIMIT ?",
            KNOWN = known_columns(),
        );
        all(&self.conn, &sql, params![after, limit], known)
    }

    /// The instances of a study that the source has listed at any time; of each the last version.
    pub fn known_instances(&self, study: StudyId) -> Result<Vec<KnownInstance>> {
        const SQL: &str = "SELECT id, sop_instance, gone IS NOT NULL FROM instance i
            WHERE study_id = ? AND listed = 1 AND source_ref IS NULL AND NOT EXISTS
                (SELECT 1 FROM instance n WHERE n.sop_instance = i.sop_instance AND n.series_id = i.series_id
                 AND ifnull(n.source_ref, x'') = x'' AND n.version > i.version AND n.listed = 1) ORDER BY id";
        all(&self.conn, SQL, [study], |row| {
            Ok(KnownInstance { id: row.get(0)?, sop_instance: row.get(1)?, gone: row.get(2)? })
        })
    }
}

/// Where the columns behind [`known_columns`] begin.
const AFTER_KNOWN: usize = 7 + study::COLUMN_COUNT;

fn known_columns() -> String {
    format!(
        "s.id, s.listing, s.gone IS NOT NULL, s.agreed_series, s.agreed_instances, s.excluded IS NOT NULL,
         s.waits_until IS NOT NULL, {}",
        prefixed("s")
    )
}

fn prefixed(table: &str) -> String {
    COLUMNS.split(',').map(|column| format!("{table}.{}", column.trim())).collect::<Vec<_>>().join(", ")
}

fn known(row: &Row<'_>) -> rusqlite::Result<KnownStudy> {
    Ok(KnownStudy {
        id: row.get(0)?,
        listing: row.get(1)?,
        gone: row.get(2)?,
        agreed_series: row.get(3)?,
        agreed_instances: row.get(4)?,
        excluded: row.get(5)?,
        waits: row.get(6)?,
        study: study::from_row(row, 7)?,
    })
}
