//! Days and times of day as numbers, and ranges of them as DICOM writes them (PS3.4 section C.2.2.2.5).

use std::ops::Range;

use jiff::ToSpan;
use jiff::civil::{Date, date};

/// The first day that a DA value can name.
const FIRST: Date = date(1, 1, 1);
/// The last day.
pub const LAST_DAY: u64 = 3_652_058;
/// Microseconds of a second.
pub const SECOND: u64 = 1_000_000;
/// The last microsecond of a day with a leap second.
pub const LAST_MOMENT: u64 = 86_401 * SECOND - 1;

/// A range, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    pub from: u64,
    pub to: u64,
}

impl Span {
    pub fn contains(self, value: u64) -> bool {
        (self.from..=self.to).contains(&value)
    }

    /// The parts of it before, within and after `middle`, those that there are.
    pub fn around(self, middle: Self) -> Vec<Self> {
        let before = (middle.from > self.from).then(|| Self { from: self.from, to: middle.from - 1 });
        let after = (middle.to < self.to).then(|| Self { from: middle.to + 1, to: self.to });
        [before, Some(middle), after].into_iter().flatten().collect()
    }

    /// Two halves, of which the first ends with `last`.
    pub fn cut_after(self, last: u64) -> Vec<Self> {
        if last < self.from || last >= self.to {
            return Vec::new();
        }
        vec![Self { from: self.from, to: last }, Self { from: last + 1, to: self.to }]
    }
}

/// Days since 0001-01-01 of a DA value; dots as in ACR-NEMA are passed over.
pub fn day(text: &str) -> Option<u64> {
    let digits: String = text.chars().filter(|c| *c != '.').collect();
    if digits.len() != 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = |range: Range<usize>| digits.get(range)?.parse::<i16>().ok();
    let (month, day) = (i8::try_from(number(4..6)?).ok()?, i8::try_from(number(6..8)?).ok()?);
    day_number(Date::new(number(0..4)?, month, day).ok()?)
}

/// Days since 0001-01-01.
pub fn day_number(date: Date) -> Option<u64> {
    u64::try_from(FIRST.until(date).ok()?.get_days()).ok()
}

/// A range of days; open where it reaches to an end of the calendar, so that values that are no dates can show up.
pub fn days_text(span: Span) -> String {
    let text = |day: u64| {
        let days = i64::try_from(day).unwrap_or_default();
        FIRST.checked_add(days.days()).map(|date| date.strftime("%Y%m%d").to_string()).unwrap_or_default()
    };
    match span {
        Span { from, to } if from == to => text(from),
        Span { from: 0, to } => format!("-{}", text(to)),
        Span { from, to: LAST_DAY } => format!("{}-", text(from)),
        Span { from, to } => format!("{}-{}", text(from), text(to)),
    }
}

/// Microseconds since midnight of a TM value; colons as in ACR-NEMA are passed over.
pub fn moment(text: &str) -> Option<u64> {
    let text: String = text.chars().filter(|c| *c != ':').collect();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !matches!(whole.len(), 2 | 4 | 6) || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole: u64 = format!("{whole:0<6}").parse().ok()?;
    let fraction: u64 = format!("{fraction:0<6}").parse().ok()?;
    let moment = (whole / 10_000 * 3600 + whole / 100 % 100 * 60 + whole % 100) * SECOND + fraction;
    (moment <= LAST_MOMENT).then_some(moment)
}

/// A range of times. Its beginning is written as short as it can be and its end as long: archives that compare texts
/// then find what lies at an edge, such as 1015 and 101530.25.
pub fn times_text(span: Span) -> String {
    let whole = |moment: u64| {
        // A leap second is second 60.
        let second = (moment / SECOND).min(86_399);
        let leap = moment / SECOND - second;
        format!("{:02}{:02}{:02}", second / 3600, second / 60 % 60, second % 60 + leap)
    };
    let end = |moment: u64| format!("{}.{:06}", whole(moment), moment % SECOND);
    let beginning = |moment: u64| {
        let text = end(moment);
        let fraction = text.trim_end_matches('0');
        let length = match fraction.strip_suffix('.').map(|whole| whole.trim_end_matches('0').len()) {
            None => fraction.len(),
            Some(digits) => (digits + digits % 2).max(2),
        };
        end(moment).get(..length).unwrap_or_default().to_owned()
    };
    match span {
        Span { from: 0, to } => format!("-{}", end(to)),
        Span { from, to: LAST_MOMENT } => format!("{}-", beginning(from)),
        Span { from, to } => format!("{}-{}", beginning(from), end(to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_and_written() {
        assert_eq!(day("00010101"), Some(0));
        assert_eq!(day("99991231"), Some(LAST_DAY));
        assert_eq!(day("2024.01.31"), day("20240131"));
        assert_eq!((day("20240230"), day(""), day("2024013")), (None, None, None));
        let span = |from: &str, to: &str| Span { from: day(from).unwrap(), to: day(to).unwrap() };
        assert_eq!(days_text(span("20240131", "20240131")), "20240131");
        assert_eq!(days_text(span("00010101", "20240131")), "-20240131");
        assert_eq!(days_text(span("20240131", "99991231")), "20240131-");
        assert_eq!(days_text(span("19000101", "20240229")), "19000101-20240229");
    }

    #[test]
    fn times_are_read_and_written() {
        assert_eq!(moment("1015"), moment("101500.000000"));
        assert_eq!(moment("10:15:30.25"), Some(36_930_250_000));
        assert_eq!((moment("101"), moment("xx"), moment("10.1234567")), (None, None, None));
        assert_eq!(moment("235960.999999"), Some(LAST_MOMENT));
        let span = |from: &str, to: &str| Span { from: moment(from).unwrap(), to: moment(to).unwrap() };
        assert_eq!(times_text(span("101500", "101529.999999")), "1015-101529.999999");
        assert_eq!(times_text(span("100000", "100000")), "10-100000.000000");
        assert_eq!(times_text(span("000000", "101530.25")), "-101530.250000");
        assert_eq!(times_text(span("101530.25", "235960.999999")), "101530.25-");
        assert_eq!(times_text(span("101530", "235960")), "101530-235960.000000");
        assert_eq!(times_text(span("235960", "235960.5")), "235960-235960.500000");
    }

    #[test]
    fn spans_are_divided_without_gap_or_overlap() {
        let span = Span { from: 3, to: 9 };
        let spans =
            |pairs: &[(u64, u64)]| pairs.iter().map(|&(from, to)| Span { from, to }).collect::<Vec<_>>();
        assert_eq!(span.around(Span { from: 5, to: 5 }), spans(&[(3, 4), (5, 5), (6, 9)]));
        assert_eq!(span.around(Span { from: 3, to: 8 }), spans(&[(3, 8), (9, 9)]));
        assert_eq!(span.cut_after(3), spans(&[(3, 3), (4, 9)]));
        assert!(span.cut_after(9).is_empty() && span.cut_after(2).is_empty());
    }
}
