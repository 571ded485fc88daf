//! Which row a captured object belongs to: the listed one, one that holds the same bytes already, or a new one.

use rusqlite::{Connection, Row, params};

use crate::capture::{CaptureKey, CaptureOutcome, Captured};
use crate::delta::apply::AS_BEFORE;
use crate::error::{Error, Result};
use crate::ids::{InstanceId, StudyId};
use crate::rows::{change, each, first};
use crate::states::InstanceState;
use crate::study::SeriesFinder;
use crate::transition::advance;

/// Who an object claims to be, from its key.
struct Claim {
    study_id: StudyId,
    /// `None` when the object names no series.
    series_id: Option<i64>,
    sop_instance: String,
    sop_class: Option<String>,
    source_ref: Option<Vec<u8>>,
}

/// The rows that stand for a claim already.
#[derive(Default)]
struct Standing {
    same_bytes: Option<InstanceId>,
    open: Option<InstanceId>,
    /// One that was deleted at the source, and is to be fetched again.
    again: Option<InstanceId>,
    excluded: Option<InstanceId>,
    held: bool,
}

/// Records one object; says what became of it and which row stands for it.
pub(crate) fn record(conn: &Connection, captured: &Captured) -> Result<(CaptureOutcome, InstanceId)> {
    let (claim, asked_for) = claim(conn, &captured.key)?;
    if let Some((id, state)) = asked_for
        && matches!(state, InstanceState::Pending | InstanceState::Failed)
    {
        if state == InstanceState::Pending
            && let Some(twin) = twin(conn, id, &claim, captured)?
        {
            advance(conn, id.0, InstanceState::Excluded, &[("reason = ?", &COPY)])?;
            return Ok((CaptureOutcome::Copy, twin));
        }
        hold(conn, id, &claim, captured)?;
        return Ok((CaptureOutcome::Captured, id));
    }
    let standing = standing(conn, &claim, captured)?;
    let doubtful = matches!(captured.key, CaptureKey::Doubtful { .. });
    if let Some(id) = standing.same_bytes {
        let Some(again) = standing.again.filter(|_| !doubtful) else {
            return Ok((CaptureOutcome::Duplicate, id));
        };
        advance(conn, again.0, InstanceState::Excluded, &[("reason = ?", &AS_BEFORE)])?;
        return Ok((CaptureOutcome::Copy, id));
    }
    if let Some(id) = standing.open.filter(|_| !doubtful) {
        hold(conn, id, &claim, captured)?;
        return Ok((CaptureOutcome::Captured, id));
    }
    if let Some(id) = standing.excluded {
        return Ok((CaptureOutcome::Excluded, id));
    }
    let id = add(conn, &claim)?;
    hold(conn, id, &claim, captured)?;
    let outcome = match (doubtful, standing.held) {
        (true, _) => CaptureOutcome::Doubtful,
        (false, true) => CaptureOutcome::Conflict,
        (false, false) => CaptureOutcome::Unlisted,
    };
    Ok((outcome, id))
}

/// Why a file is left out that is a copy of another.
const COPY: &str = "the same instance as another file of the source, byte for byte";

/// Another file of the same study with the same SOP Instance UID and bytes that is held already.
fn twin(conn: &Connection, id: InstanceId, claim: &Claim, captured: &Captured) -> Result<Option<InstanceId>> {
    first(
        conn,
        "SELECT id FROM instance INDEXED BY instance_identity
         WHERE sop_instance = ?1 AND study_id = ?2 AND blake3 = ?3 AND id <> ?4 AND state NOT IN (?5, ?6, ?7)
         ORDER BY id LIMIT 1",
        params![
            claim.sop_instance,
            claim.study_id,
            captured.blake3,
            id,
            InstanceState::Pending,
            InstanceState::Failed,
            InstanceState::Excluded,
        ],
        |row| row.get(0),
    )
}

fn claim(conn: &Connection, key: &CaptureKey) -> Result<(Claim, Option<(InstanceId, InstanceState)>)> {
    match key {
        CaptureKey::Instance(id) => first(
            conn,
            "SELECT study_id, series_id, sop_instance, sop_class, source_ref, state FROM instance WHERE id = ?",
            [id],
            |row| Ok((claim_from(row)?, Some((*id, row.get(5)?)))),
        )?
        .ok_or_else(|| Error::Unknown { what: "instance", id: id.to_string() }),
        CaptureKey::Uids { study_id, series_uid, sop_instance, sop_class }
        | CaptureKey::Doubtful { study_id, series_uid, sop_instance, sop_class } => {
            let series_id = match series_uid.as_str() {
                "" => None,
                uid => Some(SeriesFinder::default().id(conn, *study_id, uid, None)?),
            };
            let claim = Claim {
                study_id: *study_id,
                series_id,
                sop_instance: sop_instance.clone(),
                sop_class: Some(sop_class.clone()).filter(|uid| !uid.is_empty()),
                source_ref: None,
            };
            Ok((claim, None))
        }
    }
}

fn claim_from(row: &Row<'_>) -> rusqlite::Result<Claim> {
    Ok(Claim {
        study_id: row.get(0)?,
        series_id: row.get(1)?,
        sop_instance: row.get(2)?,
        sop_class: row.get(3)?,
        source_ref: row.get(4)?,
    })
}

/// Looks through the study, not the series alone: a source may list an instance under another series than its object
/// names, and the object knows better. Left alone, the planner reads the whole study for it.
fn standing(conn: &Connection, claim: &Claim, captured: &Captured) -> Result<Standing> {
    let mut found = Standing::default();
    each(
        conn,
        "SELECT id, state, blake3 IS ?5 OR (dataset_blake3 = ?6 AND transfer_syntax IS ?7), version > 0 AND listed = 1
         FROM instance INDEXED BY instance_identity
         WHERE sop_instance = ?1 AND study_id = ?2 AND source_ref IS ?3 ORDER BY series_id IS NOT ?4, blake3 IS NOT ?5, id",
        params![
            claim.sop_instance,
            claim.study_id,
            claim.source_ref,
            claim.series_id,
            captured.blake3,
            captured.dataset.map(|dataset| dataset.blake3),
            captured.transfer_syntax,
        ],
        |row| Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<bool>>(2)?.unwrap_or(false), row.get(3)?)),
        |(id, state, same, is_again)| {
            match state {
                InstanceState::Pending | InstanceState::Failed => {
                    found.open = found.open.or(Some(id));
                    if is_again && state == InstanceState::Pending {
                        found.again = Some(id);
                    }
                }
                InstanceState::Excluded => found.excluded = found.excluded.or(Some(id)),
                _ if same => found.same_bytes = found.same_bytes.or(Some(id)),
                _ => found.held = true,
            }
            Ok::<_, Error>(())
        },
    )?;
    Ok(found)
}

fn add(conn: &Connection, claim: &Claim) -> Result<InstanceId> {
    let series_id = match claim.series_id {
        Some(id) => id,
        None => SeriesFinder::default().id(conn, claim.study_id, "", None)?,
    };
    Ok(conn
        .prepare_cached(
            "INSERT INTO instance (study_id, series_id, sop_instance, sop_class, source_ref, listed, version)
             VALUES (?1, ?2, ?3, ?4, ?5, 0,
                (SELECT ifnull(max(version) + 1, 0) FROM instance WHERE sop_instance = ?3 AND series_id = ?2
                 AND ifnull(source_ref, x'') = ifnull(?5, x'')))
             RETURNING id",
        )?
        .query_row(
            params![claim.study_id, series_id, claim.sop_instance, claim.sop_class, claim.source_ref],
            |row| row.get(0),
        )?)
}

/// An object that names no series or SOP class leaves those that were listed.
fn hold(conn: &Connection, id: InstanceId, claim: &Claim, captured: &Captured) -> Result<()> {
    let Captured { intake_id, offset, bytes, blake3, dataset, transfer_syntax, findings, .. } = captured;
    change(conn, "UPDATE study SET listed_again = 0 WHERE id = ? AND listed_again = 1", [claim.study_id])?;
    advance(
        conn,
        id.0,
        InstanceState::Captured,
        &[
            ("series_id = ifnull(?, series_id)", &claim.series_id),
            ("sop_class = ifnull(?, sop_class)", &claim.sop_class),
            ("reason = ?", &None::<String>),
            ("intake_id = ?", intake_id),
            ("spool_offset = ?", offset),
            ("bytes = ?", bytes),
            ("blake3 = ?", blake3),
            ("dataset_offset = ?", &dataset.map(|dataset| dataset.offset)),
            ("dataset_blake3 = ?", &dataset.map(|dataset| dataset.blake3)),
            ("transfer_syntax = ?", transfer_syntax),
            ("findings = ?", findings),
        ],
    )
}
