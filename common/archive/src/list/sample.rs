//! Which parts of a long answer are asked for again, to see whether it lacked something.
//!
//! An archive that cuts an answer keeps the beginning of some order: what lies at the ends of that order is what it lacks.
//! So the oldest and the newest dates and the ends of the Patient IDs are always among the parts, whatever lies beyond
//! them included; the others are spread over the answer.

use super::part::{Part, Row, Texts};
use super::span::{LAST_DAY, LAST_MOMENT, Span};

/// Of a hundred rows, so many at each end of the dates and in each part between.
const END_PER_CENT: usize = 2;
const PIECE_PER_CENT: usize = 1;
const PIECES_BETWEEN: usize = 5;
/// Ranges of times.
const TIMES: usize = 4;
/// Patients whose studies are asked for, at most in such a share of the rows.
const PATIENTS: usize = 6;
const PATIENT_PER_MILLE: usize = 3;

/// Parts with about a tenth of the rows.
pub fn sample(part: &Part, shown: &[Row]) -> Vec<Part> {
    let mut pieces = by_date(part, shown);
    pieces.extend(by_time(part, shown));
    pieces.extend(by_patient(part, shown));
    pieces
}

/// Where studies without a date were shown, times of whatever day: the first, the last and some between.
fn by_time(part: &Part, shown: &[Row]) -> Vec<Part> {
    let undated = shown.iter().any(|row| row.date.is_none());
    if !undated || part.dates.is_some() || part.times.is_some() {
        return Vec::new();
    }
    let mut times: Vec<u64> = shown.iter().filter_map(|row| row.time).collect();
    times.sort_unstable();
    let last = times.len().saturating_sub(1);
    let piece = times.len() * PIECE_PER_CENT / 100;
    let at = |place: usize| times.get(place.min(last)).copied();
    let pieces = (0..TIMES).filter_map(|number| {
        let start = number * last.saturating_sub(piece) / (TIMES - 1);
        let (from, to) = (at(start)?, at(start + piece)?);
        let from = if number == 0 { 0 } else { from };
        let to = if number == TIMES - 1 { LAST_MOMENT } else { to };
        Some(Part { times: Some(Span { from, to }), ..part.clone() })
    });
    pieces.collect()
}

fn by_date(part: &Part, shown: &[Row]) -> Vec<Part> {
    if part.times.is_some() {
        return Vec::new();
    }
    let whole = part.dates.unwrap_or(Span { from: 0, to: LAST_DAY });
    let mut moments: Vec<(u64, u64)> = shown
        .iter()
        .filter_map(|row| Some((row.date?, row.time.unwrap_or(0))))
        .filter(|(day, _)| whole.contains(*day))
        .collect();
    moments.sort_unstable();
    let count = moments.len();
    let at = |place: usize| moments.get(place.min(count.saturating_sub(1))).copied();
    let (end, piece) = (count * END_PER_CENT / 100, count * PIECE_PER_CENT / 100);
    let (Some(old), Some(new)) = (at(end), at(count.saturating_sub(end + 1))) else { return Vec::new() };
    let mut pieces = vec![
        // Up to the day before and from the day after, so that a crowded day costs nothing.
        days(part, Span { from: whole.from, to: old.0.saturating_sub(1) }),
        days(part, Span { from: new.0 + 1, to: whole.to }),
        Some(morning(part, old)),
        Some(evening(part, new)),
    ];
    for between in 1..=PIECES_BETWEEN {
        let start = between * count / (PIECES_BETWEEN + 1);
        let (Some(from), Some(to)) = (at(start), at(start + piece)) else { continue };
        if from.0 == to.0 {
            pieces.push(Some(hours(part, from.0, Span { from: from.1, to: to.1 })));
        } else {
            // The rest of a day, and the days after it up to the last.
            pieces.push(Some(evening(part, from)));
            pieces.push(days(part, Span { from: from.0 + 1, to: to.0 - 1 }));
        }
    }
    pieces.into_iter().flatten().collect()
}

fn days(part: &Part, span: Span) -> Option<Part> {
    (span.from <= span.to).then(|| Part { dates: Some(span), ..part.clone() })
}

fn hours(part: &Part, day: u64, times: Span) -> Part {
    Part { dates: Some(Span { from: day, to: day }), times: Some(times), ..part.clone() }
}

fn morning(part: &Part, until: (u64, u64)) -> Part {
    hours(part, until.0, Span { from: 0, to: until.1 })
}

fn evening(part: &Part, since: (u64, u64)) -> Part {
    hours(part, since.0, Span { from: since.1, to: LAST_MOMENT })
}

/// Prefixes of Patient IDs that few studies have: the first, the last, and some between.
pub fn by_patient(part: &Part, shown: &[Row]) -> Vec<Part> {
    if part.patient.is_some() {
        return Vec::new();
    }
    let mut patients: Vec<&str> = shown.iter().filter_map(|row| row.patient.as_deref()).collect();
    patients.sort_unstable();
    let most = shown.len() * PATIENT_PER_MILLE / 1000;
    let mut prefixes: Vec<String> = (0..PATIENTS)
        .filter_map(|number| patients.get(number * patients.len().saturating_sub(1) / (PATIENTS - 1)))
        .filter_map(|patient| rare_prefix(patient, &patients, most))
        .collect();
    prefixes.dedup();
    prefixes.into_iter().map(|prefix| Part { patient: Some(Texts::Prefix(prefix)), ..part.clone() }).collect()
}

/// The shortest prefix of `patient` that at most `most` have.
fn rare_prefix(patient: &str, patients: &[&str], most: usize) -> Option<String> {
    let ends = patient.char_indices().map(|(at, c)| at + c.len_utf8());
    let prefixes = ends.filter_map(|end| patient.get(..end));
    let is_rare = |prefix: &&str| {
        let begins = patients.partition_point(|other| *other < *prefix);
        let with = patients.iter().skip(begins).take_while(|other| other.starts_with(prefix)).count();
        with <= most && !prefix.contains(['*', '?', '\\'])
    };
    prefixes.into_iter().find(is_rare).map(str::to_owned)
}
