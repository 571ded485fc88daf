//! A pause that an operator asks for: from now on, until told otherwise or until a moment.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// That nothing may be asked of the archive, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Why, in the operator's words; no patient data.
    pub reason: String,
    /// When it ends by itself; none if only the operator ends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Pause {
    /// Whether it holds at `moment`.
    #[must_use]
    pub fn holds_at(&self, moment: Timestamp) -> bool {
        self.until.is_none_or(|until| moment < until)
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "paused: {}", self.reason)?;
        self.until.map_or(Ok(()), |until| write!(f, ", until {until:.0}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_at_its_end_and_one_without_does_not() {
        let until: Timestamp = "2026-06-05T06:00:00Z".parse().unwrap();
        let pause = Pause { reason: "backup".to_owned(), until: Some(until) };
        assert!(!pause.holds_at(until) && pause.holds_at(until - jiff::SignedDuration::from_millis(1)));
        assert_eq!(pause.to_string(), "paused: backup, until 2026-06-05T06:00:00Z");
        let open = Pause { until: None, ..pause };
        assert!(open.holds_at(Timestamp::MAX));
        assert_eq!(open.to_string(), "paused: backup");
    }
}
