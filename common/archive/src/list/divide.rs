//! How a part is divided into smaller ones.

use std::collections::BTreeSet;

use super::part::{Dimension, Part, Row, Texts};
use super::span::{LAST_DAY, LAST_MOMENT, SECOND, Span, day_number};

/// Longest Patient ID and Accession Number that are looked for (VR LO).
const LONGEST: usize = 64;
/// Divided so often without an end, a range is halved by its length and no longer by what an answer showed: a source that
/// tells the newest first would else be followed day by day.
const DEEP: usize = 24;
/// Those of most images and of what is said of them (PS3.3 section C.7.3.1.1.1): asked for, though none was shown, where all
/// there is is divided.
const MODALITIES: &[&str] = &[
    "CR", "CT", "DX", "ES", "IO", "KO", "MG", "MR", "NM", "OP", "OT", "PR", "PT", "PX", "RF", "SC", "SR",
    "US", "XA", "XC",
];
/// Signs that no database takes for more than themselves.
const RARE: &str = "!#$&()+,-./:<=>@|~{}";

/// What was learnt of the archive's values so far.
#[derive(Debug, Clone)]
pub struct Knowledge {
    /// Characters in Patient IDs and Accession Numbers.
    pub characters: BTreeSet<char>,
    pub modalities: BTreeSet<String>,
    initials: BTreeSet<char>,
}

impl Default for Knowledge {
    fn default() -> Self {
        let (modalities, initials) = Default::default();
        Self { characters: ('0'..='9').chain('A'..='Z').collect(), modalities, initials }
    }
}

impl Knowledge {
    pub fn learn(&mut self, row: &Row) {
        let texts = [&row.patient, &row.accession];
        self.characters.extend(texts.into_iter().flatten().flat_map(|text| text.chars()));
        self.initials.extend(texts.into_iter().flatten().filter_map(|text| text.chars().next()));
        self.modalities.extend(row.modalities.iter().cloned());
    }

    /// Without the backslash, which parts values, and wildcards.
    fn alphabet(&self) -> impl Iterator<Item = char> {
        self.characters.iter().copied().filter(|c| !matches!(c, '\\' | '*' | '?') && !c.is_control())
    }

    /// Characters with which a text may begin though no other has them. Not small letters where texts begin with the capital one:
    /// archives that take no notice of case would tell all of these again.
    fn rare(&self) -> Vec<char> {
        let small = ('a'..='z').filter(|c| !self.initials.contains(&c.to_ascii_uppercase()));
        RARE.chars().chain(small).collect()
    }
}

/// Parts that together hold all of `part` that has the attribute; none if it cannot be divided by it.
pub fn divide(part: &Part, by: Dimension, shown: &[Row], known: &Knowledge, depth: usize) -> Vec<Part> {
    match by {
        Dimension::Date => {
            let span = part.dates.unwrap_or(Span { from: 0, to: LAST_DAY });
            let values = values(shown, span, depth, |row| row.date);
            days(span, &values).into_iter().map(|dates| Part { dates: Some(dates), ..part.clone() }).collect()
        }
        Dimension::Time => {
            let span = part.times.unwrap_or(Span { from: 0, to: LAST_MOMENT });
            let values = values(shown, span, depth, |row| row.time);
            times(span, &values)
                .into_iter()
                .map(|times| Part { times: Some(times), ..part.clone() })
                .collect()
        }
        Dimension::Patient => texts(part.patient.as_ref(), known, depth)
            .into_iter()
            .map(|patient| Part { patient: Some(patient), ..part.clone() })
            .collect(),
        Dimension::Accession => texts(part.accession.as_ref(), known, depth)
            .into_iter()
            .map(|accession| Part { accession: Some(accession), ..part.clone() })
            .collect(),
        Dimension::Modality if part.modality.is_some() => Vec::new(),
        Dimension::Modality => {
            let usual = if depth == 1 { MODALITIES } else { &[] };
            let usual = usual.iter().map(|modality| (*modality).to_owned());
            let each: BTreeSet<String> = known.modalities.iter().cloned().chain(usual).collect();
            each.into_iter().map(|modality| Part { modality: Some(modality), ..part.clone() }).collect()
        }
    }
}

/// The values within the range, sorted.
fn values(shown: &[Row], span: Span, depth: usize, of: impl Fn(&Row) -> Option<u64>) -> Vec<u64> {
    if depth > DEEP {
        return Vec::new();
    }
    let mut values: Vec<u64> = shown.iter().filter_map(of).filter(|value| span.contains(*value)).collect();
    values.sort_unstable();
    values
}

/// At the median of what was shown, or in the middle. A day on which there is much is set apart.
fn days(span: Span, shown: &[u64]) -> Vec<Span> {
    let Some(&median) = shown.get(shown.len() / 2) else { return span.cut_after(middle(span)) };
    if is_crowded(shown, median, median) && span.from < span.to {
        return span.around(Span { from: median, to: median });
    }
    span.cut_after(if median < span.to { median } else { median.saturating_sub(1) })
}

/// The middle of a range of days, looked for among the days on which studies can have been made.
fn middle(span: Span) -> u64 {
    let years = |first, last| {
        let day = |year| day_number(jiff::civil::date(year, 1, 1)).unwrap_or_default();
        Span { from: day(first), to: day(last) }
    };
    let likely = years(1980, 2040);
    let (from, to) = (span.from.max(likely.from), span.to.min(likely.to));
    if from < to { from + (to - from) / 2 } else { span.from + (span.to - span.from) / 2 }
}

/// As days, by whole seconds as long as there is more than one.
fn times(span: Span, shown: &[u64]) -> Vec<Span> {
    let middle = span.from + (span.to - span.from) / 2;
    let at = shown.get(shown.len() / 2).copied().unwrap_or(middle);
    let begin = at / SECOND * SECOND;
    let second = Span { from: begin, to: begin + SECOND - 1 };
    let within_a_second = span.from / SECOND == span.to / SECOND;
    let unit = if within_a_second { Span { from: at, to: at } } else { second };
    if is_crowded(shown, unit.from, unit.to) && span.from < span.to {
        let unit = Span { from: unit.from.max(span.from), to: unit.to.min(span.to) };
        return span.around(unit);
    }
    match span.cut_after(unit.to) {
        halves if halves.is_empty() && unit.from > 0 => span.cut_after(unit.from - 1),
        halves => halves,
    }
}

/// Whether a third of what was shown lies there.
fn is_crowded(shown: &[u64], from: u64, to: u64) -> bool {
    let there = shown.iter().filter(|value| (from..=to).contains(value)).count();
    there > 0 && there * 3 >= shown.len()
}

/// One text by itself, and those that go on with each character; those that begin with any sign, where all there is is divided.
fn texts(now: Option<&Texts>, known: &Knowledge, depth: usize) -> Vec<Texts> {
    let prefix = match now {
        None => "",
        Some(Texts::Prefix(prefix)) if prefix.chars().count() < LONGEST => prefix,
        Some(_) => return Vec::new(),
    };
    let itself = (!prefix.is_empty()).then(|| Texts::Exactly(prefix.to_owned()));
    let rare = if depth == 1 && prefix.is_empty() { known.rare() } else { Vec::new() };
    let next: BTreeSet<char> = known.alphabet().chain(rare).collect();
    let longer = next.into_iter().map(|next| Texts::Prefix(format!("{prefix}{next}")));
    itself.into_iter().chain(longer).collect()
}
