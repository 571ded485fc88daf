//! The plan: which studies and instances the transfer must carry, and the queries that prove it.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use crate::connection::{Catalogue, Reader};
use crate::error::{Error, Result};
use crate::ids::StudyId;
use crate::rows::{change, each};
use crate::states::OddityState;
use crate::study::{self, PlanPosition, PlannedStudy, SeriesFinder, StudyRow};
use crate::time::Millis;

/// An instance that the source lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstanceRow {
    /// Series Instance UID.
    pub series_uid: String,
    /// Modality of the series.
    pub modality: Option<String>,
    /// SOP Instance UID.
    pub sop_instance: String,
    /// SOP Class UID.
    pub sop_class: Option<String>,
    /// A folder source's relative path, as bytes; none from a PACS.
    pub source_ref: Option<Vec<u8>>,
    /// Its size, where the source can tell before it is fetched.
    pub bytes: Option<u64>,
}

/// What a listing added.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Listed {
    /// Rows that were not known before.
    pub new: u64,
    /// Rows that were.
    pub known: u64,
}

/// One query that the plan rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRow {
    /// When it was answered.
    pub at: Timestamp,
    /// Query/Retrieve Level, or "FOLDER".
    pub level: String,
    /// The keys, without patient data.
    pub keys: String,
    /// Rows answered.
    pub rows: u64,
    /// Final DIMSE status; 0 for a folder.
    pub status: u16,
}

impl Catalogue {
    /// Finds each study or adds it at the plan's end, in one transaction; newer knowledge replaces older. A study whose
    /// instances are listed keeps its keys: what changed of it since is for a delta to find ([`crate::delta`]).
    pub fn upsert_studies(&mut self, rows: impl IntoIterator<Item = StudyRow>) -> Result<Listed> {
        self.quick(|tx| {
            let mut listed = Listed::default();
            for row in rows {
                listed.count(study::upsert_listed(tx, &row)?.1);
            }
            Ok(listed)
        })
    }

    /// Records all instances of a study and marks it enumerated, in one transaction. Listing a study again adds what
    /// is new and resets nothing.
    pub fn record_instances(
        &mut self,
        study_id: StudyId,
        rows: impl IntoIterator<Item = InstanceRow>,
    ) -> Result<Listed> {
        self.quick(|tx| {
            let mut listed = Listed::default();
            let mut series = SeriesFinder::default();
            for row in rows {
                listed.count(list(tx, &mut series, study_id, &row)?);
            }
            study::mark_enumerated(tx, study_id)?;
            study::agree(tx, study_id, listed.new + listed.known)?;
            if listed != Listed::default() {
                // Attempts to list it are no attempts to fetch it.
                let sql = "UPDATE study SET attempts = 0, last_error = NULL WHERE id = ? AND attempts > 0";
                change(tx, sql, [study_id])?;
            }
            Ok(listed)
        })
    }

    /// Records files as a walk through a folder finds them, each with the study that its header names. The studies
    /// stay open for more until [`Self::finish_listing`]; from then on they keep their keys, as in [`Self::upsert_studies`].
    pub fn record_files<'a>(
        &mut self,
        files: impl IntoIterator<Item = &'a (StudyRow, InstanceRow)>,
    ) -> Result<Listed> {
        self.quick(|tx| {
            let mut listed = Listed::default();
            let mut series = SeriesFinder::default();
            for (study, instance) in files {
                let (study_id, _) = study::upsert_listed(tx, study)?;
                change(tx, "DELETE FROM oddity WHERE source_ref = ?", [&instance.source_ref])?;
                listed.count(list(tx, &mut series, study_id, instance)?);
            }
            Ok(listed)
        })
    }

    /// Marks every study enumerated: the walk through a folder has come to its end.
    pub fn finish_listing(&mut self) -> Result<()> {
        self.quick(|tx| {
            change(tx, "UPDATE study SET listing = 1 WHERE listing = 0", [])?;
            Ok(())
        })
    }

    /// Records a listed file that is no DICOM object, or could not be read to tell. The latest finding stands; a file
    /// that turns out to be an object after all ([`Self::record_files`]) is an oddity no more.
    pub fn record_oddity(
        &mut self,
        source_ref: &[u8],
        bytes: Option<u64>,
        state: OddityState,
        reason: &str,
    ) -> Result<()> {
        self.quick(|tx| {
            change(
                tx,
                "INSERT INTO oddity (source_ref, bytes, state, reason) VALUES (?, ?, ?, ?)
                 ON CONFLICT DO UPDATE SET bytes = excluded.bytes, state = excluded.state, reason = excluded.reason",
                params![source_ref, bytes, state, reason],
            )?;
            Ok(())
        })
    }

    /// Records a query and how it ended: the proof that the plan is whole.
    pub fn record_query(&mut self, query: &QueryRow) -> Result<()> {
        self.quick(|tx| {
            change(
                tx,
                "INSERT INTO query (at, level, keys, rows, status) VALUES (?, ?, ?, ?, ?)",
                params![Millis(query.at), query.level, query.keys, query.rows, query.status],
            )?;
            Ok(())
        })
    }
}

impl Reader {
    /// The studies of the plan after `after`, in plan order.
    pub fn studies(&self, after: PlanPosition, limit: usize) -> Result<Vec<PlannedStudy>> {
        study::page(&self.conn, "true", &[], after, limit)
    }

    /// The studies whose instances are still to be listed; those that are left out are not.
    pub fn studies_not_enumerated(&self, after: PlanPosition, limit: usize) -> Result<Vec<PlannedStudy>> {
        study::page(&self.conn, "listing = 0 AND excluded IS NULL", &[], after, limit)
    }

    /// What is known of a study, by its UID.
    pub fn study_by_uid(&self, uid: &str) -> Result<Option<StudyRow>> {
        let id = study::find(&self.conn, uid)?;
        id.map(|id| self.study(id)).transpose()
    }

    /// What is known of a study.
    pub fn study(&self, id: StudyId) -> Result<StudyRow> {
        let found =
            study::page(&self.conn, "study.id = :study", &[(":study", &id)], PlanPosition::default(), 1)?;
        let known = found.into_iter().next().map(|planned| planned.study);
        known.ok_or_else(|| Error::Unknown { what: "study", id: id.to_string() })
    }

    /// Calls `visit` for each recorded query, oldest first, with what was concluded of its answer, and whether it is cut
    /// short for good.
    pub fn each_judged_query<E: From<Error>>(
        &self,
        mut visit: impl FnMut(QueryRow, Option<String>, bool) -> Result<(), E>,
    ) -> Result<(), E> {
        const SQL: &str = "SELECT at, level, keys, rows, status, verdict, open FROM query ORDER BY id";
        let read = |row: &Row<'_>| Ok((query_row(row)?, row.get(5)?, row.get(6)?));
        each(&self.conn, SQL, [], read, |(query, verdict, open)| visit(query, verdict, open))
    }

    /// Calls `visit` for each recorded query, oldest first.
    pub fn each_query<E: From<Error>>(&self, visit: impl FnMut(QueryRow) -> Result<(), E>) -> Result<(), E> {
        each(&self.conn, "SELECT at, level, keys, rows, status FROM query ORDER BY id", [], query_row, visit)
    }
}

/// A query of the columns at, level, keys, rows, status.
pub(crate) fn query_row(row: &Row<'_>) -> rusqlite::Result<QueryRow> {
    Ok(QueryRow {
        at: row.get::<_, Millis>(0)?.0,
        level: row.get(1)?,
        keys: row.get(2)?,
        rows: row.get(3)?,
        status: row.get(4)?,
    })
}

impl Listed {
    pub(crate) fn count(&mut self, new: bool) {
        if new {
            self.new += 1;
        } else {
            self.known += 1;
        }
    }
}

/// Adds one listed instance; false when it is known.
pub(crate) fn list(
    conn: &Connection,
    series: &mut SeriesFinder,
    study_id: StudyId,
    row: &InstanceRow,
) -> Result<bool> {
    let series_id = series.id(conn, study_id, &row.series_uid, row.modality.as_deref())?;
    let new = change(
        conn,
        "INSERT INTO instance (study_id, series_id, sop_instance, sop_class, source_ref, bytes)
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        params![study_id, series_id, row.sop_instance, row.sop_class, row.source_ref, row.bytes],
    )? == 1;
    if !new {
        // It arrived before it was listed.
        change(
            conn,
            "UPDATE instance SET listed = 1 WHERE sop_instance = ? AND series_id = ?
             AND ifnull(source_ref, x'') = ifnull(?, x'') AND version = 0 AND listed = 0",
            params![row.sop_instance, series_id, row.source_ref],
        )?;
    }
    Ok(new)
}
