//! The pace log: the catalogue has a row for each ceiling that changed, the report one for each change.

use std::collections::VecDeque;

use catalogue::events::PaceChange;
use catalogue::{Error, Reader};

use super::subject::Subject;
use crate::{Allowance, PaceRow};

/// Changes kept, the latest ones.
const MOST: usize = 10_000;
/// The signal of a run's first change, at which nothing is allowed before.
const START: &str = "start";

const SHUT: Allowance = Allowance {
    open: false,
    bytes_per_second: None,
    instances_per_second: None,
    studies_per_hour: None,
    associations: None,
    load: None,
};

/// Changes of the archive that the report is about, the oldest first.
pub fn rows(reader: &Reader, subject: Subject) -> Result<Vec<PaceRow>, Error> {
    let destinations = reader.destinations()?;
    let mut log = Log::default();
    reader.each_pace_change(|change| {
        let of_another = destinations.iter().any(|row| {
            Some(row.id) != subject.destination() && (row.name == change.side || row.node == change.side)
        });
        if !of_another {
            log.add(&change);
        }
        Ok::<_, Error>(())
    })?;
    Ok(log.rows.into())
}

struct Log {
    rows: VecDeque<PaceRow>,
    now: Allowance,
}

impl Default for Log {
    fn default() -> Self {
        Self { rows: VecDeque::new(), now: SHUT }
    }
}

impl Log {
    fn add(&mut self, change: &PaceChange) {
        let (signal, unit) = parted(&change.signal);
        let is_new = self.rows.back().is_none_or(|row| row.at != change.at || row.signal != signal);
        if is_new {
            let old = if signal == START { SHUT } else { self.now };
            self.push(PaceRow {
                at: change.at,
                signal: signal.to_owned(),
                value: number(change.value),
                baseline: number(change.baseline),
                old,
                new: old,
            });
        }
        if let Some(row) = self.rows.back_mut() {
            set(&mut row.old, unit, change.old);
            set(&mut row.new, unit, change.new);
            self.now = row.new;
        }
    }

    fn push(&mut self, row: PaceRow) {
        if self.rows.len() == MOST {
            self.rows.pop_front();
        }
        self.rows.push_back(row);
    }
}

/// `window opened: night (bytes/s)` as signal and unit.
fn parted(signal: &str) -> (&str, &str) {
    let parts = signal.strip_suffix(')').and_then(|rest| rest.rsplit_once(" ("));
    parts.unwrap_or((signal, ""))
}

/// No association at all stands for a closed window.
fn set(allowance: &mut Allowance, unit: &str, value: Option<f64>) {
    match unit {
        "bytes/s" => allowance.bytes_per_second = value,
        "instances/s" => allowance.instances_per_second = value,
        "studies/h" => allowance.studies_per_hour = value,
        "load" => allowance.load = value,
        "associations" => {
            // A float's cast saturates.
            #[expect(clippy::cast_sign_loss, reason = "saturates at 0, which is closed")]
            let count = value.map(|count| count as u32);
            allowance.open = count != Some(0);
            allowance.associations = count.filter(|count| *count > 0);
        }
        _ => {}
    }
}

fn number(value: Option<f64>) -> String {
    value.map(|value| format!("{value:.1}").trim_end_matches(".0").to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn change(second: i64, signal: &str, old: Option<f64>, new: Option<f64>) -> PaceChange {
        let at = Timestamp::from_second(second).unwrap();
        let (side, value, baseline) = ("source".into(), None, None);
        PaceChange { at, side, signal: signal.into(), value, baseline, old, new }
    }

    #[test]
    fn the_rows_of_one_change_become_one_and_what_did_not_change_stays() {
        let mut log = Log::default();
        log.add(&change(1, "start (bytes/s)", None, Some(5e6)));
        log.add(&change(1, "start (associations)", Some(0.0), Some(2.0)));
        log.add(&change(9, "window opened: night (18:00-06:00) (bytes/s)", Some(5e6), None));
        log.add(&change(20, "window closed (associations)", Some(2.0), Some(0.0)));
        log.add(&change(30, "C-FIND answered slowly (load)", Some(1.5), Some(0.75)));
        let rows: Vec<PaceRow> = log.rows.into();
        assert_eq!(rows.len(), 4);
        assert_eq!((rows[3].old.load, rows[3].new.load), (Some(1.5), Some(0.75)));
        let day = Allowance { open: true, bytes_per_second: Some(5e6), associations: Some(2), ..SHUT };
        assert_eq!((rows[0].old, rows[0].new), (SHUT, day));
        let night = Allowance { bytes_per_second: None, ..day };
        assert_eq!((rows[1].signal.as_str(), rows[1].new), ("window opened: night (18:00-06:00)", night));
        assert_eq!((rows[2].old, rows[2].new), (night, SHUT));
    }
}
