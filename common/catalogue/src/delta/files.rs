//! Files of a folder source, listed a second time.

use rusqlite::{Connection, params};

use crate::connection::{Catalogue, Reader};
use crate::delta::apply::take_back;
use crate::delta::changes::{ChangeClass, NewChange, record};
use crate::error::Result;
use crate::ids::{InstanceId, StudyId};
use crate::object::Digest;
use crate::plan::{InstanceRow, list};
use crate::rows::{all, change, first};
use crate::study::{self, SeriesFinder, StudyRow};

/// The newest version of a file that the plan knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFile {
    /// The row of its instance.
    pub id: InstanceId,
    /// Its length, and what was captured of it; none while it was not fetched.
    pub captured: Option<(u64, Digest)>,
    /// Whether an earlier delta found it deleted.
    pub gone: bool,
}

/// What a second listing found of a file.
#[derive(Debug, Clone)]
pub enum FileFinding {
    /// The plan does not know it.
    New(StudyRow, InstanceRow),
    /// It holds other bytes than those that were captured, and perhaps names the study by other keys (as JSON, before and
    /// after).
    Changed(StudyRow, InstanceRow, Option<(String, String)>),
    /// It had been found deleted.
    Back(StudyRow, InstanceId),
}

impl Catalogue {
    /// Plans what is new of files, in one transaction. Studies stay open for more until [`Self::finish_listing`].
    pub fn apply_files(&mut self, delta: u32, found: &[FileFinding]) -> Result<()> {
        self.quick(|tx| {
            let mut series = SeriesFinder::default();
            for finding in found {
                match finding {
                    FileFinding::New(study, file) => {
                        let id = study_of(tx, delta, study)?;
                        change(tx, "DELETE FROM oddity WHERE source_ref = ?", [&file.source_ref])?;
                        list(tx, &mut series, id, file)?;
                        count(tx, delta, ChangeClass::Grew, &study.uid)?;
                    }
                    FileFinding::Changed(study, file, keys) => {
                        let id = study_of(tx, delta, study)?;
                        list_version(tx, &mut series, id, file)?;
                        count(tx, delta, ChangeClass::Grew, &study.uid)?;
                        if let Some(keys) = keys {
                            reidentify(tx, delta, study, keys)?;
                        }
                    }
                    FileFinding::Back(study, id) => {
                        take_back(tx, *id)?;
                        count(tx, delta, ChangeClass::Grew, &study.uid)?;
                        let sop: Option<String> =
                            first(tx, "SELECT sop_instance FROM instance WHERE id = ?", [id], |row| {
                                row.get(0)
                            })?;
                        let back = NewChange::of_study(ChangeClass::Restored, &study.uid);
                        record(tx, delta, &NewChange { sop_instance: sop.as_deref(), instances: 1, ..back })?;
                        change(tx, "UPDATE study SET gone = NULL WHERE uid = ?", [&study.uid])?;
                    }
                }
            }
            Ok(())
        })
    }
}

impl Reader {
    /// The newest version of the instance that lies under a path of a folder source.
    pub fn known_file(&self, path: &[u8], sop_instance: &str) -> Result<Option<KnownFile>> {
        const SQL: &str = "SELECT id, bytes, blake3, gone IS NOT NULL FROM instance
            WHERE sop_instance = ? AND source_ref = ? ORDER BY version DESC, id DESC LIMIT 1";
        first(&self.conn, SQL, params![sop_instance, path], |row| {
            let captured = row.get::<_, Option<u64>>(1)?.zip(row.get::<_, Option<Digest>>(2)?);
            Ok(KnownFile { id: row.get(0)?, captured, gone: row.get(3)? })
        })
    }

    /// The files of a study that no delta found deleted: their instances, SOP Instance UIDs and paths.
    pub fn files_of_study(&self, study: StudyId) -> Result<Vec<(InstanceId, String, Vec<u8>)>> {
        const SQL: &str = "SELECT id, sop_instance, source_ref FROM instance
            WHERE study_id = ? AND gone IS NULL AND source_ref IS NOT NULL ORDER BY id";
        all(&self.conn, SQL, [study], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
    }

    /// How many studies are there of which a delta found no change.
    pub fn studies_without_change(&self, delta: u32) -> Result<u64> {
        const SQL: &str = "SELECT (SELECT count(*) FROM study WHERE gone IS NULL)
            - (SELECT count(DISTINCT study_uid) FROM change JOIN study ON uid = study_uid WHERE delta_id = ? AND gone IS NULL)";
        Ok(first(&self.conn, SQL, [delta], |row| row.get(0))?.unwrap_or(0))
    }
}

/// The study's row; one that the plan does not know is put at its end.
fn study_of(conn: &Connection, delta: u32, study: &StudyRow) -> Result<StudyId> {
    if let Some(id) = study::find(conn, &study.uid)? {
        change(conn, "UPDATE study SET gone = NULL, attempts = 0, last_error = NULL WHERE id = ?", [id])?;
        return Ok(id);
    }
    record(conn, delta, &NewChange::of_study(ChangeClass::New, &study.uid))?;
    Ok(study::upsert(conn, study)?.0)
}

/// Counts one instance more of a study in a class; those of a study that is new itself are counted with it.
fn count(conn: &Connection, delta: u32, class: ChangeClass, study_uid: &str) -> Result<()> {
    const KNOWN: &str = "UPDATE change SET instances = instances + 1
        WHERE delta_id = ? AND study_uid = ? AND class IN (?, ?) AND sop_instance IS NULL";
    if change(conn, KNOWN, params![delta, study_uid, class, ChangeClass::New])? == 0 {
        record(conn, delta, &NewChange { instances: 1, ..NewChange::of_study(class, study_uid) })?;
    }
    Ok(())
}

/// Once a study and delta: its other files say the same.
fn reidentify(conn: &Connection, delta: u32, study: &StudyRow, keys: &(String, String)) -> Result<()> {
    const KNOWN: &str = "SELECT 1 FROM change WHERE delta_id = ? AND study_uid = ? AND class = ?";
    let known = params![delta, study.uid, ChangeClass::Reidentified];
    if first(conn, KNOWN, known, |_| Ok(()))?.is_none() {
        let new = NewChange::of_study(ChangeClass::Reidentified, &study.uid);
        record(conn, delta, &NewChange { keys: Some(keys.clone()), ..new })?;
    }
    study::upsert(conn, study)?;
    Ok(())
}

/// Lists a file anew, as a further version of the instance that it was.
fn list_version(
    conn: &Connection,
    series: &mut SeriesFinder,
    study: StudyId,
    file: &InstanceRow,
) -> Result<()> {
    let series_id = series.id(conn, study, &file.series_uid, file.modality.as_deref())?;
    change(
        conn,
        "INSERT INTO instance (study_id, series_id, sop_instance, sop_class, source_ref, bytes, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6,
            (SELECT ifnull(max(version) + 1, 0) FROM instance WHERE sop_instance = ?3 AND series_id = ?2
             AND ifnull(source_ref, x'') = ifnull(?5, x'')))",
        params![study, series_id, file.sop_instance, file.sop_class, file.source_ref, file.bytes],
    )?;
    Ok(())
}
