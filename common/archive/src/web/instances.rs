//! Lists the instances of a study by QIDO-RS (PS3.18 section 10.6). The counts that a server claims are kept, and believed only
//! where they confirm a list.

use std::collections::HashSet;

use catalogue::plan::InstanceRow;
use dataset::tags::{MODALITY, SERIES_INSTANCE_UID, SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID};
use dimse::Status;

use super::Web;
use super::address::{keys, segment};
use super::error::Error as WebError;
use super::exchange::Stop;
use super::find::query_row;
use super::pages::{End, offset_ignored};
use super::row::Row;
use crate::error::Error;
use crate::source::StudyListing;

/// No study has so many series or instances; bounds what a server that never stops can make us hold.
const MAX_ROWS: usize = 1_000_000;

impl Web {
    /// Asks for the series where the server does not know Modalities in Study.
    pub(super) fn has_series_of(
        &self,
        study_uid: &str,
        wanted: &[String],
        stop: Stop<'_>,
    ) -> Result<bool, Error> {
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
        let search = self.search(&resource, &keys, stop);
        let (rows, end) = search.each(&mut |row| {
            let series_uid = row.text(SERIES_INSTANCE_UID).unwrap_or_default();
            found.add(&row, &series_uid, row.text(MODALITY))
        })?;
        if end != End::Whole || found.rows.iter().any(|row| row.series_uid.is_empty()) {
            return Ok(None);
        }
        let queries = vec![query_row("IMAGE", &[(STUDY_INSTANCE_UID, study_uid)], rows, Status::SUCCESS)];
        Ok(Some(StudyListing { instances: found.rows, queries }))
    }

    fn instances_by_series(&self, study_uid: &str, stop: Stop<'_>) -> Result<StudyListing, WebError> {
        let study = (STUDY_INSTANCE_UID, study_uid);
        let (series, rows, end) = self.series(study_uid, stop)?;
        let mut queries = vec![query_row("SERIES", &[study], rows, Status::SUCCESS)];
        let mut found = Instances::default();
        let mut whole = end == End::Whole;
        for Series { uid, modality } in series {
            let resource = format!("/studies/{}/series/{}/instances", segment(study_uid), segment(&uid));
            let keys = keys(&[], &[SOP_CLASS_UID]);
            let search = self.search(&resource, &keys, stop);
            let (rows, end) = search.each(&mut |row| found.add(&row, &uid, modality.clone()))?;
            whole &= end == End::Whole;
            queries.push(query_row("IMAGE", &[study, (SERIES_INSTANCE_UID, &uid)], rows, Status::SUCCESS));
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
        let search = self.search(&resource, &keys, stop);
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
        let found = self.search_studies(&[(STUDY_INSTANCE_UID, study_uid)], false, stop)?;
        Ok(found.studies.into_iter().find_map(|study| study.claimed_instances))
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
