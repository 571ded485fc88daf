//! The forecast of a cutover: how large the last delta will be, and how long it keeps the archive frozen. Pure.
//!
//! While the source goes on working, each delta takes up what has changed while the one before it was listed and exported. Deltas
//! shrink in this way towards a size that the rate of change and our own speed decide. Then the source is frozen, and the last
//! delta is listed, exported, carried and delivered: that is how long it stays so.

use serde::Serialize;

/// What a forecast rests on. Bytes a second, and seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Basis {
    /// What changes at the source, in bytes a second.
    pub changed_bytes_per_second: f64,
    /// Listing and comparing, however little has changed.
    pub list_seconds: f64,
    /// From the source to a volume.
    pub export_bytes_per_second: f64,
    /// The volume on its way.
    pub carry_seconds: f64,
    /// From a volume to the destination.
    pub deliver_bytes_per_second: f64,
}

/// One delta.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Round {
    /// What has changed since the one before it was begun.
    pub bytes: f64,
    /// Listing and exporting.
    pub source_seconds: f64,
    /// If the source were frozen at its beginning: until everything is at the destination.
    pub frozen_seconds: f64,
}

/// What a forecast comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// Deltas to come, the last of them with the source frozen.
    pub rounds: Vec<Round>,
    /// Whether the last one holds the window.
    pub holds: bool,
    /// How long from now until the source is to be frozen.
    pub freeze_in_seconds: f64,
}

/// More deltas than that bring no gain worth having.
const MOST_ROUNDS: usize = 20;
/// A delta that saves less than this part of the time is not worth running.
const WORTH: f64 = 0.05;

impl Basis {
    /// With so many seconds of changes waiting already, and a window of so many seconds.
    pub fn forecast(&self, waiting_seconds: f64, window_seconds: f64) -> Forecast {
        let mut rounds: Vec<Round> = Vec::new();
        let mut since = waiting_seconds;
        while rounds.len() < MOST_ROUNDS {
            let round = self.round(since);
            since = round.source_seconds;
            let saved = rounds.last().map(|last| last.frozen_seconds - round.frozen_seconds);
            if saved.is_some_and(|saved| saved < WORTH * round.frozen_seconds) {
                break;
            }
            rounds.push(round);
            if round.frozen_seconds <= window_seconds {
                break;
            }
        }
        let unfrozen = rounds.len().saturating_sub(1);
        Forecast {
            holds: rounds.last().is_some_and(|last| last.frozen_seconds <= window_seconds),
            freeze_in_seconds: rounds.iter().take(unfrozen).map(|round| round.source_seconds).sum(),
            rounds,
        }
    }

    fn round(&self, since_seconds: f64) -> Round {
        let bytes = self.changed_bytes_per_second * since_seconds;
        let source_seconds = self.list_seconds + bytes / self.export_bytes_per_second;
        let frozen_seconds = source_seconds + self.carry_seconds + bytes / self.deliver_bytes_per_second;
        Round { bytes, source_seconds, frozen_seconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: f64 = 3600.0;

    /// A hundred kilobytes a second change; a listing takes two minutes.
    const BASIS: Basis = Basis {
        changed_bytes_per_second: 1e5,
        list_seconds: 120.0,
        export_bytes_per_second: 2e7,
        carry_seconds: 0.0,
        deliver_bytes_per_second: 1e7,
    };

    fn assert_near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }

    #[test]
    fn deltas_shrink_until_the_window_holds() {
        // A week of changes: 60 GB, 50 minutes to export and 100 to deliver.
        let forecast = BASIS.forecast(7.0 * 24.0 * HOUR, 15.0 * 60.0);
        let [first, last] = forecast.rounds.as_slice() else { panic!("{forecast:?}") };
        assert_near(first.bytes, 6.048e10);
        assert_near(first.source_seconds, 120.0 + 3024.0);
        assert_near(first.frozen_seconds, 120.0 + 3024.0 + 6048.0);
        // What changes in these 3144 s: 314.4 MB.
        assert_near(last.frozen_seconds, 120.0 + 15.72 + 31.44);
        assert!(forecast.holds);
        assert_near(forecast.freeze_in_seconds, first.source_seconds);
    }

    #[test]
    fn a_window_that_holds_at_once_needs_no_delta_before() {
        let forecast = BASIS.forecast(HOUR, 15.0 * 60.0);
        assert_eq!((forecast.rounds.len(), forecast.holds), (1, true));
        assert_near(forecast.freeze_in_seconds, 0.0);
    }

    #[test]
    fn a_courier_who_takes_longer_than_the_window_breaks_it_whatever_is_done() {
        let basis = Basis { carry_seconds: 24.0 * HOUR, ..BASIS };
        let forecast = basis.forecast(7.0 * 24.0 * HOUR, 15.0 * 60.0);
        assert!(!forecast.holds);
        assert!(forecast.rounds.len() < 5, "more deltas gain nothing: {forecast:?}");
    }

    #[test]
    fn an_archive_that_changes_faster_than_we_export_is_never_caught_up_with() {
        let basis = Basis { changed_bytes_per_second: 3e7, ..BASIS };
        let forecast = basis.forecast(HOUR, 15.0 * 60.0);
        assert!(!forecast.holds);
        assert_eq!(forecast.rounds.len(), 1, "{forecast:?}");
    }
}
