//! Finds studies by C-FIND at STUDY level (PS3.4 annex C).

use std::ops::ControlFlow;

use catalogue::StudyRow;
use catalogue::plan::QueryRow;
use dataset::tags::{
    ACCESSION_NUMBER, ISSUER_OF_PATIENT_ID, MODALITIES_IN_STUDY, PATIENT_ID, PATIENT_NAME,
    SPECIFIC_CHARACTER_SET, STUDY_DATE, STUDY_DESCRIPTION, STUDY_INSTANCE_UID, STUDY_STATUS_ID, STUDY_TIME,
};
use dataset::{FlatSet, Tag};
use dimse::{Key, Level, Status};
use jiff::Timestamp;

use super::Pacs;
use crate::error::Error;
use crate::list::{
    Finder, Found, MOST_ROWS, NUMBER_OF_STUDY_RELATED_INSTANCES, NUMBER_OF_STUDY_RELATED_SERIES, shown,
};

const KEYS: [Tag; 12] = [
    STUDY_DATE,
    STUDY_TIME,
    ACCESSION_NUMBER,
    MODALITIES_IN_STUDY,
    STUDY_DESCRIPTION,
    PATIENT_NAME,
    PATIENT_ID,
    ISSUER_OF_PATIENT_ID,
    STUDY_INSTANCE_UID,
    NUMBER_OF_STUDY_RELATED_SERIES,
    NUMBER_OF_STUDY_RELATED_INSTANCES,
    SPECIFIC_CHARACTER_SET,
];

impl Finder for Pacs {
    fn name(&self) -> String {
        self.settings.node.to_string()
    }

    fn find(&self, keys: &[Key<'_>], status: bool, stop: &dyn Fn() -> bool) -> Result<Found, Error> {
        let keys = with_return_keys(keys, status);
        self.query(&|| true, &mut |association| {
            let mut studies = Vec::new();
            let end = association.find(Level::Study, &keys, &mut |row| {
                studies.push(study_row(&row));
                if (studies.len() as u64) < MOST_ROWS && !stop() {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            });
            let (status, broken_off) = match end {
                Ok(end) => (end.status, end.cancelled),
                Err(dimse::Error::Failed { status, .. }) => (status, false),
                Err(error) => return Err(error),
            };
            Ok(Found { rows: studies.len() as u64, studies, status, broken_off })
        })
    }

    fn query_row(&self, keys: &[Key<'_>], rows: u64, status: Status) -> QueryRow {
        query_row(Level::Study, keys, rows, status)
    }

    fn spare(&self) {
        self.gate().iter().for_each(|gate| gate.refused());
    }

    fn has_modality(&self, study_uid: &str, wanted: &[String], _: &dyn Fn() -> bool) -> Result<bool, Error> {
        self.has_series_of(study_uid, wanted)
    }
}

pub(super) fn query_row(level: Level, keys: &[Key<'_>], rows: u64, status: Status) -> QueryRow {
    QueryRow {
        at: Timestamp::now(),
        level: level.as_str().to_owned(),
        keys: shown(keys),
        rows,
        status: status.0,
    }
}

/// A retired key is only asked for where it decides something: sources may refuse what they do not know.
fn with_return_keys<'a>(narrowing: &[Key<'a>], asks_for_status: bool) -> Vec<Key<'a>> {
    let unset = KEYS.iter().filter(|tag| !narrowing.iter().any(|(set, _)| set == *tag));
    let status = asks_for_status.then_some(&STUDY_STATUS_ID);
    narrowing.iter().copied().chain(unset.chain(status).map(|tag| (*tag, ""))).collect()
}

fn study_row(row: &FlatSet) -> StudyRow {
    let text = |tag| row.kept(tag);
    let count = |tag| text(tag).and_then(|count| count.trim().parse().ok());
    StudyRow {
        uid: row.kept(STUDY_INSTANCE_UID).unwrap_or_default(),
        patient_id: text(PATIENT_ID),
        issuer: text(ISSUER_OF_PATIENT_ID),
        patient_name: text(PATIENT_NAME),
        study_date: text(STUDY_DATE),
        study_time: text(STUDY_TIME),
        accession: text(ACCESSION_NUMBER),
        modalities: text(MODALITIES_IN_STUDY),
        description: text(STUDY_DESCRIPTION),
        claimed_series: count(NUMBER_OF_STUDY_RELATED_SERIES),
        claimed_instances: count(NUMBER_OF_STUDY_RELATED_INSTANCES),
        status: text(STUDY_STATUS_ID),
    }
}
