//! Finds studies by QIDO-RS (PS3.18 section 10.6).

use std::collections::HashSet;

use catalogue::StudyRow;
use catalogue::plan::QueryRow;
use dataset::Tag;
use dataset::tags::{
    ACCESSION_NUMBER, ISSUER_OF_PATIENT_ID, MODALITIES_IN_STUDY, PATIENT_ID, PATIENT_NAME, STUDY_DATE,
    STUDY_DESCRIPTION, STUDY_INSTANCE_UID, STUDY_STATUS_ID, STUDY_TIME,
};
use dimse::{Key, Status};
use jiff::Timestamp;

use super::Web;
use super::address;
use super::error::Error as WebError;
use super::exchange::Stop;
use super::pages::{End, LIMIT};
use super::row::Row;
use crate::error::Error;
use crate::list::{
    Finder, Found, MOST_ROWS, NUMBER_OF_STUDY_RELATED_INSTANCES, NUMBER_OF_STUDY_RELATED_SERIES, shown,
};
use crate::source::Source;

/// What a server may leave out unless it is asked for.
const STUDY_KEYS: [Tag; 8] = [
    STUDY_DATE,
    STUDY_TIME,
    ACCESSION_NUMBER,
    MODALITIES_IN_STUDY,
    STUDY_DESCRIPTION,
    ISSUER_OF_PATIENT_ID,
    NUMBER_OF_STUDY_RELATED_SERIES,
    NUMBER_OF_STUDY_RELATED_INSTANCES,
];
/// HTTP status of a server to which too much fits the search (PS3.18 section 10.6.3.1).
const TOO_MUCH: u16 = 413;

impl Finder for Web {
    fn name(&self) -> String {
        self.describe()
    }

    fn find(&self, keys: &[Key<'_>], status: bool, stop: Stop<'_>) -> Result<Found, Error> {
        self.search_studies(keys, status, stop).map_err(self.failed())
    }

    fn query_row(&self, keys: &[Key<'_>], rows: u64, status: Status) -> QueryRow {
        query_row("STUDY", keys, rows, status)
    }

    fn has_modality(&self, study_uid: &str, wanted: &[String], stop: Stop<'_>) -> Result<bool, Error> {
        self.has_series_of(study_uid, wanted, stop)
    }
}

impl Web {
    /// The studies that fit. How the search ended is said in statuses of C-FIND.
    pub(super) fn search_studies(
        &self,
        keys: &[Key<'_>],
        status: bool,
        stop: Stop<'_>,
    ) -> Result<Found, WebError> {
        let query = address::keys(keys, &wanted(status));
        let search = self.search("/studies", &query, stop);
        let (mut studies, mut seen) = (Vec::new(), HashSet::new());
        let mut broken_off = false;
        let searched = search.each(&mut |row| {
            let study = study_row(&row);
            // A list that moved is read again; a server may tell a study by several rows that differ.
            if study.uid.is_empty() || seen.insert(study.clone()) {
                studies.push(study);
            }
            broken_off = studies.len() as u64 >= MOST_ROWS || stop();
            if broken_off { Err(WebError::Stopped) } else { Ok(()) }
        });
        let count = studies.len() as u64;
        let (rows, status) = match searched {
            // A page as long as we let it be, and no way to the next one.
            Ok((rows, End::OffsetIgnored)) if rows == LIMIT as u64 => (rows, Status::PENDING),
            Ok((rows, End::Whole | End::OffsetIgnored)) => (rows, Status::SUCCESS),
            Err(WebError::NotWhole { .. }) => (count, Status::PENDING),
            Err(WebError::Stopped) if broken_off => (count, Status::PENDING),
            Err(WebError::Status { status: TOO_MUCH, .. }) => (0, Status::OUT_OF_RESOURCES),
            Err(error) => return Err(error),
        };
        Ok(Found { studies, rows, status, broken_off })
    }
}

/// A retired key is only asked for where it decides something: servers may refuse what they do not know.
fn wanted(status: bool) -> Vec<Tag> {
    STUDY_KEYS.into_iter().chain(status.then_some(STUDY_STATUS_ID)).collect()
}

pub(super) fn query_row(level: &str, keys: &[Key<'_>], rows: u64, status: Status) -> QueryRow {
    let keys = format!("QIDO-RS {}", shown(keys));
    QueryRow { at: Timestamp::now(), level: level.to_owned(), keys, rows, status: status.0 }
}

fn study_row(row: &Row) -> StudyRow {
    let count = |tag| row.text(tag).and_then(|count| count.parse().ok());
    StudyRow {
        uid: row.text(STUDY_INSTANCE_UID).unwrap_or_default(),
        patient_id: row.text(PATIENT_ID),
        issuer: row.text(ISSUER_OF_PATIENT_ID),
        patient_name: row.text(PATIENT_NAME),
        study_date: row.text(STUDY_DATE),
        study_time: row.text(STUDY_TIME),
        accession: row.text(ACCESSION_NUMBER),
        modalities: row.text(MODALITIES_IN_STUDY),
        description: row.text(STUDY_DESCRIPTION),
        claimed_series: count(NUMBER_OF_STUDY_RELATED_SERIES),
        claimed_instances: count(NUMBER_OF_STUDY_RELATED_INSTANCES),
        status: row.text(STUDY_STATUS_ID),
    }
}
