//! The catalogue as the threads of a command share it, and what happened, kept in it so that the report can tell.

use std::sync::{Mutex, MutexGuard, PoisonError};

use catalogue::events::{Event, PaceChange, Sample};
use catalogue::{Catalogue, Error, Level};
use jiff::Timestamp;

/// The job's catalogue, shared by the stages of a command.
pub struct Journal(Mutex<Catalogue>);

impl Journal {
    /// Shares the catalogue.
    pub fn new(catalogue: Catalogue) -> Self {
        Self(Mutex::new(catalogue))
    }

    /// Gives the catalogue back.
    pub fn into_inner(self) -> Catalogue {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one writer. A stage that panicked leaves no half transaction behind, so its lock can be taken over.
    pub fn lock(&self) -> MutexGuard<'_, Catalogue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records an event; no patient data may be in it.
    pub fn event(&self, level: Level, kind: &str, message: impl Into<String>) -> Result<(), Error> {
        let event = Event {
            at: Timestamp::now(),
            level,
            kind: kind.to_owned(),
            message: message.into(),
            detail: None,
        };
        tracing::info!(kind, message = event.message);
        self.lock().record_event(&event)
    }

    /// Records how far a stage has come since the job began.
    pub fn sample(&self, stage: &str, instances: u64, bytes: u64) -> Result<(), Error> {
        let sample = Sample { at: Timestamp::now(), stage: stage.to_owned(), instances, bytes };
        self.lock().record_sample(&sample)
    }

    /// How far a stage had come, in instances and bytes, when it was last recorded.
    pub fn last_sample(&self, stage: &str) -> Result<(u64, u64), Error> {
        let mut last = (0, 0);
        self.lock().each_sample(|sample| {
            if sample.stage == stage {
                last = (sample.instances, sample.bytes);
            }
            Ok::<_, Error>(())
        })?;
        Ok(last)
    }

    /// Records a change of pace, one row for each ceiling that changed, and one
    /// for the load that adaptive control allows (in associations at work); `side` is the archive whose pace it is.
    pub fn pace(&self, side: &str, change: &pace::PaceChange) -> Result<(), Error> {
        for row in rows(side, change) {
            self.lock().record_pace_change(&row)?;
        }
        Ok(())
    }
}

fn rows(side: &str, change: &pace::PaceChange) -> Vec<PaceChange> {
    let ceilings = |limits: &Option<pace::Limits>| {
        let limits = limits.unwrap_or(pace::Limits { associations: 0, ..pace::Limits::default() });
        [
            ("bytes/s", limits.bytes_per_second.map(|bytes| bytes as f64)),
            ("instances/s", limits.instances_per_second),
            ("studies/h", limits.studies_per_hour),
            ("associations", Some(f64::from(limits.associations))),
        ]
    };
    ceilings(&change.old)
        .into_iter()
        .chain([("load", change.old_load)])
        .zip(ceilings(&change.new).into_iter().chain([("load", change.new_load)]))
        .filter(|((_, old), (_, new))| old != new)
        .map(|((unit, old), (_, new))| PaceChange {
            at: change.at,
            side: side.to_owned(),
            signal: format!("{} ({unit})", change.signal),
            value: change.value,
            baseline: change.baseline,
            old,
            new,
        })
        .collect()
}
