//! The `[pace.adaptive]` table of a job's configuration.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How adaptive control behaves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptiveConfig {
    /// Whether it is on; it needs a source that speaks DIMSE.
    pub enabled: bool,
    /// Seconds from one canary to the next, from 1 to 600.
    pub canary_seconds: u32,
    /// How many times as long as when idle the canary's answers may take, from 1.05 to 10.
    pub tolerance: f64,
    /// A difference below this many milliseconds is noise, from 0 to 10000.
    pub slack_milliseconds: u32,
    /// Minutes between two moments in which the source is left alone for three seconds, to learn what its answers take
    /// without us; from 1 to 1440.
    pub relearn_minutes: u32,
}

impl Default for AdaptiveConfig {
    fn default() -> Self {
        Self { enabled: true, canary_seconds: 3, tolerance: 1.25, slack_milliseconds: 5, relearn_minutes: 10 }
    }
}

impl AdaptiveConfig {
    /// From one canary to the next.
    #[must_use]
    pub fn interval(&self) -> Duration {
        Duration::from_secs(self.canary_seconds.into())
    }

    pub(super) fn relearn(&self) -> Duration {
        Duration::from_secs(60 * u64::from(self.relearn_minutes))
    }

    /// The longest answer, in milliseconds, that is no sign of trouble.
    pub(super) fn bound(&self, baseline: f64) -> f64 {
        (baseline * self.tolerance).max(baseline + f64::from(self.slack_milliseconds))
    }

    /// The longest answer with which the source may be asked for more: a little short of the bound, so that
    /// the load comes to rest below it and not in a saw-tooth around it.
    pub(super) fn ease(&self, baseline: f64) -> f64 {
        baseline + 0.85 * (self.bound(baseline) - baseline)
    }
}
