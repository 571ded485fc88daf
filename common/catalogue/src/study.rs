//! Studies and series as rows: found or made by their UIDs, and read in plan order.

use jiff::Timestamp;
use rusqlite::{Connection, Params, Row, ToSql, params};

use crate::error::Result;
use crate::ids::StudyId;
use crate::rows::{all, change, first};
use crate::states::{InstanceState, StudyListing};
use crate::time::Millis;

/// What is known of a study, from the source's answer, a file's header or a manifest. Empty where unknown.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct StudyRow {
    /// Study Instance UID.
    pub uid: String,
    /// Patient ID.
    pub patient_id: Option<String>,
    /// Issuer of Patient ID.
    pub issuer: Option<String>,
    /// Patient's Name.
    pub patient_name: Option<String>,
    /// Study Date, as DICOM writes it.
    pub study_date: Option<String>,
    /// Study Time, as DICOM writes it.
    pub study_time: Option<String>,
    /// Accession Number.
    pub accession: Option<String>,
    /// Modalities in Study, joined by backslashes.
    pub modalities: Option<String>,
    /// Study Description.
    pub description: Option<String>,
    /// Number of Study Related Series: the source's claim.
    pub claimed_series: Option<u64>,
    /// Number of Study Related Instances: the source's claim.
    pub claimed_instances: Option<u64>,
    /// Study Status ID (0032,000A), which few sources tell.
    pub status: Option<String>,
}

impl std::fmt::Debug for StudyRow {
    /// The UID alone: the rest is patient data and must not reach a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StudyRow").field("uid", &self.uid).finish_non_exhaustive()
    }
}

/// A place in the plan; the default lies before every study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct PlanPosition {
    pub(crate) position: i64,
    pub(crate) study_id: StudyId,
}

/// A study of the plan.
#[derive(Debug, Clone)]
pub struct PlannedStudy {
    /// The study's row.
    pub id: StudyId,
    /// Where it stands in the plan; start of the next page.
    pub position: PlanPosition,
    /// What is known of it.
    pub study: StudyRow,
    /// Whether its instances are known.
    pub listing: StudyListing,
    /// Failed attempts at listing or fetching it.
    pub attempts: u32,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// Why it is left out as a whole.
    pub excluded: Option<String>,
    /// It is not fetched before it was looked at again, and that not before this.
    pub waits_until: Option<Timestamp>,
    /// Why.
    pub waits_for: Option<String>,
}

/// Finds or adds the study at the plan's end. What `row` knows replaces what was known. True when it is new.
pub(crate) fn upsert(conn: &Connection, row: &StudyRow) -> Result<(StudyId, bool)> {
    if let Some(id) = find(conn, &row.uid)? {
        change(
            conn,
            "UPDATE study SET patient_id = ifnull(?2, patient_id), patient_name = ifnull(?3, patient_name),
             study_date = ifnull(?4, study_date), study_time = ifnull(?5, study_time),
             accession = ifnull(?6, accession), modalities = ifnull(?7, modalities),
             description = ifnull(?8, description), claimed_instances = ifnull(?9, claimed_instances),
             issuer = ifnull(?10, issuer), claimed_series = ifnull(?11, claimed_series),
             status = ifnull(?12, status) WHERE uid = ?1",
            columns(row),
        )?;
        return Ok((id, false));
    }
    let id = conn
        .prepare_cached(
            "INSERT INTO study (uid, patient_id, patient_name, study_date, study_time, accession, modalities,
             description, claimed_instances, issuer, claimed_series, status, position)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, (SELECT ifnull(max(position), 0) + 1 FROM study))
             RETURNING id",
        )?
        .query_row(columns(row), |found| found.get(0))?;
    Ok((id, true))
}

/// The columns of [`COLUMNS`].
pub(crate) fn columns(row: &StudyRow) -> impl Params {
    (
        &row.uid,
        &row.patient_id,
        &row.patient_name,
        &row.study_date,
        &row.study_time,
        &row.accession,
        &row.modalities,
        &row.description,
        row.claimed_instances,
        &row.issuer,
        row.claimed_series,
        &row.status,
    )
}

/// What is known of a study, in the order of [`columns`] and [`from_row`].
pub(crate) const COLUMNS: &str =
    "uid, patient_id, patient_name, study_date, study_time, accession, modalities, description,
    claimed_instances, issuer, claimed_series, status";

/// How many these are.
pub(crate) const COLUMN_COUNT: usize = 12;

/// Reads [`COLUMNS`] from column `first` on.
pub(crate) fn from_row(row: &Row<'_>, first: usize) -> rusqlite::Result<StudyRow> {
    Ok(StudyRow {
        uid: row.get(first)?,
        patient_id: row.get(first + 1)?,
        patient_name: row.get(first + 2)?,
        study_date: row.get(first + 3)?,
        study_time: row.get(first + 4)?,
        accession: row.get(first + 5)?,
        modalities: row.get(first + 6)?,
        description: row.get(first + 7)?,
        claimed_instances: row.get(first + 8)?,
        issuer: row.get(first + 9)?,
        claimed_series: row.get(first + 10)?,
        status: row.get(first + 11)?,
    })
}

pub(crate) fn find(conn: &Connection, uid: &str) -> Result<Option<StudyId>> {
    first(conn, "SELECT id FROM study WHERE uid = ?", [uid], |row| row.get(0))
}

pub(crate) fn mark_enumerated(conn: &Connection, study: StudyId) -> Result<()> {
    change(conn, "UPDATE study SET listing = 1 WHERE id = ? AND listing = 0", [study])?;
    Ok(())
}

/// As [`upsert`], but a study whose instances are listed keeps its keys: how they differ now is for a delta to find and to tell.
/// Its status alone is taken over, by which it may be left out.
pub(crate) fn upsert_listed(conn: &Connection, row: &StudyRow) -> Result<(StudyId, bool)> {
    const ENUMERATED: &str = "SELECT id FROM study WHERE uid = ? AND listing = 1";
    let Some(id) = first(conn, ENUMERATED, [&row.uid], |found| found.get(0))? else {
        return upsert(conn, row);
    };
    if let Some(status) = &row.status {
        change(conn, "UPDATE study SET status = ?2 WHERE id = ?1 AND status IS NOT ?2", params![id, status])?;
    }
    Ok((id, false))
}

/// Whether the source tells of a study nothing else than is known, by the attributes that a listing divides by.
pub(crate) fn is_told_as_known(conn: &Connection, told: &StudyRow) -> Result<bool> {
    let sql = format!("SELECT {COLUMNS} FROM study WHERE uid = ?");
    let known = first(conn, &sql, [&told.uid], |row| from_row(row, 0))?.unwrap_or_default();
    let by = |row: &StudyRow| {
        let StudyRow { patient_id, study_date, study_time, accession, modalities, .. } = row.clone();
        [patient_id, study_date, study_time, accession, modalities]
    };
    Ok(by(told).into_iter().zip(by(&known)).all(|(told, known)| told.is_none() || told == known))
}

/// Takes the source's claims about a study for good, if it claims as many instances as it listed just now.
pub(crate) fn agree(conn: &Connection, study: StudyId, listed: u64) -> Result<()> {
    const SQL: &str = "UPDATE study SET agreed_series = iif(claimed_instances = ?2, claimed_series, NULL),
        agreed_instances = iif(claimed_instances = ?2, claimed_instances, NULL), images_listed_at = ?3 WHERE id = ?1";
    change(conn, SQL, params![study, listed, Millis::now()])?;
    Ok(())
}

/// The studies after `after` that meet `condition` (SQL over `study`), in plan order.
pub(crate) fn page(
    conn: &Connection,
    condition: &str,
    extra: &[(&str, &dyn ToSql)],
    after: PlanPosition,
    limit: usize,
) -> Result<Vec<PlannedStudy>> {
    let sql = format!(
        "SELECT id, position, listing, attempts, last_error, excluded, waits_until, waits_for, {COLUMNS} FROM study
         WHERE (position, id) > (:position, :id) AND ({condition}) ORDER BY position, id LIMIT :limit"
    );
    let mut named: Vec<(&str, &dyn ToSql)> =
        vec![(":position", &after.position), (":id", &after.study_id), (":limit", &limit)];
    named.extend_from_slice(extra);
    all(conn, &sql, named.as_slice(), planned)
}

/// A condition for [`page`]: the study has instances in `state`.
pub(crate) fn has(state: InstanceState) -> String {
    format!(
        "EXISTS (SELECT 1 FROM tally WHERE study_id = study.id AND state = {} AND instances > 0)",
        state as i64
    )
}

fn planned(row: &Row<'_>) -> rusqlite::Result<PlannedStudy> {
    let id = row.get(0)?;
    Ok(PlannedStudy {
        id,
        position: PlanPosition { position: row.get(1)?, study_id: id },
        listing: row.get(2)?,
        attempts: row.get(3)?,
        last_error: row.get(4)?,
        excluded: row.get(5)?,
        waits_until: row.get::<_, Option<Millis>>(6)?.map(|at| at.0),
        waits_for: row.get(7)?,
        study: from_row(row, 8)?,
    })
}

/// Finds or adds series; remembers the last one, because rows come series by series.
#[derive(Default)]
pub(crate) struct SeriesFinder {
    last: Option<(StudyId, String, i64)>,
}

impl SeriesFinder {
    pub(crate) fn id(
        &mut self,
        conn: &Connection,
        study: StudyId,
        uid: &str,
        modality: Option<&str>,
    ) -> Result<i64> {
        if let Some((last_study, last_uid, id)) = &self.last
            && *last_study == study
            && last_uid == uid
        {
            return Ok(*id);
        }
        // The update that changes nothing makes RETURNING answer for a known series too.
        let id = conn
            .prepare_cached(
                "INSERT INTO series (study_id, uid, modality) VALUES (?1, ?2, ?3)
                 ON CONFLICT (study_id, uid) DO UPDATE SET modality = ifnull(modality, excluded.modality)
                 RETURNING id",
            )?
            .query_row(params![study, uid, modality], |row| row.get(0))?;
        self.last = Some((study, uid.to_owned(), id));
        Ok(id)
    }
}
