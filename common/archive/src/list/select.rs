//! Turns a selection into queries at STUDY level.

use dataset::Tag;
use dataset::tags::{MODALITIES_IN_STUDY, STUDY_DATE};
use job::config::SelectionConfig;

use crate::error::Error;
use crate::named::Names;

/// One query: the keys that narrow it.
pub type StudyQuery = Vec<(Tag, String)>;

/// The queries whose answers together are what the selection takes. Lists of studies, patients and accession numbers
/// add up; dates and modalities narrow each of them. One query per modality, because multi-valued matching of
/// Modalities in Study (0008,0061) is not for every PACS.
pub fn queries(selection: &SelectionConfig) -> Result<Vec<StudyQuery>, Error> {
    let dates = date_range(selection);
    let mut who = named(selection)?;
    if who.is_empty() {
        who.push(None);
    }
    let mut modalities: Vec<Option<&String>> = selection.modalities.iter().map(Some).collect();
    if modalities.is_empty() {
        modalities.push(None);
    }
    Ok(who
        .iter()
        .flat_map(|who| modalities.iter().map(move |modality| (who, modality)))
        .map(|(who, modality)| {
            let dates = dates.clone().map(|range| (STUDY_DATE, range));
            let modality = modality.map(|modality| (MODALITIES_IN_STUDY, modality.clone()));
            who.clone().into_iter().chain(dates).chain(modality).collect()
        })
        .collect())
}

/// A range as PS3.4 section C.2.2.2.5 writes it; open at either end.
fn date_range(selection: &SelectionConfig) -> Option<String> {
    let text = |date: Option<jiff::civil::Date>| {
        date.map(|date| date.strftime("%Y%m%d").to_string()).unwrap_or_default()
    };
    match (selection.study_date_from, selection.study_date_to) {
        (None, None) => None,
        (from, to) => Some(format!("{}-{}", text(from), text(to))),
    }
}

fn named(selection: &SelectionConfig) -> Result<Vec<Option<(Tag, String)>>, Error> {
    let SelectionConfig { study_uids, patient_ids, accession_numbers, csv, .. } = selection;
    let names = Names { study_uids, patient_ids, accession_numbers, csv: csv.as_deref() };
    Ok(names.read()?.into_iter().map(Some).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_selected_is_one_query_for_everything() {
        assert_eq!(queries(&SelectionConfig::default()).unwrap(), [StudyQuery::new()]);
    }

    #[test]
    fn lists_add_up_and_dates_narrow() {
        let selection = SelectionConfig {
            study_date_from: Some(jiff::civil::date(2024, 1, 31)),
            modalities: vec!["CT".into(), "MR".into()],
            patient_ids: vec!["P1".into()],
            study_uids: vec!["1.2".into(), "1.2".into()],
            ..SelectionConfig::default()
        };
        let found = queries(&selection).unwrap();
        assert_eq!(found.len(), 4);
        for query in &found {
            assert!(query.contains(&(STUDY_DATE, "20240131-".into())), "{query:?}");
        }
    }
}
