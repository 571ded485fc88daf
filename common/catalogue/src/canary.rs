//! What an archive took to answer small requests: left alone, and while work went on.

use jiff::Timestamp;
use rusqlite::{Row, params};

use crate::connection::{Catalogue, Reader};
use crate::error::{Error, Result};
use crate::rows::{all, change, each, first};
use crate::time::Millis;

/// An answer that came while the archive was left alone.
#[derive(Debug, Clone, PartialEq)]
pub struct IdleAnswer {
    /// When.
    pub at: Timestamp,
    /// `source` or a destination's name.
    pub side: String,
    /// The request, such as `C-ECHO`.
    pub probe: String,
    /// The hour of the week, 0 to 167.
    pub hour: u8,
    /// How long it took.
    pub milliseconds: f64,
}

/// Answers that came while work went on: a few of them, or many for a plot.
#[derive(Debug, Clone, PartialEq)]
pub struct CanaryAnswer {
    /// When.
    pub at: Timestamp,
    /// `source` or a destination's name.
    pub side: String,
    /// The request.
    pub probe: String,
    /// How long it took.
    pub milliseconds: f64,
    /// What it was held against, if that was known.
    pub baseline: Option<f64>,
    /// Associations at work that were allowed, on average.
    pub load: f64,
}

impl Catalogue {
    /// Records an answer of an archive that is left alone, and forgets all but the newest `keep` of its kind.
    pub fn record_idle_answer(&mut self, answer: &IdleAnswer, keep: usize) -> Result<()> {
        let IdleAnswer { at, side, probe, hour, milliseconds } = answer;
        self.quick(|tx| {
            change(
                tx,
                "INSERT INTO idle_answer (at, side, probe, hour, milliseconds) VALUES (?, ?, ?, ?, ?)",
                params![Millis(*at), side, probe, hour, milliseconds],
            )?;
            change(
                tx,
                "DELETE FROM idle_answer WHERE side = ?1 AND probe = ?2 AND hour = ?3 AND id NOT IN \
                 (SELECT id FROM idle_answer WHERE side = ?1 AND probe = ?2 AND hour = ?3 ORDER BY id DESC LIMIT ?4)",
                params![side, probe, hour, keep],
            )?;
            Ok(())
        })
    }

    /// Records an answer that came while work went on.
    pub fn record_canary(&mut self, answer: &CanaryAnswer) -> Result<()> {
        let CanaryAnswer { at, side, probe, milliseconds, baseline, load } = answer;
        self.quick(|tx| {
            change(
                tx,
                "INSERT INTO canary (at, side, probe, milliseconds, baseline, load) VALUES (?, ?, ?, ?, ?, ?)",
                params![Millis(*at), side, probe, milliseconds, baseline, load],
            )?;
            Ok(())
        })
    }
}

impl Reader {
    /// All idle answers of one side, oldest first: at most as many as were to be kept, for each request and hour.
    pub fn idle_answers(&self, side: &str) -> Result<Vec<IdleAnswer>> {
        all(
            &self.conn,
            "SELECT at, side, probe, hour, milliseconds FROM idle_answer WHERE side = ? ORDER BY id",
            [side],
            |row| {
                Ok(IdleAnswer {
                    at: row.get::<_, Millis>(0)?.0,
                    side: row.get(1)?,
                    probe: row.get(2)?,
                    hour: row.get(3)?,
                    milliseconds: row.get(4)?,
                })
            },
        )
    }

    /// Calls `visit` for the canary's answers of one side, oldest first, averaged over `parts` equal parts of the time
    /// from the first to the last.
    pub fn each_canary<E: From<Error>>(
        &self,
        side: &str,
        parts: u32,
        visit: impl FnMut(CanaryAnswer) -> Result<(), E>,
    ) -> Result<(), E> {
        let span = first(
            &self.conn,
            "SELECT min(at), max(at) - min(at) + 1 FROM canary WHERE side = ? HAVING count(*) > 0",
            [side],
            |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)),
        )?;
        let Some((from, length)) = span else { return Ok(()) };
        each(
            &self.conn,
            "SELECT min(at), side, probe, avg(milliseconds), avg(baseline), avg(load) FROM canary WHERE side = ?1 \
             GROUP BY (at - ?2) * ?3 / ?4, probe ORDER BY min(at), probe",
            params![side, from, parts, length],
            canary,
            visit,
        )
    }

    /// The canary's last answers, one for each request.
    pub fn last_canary(&self, side: &str) -> Result<Vec<CanaryAnswer>> {
        all(
            &self.conn,
            "SELECT at, side, probe, milliseconds, baseline, load FROM canary \
             WHERE id IN (SELECT max(id) FROM canary WHERE side = ? GROUP BY probe) ORDER BY probe",
            [side],
            canary,
        )
    }
}

fn canary(row: &Row<'_>) -> rusqlite::Result<CanaryAnswer> {
    Ok(CanaryAnswer {
        at: row.get::<_, Millis>(0)?.0,
        side: row.get(1)?,
        probe: row.get(2)?,
        milliseconds: row.get(3)?,
        baseline: row.get(4)?,
        load: row.get(5)?,
    })
}
