//! Lists studies and instances by QIDO-RS (PS3.18 section 10.6). The counts that a server claims are kept, and believed only
//! where they confirm a list.

use std::collections::HashSet;

use catalogue::plan::{InstanceRow, QueryRow};
use catalogue::{OddityState, StudyRow};
use dataset::Tag;
use dataset::tags::{
    ACCESSION_NUMBER, ISSUER_OF_PATIENT_ID, MODALITIES_IN_STUDY, MODALITY, PATIENT_ID, PATIENT_NAME,
    SERIES_INSTANCE_UID, SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_DATE, STUDY_DESCRIPTION, STUDY_INSTANCE_UID,
    STUDY_STATUS_ID, STUDY_TIME,
};
use jiff::Timestamp;
use job::config::SelectionConfig;

use super::Web;
use super::address::{keys, segment};
use super::error::Error as WebError;
use super::exchange::Stop;
use super::pages::{End, Search, offset_ignored};
use super::row::Row;
use crate::error::{Cause, Error};
use crate::pacs::list::{NAMELESS, in_modalities, nameless_study, shown};
use crate::pacs::select::{self, StudyQuery};
use crate::source::{Listing, StudyListing};

/// No study has so many series or instances; bounds what a server that never stops can make us hold.
const MAX_ROWS: usize = 1_000_000;

const NUMBER_OF_STUDY_RELATED_SERIES: Tag = Tag(0x0020, 0x1206);
const NUMBER_OF_STUDY_RELATED_INSTANCES: Tag = Tag(0x0020, 0x1208);

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

/// A retired key is only asked for where it decides something: servers may refuse what they do not know.
fn wanted_keys(selection: &SelectionConfig) -> Vec<Tag> {
    let status = (!selection.study_status.is_empty()).then_some(STUDY_STATUS_ID);
    STUDY_KEYS.into_iter().chain(status).collect()
}

impl Web {
    pub(super) fn list_studies(
        &self,
        selection: &SelectionConfig,
        listing: &mut dyn Listing,
        stop: Stop<'_>,
    ) -> Result<(), Error> {
        let mut nameless = 0;
        for query in select::queries(selection)? {
            let mut taken: Result<(), Cause> = Ok(());
            let mut unclear = Vec::new();
            let wanted = wanted_keys(selection);
            let listed = self.search_studies(&query, &wanted, stop, &mut |row| {
                let study = study_row(&row);
                match in_modalities(&study, selection) {
                    _ if study.uid.is_empty() => {
                        nameless += 1;
                        let name = nameless_study(nameless);
                        taken = listing.oddity(name.as_bytes(), None, OddityState::Failed, NAMELESS);
                    }
                    Some(true) => taken = listing.study(study),
                    Some(false) => {}
                    None => unclear.push(study),
                }
                if taken.is_err() || unclear.len() > MAX_ROWS { Err(WebError::Stopped) } else { Ok(()) }
            });
            taken.map_err(Error::Taker)?;
            let rows = listed.map_err(self.failed())?;
            listing.query(query_row("STUDY", &narrowing(&query), rows)).map_err(Error::Taker)?;
            for study in unclear {
                if self.has_modality(&study.uid, &selection.modalities, stop)? {
                    listing.study(study).map_err(Error::Taker)?;
                }
            }
        }
        Ok(())
    }

    fn search_studies(
        &self,
        query: &StudyQuery,
        wanted: &[Tag],
        stop: Stop<'_>,
        on_row: &mut dyn FnMut(Row) -> Result<(), WebError>,
    ) -> Result<u64, WebError> {
        let text = keys(&narrowing(query), wanted);
        let search = Search { client: &self.client, resource: "/studies", query: &text, stop };
        let one_study = query.iter().any(|(tag, _)| *tag == STUDY_INSTANCE_UID);
        match search.each(on_row)? {
            (rows, End::Whole) => Ok(rows),
            // There is no more than one to be found.
            (rows, End::OffsetIgnored) if one_study => Ok(rows),
            (rows, End::OffsetIgnored) => Err(offset_ignored(search.resource, rows)),
        }
    }

    /// Asks for the series where the server does not know Modalities in Study.
    fn has_modality(&self, study_uid: &str, wanted: &[String], stop: Stop<'_>) -> Result<bool, Error> {
        let (series, ..) = self.series(study_uid, stop).map_err(self.failed())?;
        Ok(series.iter().any(|series| series.modality.as_ref().is_some_and(|found| wanted.contains(found))))
    }

    /// The instances of a study, of all its series at once or series by series.
    pub(super) fn list_instances(&self, study_uid: &str, stop: Stop<'_>) -> Result<StudyListing, Error> {
        let at_once = match self.instances_at_once(study_uid, stop) {
            Err(error) if error.is_of_connection() => Err(error),
            Err(error) => {
                tracing::debug!(%error, "the source is asked series by series");
                Ok(None)
            }
            listing => listing,
        };
        match at_once.map_err(self.failed())? {
            Some(listing) => Ok(listing),
            None => self.instances_by_series(study_uid, stop).map_err(self.failed()),
        }
    }

    /// None where the answer does not tell which series an instance belongs to, or is not known to be whole.
    fn instances_at_once(&self, study_uid: &str, stop: Stop<'_>) -> Result<Option<StudyListing>, WebError> {
        let resource = format!("/studies/{}/instances", segment(study_uid));
        let mut found = Instances::default();
        let keys = keys(&[], &[SERIES_INSTANCE_UID, MODALITY, SOP_CLASS_UID]);
        let search = Search { client: &self.client, resource: &resource, query: &keys, stop };
        let (rows, end) = search.each(&mut |row| {
            let series_uid = row.text(SERIES_INSTANCE_UID).unwrap_or_default();
            found.add(&row, &series_uid, row.text(MODALITY))
        })?;
        if end != End::Whole || found.rows.iter().any(|row| row.series_uid.is_empty()) {
            return Ok(None);
        }
        let queries = vec![query_row("IMAGE", &[(STUDY_INSTANCE_UID, study_uid)], rows)];
        Ok(Some(StudyListing { instances: found.rows, queries }))
    }

    fn instances_by_series(&self, study_uid: &str, stop: Stop<'_>) -> Result<StudyListing, WebError> {
        let study = (STUDY_INSTANCE_UID, study_uid);
        let (series, rows, end) = self.series(study_uid, stop)?;
        let mut queries = vec![query_row("SERIES", &[study], rows)];
        let mut found = Instances::default();
        let mut whole = end == End::Whole;
        for Series { uid, modality } in series {
            let resource = format!("/studies/{}/series/{}/instances", segment(study_uid), segment(&uid));
            let keys = keys(&[], &[SOP_CLASS_UID]);
            let search = Search { client: &self.client, resource: &resource, query: &keys, stop };
            let (rows, end) = search.each(&mut |row| found.add(&row, &uid, modality.clone()))?;
            whole &= end == End::Whole;
            queries.push(query_row("IMAGE", &[study, (SERIES_INSTANCE_UID, &uid)], rows));
        }
        let count = found.rows.len() as u64;
        if !whole && self.claimed_instances(study_uid, stop)? != Some(count) {
            return Err(offset_ignored(&format!("/studies/{study_uid}/…"), count));
        }
        Ok(StudyListing { instances: found.rows, queries })
    }

    fn series(&self, study_uid: &str, stop: Stop<'_>) -> Result<(Vec<Series>, u64, End), WebError> {
        let resource = format!("/studies/{}/series", segment(study_uid));
        let keys = keys(&[], &[MODALITY]);
        let search = Search { client: &self.client, resource: &resource, query: &keys, stop };
        let mut series: Vec<Series> = Vec::new();
        let mut seen = HashSet::new();
        let (rows, end) = search.each(&mut |row| {
            let uid = row.text(SERIES_INSTANCE_UID).unwrap_or_default();
            if seen.insert(uid.clone()) {
                series.push(Series { uid, modality: row.text(MODALITY) });
            }
            room(series.len())
        })?;
        Ok((series, rows, end))
    }

    /// How many instances the server says the study has.
    fn claimed_instances(&self, study_uid: &str, stop: Stop<'_>) -> Result<Option<u64>, WebError> {
        let mut claimed = None;
        let query = vec![(STUDY_INSTANCE_UID, study_uid.to_owned())];
        self.search_studies(&query, &STUDY_KEYS, stop, &mut |row| {
            claimed = claimed.or(study_row(&row).claimed_instances);
            Ok(())
        })?;
        Ok(claimed)
    }
}

struct Series {
    uid: String,
    modality: Option<String>,
}

/// Each instance once, however often it is listed.
#[derive(Default)]
struct Instances {
    rows: Vec<InstanceRow>,
    seen: HashSet<(String, String)>,
}

impl Instances {
    fn add(&mut self, row: &Row, series_uid: &str, modality: Option<String>) -> Result<(), WebError> {
        let sop_instance = row.text(SOP_INSTANCE_UID).unwrap_or_default();
        if self.seen.insert((series_uid.to_owned(), sop_instance.clone())) {
            self.rows.push(InstanceRow {
                series_uid: series_uid.to_owned(),
                modality,
                sop_instance,
                sop_class: row.text(SOP_CLASS_UID),
                source_ref: None,
                bytes: None,
            });
        }
        room(self.rows.len())
    }
}

fn room(rows: usize) -> Result<(), WebError> {
    if rows <= MAX_ROWS {
        return Ok(());
    }
    Err(WebError::malformed("a list", "it names more than a million series or instances of one study"))
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

fn narrowing(query: &StudyQuery) -> Vec<(Tag, &str)> {
    query.iter().map(|(tag, value)| (*tag, value.as_str())).collect()
}

fn query_row(level: &str, keys: &[(Tag, &str)], rows: u64) -> QueryRow {
    let keys = format!("QIDO-RS {}", shown(keys));
    QueryRow { at: Timestamp::now(), level: level.to_owned(), keys, rows, status: 0 }
}
