//! One recurring window: days of the week, from a time of day to a time of day.

use std::{collections::BTreeSet, fmt};

use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Serialize};

use crate::{Days, LimitsOverride};

/// A window that opens on each of its days at `from` and closes at `to`.
///
/// If `to` is not after `from` the window crosses midnight and closes on the next day; it belongs to the day on
/// which it starts. From a time to the same time is 24 hours; `24:00` is midnight at a day's end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// The days on which it starts; every day if left out.
    #[serde(default)]
    pub days: Days,
    /// The first moment inside.
    #[serde(with = "time_of_day")]
    pub from: Time,
    /// The first moment that is no longer inside.
    #[serde(with = "time_of_day")]
    pub to: Time,
    /// Limits that hold instead of the usual ones while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsOverride>,
}

impl Window {
    /// The wall clock's readings at which this window opens and closes, if it starts on `day`.
    pub(crate) fn on(&self, day: Date, holidays: &BTreeSet<Date>) -> Option<(DateTime, DateTime)> {
        let starts = if holidays.contains(&day) {
            self.days.contains_holidays()
        } else {
            self.days.contains(day.weekday())
        };
        if !starts {
            return None;
        }
        let last = if self.to > self.from { day } else { day.tomorrow().ok()? };
        Some((day.to_datetime(self.from), last.to_datetime(self.to)))
    }

    /// Whether a wall clock that reads `wall` is inside.
    pub(crate) fn contains(&self, wall: DateTime, holidays: &BTreeSet<Date>) -> bool {
        let today = wall.date();
        [Some(today), today.yesterday().ok()]
            .into_iter()
            .flatten()
            .filter_map(|day| self.on(day, holidays))
            .any(|(from, to)| from <= wall && wall < to)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} to {}", self.days, time_of_day::show(self.from), time_of_day::show(self.to))
    }
}

/// Times of day as `HH:MM` or `HH:MM:SS`, nothing else of what ISO 8601 allows.
mod time_of_day {
    use jiff::civil::Time;
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::PaceError;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
    pub fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&show(*time))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| de::Error::custom(PaceError::NotATime { text }))
    }

    pub fn show(time: Time) -> String {
        let format = if time.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
        time.strftime(format).to_string()
    }

    pub fn parse(text: &str) -> Option<Time> {
        if matches!(text, "24:00" | "24:00:00") {
            return Some(Time::midnight());
        }
        let mut parts = text.split(':').map(two_digits);
        let (hour, minute) = (parts.next()??, parts.next()??);
        let second = parts.next().unwrap_or(Some(0))?;
        if parts.next().is_some() {
            return None;
        }
        Time::new(hour, minute, second, 0).ok()
    }

    fn two_digits(text: &str) -> Option<i8> {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        if digits { text.parse().ok() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Weekday, time};

    use super::*;

    fn window(json: &str) -> Result<Window, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn times_of_day_are_hours_minutes_and_perhaps_seconds() {
        let read = window(r#"{"from": "07:30", "to": "19:00:01"}"#).unwrap();
        assert_eq!((read.from, read.to, read.days), (time(7, 30, 0, 0), time(19, 0, 1, 0), Days::ALL));
        assert_eq!(read.to_string(), "every day 07:30 to 19:00:01");
        for text in ["7:30", "0730", "24:01", "23:60", "12", "12:00:60", "12:00:00.5", "T12:00", "+1:00", ""]
        {
            let error = window(&format!(r#"{{"from": "{text}", "to": "19:00"}}"#)).unwrap_err();
            assert!(error.contains("not a time of day"), "{text}: {error}");
        }
    }

    #[test]
    fn a_window_reads_back() {
        let night = Window {
            days: Days::of(&[Weekday::Friday]).unwrap(),
            from: time(19, 0, 0, 0),
            to: time(6, 0, 0, 0),
            limits: Some(LimitsOverride { associations: Some(4), ..LimitsOverride::default() }),
        };
        let json = serde_json::to_string(&night).unwrap();
        assert_eq!(json, r#"{"days":["fri"],"from":"19:00","to":"06:00","limits":{"associations":4}}"#);
        assert_eq!(window(&json), Ok(night));
        assert!(window(r#"{"from": "07:30"}"#).unwrap_err().contains("missing field `to`"));
        assert!(
            window(r#"{"from": "07:30", "to": "08:00", "until": 1}"#).unwrap_err().contains("unknown field")
        );
    }

    #[test]
    fn across_midnight_it_belongs_to_the_day_on_which_it_starts() {
        let friday_night = window(r#"{"days": ["fri"], "from": "22:00", "to": "06:00"}"#).unwrap();
        let friday = jiff::civil::date(2026, 3, 6);
        let none = BTreeSet::new();
        let saturday = jiff::civil::date(2026, 3, 7);
        assert!(!friday_night.contains(friday.at(5, 0, 0, 0), &none));
        assert!(friday_night.contains(friday.at(22, 0, 0, 0), &none));
        assert!(friday_night.contains(saturday.at(5, 59, 59, 999_999_999), &none));
        assert!(!friday_night.contains(saturday.at(6, 0, 0, 0), &none));
        assert!(!friday_night.contains(saturday.at(22, 0, 0, 0), &none));
    }

    #[test]
    fn the_same_time_twice_is_a_whole_day_and_24_00_is_its_end() {
        let saturday = window(r#"{"days": ["sat"], "from": "00:00", "to": "24:00"}"#).unwrap();
        let day = jiff::civil::date(2026, 3, 7);
        let contains = |wall| saturday.contains(wall, &BTreeSet::new());
        assert!(contains(day.at(0, 0, 0, 0)) && contains(day.at(23, 59, 59, 0)));
        assert!(!contains(day.tomorrow().unwrap().at(0, 0, 0, 0)));
        assert!(!contains(day.yesterday().unwrap().at(23, 59, 59, 0)));
    }

    #[test]
    fn the_last_day_of_the_calendar_is_no_panic() {
        let always = window(r#"{"from": "12:00", "to": "12:00"}"#).unwrap();
        assert!(always.contains(DateTime::MAX.date().at(1, 0, 0, 0), &BTreeSet::new()));
        assert!(!always.contains(DateTime::MIN.date().at(1, 0, 0, 0), &BTreeSet::new()));
    }
}
