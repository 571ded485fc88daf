//! Lists studies and instances by hierarchical C-FIND (PS3.4 annex C): relational queries are optional, and some PACS
//! refuse them. The counts that a PACS claims are kept and not believed.

use std::ops::ControlFlow;

use catalogue::plan::{InstanceRow, QueryRow};
use catalogue::{OddityState, StudyRow};
use dataset::tags::{
    ACCESSION_NUMBER, ISSUER_OF_PATIENT_ID, MODALITIES_IN_STUDY, MODALITY, PATIENT_ID, PATIENT_NAME,
    SERIES_INSTANCE_UID, SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_DATE, STUDY_DESCRIPTION, STUDY_INSTANCE_UID,
    STUDY_TIME,
};
use dataset::{FlatSet, Tag};
use dimse::{FindEnd, Key, Level};
use jiff::Timestamp;
use job::config::SelectionConfig;

use super::Pacs;
use super::select::queries;
use crate::error::{Cause, Error};
use crate::source::{Listing, StudyListing};

/// No study has so many series or instances; bounds what a PACS that never stops can make us hold.
const MAX_ROWS: usize = 1_000_000;

const NUMBER_OF_STUDY_RELATED_SERIES: Tag = Tag(0x0020, 0x1206);
const NUMBER_OF_STUDY_RELATED_INSTANCES: Tag = Tag(0x0020, 0x1208);

const STUDY_KEYS: [Tag; 12] = [
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
    dataset::tags::SPECIFIC_CHARACTER_SET,
];

impl Pacs {
    pub(super) fn list_studies(
        &self,
        selection: &SelectionConfig,
        listing: &mut dyn Listing,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        let mut nameless = 0;
        for query in queries(selection)? {
            let narrowing: Vec<Key<'_>> = query.iter().map(|(tag, value)| (*tag, value.as_str())).collect();
            let mut taken: Result<(), Cause> = Ok(());
            let mut unclear = Vec::new();
            let end = self.find(Level::Study, &narrowing, &STUDY_KEYS, &mut |row| {
                let study = study_row(&row);
                if stop() || taken.is_err() {
                    return ControlFlow::Break(());
                }
                match in_modalities(&study, selection) {
                    _ if study.uid.is_empty() => {
                        nameless += 1;
                        taken = listing.oddity(
                            nameless_study(nameless).as_bytes(),
                            None,
                            OddityState::Failed,
                            NAMELESS,
                        );
                    }
                    Some(true) => taken = listing.study(study),
                    Some(false) => {}
                    None => unclear.push(study),
                }
                room(unclear.len())
            })?;
            taken.map_err(Error::Taker)?;
            listing.query(query_row(Level::Study, &narrowing, &end)).map_err(Error::Taker)?;
            if stop() {
                return Err(Error::Stopped);
            }
            for study in unclear {
                if self.has_modality(&study.uid, &selection.modalities)? {
                    listing.study(study).map_err(Error::Taker)?;
                }
            }
            self.require_whole(Level::Study, &end)?;
        }
        Ok(())
    }

    /// Asks for the series where the PACS does not know Modalities in Study.
    fn has_modality(&self, study_uid: &str, wanted: &[String]) -> Result<bool, Error> {
        let mut found = false;
        let keys = [(STUDY_INSTANCE_UID, study_uid)];
        let end = self.find(Level::Series, &keys, &[SERIES_INSTANCE_UID, MODALITY], &mut |row| {
            found |= row.text(MODALITY).is_some_and(|modality| wanted.contains(&modality));
            ControlFlow::Continue(())
        })?;
        self.require_whole(Level::Series, &end)?;
        Ok(found)
    }

    pub(super) fn list_instances(&self, study_uid: &str) -> Result<StudyListing, Error> {
        let mut listing = StudyListing::default();
        let mut series = Vec::new();
        let study = (STUDY_INSTANCE_UID, study_uid);
        let end = self.find(Level::Series, &[study], &[SERIES_INSTANCE_UID, MODALITY], &mut |row| {
            series.push((row.kept(SERIES_INSTANCE_UID).unwrap_or_default(), row.kept(MODALITY)));
            room(series.len())
        })?;
        listing.queries.push(query_row(Level::Series, &[study], &end));
        self.require_whole(Level::Series, &end)?;
        for (series_uid, modality) in series {
            let keys = [study, (SERIES_INSTANCE_UID, series_uid.as_str())];
            let end = self.find(Level::Image, &keys, &[SOP_INSTANCE_UID, SOP_CLASS_UID], &mut |row| {
                listing.instances.push(InstanceRow {
                    series_uid: series_uid.clone(),
                    modality: modality.clone(),
                    sop_instance: row.kept(SOP_INSTANCE_UID).unwrap_or_default(),
                    sop_class: row.kept(SOP_CLASS_UID),
                    source_ref: None,
                    bytes: None,
                });
                room(listing.instances.len())
            })?;
            listing.queries.push(query_row(Level::Image, &keys, &end));
            self.require_whole(Level::Image, &end)?;
        }
        Ok(listing)
    }

    fn find(
        &self,
        level: Level,
        narrowing: &[Key<'_>],
        asked: &[Tag],
        on_row: &mut dyn FnMut(FlatSet) -> ControlFlow<()>,
    ) -> Result<FindEnd, Error> {
        let mut keys = narrowing.to_vec();
        let unset = |tag: &&Tag| !narrowing.iter().any(|(set, _)| set == *tag);
        keys.extend(asked.iter().filter(unset).map(|tag| (*tag, "")));
        let mut begun = false;
        self.query(&mut |association| {
            // Rows that were handed on cannot be taken back, so only a query without any is asked again.
            if begun {
                return Err(dimse::Error::Closed);
            }
            association.find(level, &keys, &mut |row| {
                begun = true;
                on_row(row)
            })
        })
    }

    fn require_whole(&self, level: Level, end: &FindEnd) -> Result<(), Error> {
        if end.is_complete() {
            return Ok(());
        }
        let node = self.settings.node.to_string();
        Err(Error::CutShort { node, level: level.as_str(), status: end.status, rows: end.rows })
    }
}

fn room(rows: usize) -> ControlFlow<()> {
    if rows < MAX_ROWS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

/// Asking for it would be asking for every study.
pub(crate) const NAMELESS: &str =
    "the source lists a study without Study Instance UID, which cannot be asked for: have it repaired there";

/// What stands in the plan for such a study.
pub(crate) fn nameless_study(number: u64) -> String {
    format!("study without Study Instance UID, number {number}")
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
    }
}

/// Whether the study has one of the modalities wanted; `None` when the PACS does not say. A PACS may ignore the key
/// that narrows the query, so its answer is looked at again.
pub(crate) fn in_modalities(study: &StudyRow, selection: &SelectionConfig) -> Option<bool> {
    if selection.modalities.is_empty() {
        return Some(true);
    }
    let modalities = study.modalities.as_deref()?;
    Some(
        modalities
            .split('\\')
            .any(|modality| selection.modalities.iter().any(|wanted| wanted == modality.trim())),
    )
}

/// The keys without patient data: their names, and values of UIDs and dates only.
pub(crate) fn shown(keys: &[(Tag, &str)]) -> String {
    const SHOWN: [Tag; 4] = [STUDY_INSTANCE_UID, SERIES_INSTANCE_UID, STUDY_DATE, MODALITIES_IN_STUDY];
    let shown = keys.iter().map(|(tag, value)| {
        let value = if SHOWN.contains(tag) { value } else { "…" };
        format!("({:04X},{:04X})={value}", tag.0, tag.1)
    });
    shown.collect::<Vec<_>>().join(" ")
}

fn query_row(level: Level, keys: &[Key<'_>], end: &FindEnd) -> QueryRow {
    QueryRow {
        at: Timestamp::now(),
        level: level.as_str().to_owned(),
        keys: shown(keys),
        rows: end.rows,
        status: end.status.0,
    }
}
