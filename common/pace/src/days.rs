//! A set of days of the week, and holidays as an eighth.

use std::fmt;

use jiff::civil::Weekday;
use serde::{Deserialize, Serialize};

use crate::PaceError;

const NAMES: [&str; 8] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun", HOLIDAY];
/// How a holiday is written among the days.
const HOLIDAY: &str = "holiday";
const HOLIDAY_BIT: u8 = 1 << 7;

/// Days of the week, at least one; written as a list of `mon` to `sun`, and `holiday`.
///
/// A holiday is a day of its own kind: it is no longer the day of the week that it falls on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Days(u8);

impl Days {
    /// Every day of the week, and holidays.
    pub const ALL: Self = Self(u8::MAX);

    /// These days; an error if there is none.
    pub fn of(days: &[Weekday]) -> Result<Self, PaceError> {
        let bits = days.iter().fold(0, |bits, day| bits | bit(*day));
        if bits == 0 { Err(PaceError::NoDays) } else { Ok(Self(bits)) }
    }

    /// Whether `day` is among them.
    #[must_use]
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & bit(day) != 0
    }

    /// Whether holidays are among them.
    #[must_use]
    pub fn contains_holidays(self) -> bool {
        self.0 & HOLIDAY_BIT != 0
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().enumerate().filter(move |(offset, _)| self.0 >> offset & 1 == 1).map(|(_, name)| *name)
    }
}

fn bit(day: Weekday) -> u8 {
    1 << day.to_monday_zero_offset()
}

impl Default for Days {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("every day");
        }
        f.write_str(&self.names().collect::<Vec<_>>().join(","))
    }
}

impl TryFrom<Vec<String>> for Days {
    type Error = PaceError;

    fn try_from(names: Vec<String>) -> Result<Self, PaceError> {
        let mut bits = 0;
        for text in names {
            let offset = NAMES.iter().position(|name| name.eq_ignore_ascii_case(text.trim()));
            bits |= 1 << offset.ok_or(PaceError::NotADay { text })?;
        }
        if bits == 0 { Err(PaceError::NoDays) } else { Ok(Self(bits)) }
    }
}

impl From<Days> for Vec<String> {
    fn from(days: Days) -> Self {
        days.names().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let days: Days = serde_json::from_str(r#"["Sat", "mon", "mon"]"#).unwrap();
        assert_eq!(serde_json::to_string(&days).unwrap(), r#"["mon","sat"]"#);
        assert_eq!(days, Days::of(&[Weekday::Monday, Weekday::Saturday]).unwrap());
        assert!(days.contains(Weekday::Saturday) && !days.contains(Weekday::Sunday));
        assert_eq!(Days::ALL.to_string(), "every day");
        let holidays: Days = serde_json::from_str(r#"["holiday", "sun"]"#).unwrap();
        assert!(holidays.contains_holidays() && !days.contains_holidays());
        assert_eq!(holidays.to_string(), "sun,holiday");
    }

    #[test]
    fn no_day_and_no_such_day_are_refused() {
        assert_eq!(Days::try_from(vec![]), Err(PaceError::NoDays));
        assert_eq!(Days::of(&[]), Err(PaceError::NoDays));
        let error = Days::try_from(vec!["montag".to_owned()]).unwrap_err();
        assert_eq!(error, PaceError::NotADay { text: "montag".to_owned() });
    }
}
