//! Numbers, dates and outside text as people read them.

use crate::Allowance;

/// `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 instance`, `1,234 instances`, `2 studies`.
pub fn plural(number: u64, noun: &str) -> String {
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{} {stem}ies", count(number)),
        _ => format!("{} {noun}s", count(number)),
    }
}

const PREFIXES: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];

/// The SI prefix that leaves `number` between 1 and 1000, and its factor.
pub fn si(number: f64) -> (&'static str, f64) {
    let mut factor = 1.0;
    for prefix in PREFIXES {
        if number < factor * 1000.0 {
            return (prefix, factor);
        }
        factor *= 1000.0;
    }
    ("E", 1e18)
}

/// `5.3 GB`, decimal as media are sold; whole numbers below 1 kB.
pub fn bytes(number: u64) -> String {
    let number = number as f64;
    // 999,950 would print as "1000.0 kB".
    let (prefix, factor) = si(number * 1.0001);
    let digits = usize::from(factor > 1.0);
    format!("{:.digits$} {prefix}B", number / factor)
}

/// `5.0 MB/s`.
pub fn byte_rate(per_second: f64) -> String {
    let (prefix, factor) = si(per_second * 1.0001);
    format!("{:.1} {prefix}B/s", per_second / factor)
}

/// What a pace allows: `5.0 MB/s, 4 associations`.
pub fn allowance(allowance: &Allowance) -> String {
    if !allowance.open {
        return "closed".to_owned();
    }
    let bytes = allowance.bytes_per_second.map(byte_rate);
    let instances = allowance.instances_per_second.map(|rate| format!("{rate} instances/s"));
    let associations = allowance.associations.map(|n| plural(u64::from(n), "association"));
    let studies = allowance.studies_per_hour.map(|rate| format!("{rate} studies/h"));
    let load = allowance.load.map(|load| format!("{} at work", (load * 100.0).round() / 100.0));
    let parts: Vec<String> = [bytes, instances, studies, associations, load].into_iter().flatten().collect();
    if parts.is_empty() { "no ceiling".to_owned() } else { parts.join(", ") }
}

/// `3 d 4 h`, `2 h 5 min`, `3 min 20 s`, `12 s`: the two largest units.
pub fn duration(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    if days > 0 {
        format!("{} d {hours} h", count(days))
    } else if hours > 0 {
        format!("{hours} h {minutes} min")
    } else if minutes > 0 {
        format!("{minutes} min {} s", seconds % 60)
    } else {
        format!("{seconds} s")
    }
}

/// A DICOM date `YYYYMMDD` as `YYYY-MM-DD`; anything else as it is, empty as a dash.
pub fn date(dicom: &str) -> String {
    match (dicom.get(0..4), dicom.get(4..6), dicom.get(6..)) {
        (Some(year), Some(month), Some(day))
            if dicom.len() == 8 && dicom.bytes().all(|b| b.is_ascii_digit()) =>
        {
            format!("{year}-{month}-{day}")
        }
        _ if dicom.is_empty() => "–".to_owned(),
        _ => text(dicom, 16),
    }
}

/// Outside text on one line, cut after `max` characters. What a reader could not see, or what would turn
/// the writing direction of the text around it, shows as `�`.
pub fn text(outside: &str, max: usize) -> String {
    let mut shown: String =
        outside.chars().take(max).map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect();
    if outside.chars().nth(max).is_some() {
        shown.push('…');
    }
    shown
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_thousands_separators() {
        assert_eq!(
            [0, 999, 1000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"].map(String::from)
        );
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn nouns_follow_their_number() {
        assert_eq!(plural(1, "study"), "1 study");
        assert_eq!(plural(1200, "study"), "1,200 studies");
        assert_eq!(plural(0, "instance"), "0 instances");
    }

    #[test]
    fn bytes_never_show_four_digits_before_the_point() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(999), "999 B");
        assert_eq!(bytes(1000), "1.0 kB");
        assert_eq!(bytes(999_999), "1.0 MB");
        assert_eq!(bytes(5_340_000_000), "5.3 GB");
        assert_eq!(bytes(u64::MAX), "18.4 EB");
    }

    #[test]
    fn durations_use_two_units() {
        assert_eq!(duration(12), "12 s");
        assert_eq!(duration(200), "3 min 20 s");
        assert_eq!(duration(7500), "2 h 5 min");
        assert_eq!(duration(273_600), "3 d 4 h");
    }

    #[test]
    fn odd_dates_are_shown_as_they_are() {
        assert_eq!(date("20240131"), "2024-01-31");
        assert_eq!(date("2024.01.31"), "2024.01.31");
        assert_eq!(date("2024013é"), "2024013é");
        assert_eq!(date(""), "–");
    }

    #[test]
    fn hidden_characters_become_visible_and_long_text_is_cut() {
        assert_eq!(text("a\u{202e}b\nc", 10), "a\u{fffd}b\u{fffd}c");
        assert_eq!(text("abcdef", 3), "abc…");
        assert_eq!(text("abc", 3), "abc");
    }
}
