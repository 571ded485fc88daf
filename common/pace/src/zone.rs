//! The time zone that a calendar's wall clock hangs in.

use std::fmt;

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};
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

    /// The moment that an operator means by `text`: `HH:MM` is the next time at which a wall clock in the zone shows that,
    /// `YYYY-MM-DD HH:MM` is on that clock, a time with an offset is what it is. An error if it is not after `now`.
    pub fn next_moment(&self, text: &str, now: Timestamp) -> Result<Timestamp, PaceError> {
        let text = text.trim();
        let wall = self.zone.to_datetime(now);
        let on_clock = |reading: DateTime| self.zone.to_timestamp(reading).ok();
        let of_day = || {
            let time: Time = Some(text).filter(|text| text.len() <= 8)?.parse().ok()?;
            let days = [Some(wall.date()), wall.date().tomorrow().ok()].into_iter().flatten();
            days.filter_map(|day| on_clock(day.to_datetime(time))).find(|moment| *moment > now)
        };
        let moment = text.parse::<Timestamp>().ok().or_else(of_day).or_else(|| on_clock(text.parse().ok()?));
        moment.filter(|moment| *moment > now).ok_or_else(|| PaceError::NotAMoment { text: text.to_owned() })
    }

    /// The day that a wall clock in the zone shows at a moment.
    #[must_use]
    pub fn day(&self, moment: Timestamp) -> Date {
        self.zone.to_datetime(moment).date()
    }

    /// When a wall clock in the zone shows this; where it does so twice, the first time, and where it never does, as far behind
    /// the leap as it would be without one. None beyond the years that a clock can tell.
    #[must_use]
    pub fn moment(&self, reading: DateTime) -> Option<Timestamp> {
        self.zone.to_timestamp(reading).ok()
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
    fn a_moment_to_come_is_on_the_zones_clock() {
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let now = "2026-12-24T18:00:00Z".parse().unwrap();
        for (text, moment) in [
            ("20:30", "2026-12-24T19:30:00Z"),
            ("06:00", "2026-12-25T05:00:00Z"),
            ("19:00", "2026-12-25T18:00:00Z"),
            (" 2027-07-01 06:00", "2027-07-01T04:00:00Z"),
            ("2026-12-24T20:00:00+00:00", "2026-12-24T20:00:00Z"),
        ] {
            assert_eq!(berlin.next_moment(text, now), Ok(moment.parse().unwrap()), "{text}");
        }
        for text in ["", "noon", "25:00", "2026-12-24 18:59", "2026-12-24T18:00:00Z", "2026-02-30 12:00"] {
            assert!(berlin.next_moment(text, now).is_err(), "{text}");
        }
    }

    #[test]
    fn a_day_is_the_zones_own() {
        let moment: Timestamp = "2026-06-30T22:30:00Z".parse().unwrap();
        let berlin = Zone::named("Europe/Berlin").unwrap();
        let day = jiff::civil::date(2026, 7, 1);
        assert_eq!(
            (berlin.day(moment), Zone::named("UTC").unwrap().day(moment)),
            (day, day.yesterday().unwrap())
        );
        assert_eq!(berlin.moment(day.at(0, 30, 0, 0)), Some(moment));
    }

    #[test]
    fn an_unknown_zone_is_refused_with_a_hint() {
        let error = Zone::named("Europe/Bärlin").unwrap_err();
        assert!(error.to_string().contains("such as \"Europe/Berlin\""), "{error}");
    }
}
