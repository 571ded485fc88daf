//! Where axes have their ticks: round numbers on a value axis, civil times on a time axis.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Ticks on a value axis from 0 that reaches at least `max`, about `wanted` of them, in steps of 1, 2 or 5
/// times a power of ten. The last tick is the axis's end. Empty unless `max` is a positive number.
pub fn value_ticks(max: f64, wanted: usize) -> Vec<f64> {
    // Beyond these the step or its multiples leave the range of numbers.
    if !(1e-9..=1e30).contains(&max) || wanted == 0 {
        return Vec::new();
    }
    let raw = max / wanted as f64;
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * power).find(|step| *step >= raw * 0.999_999);
    let step = step.unwrap_or(10.0 * power);
    let before_last = |n: &u32| f64::from(*n) * step < max * 0.999_999;
    let steps = (0..).take_while(before_last).map(|n| n + 1);
    [0].into_iter().chain(steps).map(|n| f64::from(n) * step).collect()
}

/// A tick's number with as many digits as its step needs, at most 6.
pub fn value_label(value: f64, step: f64) -> String {
    let digits = (0u8..6).find(|digits| step * 10f64.powi(i32::from(*digits)) > 0.999).unwrap_or(6);
    let digits = usize::from(digits);
    format!("{value:.digits$}")
}

/// A tick on a time axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeTick {
    /// Where.
    pub at: Timestamp,
    /// `14:30`, or `22 Nov` where the step is days.
    pub label: String,
    /// The date, on the first tick of each day when the step is less than a day.
    pub date: Option<String>,
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

const STEPS: [i64; 19] = [
    1,
    5,
    15,
    30,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    28 * DAY,
    91 * DAY,
    364 * DAY,
];

/// Ticks between two moments at round civil times of a zone, at most `most` + 1 of them; across a change of
/// daylight saving time they stay at round civil times.
pub fn time_ticks(from: Timestamp, to: Timestamp, zone: &TimeZone, most: usize) -> Vec<TimeTick> {
    let seconds = to.as_second().saturating_sub(from.as_second());
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let Some(step) = STEPS.into_iter().find(|step| seconds / step < most) else { return Vec::new() };
    let (first, last) = (from.to_zoned(zone.clone()).date(), to.to_zoned(zone.clone()).date());
    let mut ticks: Vec<TimeTick> = Vec::new();
    let mut day = if step < DAY { Some(first) } else { aligned(first, step / DAY) };
    while let Some(date) = day.filter(|day| *day <= last) {
        for at in times_of(date, step, zone) {
            let later = ticks.last().is_none_or(|tick| tick.at < at);
            if later && (from..=to).contains(&at) {
                ticks.push(tick(at, step, ticks.last(), zone));
            }
        }
        day = date.checked_add(Span::new().days((step / DAY).max(1))).ok();
    }
    ticks
}

/// The moments of a day that are multiples of the step.
fn times_of(date: Date, step: i64, zone: &TimeZone) -> impl Iterator<Item = Timestamp> {
    (0..(DAY / step).max(1)).filter_map(move |n| {
        let second = n * step;
        let part = |seconds: i64| i8::try_from(seconds).ok();
        let (hour, minute) = (part(second / HOUR)?, part(second / MINUTE % 60)?);
        let civil = date.at(hour, minute, part(second % MINUTE)?, 0);
        Some(zone.to_ambiguous_zoned(civil).compatible().ok()?.timestamp())
    })
}

/// The last day not after `first` whose number since 1970 is a multiple of `days`, shifted so that weeks
/// begin on Monday (1970-01-05 was one).
fn aligned(first: Date, days: i64) -> Option<Date> {
    let monday = Date::new(1970, 1, 5).ok()?;
    let since = i64::from(monday.until(first).ok()?.get_days());
    first.checked_sub(Span::new().days(since.rem_euclid(days))).ok()
}

fn tick(at: Timestamp, step: i64, before: Option<&TimeTick>, zone: &TimeZone) -> TimeTick {
    let civil = at.to_zoned(zone.clone());
    if step >= 91 * DAY {
        return TimeTick { at, label: civil.strftime("%b %Y").to_string(), date: None };
    }
    if step >= DAY {
        return TimeTick { at, label: civil.strftime("%-d %b").to_string(), date: None };
    }
    let pattern = if step < MINUTE { "%H:%M:%S" } else { "%H:%M" };
    let new_day = before.is_none_or(|before| before.at.to_zoned(zone.clone()).date() != civil.date());
    let date = new_day.then(|| civil.strftime("%-d %b %Y").to_string());
    TimeTick { at, label: civil.strftime(pattern).to_string(), date }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    proptest! {
        #[test]
        fn value_ticks_are_round_rising_and_cover_the_maximum(exponent in -8.0f64..29.0, wanted in 1usize..10) {
            let max = 10f64.powf(exponent);
            let ticks = value_ticks(max, wanted);
            prop_assert!((2..=wanted + 2).contains(&ticks.len()), "{ticks:?}");
            prop_assert!(ticks.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(ticks[0].abs() < f64::MIN_POSITIVE);
            let (last, step) = (ticks[ticks.len() - 1], ticks[1]);
            prop_assert!(last >= max * 0.999_99 && last - step < max);
            let digit = step / 10f64.powf((step * 1.000_001).log10().floor());
            prop_assert!([1.0, 2.0, 5.0].iter().any(|round| (digit - round).abs() < 1e-6), "step {step}");
        }

        #[test]
        fn value_labels_tell_neighbours_apart(exponent in -4.0f64..9.0) {
            let ticks = value_ticks(10f64.powf(exponent), 4);
            let labels: std::collections::BTreeSet<_> =
                ticks.iter().map(|tick| value_label(*tick, ticks[1])).collect();
            prop_assert_eq!(labels.len(), ticks.len());
        }

        #[test]
        fn time_ticks_are_few_rising_inside_and_at_round_civil_times(
            start in 1_500_000_000i64..2_000_000_000, length in 1i64..700_000_000, most in 3usize..12,
        ) {
            let (from, to) = (Timestamp::from_second(start).unwrap(), Timestamp::from_second(start + length).unwrap());
            let ticks = time_ticks(from, to, &zone(), most);
            // A day of 25 hours has one tick more.
            prop_assert!(ticks.len() <= most + 2, "{}", ticks.len());
            prop_assert!(ticks.windows(2).all(|pair| pair[0].at < pair[1].at));
            prop_assert!(ticks.iter().all(|tick| (from..=to).contains(&tick.at)));
            for tick in &ticks {
                let second = tick.at.to_zoned(zone()).second();
                prop_assert!(length < 60 || second % 5 == 0);
                if length > 40 * 60 { prop_assert_eq!(second, 0); }
            }
        }
    }

    #[test]
    fn nonsense_has_no_ticks() {
        for max in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(value_ticks(max, 4).is_empty());
        }
        let at = Timestamp::from_second(1_700_000_000).unwrap();
        assert!(time_ticks(at, Timestamp::UNIX_EPOCH, &zone(), 8).len() <= 9);
    }

    #[test]
    fn hours_stay_round_when_the_clocks_change() {
        let from = "2026-10-24T22:00:00Z".parse().unwrap();
        let to = "2026-10-25T23:00:00Z".parse().unwrap();
        let labels: Vec<_> = time_ticks(from, to, &zone(), 12).into_iter().map(|tick| tick.label).collect();
        assert_eq!(labels, ["00:00", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "00:00"]);
    }
}
