//! Lists the instances of a study by hierarchical C-FIND at SERIES and IMAGE level (PS3.4 annex C): relational queries are
//! optional, and some PACS refuse them. The counts that a PACS claims are kept and not believed.

use std::cell::Cell;
use std::collections::HashMap;
use std::ops::ControlFlow;

use catalogue::plan::InstanceRow;
use dataset::tags::{MODALITY, SERIES_INSTANCE_UID, SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID};
use dataset::{FlatSet, Tag};
use dimse::{FindEnd, Key, Level};

use super::Pacs;
use super::find::query_row;
use super::images::{Images, Series};
use crate::error::Error;
use crate::several::Together;
use crate::source::StudyListing;

const NUMBER_OF_SERIES_RELATED_INSTANCES: Tag = Tag(0x0020, 0x1209);
/// No study has so many series or instances; bounds what a PACS that never stops can make us hold.
pub(super) const MAX_ROWS: usize = 1_000_000;

impl Pacs {
    /// Asks for the series where the PACS does not know Modalities in Study.
    pub(super) fn has_series_of(&self, study_uid: &str, wanted: &[String]) -> Result<bool, Error> {
        let mut found = false;
        let keys = [(STUDY_INSTANCE_UID, study_uid)];
        let end = self.find_rows(Level::Series, &keys, &[SERIES_INSTANCE_UID, MODALITY], &mut |row| {
            found |= row.text(MODALITY).is_some_and(|modality| wanted.contains(&modality));
            ControlFlow::Continue(())
        })?;
        self.require_whole(Level::Series, &end)?;
        Ok(found)
    }

    pub(super) fn list_instances(&self, study_uid: &str) -> Result<StudyListing, Error> {
        let mut listing = StudyListing::default();
        let mut found = Vec::new();
        let study = (STUDY_INSTANCE_UID, study_uid);
        let asked = [SERIES_INSTANCE_UID, MODALITY, NUMBER_OF_SERIES_RELATED_INSTANCES];
        let end = self.find_rows(Level::Series, &[study], &asked, &mut |row| {
            found.push(Series {
                uid: row.kept(SERIES_INSTANCE_UID).unwrap_or_default(),
                modality: row.kept(MODALITY),
                claimed: row
                    .text(NUMBER_OF_SERIES_RELATED_INSTANCES)
                    .and_then(|count| count.trim().parse().ok()),
            });
            room(found.len())
        })?;
        listing.queries.push(query_row(Level::Series, &[study], end.rows, end.status));
        self.require_whole(Level::Series, &end)?;
        for series in &found {
            let (images, queries) = Images::new(self, study_uid, series).list()?;
            listing.instances.extend(images);
            listing.queries.extend(queries);
        }
        Ok(listing)
    }

    /// Asks for the instances of several studies at once, at IMAGE level: a list of UIDs in a relational query (PS3.4 sections
    /// C.2.2.2.2 and C.4.1.2.2), which not every PACS knows. None where it refuses, ends otherwise than with success, or
    /// tells something that was not asked for.
    pub(super) fn list_instances_of(&self, study_uids: &[&str]) -> Result<Option<Together>, Error> {
        let list = study_uids.join("\\");
        let keys = [(STUDY_INSTANCE_UID, list.as_str())];
        let asked = [SERIES_INSTANCE_UID, MODALITY, SOP_INSTANCE_UID, SOP_CLASS_UID];
        let mut listings: HashMap<String, Vec<InstanceRow>> = HashMap::new();
        let (mut rows, mut foreign) = (0, false);
        let end = self.find_rows(Level::Image, &keys, &asked, &mut |row| {
            let study = row.kept(STUDY_INSTANCE_UID).filter(|uid| study_uids.contains(&uid.as_str()));
            let series = row.kept(SERIES_INSTANCE_UID);
            let instance = row.kept(SOP_INSTANCE_UID);
            let (Some(study), Some(series_uid), Some(sop_instance)) = (study, series, instance) else {
                foreign = true;
                return ControlFlow::Break(());
            };
            listings.entry(study).or_default().push(InstanceRow {
                series_uid,
                modality: row.kept(MODALITY),
                sop_instance,
                sop_class: row.kept(SOP_CLASS_UID),
                source_ref: None,
                bytes: None,
            });
            rows += 1;
            room(rows)
        });
        match end {
            Ok(end) if end.is_complete() && !foreign => {
                let query = query_row(Level::Image, &keys, end.rows, end.status);
                Ok(Some(Together { listings, query }))
            }
            Ok(_) | Err(Error::Dimse { source: dimse::Error::Failed { .. }, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn find_rows(
        &self,
        level: Level,
        narrowing: &[Key<'_>],
        asked: &[Tag],
        on_row: &mut dyn FnMut(FlatSet) -> ControlFlow<()>,
    ) -> Result<FindEnd, Error> {
        let mut keys = narrowing.to_vec();
        let unset = |tag: &&Tag| !narrowing.iter().any(|(set, _)| set == *tag);
        keys.extend(asked.iter().filter(unset).map(|tag| (*tag, "")));
        // Rows that were handed on cannot be taken back, so only a query without any is asked again.
        let begun = Cell::new(false);
        self.query(&|| !begun.get(), &mut |association| {
            let found = association.find(level, &keys, &mut |row| {
                begun.set(true);
                on_row(row)
            });
            match found {
                // An answer, and the association is as good as before.
                Err(refused @ dimse::Error::Failed { .. }) => Ok(Err(refused)),
                found => found.map(Ok),
            }
        })?
        .map_err(Error::dimse(&self.settings.node))
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
