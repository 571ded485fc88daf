//! The time zone that a calendar's wall clock hangs in.

use std::fmt;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::PaceError;

const SYSTEM: &str = "system";

/// A time zone: the machine's own (`system`) or one named by the IANA database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone {
    name: String,
    zone: TimeZone,
}

impl Zone {
    /// The machine's time zone; UTC where none is set, as in the C library.
    #[must_use]
    pub fn system() -> Self {
        Self { name: SYSTEM.to_owned(), zone: TimeZone::system() }
    }

    /// The zone called `name`, which may be `system`.
    pub fn named(name: &str) -> Result<Self, PaceError> {
        if name == SYSTEM {
            return Ok(Self::system());
        }
        let zone = TimeZone::get(name).map_err(|_| PaceError::UnknownTimeZone { name: name.to_owned() })?;
        Ok(Self { name: name.to_owned(), zone })
    }

    pub(crate) fn time_zone(&self) -> &TimeZone {
        &self.zone
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl TryFrom<String> for Zone {
    type Error = PaceError;

    fn try_from(name: String) -> Result<Self, PaceError> {
        Self::named(&name)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_have_names_that_read_back() {
        for name in ["system", "Europe/Berlin", "UTC"] {
            assert_eq!(Zone::named(name).unwrap().to_string(), name);
        }
    }

    #[test]
    fn an_unknown_zone_is_refused_with_a_hint() {
        let error = Zone::named("Europe/Bärlin").unwrap_err();
        assert!(error.to_string().contains("such as \"Europe/Berlin\""), "{error}");
    }
}
