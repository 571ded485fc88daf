//! What happened when: events, samples of progress, changes of pace, and facts about the job.

use jiff::Timestamp;
use rusqlite::{Row, params};

use crate::connection::{Catalogue, Reader};
use crate::error::{Error, Result};
use crate::rows::{all, change, each, first};
use crate::states::Level;
use crate::time::Millis;

/// Something that happened. Message and detail must not hold patient data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// How grave.
    pub level: Level,
    /// A short word for the kind, e.g. `association-lost`.
    pub kind: String,
    /// A sentence.
    pub message: String,
    /// Further data, as JSON.
    pub detail: Option<String>,
}

/// How far a stage has come at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// The stage: `fetch`, `write`, `load`, `deliver`…
    pub stage: String,
    /// Instances through it since the job began.
    pub instances: u64,
    /// Bytes through it since the job began.
    pub bytes: u64,
}

/// A change of pace (law 9).
#[derive(Debug, Clone, PartialEq)]
pub struct PaceChange {
    /// When.
    pub at: Timestamp,
    /// `source` or a destination's name.
    pub side: String,
    /// What moved us: `window`, `ceiling`, `latency`…
    pub signal: String,
    /// The signal's value, in its own unit.
    pub value: Option<f64>,
    /// What the value is held against.
    pub baseline: Option<f64>,
    /// The limit before.
    pub old: Option<f64>,
    /// The limit after.
    pub new: Option<f64>,
}

impl Catalogue {
    /// Records an event.
    pub fn record_event(&mut self, event: &Event) -> Result<()> {
        let Event { at, level, kind, message, detail } = event;
        self.quick(|tx| {
            change(
                tx,
                "INSERT INTO event (at, level, kind, message, detail) VALUES (?, ?, ?, ?, ?)",
                params![Millis(*at), level, kind, message, detail],
            )?;
            Ok(())
        })
    }

    /// Records how far a stage has come.
    pub fn record_sample(&mut self, sample: &Sample) -> Result<()> {
        let Sample { at, stage, instances, bytes } = sample;
        self.quick(|tx| {
            change(
                tx,
                "INSERT INTO sample (at, stage, instances, bytes) VALUES (?, ?, ?, ?)",
                params![Millis(*at), stage, instances, bytes],
            )?;
            Ok(())
        })
    }

    /// Records a change of pace.
    pub fn record_pace_change(&mut self, pace: &PaceChange) -> Result<()> {
        let PaceChange { at, side, signal, value, baseline, old, new } = pace;
        self.quick(|tx| {
            change(
                tx,
                "INSERT INTO pace_change (at, side, signal, value, baseline, old, new) VALUES (?, ?, ?, ?, ?, ?, ?)",
                params![Millis(*at), side, signal, value, baseline, old, new],
            )?;
            Ok(())
        })
    }

    /// Sets a fact about the job; durable.
    pub fn set_job(&mut self, key: &str, value: &str) -> Result<()> {
        self.durable(|tx| {
            change(
                tx,
                "INSERT INTO job VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
                [key, value],
            )?;
            Ok(())
        })
    }
}

impl Reader {
    /// A fact about the job.
    pub fn job(&self, key: &str) -> Result<Option<String>> {
        first(&self.conn, "SELECT value FROM job WHERE key = ?", [key], |row| row.get(0))
    }

    /// The last `limit` events of at least this gravity, newest first.
    pub fn last_events(&self, least: Level, limit: usize) -> Result<Vec<Event>> {
        all(
            &self.conn,
            "SELECT at, level, kind, message, detail FROM event WHERE level >= ? ORDER BY id DESC LIMIT ?",
            params![least, limit],
            event,
        )
    }

    /// The last event of one of two kinds.
    pub fn last_event_of(&self, kinds: [&str; 2]) -> Result<Option<Event>> {
        first(
            &self.conn,
            "SELECT at, level, kind, message, detail FROM event WHERE kind IN (?, ?) ORDER BY id DESC LIMIT 1",
            kinds,
            event,
        )
    }

    /// Calls `visit` for each sample, oldest first.
    pub fn each_sample<E: From<Error>>(&self, visit: impl FnMut(Sample) -> Result<(), E>) -> Result<(), E> {
        each(
            &self.conn,
            "SELECT at, stage, instances, bytes FROM sample ORDER BY id",
            [],
            |row| {
                Ok(Sample {
                    at: row.get::<_, Millis>(0)?.0,
                    stage: row.get(1)?,
                    instances: row.get(2)?,
                    bytes: row.get(3)?,
                })
            },
            visit,
        )
    }

    /// Calls `visit` for each change of pace, oldest first.
    pub fn each_pace_change<E: From<Error>>(
        &self,
        visit: impl FnMut(PaceChange) -> Result<(), E>,
    ) -> Result<(), E> {
        each(
            &self.conn,
            "SELECT at, side, signal, value, baseline, old, new FROM pace_change ORDER BY id",
            [],
            pace_change,
            visit,
        )
    }

    /// The last change of pace of a side whose signal ends like this.
    pub fn last_pace_change(&self, side: &str, ending: &str) -> Result<Option<PaceChange>> {
        first(
            &self.conn,
            "SELECT at, side, signal, value, baseline, old, new FROM pace_change \
             WHERE side = ?1 AND substr(signal, -length(?2)) = ?2 ORDER BY id DESC LIMIT 1",
            [side, ending],
            pace_change,
        )
    }
}

fn event(row: &Row<'_>) -> rusqlite::Result<Event> {
    Ok(Event {
        at: row.get::<_, Millis>(0)?.0,
        level: row.get(1)?,
        kind: row.get(2)?,
        message: row.get(3)?,
        detail: row.get(4)?,
    })
}

fn pace_change(row: &Row<'_>) -> rusqlite::Result<PaceChange> {
    Ok(PaceChange {
        at: row.get::<_, Millis>(0)?.0,
        side: row.get(1)?,
        signal: row.get(2)?,
        value: row.get(3)?,
        baseline: row.get(4)?,
        old: row.get(5)?,
        new: row.get(6)?,
    })
}
