//! What a selection leaves out, whatever else it takes.

use std::collections::BTreeSet;

use catalogue::StudyRow;
use dataset::Tag;
use dataset::tags::{ACCESSION_NUMBER, PATIENT_ID, STUDY_INSTANCE_UID};
use job::config::ExcludeConfig;

use crate::error::Error;
use crate::named::Names;
use crate::source::ObjectIdentity;

/// Studies, patients and accession numbers that are left out.
#[derive(Default)]
pub struct Exclusions(BTreeSet<(Tag, String)>);

impl Exclusions {
    /// Everything that the configuration names, in its own lists and in a file.
    pub fn read(config: &ExcludeConfig) -> Result<Self, Error> {
        let ExcludeConfig { patient_ids, accession_numbers, study_uids, csv } = config;
        let names = Names { study_uids, patient_ids, accession_numbers, csv: csv.as_deref() };
        Ok(Self(names.read()?))
    }

    /// Whether nothing is left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These and others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// The same as a configuration, what a file named included.
    #[must_use]
    pub fn config(&self) -> ExcludeConfig {
        let of = |wanted| {
            self.0.iter().filter(move |(tag, _)| *tag == wanted).map(|(_, value)| value.clone()).collect()
        };
        ExcludeConfig {
            patient_ids: of(PATIENT_ID),
            accession_numbers: of(ACCESSION_NUMBER),
            study_uids: of(STUDY_INSTANCE_UID),
            csv: None,
        }
    }

    /// Why an object is left out by what its own dataset names, as [`Self::reason`]: studies of several patients may have
    /// one UID, and the source lists them as one.
    #[must_use]
    pub fn reason_of_object(&self, object: &ObjectIdentity) -> Option<&'static str> {
        let ObjectIdentity { study_uid, patient_id, accession, .. } = object.clone();
        let uid = study_uid.unwrap_or_default();
        self.reason(&StudyRow { uid, patient_id, accession, ..StudyRow::default() })
    }

    /// Why a study is left out, without a word about the patient; none if no list names it. Values must be the same, case
    /// included, but for spaces around them.
    #[must_use]
    pub fn reason(&self, study: &StudyRow) -> Option<&'static str> {
        let named = |tag, value: Option<&str>| {
            let value = value.map(str::trim).filter(|value| !value.is_empty());
            value.is_some_and(|value| self.0.contains(&(tag, value.to_owned())))
        };
        [
            (
                named(STUDY_INSTANCE_UID, Some(&study.uid)),
                "left out: the study is on the list of what is excluded",
            ),
            (
                named(PATIENT_ID, study.patient_id.as_deref()),
                "left out: its patient is on the list of what is excluded",
            ),
            (
                named(ACCESSION_NUMBER, study.accession.as_deref()),
                "left out: its accession number is on the list of what is excluded",
            ),
        ]
        .into_iter()
        .find_map(|(named, reason)| named.then_some(reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_leaves_out_what_it_names_and_nothing_else() {
        let config = ExcludeConfig {
            patient_ids: vec!["P1 ".into(), String::new()],
            accession_numbers: vec!["A1".into()],
            study_uids: vec!["1.2".into()],
            csv: None,
        };
        let exclusions = Exclusions::read(&config).unwrap();
        let study = |uid: &str, patient: &str, accession: &str| StudyRow {
            uid: uid.into(),
            patient_id: Some(patient.into()),
            accession: Some(accession.into()),
            ..StudyRow::default()
        };
        for (study, word) in [
            (study("1.2", "P9", "A9"), Some("the study")),
            (study("1.3", " P1", "A9"), Some("its patient")),
            (study("1.3", "P9", "A1"), Some("its accession number")),
            (study("1.3", "p1", "a1"), None),
            (study("1.3", "", ""), None),
        ] {
            let reason = exclusions.reason(&study);
            assert_eq!(reason.is_some(), word.is_some(), "{study:?}");
            assert!(reason.is_none_or(|reason| reason.contains(word.unwrap())), "{reason:?}");
        }
        assert_eq!(exclusions.reason(&StudyRow { uid: "1.3".into(), ..StudyRow::default() }), None);
    }

    #[test]
    fn a_list_in_a_file_counts_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("exclude.csv");
        std::fs::write(&path, "Patient ID\nP1\n").unwrap();
        let config = ExcludeConfig { csv: Some(path.clone()), ..ExcludeConfig::default() };
        let study = StudyRow { patient_id: Some("P1".into()), ..StudyRow::default() };
        assert!(Exclusions::read(&config).unwrap().reason(&study).is_some());
        std::fs::remove_file(path).unwrap();
        assert!(matches!(Exclusions::read(&config), Err(Error::Selection(_))));
    }
}
