//! When we may work at all: windows on a wall clock in a time zone.

use std::collections::BTreeSet;

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::AmbiguousOffset,
};

use crate::{Window, Zone};

/// Windows in a time zone. Without windows it is always open.
///
/// One rule, with no exception for the days on which clocks change: a window is open whenever a wall clock in the
/// zone shows a time inside it. So a window that starts in the hour that is skipped opens when the clock jumps,
/// one that lies wholly in that hour does not open that day, and one that starts in the hour that comes twice
/// opens both times. Where windows overlap, the first in the list gives the limits. On a holiday only those windows
/// start that name holidays.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    zone: Zone,
    windows: Vec<Window>,
    holidays: BTreeSet<Date>,
}

/// What a calendar says about a moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Opening {
    /// Work is allowed.
    Open {
        /// The window that allows it; none if the calendar has no windows.
        window: Option<Window>,
        /// When that window ends or gives way to another; none if it does not.
        until: Option<Timestamp>,
    },
    /// No window is open.
    Closed {
        /// When the next one opens; none if none does within [`HORIZON_DAYS`].
        opens_at: Option<Timestamp>,
    },
}

/// How far ahead changes are looked for. Windows repeat weekly; when clocks change one may be left out once, so
/// two weeks and the days at both ends show every one of them.
const HORIZON_DAYS: i32 = 16;

impl Calendar {
    /// These windows in this time zone.
    #[must_use]
    pub fn new(zone: Zone, windows: Vec<Window>) -> Self {
        Self { zone, windows, holidays: BTreeSet::new() }
    }

    /// The same, with these days as holidays.
    #[must_use]
    pub fn with_holidays(self, holidays: impl IntoIterator<Item = Date>) -> Self {
        Self { holidays: holidays.into_iter().collect(), ..self }
    }

    /// The hour of the week at `moment`, from 0 (Monday, 00:00 to 01:00 in the calendar's zone) to 167.
    #[must_use]
    pub fn hour_of_week(&self, moment: Timestamp) -> u8 {
        let wall = self.wall(moment);
        let day = wall.weekday().to_monday_zero_offset().unsigned_abs();
        day * 24 + wall.hour().unsigned_abs()
    }

    /// A calendar that is always open.
    #[must_use]
    pub fn always() -> Self {
        Self::new(Zone::system(), Vec::new())
    }

    /// Whether it is open at `moment`, and until when that stays so.
    #[must_use]
    pub fn at(&self, moment: Timestamp) -> Opening {
        if self.windows.is_empty() {
            return Opening::Open { window: None, until: None };
        }
        let now = self.window_at(moment);
        let change = self.moments_of_change(moment).into_iter().find(|&later| self.window_at(later) != now);
        match now.and_then(|position| self.windows.get(position)) {
            Some(window) => Opening::Open { window: Some(window.clone()), until: change },
            None => Opening::Closed { opens_at: change },
        }
    }

    fn window_at(&self, moment: Timestamp) -> Option<usize> {
        let wall = self.wall(moment);
        self.windows.iter().position(|window| window.contains(wall, &self.holidays))
    }

    fn wall(&self, moment: Timestamp) -> DateTime {
        self.zone.time_zone().to_datetime(moment)
    }

    /// All moments after `moment`, within the horizon, between which nothing can change: those at which the wall
    /// clock reads a window's edge, and those at which it is itself put forward or back.
    fn moments_of_change(&self, moment: Timestamp) -> BTreeSet<Timestamp> {
        let today = self.wall(moment).date();
        let days = (-1..=HORIZON_DAYS).filter_map(|offset| today.checked_add(offset.days()).ok());
        let edges = days.flat_map(|day| self.edges_on(day));
        let last = moment.checked_add((i64::from(HORIZON_DAYS) * 24).hours()).unwrap_or(Timestamp::MAX);
        let shifts = self.zone.time_zone().following(moment).map(|shift| shift.timestamp());
        edges.chain(shifts.take_while(|&shift| shift <= last)).filter(|&later| later > moment).collect()
    }

    fn edges_on(&self, day: Date) -> impl Iterator<Item = Timestamp> {
        let readings = self.windows.iter().filter_map(move |window| window.on(day, &self.holidays));
        readings.flat_map(|(from, to)| [from, to]).flat_map(|reading| self.moments_of(reading))
    }

    /// The moments at which the wall clock reads `reading`: one, two where the clock is put back, and where it is
    /// put forward two that are none, which do no harm among candidates.
    fn moments_of(&self, reading: DateTime) -> impl Iterator<Item = Timestamp> {
        let offsets = match self.zone.time_zone().to_ambiguous_timestamp(reading).offset() {
            AmbiguousOffset::Unambiguous { offset } => [Some(offset), None],
            AmbiguousOffset::Gap { before, after } | AmbiguousOffset::Fold { before, after } => {
                [Some(before), Some(after)]
            }
        };
        offsets.into_iter().flatten().filter_map(move |offset| offset.to_timestamp(reading).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(zone: &str, windows: &str) -> Calendar {
        Calendar::new(Zone::named(zone).unwrap(), serde_json::from_str(windows).unwrap())
    }

    fn moment(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn opens_at(calendar: &Calendar, at: &str) -> String {
        match calendar.at(moment(at)) {
            Opening::Closed { opens_at } => opens_at.map_or("never".to_owned(), |at| at.to_string()),
            Opening::Open { .. } => "is open".to_owned(),
        }
    }

    fn open_until(calendar: &Calendar, at: &str) -> String {
        match calendar.at(moment(at)) {
            Opening::Open { until, .. } => until.map_or("for ever".to_owned(), |at| at.to_string()),
            Opening::Closed { .. } => "is closed".to_owned(),
        }
    }

    #[test]
    fn without_windows_it_is_always_open() {
        let always = Opening::Open { window: None, until: None };
        assert_eq!(Calendar::always().at(moment("2026-03-29T01:00:00Z")), always);
    }

    #[test]
    fn a_whole_week_never_closes() {
        let week = calendar("Europe/Berlin", r#"[{"from": "00:00", "to": "24:00"}]"#);
        assert_eq!(open_until(&week, "2026-03-28T12:00:00Z"), "for ever");
    }

    #[test]
    fn nights_and_weekends() {
        let windows = r#"[
            {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "19:00", "to": "06:00"},
            {"days": ["sat"], "from": "06:00", "to": "24:00"}
        ]"#;
        let calendar = calendar("America/New_York", windows);
        assert_eq!(opens_at(&calendar, "2026-06-05T16:00:00Z"), "2026-06-05T23:00:00Z");
        assert_eq!(open_until(&calendar, "2026-06-05T23:00:00Z"), "2026-06-06T10:00:00Z");
        assert_eq!(open_until(&calendar, "2026-06-06T10:00:00Z"), "2026-06-07T04:00:00Z");
        assert_eq!(opens_at(&calendar, "2026-06-07T04:00:00Z"), "2026-06-08T23:00:00Z");
    }

    #[test]
    fn a_holiday_is_no_weekday() {
        let windows = r#"[
            {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "19:00", "to": "06:00"},
            {"days": ["sun", "holiday"], "from": "00:00", "to": "24:00"}
        ]"#;
        let christmas = jiff::civil::date(2026, 12, 25);
        let calendar = calendar("UTC", windows).with_holidays([christmas]);
        // Thursday's night goes on into the holiday, which is open itself and has no night of its own.
        assert_eq!(open_until(&calendar, "2026-12-24T19:00:00Z"), "2026-12-25T06:00:00Z");
        assert_eq!(open_until(&calendar, "2026-12-25T06:00:00Z"), "2026-12-26T00:00:00Z");
        assert_eq!(opens_at(&calendar, "2026-12-26T00:00:00Z"), "2026-12-27T00:00:00Z");
    }

    #[test]
    fn hours_of_the_week_follow_the_zone() {
        let calendar = calendar("Europe/Berlin", "[]");
        assert_eq!(calendar.hour_of_week(moment("2026-06-07T22:00:00Z")), 0);
        assert_eq!(calendar.hour_of_week(moment("2026-06-07T21:59:59Z")), 167);
    }

    #[test]
    fn the_first_of_overlapping_windows_rules() {
        let windows = r#"[{"from": "12:00", "to": "13:00"}, {"from": "08:00", "to": "18:00"}]"#;
        let calendar = calendar("UTC", windows);
        assert_eq!(open_until(&calendar, "2026-06-05T09:00:00Z"), "2026-06-05T12:00:00Z");
        assert_eq!(open_until(&calendar, "2026-06-05T12:00:00Z"), "2026-06-05T13:00:00Z");
        assert_eq!(open_until(&calendar, "2026-06-05T13:00:00Z"), "2026-06-05T18:00:00Z");
    }

    // Europe/Berlin 2026-03-29: at 01:00Z clocks jump from 02:00 to 03:00.
    #[test]
    fn a_start_in_the_skipped_hour_opens_at_the_jump() {
        let calendar = calendar("Europe/Berlin", r#"[{"days": ["sun"], "from": "02:30", "to": "05:00"}]"#);
        assert_eq!(opens_at(&calendar, "2026-03-29T00:59:59Z"), "2026-03-29T01:00:00Z");
        assert_eq!(open_until(&calendar, "2026-03-29T01:00:00Z"), "2026-03-29T03:00:00Z");
    }

    #[test]
    fn an_end_in_the_skipped_hour_closes_at_the_jump() {
        let calendar = calendar("Europe/Berlin", r#"[{"days": ["sun"], "from": "01:00", "to": "02:30"}]"#);
        assert_eq!(open_until(&calendar, "2026-03-29T00:30:00Z"), "2026-03-29T01:00:00Z");
    }

    #[test]
    fn a_window_inside_the_skipped_hour_waits_for_the_next_week() {
        let calendar = calendar("Europe/Berlin", r#"[{"days": ["sun"], "from": "02:15", "to": "02:45"}]"#);
        assert_eq!(opens_at(&calendar, "2026-03-22T02:00:00Z"), "2026-04-05T00:15:00Z");
    }

    // Europe/Berlin 2026-10-25: at 01:00Z clocks go back from 03:00 to 02:00.
    #[test]
    fn a_start_in_the_hour_that_comes_twice_opens_both_times() {
        let calendar = calendar("Europe/Berlin", r#"[{"days": ["sun"], "from": "02:30", "to": "05:00"}]"#);
        assert_eq!(opens_at(&calendar, "2026-10-25T00:00:00Z"), "2026-10-25T00:30:00Z");
        assert_eq!(open_until(&calendar, "2026-10-25T00:30:00Z"), "2026-10-25T01:00:00Z");
        assert_eq!(opens_at(&calendar, "2026-10-25T01:00:00Z"), "2026-10-25T01:30:00Z");
        assert_eq!(open_until(&calendar, "2026-10-25T01:30:00Z"), "2026-10-25T04:00:00Z");
    }

    #[test]
    fn a_night_is_an_hour_shorter_or_longer_when_clocks_change() {
        let calendar = calendar("Europe/Berlin", r#"[{"days": ["sat"], "from": "22:00", "to": "06:00"}]"#);
        assert_eq!(open_until(&calendar, "2026-03-28T21:00:00Z"), "2026-03-29T04:00:00Z");
        assert_eq!(open_until(&calendar, "2026-10-24T20:00:00Z"), "2026-10-25T05:00:00Z");
    }

    #[test]
    fn the_ends_of_time_are_no_panic() {
        let calendar = calendar("America/New_York", r#"[{"from": "22:00", "to": "06:00"}]"#);
        let _ = (calendar.at(Timestamp::MIN), calendar.at(Timestamp::MAX));
    }
}
