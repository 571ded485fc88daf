//! Attribute matching at STUDY level (PS3.4 section C.2.2.2).

use dataset::{FlatSet, Tag, tags};

use crate::study::Study;

/// The keys of a request that narrow it.
pub(crate) struct Wanted(Vec<(Tag, String)>);

impl Wanted {
    /// The keys with a value, but for those that the PACS does not heed.
    pub fn of(keys: &FlatSet, ignored: &dyn Fn(Tag) -> bool) -> Self {
        let control = [tags::QUERY_RETRIEVE_LEVEL, tags::SPECIFIC_CHARACTER_SET];
        let heeded = keys.tags().filter(|tag| !control.contains(tag) && !ignored(*tag));
        Self::of_keys(heeded.filter_map(|tag| keys.text(tag).map(|value| (tag, value))).collect())
    }

    /// These keys; those that everything fits are left out.
    pub fn of_keys(mut keys: Vec<(Tag, String)>) -> Self {
        keys.retain(|(_, value)| !value.is_empty() && value != "*");
        Self(keys)
    }

    pub fn get(&self, tag: Tag) -> Option<&str> {
        self.0.iter().find(|(key, _)| *key == tag).map(|(_, value)| value.as_str())
    }

    /// Whether the study fits every key that its level has.
    pub fn fits(&self, study: &Study) -> bool {
        self.0.iter().all(|(tag, wanted)| study.value(*tag).is_none_or(|value| fits(*tag, wanted, &value)))
    }
}

/// Whether one attribute fits its key.
pub(crate) fn fits(tag: Tag, wanted: &str, value: &str) -> bool {
    match tag {
        tags::STUDY_DATE => in_range(wanted, value, |text| text.parse().ok()),
        tags::STUDY_TIME => in_range(wanted, value, microsecond),
        tags::STUDY_INSTANCE_UID | tags::SERIES_INSTANCE_UID | tags::SOP_INSTANCE_UID => {
            wanted.split('\\').any(|uid| uid == value)
        }
        _ => value.split('\\').any(|value| wanted.split('\\').any(|wanted| like(wanted, value))),
    }
}

/// Range matching; a value that is no date or time is in no range.
fn in_range(wanted: &str, value: &str, number: impl Fn(&str) -> Option<u64>) -> bool {
    let Some(value) = number(value) else { return false };
    let (from, to) = wanted.split_once('-').unwrap_or((wanted, wanted));
    let bound = |text: &str, open| if text.is_empty() { Some(open) } else { number(text) };
    match (bound(from, 0), bound(to, u64::MAX)) {
        (Some(from), Some(to)) => (from..=to).contains(&value),
        _ => false,
    }
}

/// Microseconds since midnight of a TM value: HH, HHMM, HHMMSS or HHMMSS.FFFFFF.
fn microsecond(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !matches!(whole.len(), 2 | 4 | 6) || fraction.len() > 6 || (!fraction.is_empty() && whole.len() < 6) {
        return None;
    }
    let whole: u64 = format!("{whole:0<6}").parse().ok()?;
    let fraction: u64 = format!("{fraction:0<6}").parse().ok()?;
    let seconds = whole / 10_000 * 3600 + whole / 100 % 100 * 60 + whole % 100;
    Some(seconds * 1_000_000 + fraction)
}

/// Wildcard matching.
fn like(pattern: &str, text: &str) -> bool {
    let (mut pattern_rest, mut text_rest) = (pattern, text);
    loop {
        let mut next = pattern_rest.chars();
        match next.next() {
            None => return text_rest.is_empty(),
            Some('*') => {
                let tail = next.as_str();
                let starts = text_rest.char_indices().map(|(at, _)| at).chain([text_rest.len()]);
                return starts.into_iter().any(|at| like(tail, text_rest.get(at..).unwrap_or_default()));
            }
            Some(wanted) => {
                let mut text = text_rest.chars();
                match text.next() {
                    Some(found) if wanted == '?' || wanted == found => text_rest = text.as_str(),
                    _ => return false,
                }
                pattern_rest = next.as_str();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_of_numbers_and_wildcards_of_text() {
        for (tag, wanted, value, expected) in [
            (tags::STUDY_DATE, "20200101-", "20200101", true),
            (tags::STUDY_DATE, "-20200101", "", false),
            (tags::STUDY_DATE, "-20200101", "19000101", true),
            (tags::STUDY_TIME, "1015-101529.999999", "101530", false),
            (tags::STUDY_TIME, "101530-101530", "101530.5", false),
            (tags::STUDY_TIME, "101530-101530.999999", "101530.5", true),
            (tags::STUDY_TIME, "10-1015", "1015", true),
            (tags::PATIENT_ID, "P0*", "P01", true),
            (tags::PATIENT_ID, "P?", "P01", false),
            (tags::PATIENT_ID, "*1", "P01", true),
            (tags::MODALITIES_IN_STUDY, "CT", "CR\\CT", true),
            (tags::STUDY_INSTANCE_UID, "1.2\\1.3", "1.3", true),
        ] {
            assert_eq!(fits(tag, wanted, value), expected, "{wanted} {value}");
        }
    }
}
