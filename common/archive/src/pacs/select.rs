//! Turns a selection into queries at STUDY level.

use std::collections::BTreeSet;
use std::fs::File;

use dataset::Tag;
use dataset::tags::{ACCESSION_NUMBER, MODALITIES_IN_STUDY, PATIENT_ID, STUDY_DATE, STUDY_INSTANCE_UID};
use job::config::SelectionConfig;

use crate::error::Error;
use crate::named;

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
    let mut named = BTreeSet::new();
    for (tag, values) in [
        (STUDY_INSTANCE_UID, &selection.study_uids),
        (PATIENT_ID, &selection.patient_ids),
        (ACCESSION_NUMBER, &selection.accession_numbers),
    ] {
        named.extend(values.iter().map(|value| (tag, value.trim().to_owned())));
    }
    if let Some(path) = &selection.csv {
        let file = File::open(path)
            .map_err(|error| Error::Selection(format!("cannot open the list {}: {error}", path.display())))?;
        read_csv(file, &mut named)
            .map_err(|reason| Error::Selection(format!("the list {} {reason}", path.display())))?;
    }
    named.retain(|(_, value)| !value.is_empty());
    Ok(named.into_iter().map(Some).collect())
}

/// Reads a list with a heading; the first column that it has of these names each line's study.
fn read_csv(file: impl std::io::Read, named: &mut BTreeSet<(Tag, String)>) -> Result<(), String> {
    const COLUMNS: [(&str, Tag); 3] = [
        ("studyinstanceuid", STUDY_INSTANCE_UID),
        ("accessionnumber", ACCESSION_NUMBER),
        ("patientid", PATIENT_ID),
    ];
    let mut reader = named::reader(file);
    let columns = named::columns(&mut reader)?;
    let column = COLUMNS.iter().find_map(|(name, tag)| columns.get(*name).map(|at| (*at, *tag)));
    let (at, tag) =
        column.ok_or("needs a heading line with StudyInstanceUID, AccessionNumber or PatientID in it")?;
    for (line, record) in reader.records().enumerate() {
        let record = record.map_err(|error| format!("cannot be read: {error}"))?;
        let value = record.get(at).filter(|value| !value.is_empty());
        let value = value.ok_or_else(|| format!("has nothing in its column for line {}", line + 2))?;
        named.insert((tag, value.to_owned()));
    }
    Ok(())
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

    #[test]
    fn a_list_is_read_by_its_heading() {
        let mut named = BTreeSet::new();
        read_csv("name,Study Instance UID\nx, 1.2 \ny,1.3\n".as_bytes(), &mut named).unwrap();
        let expected =
            BTreeSet::from([(STUDY_INSTANCE_UID, "1.2".into()), (STUDY_INSTANCE_UID, "1.3".into())]);
        assert_eq!(named, expected);
        assert!(read_csv("foo\n1\n".as_bytes(), &mut named).unwrap_err().contains("heading"));
        assert!(read_csv("PatientID,b\n,2\n".as_bytes(), &mut named).unwrap_err().contains("line 2"));
    }
}
