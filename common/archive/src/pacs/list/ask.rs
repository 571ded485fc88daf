//! Asks a PACS for the studies of a part, and keeps each answer before it is used: an interrupted listing asks again for
//! nothing but what was in flight.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::ControlFlow;

use catalogue::listing::{Answered, Recalled};
use catalogue::{OddityState, StudyId, StudyRow};
use dataset::tags::{
    ACCESSION_NUMBER, ISSUER_OF_PATIENT_ID, MODALITIES_IN_STUDY, PATIENT_ID, PATIENT_NAME,
    SPECIFIC_CHARACTER_SET, STUDY_DATE, STUDY_DESCRIPTION, STUDY_INSTANCE_UID, STUDY_STATUS_ID, STUDY_TIME,
};
use dataset::{FlatSet, Tag};
use dimse::{Key, Level, Status, StatusClass};
use job::config::SelectionConfig;

use super::part::{Part, Row};
use super::span::{self, Span};
use super::sweep::{Answer, End, Peer, Verdict};
use super::{
    NAMELESS, NUMBER_OF_STUDY_RELATED_INSTANCES, NUMBER_OF_STUDY_RELATED_SERIES, in_modalities,
    nameless_study, query_row,
};
use crate::error::Error;
use crate::pacs::Pacs;
use crate::source::Listing;

/// Rows that are taken from one query. A PACS that holds more is asked by parts, which is kinder to it and to our memory.
const MOST_ROWS: u64 = 50_000;
/// A source that refuses so many queries in a row refuses to be listed at all.
const MOST_REFUSALS: u32 = 64;

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

pub(super) struct Asking<'a> {
    pub pacs: &'a Pacs,
    pub selection: &'a SelectionConfig,
    pub listing: &'a mut dyn Listing,
    pub stop: &'a dyn Fn() -> bool,
    /// Keys of every query that no part has.
    pub fixed: Vec<(Tag, String)>,
    pub nameless: HashSet<u64>,
    pub refusals: u32,
    pub numbers: HashMap<String, i64>,
}

impl Peer for Asking<'_> {
    type Error = Error;

    fn ask(&mut self, part: &Part) -> Result<Answer, Error> {
        if (self.stop)() {
            return Err(Error::Stopped);
        }
        let keys = self.keys(part);
        let name = name(&keys);
        let answered = match self.listing.recall(&name).map_err(Error::Taker)? {
            Some(recalled) => recalled,
            None => self.ask_anew(part, &keys, &name)?,
        };
        let rows = answered.studies.iter().map(|(id, study)| row(id.0.unsigned_abs(), study)).collect();
        let status = Status(answered.status);
        let end = match status.class() {
            _ if answered.broken_off => End::Enough,
            StatusClass::Success => End::Success,
            StatusClass::Failure => End::Refused(status.0),
            _ => End::Cut(status.0),
        };
        Ok(Answer { count: answered.rows, rows, end })
    }

    fn judged(&mut self, part: &Part, verdict: &Verdict) -> Result<(), Error> {
        let open = matches!(verdict, Verdict::Open(_));
        self.listing.judged(&name(&self.keys(part)), &verdict.to_string(), open).map_err(Error::Taker)
    }
}

impl Asking<'_> {
    fn keys(&self, part: &Part) -> Vec<(Tag, String)> {
        self.fixed.iter().cloned().chain(part.keys()).collect()
    }

    fn ask_anew(&mut self, part: &Part, keys: &[(Tag, String)], name: &str) -> Result<Recalled, Error> {
        let keys: Vec<Key<'_>> = keys.iter().map(|(tag, value)| (*tag, value.as_str())).collect();
        let asks_for_status = !self.selection.study_status.is_empty();
        let found = self.pacs.query(&mut |association| {
            let mut rows = Vec::new();
            let mut count = 0;
            let end = association.find(Level::Study, &with_return_keys(&keys, asks_for_status), &mut |row| {
                count += 1;
                rows.push(study_row(&row));
                if count < MOST_ROWS && !(self.stop)() {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            });
            match end {
                Ok(end) => Ok((end.status, end.cancelled, rows)),
                Err(dimse::Error::Failed { status, .. }) => Ok((status, false, rows)),
                Err(error) => Err(error),
            }
        });
        let (status, broken_off, rows) = found?;
        if (self.stop)() {
            return Err(Error::Stopped);
        }
        let count = rows.len() as u64;
        self.count_refusals(status, count)?;
        let studies = self.selected(part, rows)?;
        let query = query_row(Level::Study, &keys, count, status);
        let answered = Answered { query, part: name, broken_off, studies: &studies };
        let ids = match self.listing.answered(&answered).map_err(Error::Taker)? {
            Some(ids) => ids,
            None => studies.iter().map(|study| self.number(&study.uid)).collect(),
        };
        let studies = ids.into_iter().zip(studies).collect();
        Ok(Recalled { rows: count, status: status.0, broken_off, studies })
    }

    /// A number for a study, where nobody keeps answers.
    fn number(&mut self, uid: &str) -> StudyId {
        let next = i64::try_from(self.numbers.len()).unwrap_or(i64::MAX);
        StudyId(*self.numbers.entry(uid.to_owned()).or_insert(next))
    }

    fn count_refusals(&mut self, status: Status, rows: u64) -> Result<(), Error> {
        let refused = status.class() == StatusClass::Failure;
        self.refusals = if refused { self.refusals + 1 } else { 0 };
        if self.refusals < MOST_REFUSALS {
            return Ok(());
        }
        let node = self.pacs.settings.node.to_string();
        Err(Error::CutShort { node, level: Level::Study.as_str(), status, rows })
    }

    /// The studies that the selection takes, each once. A PACS may ignore the keys that narrow a query, so its answers are
    /// looked at again.
    fn selected(&mut self, part: &Part, rows: Vec<StudyRow>) -> Result<Vec<StudyRow>, Error> {
        let mut uids = HashSet::new();
        let mut studies = Vec::new();
        for study in rows {
            if study.uid.is_empty() {
                self.note_nameless(&study)?;
            } else if uids.insert(study.uid.clone()) && self.takes(part, &study)? {
                studies.push(study);
            }
        }
        Ok(studies)
    }

    fn takes(&self, part: &Part, study: &StudyRow) -> Result<bool, Error> {
        let is_other = |(tag, uid): &(Tag, String)| *tag == STUDY_INSTANCE_UID && *uid != study.uid;
        if self.fixed.iter().any(is_other) || part.names_another(study) {
            return Ok(false);
        }
        let date = study.study_date.as_deref().and_then(span::day);
        if date.is_some_and(|date| !dates(self.selection).is_none_or(|span| span.contains(date))) {
            return Ok(false);
        }
        match in_modalities(study, self.selection) {
            Some(taken) => Ok(taken),
            None => self.pacs.has_modality(&study.uid, &self.selection.modalities),
        }
    }

    /// Many queries find the same one; by its other attributes it is known again, also in another run.
    fn note_nameless(&mut self, study: &StudyRow) -> Result<(), Error> {
        let StudyRow { patient_id, study_date, study_time, accession, description, .. } = study;
        let mut hasher = DefaultHasher::new();
        (patient_id, study_date, study_time, accession, description).hash(&mut hasher);
        let number = hasher.finish() % 1_000_000;
        if !self.nameless.insert(number) {
            return Ok(());
        }
        let name = nameless_study(number);
        self.listing.oddity(name.as_bytes(), None, OddityState::Failed, NAMELESS).map_err(Error::Taker)
    }
}

/// The days that the selection takes; studies without a date are then not among them.
pub(super) fn dates(selection: &SelectionConfig) -> Option<Span> {
    let (from, to) = (selection.study_date_from, selection.study_date_to);
    (from.is_some() || to.is_some()).then(|| Span {
        from: from.and_then(span::day_number).unwrap_or(0),
        to: to.and_then(span::day_number).unwrap_or(span::LAST_DAY),
    })
}

/// A retired key is only asked for where it decides something: sources may refuse what they do not know.
fn with_return_keys<'a>(narrowing: &[Key<'a>], asks_for_status: bool) -> Vec<Key<'a>> {
    let unset = KEYS.iter().filter(|tag| !narrowing.iter().any(|(set, _)| set == *tag));
    let status = asks_for_status.then_some(&STUDY_STATUS_ID);
    narrowing.iter().copied().chain(unset.chain(status).map(|tag| (*tag, ""))).collect()
}

fn name(keys: &[(Tag, String)]) -> String {
    keys.iter().map(|(tag, value)| format!("{tag}={value}")).collect::<Vec<_>>().join(" ")
}

fn values(text: &str) -> impl Iterator<Item = &str> {
    text.split('\\').map(str::trim).filter(|value| !value.is_empty())
}

fn row(number: u64, study: &StudyRow) -> Row {
    Row {
        study: number,
        date: study.study_date.as_deref().and_then(span::day),
        time: study.study_time.as_deref().and_then(span::moment),
        patient: study.patient_id.clone(),
        accession: study.accession.clone(),
        modalities: study.modalities.iter().flat_map(|it| values(it)).map(str::to_owned).collect(),
    }
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
