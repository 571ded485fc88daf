//! What of the plan is left out, what waits, and in which order the rest goes.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use rusqlite::{Connection, ToSql, params};
use serde::{Deserialize, Serialize};

use crate::connection::{Catalogue, Reader};
use crate::delta::apply::GONE;
use crate::error::Result;
use crate::ids::StudyId;
use crate::rows::{all, change, first};
use crate::states::InstanceState;
use crate::time::Millis;
use crate::transition::advance_all;

/// In which order studies are fetched, packed and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlanOrder {
    /// As the source listed them.
    #[default]
    Listed,
    /// By Study Date and Time, the latest first; those without a date last.
    Newest,
    /// By Study Date and Time, the earliest first; those without a date last.
    Oldest,
    /// The patients of a list in its order, each with all studies, the latest first; then all others, the latest first.
    PatientList,
}

impl PlanOrder {
    const ALL: [Self; 4] = [Self::Listed, Self::Newest, Self::Oldest, Self::PatientList];

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Newest => "newest",
            Self::Oldest => "oldest",
            Self::PatientList => "patient-list",
        }
    }
}

impl fmt::Display for PlanOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PlanOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|order| order.name() == text);
        found.ok_or_else(|| {
            format!("\"{text}\" is no order; allowed here: newest, oldest, patient-list, listed")
        })
    }
}

/// What is decided about a study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// The study's row.
    pub study: StudyId,
    /// Why it is left out as a whole; none to take it.
    pub excluded: Option<String>,
    /// Not to be fetched before this moment, and why; none leaves what was decided before.
    pub waits: Option<(Timestamp, String)>,
}

/// Studies with one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StudyReason {
    /// The reason.
    pub reason: String,
    /// Studies.
    pub studies: u64,
    /// When the first of them can go on, where they wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_at: Option<Timestamp>,
}

impl Catalogue {
    /// Applies rulings, in one transaction. Of a study that is left out, what is still to be fetched is excluded with the
    /// study's reason; of one that is taken again, that is pending again. What was fetched already stays as it is.
    pub fn rule(&mut self, rulings: &[Ruling]) -> Result<()> {
        self.quick(|tx| {
            for Ruling { study, excluded, waits } in rulings {
                match excluded {
                    Some(reason) => exclude(tx, *study, reason)?,
                    None => take(tx, *study, None)?,
                }
                if let Some((until, reason)) = waits {
                    // Nothing waits of a study that is done.
                    const SQL: &str = "UPDATE study SET waits_until = ?2, waits_for = ?3 WHERE id = ?1 AND (listing = 0
                        OR EXISTS (SELECT 1 FROM tally WHERE study_id = ?1 AND state = ?4 AND instances > 0))";
                    change(tx, SQL, params![study, Millis(*until), reason, InstanceState::Pending])?;
                }
            }
            Ok(())
        })
    }

    /// Keeps the patients whose studies go first, in their order, instead of those before.
    pub fn set_first_patients<'a>(&mut self, ids: impl IntoIterator<Item = &'a str>) -> Result<()> {
        self.quick(|tx| {
            change(tx, "DELETE FROM first_patient", [])?;
            for (rank, id) in ids.into_iter().enumerate() {
                const SQL: &str = "INSERT INTO first_patient VALUES (?, ?) ON CONFLICT DO NOTHING";
                change(tx, SQL, params![id, rank])?;
            }
            Ok(())
        })
    }

    /// Sets the order of the plan, for as long as no other is set.
    pub fn set_plan_order(&mut self, order: PlanOrder) -> Result<()> {
        self.set_job(ORDER, order.name())
    }

    /// Puts all studies of the plan in its order; those that it does not tell apart stay as they were listed.
    pub fn put_in_order(&mut self) -> Result<()> {
        let keys = match self.plan_order()?.unwrap_or_default() {
            PlanOrder::Listed => String::new(),
            PlanOrder::Newest => format!("{NEWEST}, "),
            PlanOrder::Oldest => format!("{OLDEST}, "),
            PlanOrder::PatientList => format!("p.rank IS NULL, p.rank, {NEWEST}, "),
        };
        let sql = format!(
            "UPDATE study SET position = o.position FROM
                (SELECT s.id, row_number() OVER (ORDER BY {keys}s.id) AS position FROM
                    (SELECT id, trim(patient_id) AS patient_id, {DAY} AS day, {MOMENT} AS moment FROM study) s
                 LEFT JOIN first_patient p ON p.patient_id = s.patient_id) o
             WHERE o.id = study.id AND study.position <> o.position"
        );
        self.quick(|tx| {
            change(tx, &sql, [])?;
            Ok(())
        })
    }
}

/// The catalogue's key for the order of the plan.
const ORDER: &str = "order";

/// A Study Date that is one (PS3.5 section 6.2, DA, also as ACR-NEMA wrote it); else none.
const DAY: &str =
    "CASE WHEN replace(trim(study_date), '.', '') GLOB '[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]'
    THEN replace(trim(study_date), '.', '') END";
/// A Study Time (TM), as far as it is told.
const MOMENT: &str = "nullif(replace(trim(study_time), ':', ''), '')";
/// Without a date last; of one day, without a time last.
const NEWEST: &str = "s.day IS NULL, s.day DESC, s.moment IS NULL, s.moment DESC";
const OLDEST: &str = "s.day IS NULL, s.day, s.moment IS NULL, s.moment";

impl Reader {
    /// The order of the plan, where one was set.
    pub fn plan_order(&self) -> Result<Option<PlanOrder>> {
        Ok(self.job(ORDER)?.and_then(|name| name.parse().ok()))
    }

    /// Whether a study is left out as a whole.
    pub fn is_study_excluded(&self, uid: &str) -> Result<bool> {
        const SQL: &str = "SELECT 1 FROM study WHERE uid = ? AND excluded IS NOT NULL";
        Ok(first(&self.conn, SQL, [uid], |_| Ok(()))?.is_some())
    }

    /// Why studies are left out as a whole, the most frequent first.
    pub fn excluded_studies(&self) -> Result<Vec<StudyReason>> {
        const SQL: &str = "SELECT excluded, count(*) FROM study WHERE excluded IS NOT NULL
            GROUP BY excluded ORDER BY count(*) DESC, excluded";
        all(&self.conn, SQL, [], |row| {
            Ok(StudyReason { reason: row.get(0)?, studies: row.get(1)?, first_at: None })
        })
    }

    /// What studies wait for of which anything is still to be fetched.
    pub fn waiting_studies(&self) -> Result<Vec<StudyReason>> {
        const SQL: &str = "SELECT ifnull(waits_for, ''), count(*), min(waits_until) FROM study
            WHERE waits_until IS NOT NULL AND excluded IS NULL
            AND (listing = 0 OR EXISTS (SELECT 1 FROM tally WHERE study_id = study.id AND state = 0 AND instances > 0))
            GROUP BY waits_for ORDER BY count(*) DESC, waits_for";
        all(&self.conn, SQL, [], |row| {
            let first_at = row.get::<_, Option<Millis>>(2)?.map(|at| at.0);
            Ok(StudyReason { reason: row.get(0)?, studies: row.get(1)?, first_at })
        })
    }
}

/// Sets why a study is left out; what was excluded with it before and is no more is pending again.
fn take(conn: &Connection, study: StudyId, excluded: Option<&str>) -> Result<()> {
    const BEFORE: &str = "SELECT excluded FROM study WHERE id = ?";
    let before: Option<String> = first(conn, BEFORE, [study], |row| row.get(0))?.flatten();
    if before.as_deref() == excluded {
        return Ok(());
    }
    change(conn, "UPDATE study SET excluded = ? WHERE id = ?", params![excluded, study])?;
    let Some(before) = before else { return Ok(()) };
    let step = (InstanceState::Excluded, InstanceState::Pending);
    let values: [(&str, &dyn ToSql); 2] = [(":study", &study), (":before", &before)];
    let with_it = "study_id = :study AND reason = :before";
    advance_all(conn, step, &["reason = NULL"], &format!("{with_it} AND gone IS NULL"), &values)?;
    let gone = format!(
        "UPDATE instance SET reason = :gone WHERE state = {} AND {with_it}",
        InstanceState::Excluded as i64
    );
    conn.prepare_cached(&gone)?.execute(&[(":gone", &GONE as &dyn ToSql), values[0], values[1]][..])?;
    Ok(())
}

/// Leaves a study out as a whole.
pub(crate) fn exclude(conn: &Connection, study: StudyId, reason: &str) -> Result<()> {
    take(conn, study, Some(reason))?;
    leave_out(conn, study, reason)
}

fn leave_out(conn: &Connection, study: StudyId, reason: &str) -> Result<()> {
    let values: [(&str, &dyn ToSql); 2] = [(":study", &study), (":reason", &reason)];
    let all_of_it = "study_id = :study";
    let again = (InstanceState::Failed, InstanceState::Pending);
    advance_all(conn, again, &["reason = NULL"], all_of_it, &values[..1])?;
    let out = (InstanceState::Pending, InstanceState::Excluded);
    advance_all(conn, out, &["reason = :reason"], all_of_it, &values)?;
    Ok(())
}
