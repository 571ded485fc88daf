//! What a comparison changes in the plan: one transaction a study, so that a run that dies has compared it or has not.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, params};

use crate::choice::exclude;
use crate::connection::Catalogue;
use crate::delta::changes::{ChangeClass, NewChange, record};
use crate::error::Result;
use crate::ids::{InstanceId, StudyId};
use crate::plan::{InstanceRow, list};
use crate::rows::{change, first};
use crate::states::InstanceState;
use crate::study::{self, SeriesFinder, StudyRow};
use crate::time::Millis;
use crate::transition::{advance, state_of};

/// Why an instance is left out that was planned and is not at the source any more.
pub const GONE: &str = "deleted at the source before it was fetched";

/// Why an instance is left out that was deleted, is at the source again, and was fetched again.
pub(crate) const AS_BEFORE: &str = "the same, byte for byte, as before the source deleted it";

/// What a delta found of one study of the plan.
#[derive(Clone)]
pub struct Finding<'a> {
    /// The delta.
    pub delta: u32,
    /// The study's row.
    pub study: StudyId,
    /// What the source says of the study now.
    pub told: &'a StudyRow,
    /// The changes of the study as a whole.
    pub changes: Vec<NewChange<'a>>,
    /// What its instances came to; none where they were not listed.
    pub instances: Option<Instances<'a>>,
    /// For so long a study waits of which instances came or went since it was listed less than this ago; zero for never.
    pub settle: SignedDuration,
}

/// What a second listing of a study's instances came to.
#[derive(Clone, Default)]
pub struct Instances<'a> {
    /// How many it lists.
    pub listed: u64,
    /// Those that the plan does not know, or does not know to be listed.
    pub new: Vec<&'a InstanceRow>,
    /// Those that the plan knows and the source has not any more, with their SOP Instance UIDs.
    pub gone: Vec<(InstanceId, &'a str)>,
    /// Those that were found deleted before and are there again.
    pub back: Vec<(InstanceId, &'a str)>,
    /// Those that stay deleted though their study is there again.
    pub still_gone: Vec<&'a str>,
}

impl Instances<'_> {
    fn has_changed(&self) -> bool {
        !(self.new.is_empty() && self.gone.is_empty() && self.back.is_empty())
    }
}

impl Catalogue {
    /// Lets a study go on that has waited, though it was not listed again: a source of files does not list studies.
    pub fn waits_no_more(&mut self, study: StudyId) -> Result<()> {
        self.quick(|tx| {
            change(tx, "UPDATE study SET waits_until = NULL, waits_for = NULL WHERE id = ?", [study])?;
            Ok(())
        })
    }

    /// Records what a delta found of a study that the source has.
    pub fn apply_finding(&mut self, finding: &Finding<'_>) -> Result<()> {
        let Finding { delta, study, told, changes, instances, settle } = finding;
        self.quick(|tx| {
            replace(tx, told)?;
            for change in changes {
                record(tx, *delta, change)?;
            }
            let Some(instances) = instances else { return Ok(()) };
            let of = |class, sop| NewChange {
                sop_instance: Some(sop),
                instances: 1,
                ..NewChange::of_study(class, &told.uid)
            };
            for (id, sop) in &instances.gone {
                leave_out(tx, *delta, *id)?;
                record(tx, *delta, &of(ChangeClass::Deleted, sop))?;
            }
            for sop in &instances.still_gone {
                record(tx, *delta, &of(ChangeClass::Deleted, sop))?;
            }
            for (id, sop) in &instances.back {
                fetch_again(tx, *id)?;
                record(tx, *delta, &of(ChangeClass::Restored, sop))?;
            }
            let mut series = SeriesFinder::default();
            for row in &instances.new {
                list(tx, &mut series, *study, row)?;
            }
            if !(instances.new.is_empty() && instances.back.is_empty()) {
                // What failed before it changed is no reason to give up what is new of it.
                const SQL: &str =
                    "UPDATE study SET attempts = 0, last_error = NULL WHERE id = ? AND attempts > 0";
                change(tx, SQL, [study])?;
            }
            wait(tx, *study, instances.has_changed(), *settle)?;
            study::agree(tx, *study, instances.listed)
        })
    }

    /// Takes over the keys that the source tells of a study now, by which it is left out, and leaves it out with them: at no moment
    /// is it to be fetched under these keys. Nothing is told of the change.
    pub fn exclude_relisted(&mut self, study: StudyId, told: &StudyRow, reason: &str) -> Result<()> {
        self.quick(|tx| {
            replace(tx, told)?;
            exclude(tx, study, reason)
        })
    }

    /// Records that the source has deleted a study with all its instances; returns how many these were.
    pub fn study_deleted(&mut self, delta: u32, study: StudyId) -> Result<u64> {
        const THERE: &str = "SELECT id FROM instance WHERE study_id = ? AND gone IS NULL AND listed = 1";
        self.quick(|tx| {
            let uid: Option<String> =
                first(tx, "SELECT uid FROM study WHERE id = ?", [study], |row| row.get(0))?;
            let there = crate::rows::all(tx, THERE, [study], |row| row.get::<_, InstanceId>(0))?;
            for id in &there {
                leave_out(tx, delta, *id)?;
            }
            let instances = there.len() as u64;
            change(tx, "UPDATE study SET gone = ?, listing = 1 WHERE id = ?", params![delta, study])?;
            let uid = uid.unwrap_or_default();
            record(tx, delta, &NewChange { instances, ..NewChange::of_study(ChangeClass::Deleted, &uid) })?;
            Ok(instances)
        })
    }
}

/// How the reason begins for which a study waits that changes.
const CHANGING: &str = "its images changed ";

/// A study just listed waits if it is seen to change, and goes on if it has waited long enough.
fn wait(conn: &Connection, study: StudyId, has_changed: bool, settle: SignedDuration) -> Result<()> {
    const BEFORE: &str = "SELECT images_listed_at, waits_for FROM study WHERE id = ?";
    let before = first(conn, BEFORE, [study], |row| {
        Ok((row.get::<_, Option<Millis>>(0)?, row.get::<_, Option<String>>(1)?))
    })?;
    let (listed_at, waits_for) = before.unwrap_or_default();
    let now = Timestamp::now();
    let is_watched = waits_for.is_some_and(|reason| reason.starts_with(CHANGING));
    let is_recent = listed_at.is_some_and(|at| now.duration_since(at.0) < settle);
    if has_changed && !settle.is_zero() && (is_watched || is_recent) {
        let reason = format!("{CHANGING}between two listings less than {} minutes apart", settle.as_mins());
        let until = now.saturating_add(settle).unwrap_or(Timestamp::MAX);
        let sql = "UPDATE study SET waits_until = ?2, waits_for = ?3 WHERE id = ?1";
        change(conn, sql, params![study, Millis(until), reason])?;
    } else {
        let sql = "UPDATE study SET waits_until = NULL, waits_for = NULL WHERE id = ?1 AND waits_until <= ?2";
        change(conn, sql, params![study, Millis(now)])?;
    }
    Ok(())
}

/// Puts what the source says of a study now in the place of what it said before; it is there.
fn replace(conn: &Connection, told: &StudyRow) -> Result<()> {
    const SQL: &str = "UPDATE study SET patient_id = ?2, patient_name = ?3, study_date = ?4, study_time = ?5,
        accession = ?6, modalities = ?7, description = ?8, claimed_instances = ?9, issuer = ?10, claimed_series = ?11,
        status = ifnull(?12, status), gone = NULL WHERE uid = ?1";
    change(conn, SQL, study::columns(told))?;
    Ok(())
}

/// An instance is not at the source any more: what was not fetched yet will never be; what was stays as it is.
fn leave_out(conn: &Connection, delta: u32, id: InstanceId) -> Result<()> {
    change(conn, "UPDATE instance SET gone = ? WHERE id = ?", params![delta, id])?;
    let state = state_of::<InstanceState>(conn, id.0)?;
    if state == Some(InstanceState::Failed) {
        advance(conn, id.0, InstanceState::Pending, &[])?;
    }
    if matches!(state, Some(InstanceState::Failed | InstanceState::Pending)) {
        advance(conn, id.0, InstanceState::Excluded, &[("reason = ?", &GONE)])?;
    }
    Ok(())
}

/// An instance of a PACS is at the source again, and may hold other bytes than before: what was fetched before stays as it is, and
/// a further version is fetched. One that turns out to be the same is not packed again.
fn fetch_again(conn: &Connection, id: InstanceId) -> Result<()> {
    const ANEW: &str = "INSERT INTO instance (study_id, series_id, sop_instance, sop_class, version)
        SELECT study_id, series_id, sop_instance, sop_class,
            (SELECT max(version) + 1 FROM instance n
             WHERE n.sop_instance = i.sop_instance AND n.series_id = i.series_id AND ifnull(n.source_ref, x'') = x'')
        FROM instance i WHERE id = ? AND (state IN (?, ?, ?) OR state = ? AND reason = ?)";
    let [a, b, c] = [InstanceState::Captured, InstanceState::Packed, InstanceState::Written];
    if change(conn, ANEW, params![id, a, b, c, InstanceState::Excluded, AS_BEFORE])? == 0 {
        take_back(conn, id)?;
    }
    Ok(())
}

/// An instance is at the source again.
pub(crate) fn take_back(conn: &Connection, id: InstanceId) -> Result<()> {
    change(conn, "UPDATE instance SET gone = NULL WHERE id = ?", [id])?;
    let left_out =
        first(conn, "SELECT 1 FROM instance WHERE id = ? AND reason = ?", params![id, GONE], |_| Ok(()))?;
    if left_out.is_some() {
        advance(conn, id.0, InstanceState::Pending, &[("reason = ?", &None::<String>)])?;
    }
    Ok(())
}
