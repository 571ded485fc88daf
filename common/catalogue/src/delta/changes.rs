//! What deltas found: recorded at `p2t`, told by the indexes of volumes, and kept again at `t2p`.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use crate::connection::{Catalogue, Reader};
use crate::error::{Error, Result};
use crate::rows::{all, change, each, first};
use crate::states::{ChangeClass as Class, VolumeState};
use crate::time::Millis;

pub use crate::states::ChangeClass;

/// A change that a delta found.
#[derive(Clone, PartialEq, Eq)]
pub struct ChangeRow {
    /// Its number in the transfer, from 1.
    pub number: u64,
    /// The delta that found it.
    pub delta: u32,
    /// When.
    pub at: Timestamp,
    /// What it is.
    pub class: ChangeClass,
    /// Study Instance UID.
    pub study_uid: String,
    /// SOP Instance UID; none when it is the study as a whole.
    pub sop_instance: Option<String>,
    /// How many instances it concerns.
    pub instances: u64,
    /// The study's keys that differ, as they were, as JSON.
    pub old: Option<String>,
    /// The same keys as they are now.
    pub new: Option<String>,
}

impl std::fmt::Debug for ChangeRow {
    /// Without the keys, which are patient data.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { number, class, study_uid, sop_instance, .. } = self;
        write!(f, "ChangeRow({number}, {class:?}, {study_uid}, {sop_instance:?})")
    }
}

/// A change about to be recorded.
#[derive(Clone, PartialEq, Eq)]
pub struct NewChange<'a> {
    /// What it is.
    pub class: ChangeClass,
    /// Study Instance UID.
    pub study_uid: &'a str,
    /// SOP Instance UID; none when it is the study as a whole.
    pub sop_instance: Option<&'a str>,
    /// How many instances it concerns.
    pub instances: u64,
    /// Keys before and after, as JSON.
    pub keys: Option<(String, String)>,
}

impl<'a> NewChange<'a> {
    /// A change of a study as a whole.
    pub fn of_study(class: ChangeClass, study_uid: &'a str) -> Self {
        Self { class, study_uid, sop_instance: None, instances: 0, keys: None }
    }
}

/// How many studies a delta put into a class, and how many instances with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ClassCount {
    /// The class.
    pub class: ChangeClass,
    /// Studies.
    pub studies: u64,
    /// Instances: those that are new, or that are gone.
    pub instances: u64,
}

/// The changes that a reader at the other end must be told; what is new travels as objects.
const TOLD: [Class; 3] = [Class::Reidentified, Class::Deleted, Class::Restored];

impl Catalogue {
    /// Takes back that a delta found studies new which are left out: nothing is told of them.
    pub fn forget_excluded_news(&mut self, delta: u32) -> Result<()> {
        const SQL: &str = "DELETE FROM change WHERE delta_id = ? AND class = ?
            AND study_uid IN (SELECT uid FROM study WHERE excluded IS NOT NULL)";
        self.quick(|tx| {
            change(tx, SQL, params![delta, Class::New])?;
            Ok(())
        })
    }

    /// Keeps changes that a volume's index tells; those that are known stay as they are.
    pub fn register_changes(&mut self, rows: &[ChangeRow]) -> Result<u64> {
        self.quick(|tx| {
            let mut new = 0;
            for row in rows {
                let ChangeRow { number, delta, at, class, study_uid, sop_instance, instances, old, new: now } =
                    row;
                new += change(
                    tx,
                    "INSERT INTO change (id, delta_id, at, class, study_uid, sop_instance, instances, old, new)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    params![number, delta, Millis(*at), class, study_uid, sop_instance, instances, old, now],
                )?;
            }
            Ok(new)
        })
    }
}

impl Reader {
    /// What a delta found, by class; without a number, all of them together.
    pub fn change_counts(&self, delta: Option<u32>) -> Result<Vec<ClassCount>> {
        // The instances of a new study are listed behind the change.
        const SQL: &str = "SELECT class, count(*), sum(iif(class = ?2,
                (SELECT ifnull(sum(instances), 0) FROM tally t JOIN study s ON s.id = t.study_id WHERE s.uid = c.study_uid),
                instances))
            FROM change c WHERE (?1 IS NULL OR delta_id = ?1) AND sop_instance IS NULL GROUP BY class";
        all(&self.conn, SQL, params![delta, Class::New], |row| {
            Ok(ClassCount { class: row.get(0)?, studies: row.get(1)?, instances: row.get(2)? })
        })
    }

    /// What volumes told of a delta, by class: studies as a whole, and single instances of others; without a number, of all deltas.
    pub fn told_counts(&self, delta: Option<u32>) -> Result<Vec<ClassCount>> {
        const SQL: &str = "SELECT class, sum(sop_instance IS NULL), sum(sop_instance IS NOT NULL) FROM change
            WHERE ?1 IS NULL OR delta_id = ?1 GROUP BY class";
        all(&self.conn, SQL, [delta], |row| {
            Ok(ClassCount { class: row.get(0)?, studies: row.get(1)?, instances: row.get(2)? })
        })
    }

    /// The deltas of which volumes told anything, and when the first of it was seen.
    pub fn told_deltas(&self) -> Result<Vec<(u32, Timestamp)>> {
        const SQL: &str = "SELECT delta_id, min(at) FROM change GROUP BY delta_id ORDER BY delta_id";
        all(&self.conn, SQL, [], |row| Ok((row.get(0)?, row.get::<_, Millis>(1)?.0)))
    }

    /// How many studies a delta found changed.
    pub fn changed_studies(&self, delta: u32) -> Result<u64> {
        const SQL: &str = "SELECT count(DISTINCT study_uid) FROM change WHERE delta_id = ?";
        Ok(first(&self.conn, SQL, [delta], |row| row.get(0))?.unwrap_or(0))
    }

    /// The changes after number `after`, oldest first.
    pub fn changes(&self, after: u64, limit: usize) -> Result<Vec<ChangeRow>> {
        all(&self.conn, &format!("{SELECT} WHERE id > ? ORDER BY id LIMIT ?"), params![after, limit], row)
    }

    /// Calls `visit` for the changes after number `after` up to `last` that a volume's index must tell, in order.
    pub fn each_told_change<E: From<Error>>(
        &self,
        after: u64,
        last: u64,
        visit: impl FnMut(ChangeRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let [a, b, c] = TOLD;
        let sql = format!("{SELECT} WHERE id > ? AND id <= ? AND class IN (?, ?, ?) ORDER BY id");
        each(&self.conn, &sql, params![after, last, a, b, c], row, visit)
    }

    /// The changes that no sealed volume of `copy` tells: how many, and the numbers before and of the last of at most `most`.
    pub fn untold_changes(&self, copy: u32, most: u64) -> Result<Untold> {
        const NEXT: &str = "SELECT count(*), ifnull(max(id), 0) FROM
            (SELECT id FROM change WHERE id > ? AND class IN (?, ?, ?) ORDER BY id LIMIT ?)";
        const TOLD_BY: &str = "SELECT changes_after, last_change FROM volume WHERE copy = ? AND state = ?
            ORDER BY changes_after, last_change";
        let told = all(&self.conn, TOLD_BY, params![copy, VolumeState::Sealed], |row| {
            Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?))
        })?;
        // What a volume told that was lost since is told again, with all that follows.
        let after = told
            .into_iter()
            .fold(0, |so_far, (after, last)| if after <= so_far { last.max(so_far) } else { so_far });
        let [a, b, c] = TOLD;
        let found = first(&self.conn, NEXT, params![after, a, b, c, most.min(i64::MAX as u64)], |row| {
            Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?))
        })?;
        let (count, last) = found.unwrap_or_default();
        Ok(Untold { count, after, last: last.max(after) })
    }

    /// Calls `visit` for each change of one class, oldest first.
    pub fn each_change<E: From<Error>>(
        &self,
        class: ChangeClass,
        visit: impl FnMut(ChangeRow) -> Result<(), E>,
    ) -> Result<(), E> {
        each(&self.conn, &format!("{SELECT} WHERE class = ? ORDER BY id"), [class], row, visit)
    }

    /// When the source deleted an instance, or its whole study, and has not restored it since; none if it is there.
    pub fn deleted_at_source(&self, study_uid: &str, sop_instance: &str) -> Result<Option<Timestamp>> {
        const SQL: &str = "SELECT class, at FROM change WHERE study_uid = ?1 AND class IN (?3, ?4)
            AND (sop_instance IS NULL OR sop_instance = ?2) ORDER BY id DESC LIMIT 1";
        let values = params![study_uid, sop_instance, Class::Deleted, Class::Restored];
        let last =
            first(&self.conn, SQL, values, |row| Ok((row.get::<_, Class>(0)?, row.get::<_, Millis>(1)?.0)))?;
        Ok(last.filter(|(class, _)| *class == Class::Deleted).map(|(_, at)| at))
    }

    /// Whether any change of a study is known.
    pub fn has_changes(&self, study_uid: &str) -> Result<bool> {
        const SQL: &str = "SELECT 1 FROM change WHERE study_uid = ? LIMIT 1";
        Ok(first(&self.conn, SQL, [study_uid], |_| Ok(()))?.is_some())
    }
}

/// Changes that a copy's next volume must tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Untold {
    /// How many.
    pub count: u64,
    /// Number of the last that is told.
    pub after: u64,
    /// Number of the last of these.
    pub last: u64,
}

const SELECT: &str =
    "SELECT id, delta_id, at, class, study_uid, sop_instance, instances, old, new FROM change";

fn row(row: &Row<'_>) -> rusqlite::Result<ChangeRow> {
    Ok(ChangeRow {
        number: row.get(0)?,
        delta: row.get(1)?,
        at: row.get::<_, Millis>(2)?.0,
        class: row.get(3)?,
        study_uid: row.get(4)?,
        sop_instance: row.get(5)?,
        instances: row.get(6)?,
        old: row.get(7)?,
        new: row.get(8)?,
    })
}

pub(crate) fn record(conn: &Connection, delta: u32, new: &NewChange<'_>) -> Result<()> {
    let NewChange { class, study_uid, sop_instance, instances, keys } = new;
    let (old, now) = keys.as_ref().map(|(old, new)| (old, new)).unzip();
    change(
        conn,
        "INSERT INTO change (delta_id, at, class, study_uid, sop_instance, instances, old, new)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![delta, Millis::now(), class, study_uid, sop_instance, instances, old, now],
    )?;
    Ok(())
}
