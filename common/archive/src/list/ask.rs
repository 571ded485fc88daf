//! Asks a PACS for the studies of a part, and keeps each answer before it is used: an interrupted listing asks again for
//! nothing but what was in flight.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use catalogue::listing::{Answered, Recalled};
use catalogue::{OddityState, StudyId, StudyRow};
use dataset::Tag;
use dataset::tags::STUDY_INSTANCE_UID;
use dimse::{Key, Level, Status, StatusClass};
use job::config::SelectionConfig;

use super::part::{Part, Row};
use super::span::{self, Span};
use super::sweep::{Answer, End, Peer, Verdict};
use super::{Finder, Found, NAMELESS, in_modalities, nameless_study};
use crate::error::Error;
use crate::exclusion::Exclusions;
use crate::source::Listing;

/// A source that refuses so many queries, and tells no row in between, refuses to be listed at all.
const MOST_REFUSALS: u32 = 96;
/// A limit on rows explains so many, while days are divided; a source that is out of resources for more of them may be overloaded.
const EXPLAINED: u32 = 24;

pub(super) struct Asking<'a> {
    pub finder: &'a dyn Finder,
    pub selection: &'a SelectionConfig,
    pub exclusions: Exclusions,
    /// Of the studies that were told and not left out, where anything is: digests of their UIDs.
    pub wanted: HashSet<u64>,
    pub listing: &'a mut dyn Listing,
    pub stop: &'a dyn Fn() -> bool,
    /// Keys of every query that no part has.
    pub fixed: Vec<(Tag, String)>,
    /// Studies that were asked for by UID, and are there.
    pub named: u64,
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
            Some(recalled) if is_final(&recalled) => self.remember(recalled),
            _ => self.ask_anew(part, &keys, &name)?,
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

    fn gauge(&mut self, part: &Part) -> Result<Option<u64>, Error> {
        let keys = self.keys(part);
        let keys: Vec<Key<'_>> = keys.iter().map(|(tag, value)| (*tag, value.as_str())).collect();
        let found = self.finder.find(&keys, false, self.stop)?;
        self.listing.query(self.finder.query_row(&keys, found.rows, found.status)).map_err(Error::Taker)?;
        Ok((found.status.is_success() && !found.broken_off).then_some(found.rows))
    }

    fn seen(&mut self, studies: u64) {
        self.listing.seen(self.named + studies);
    }
}

impl Asking<'_> {
    fn keys(&self, part: &Part) -> Vec<(Tag, String)> {
        self.fixed.iter().cloned().chain(part.keys()).collect()
    }

    fn remember(&mut self, recalled: Recalled) -> Recalled {
        let wanted = recalled.studies.iter().filter(|(_, study)| self.exclusions.reason(study).is_none());
        if !self.exclusions.is_empty() {
            self.wanted.extend(wanted.map(|(_, study)| digest(&study.uid)));
        }
        recalled
    }

    fn ask_anew(&mut self, part: &Part, keys: &[(Tag, String)], name: &str) -> Result<Recalled, Error> {
        let keys: Vec<Key<'_>> = keys.iter().map(|(tag, value)| (*tag, value.as_str())).collect();
        let wants_status = !self.selection.study_status.is_empty();
        let Found { studies, rows: count, status, broken_off } =
            self.finder.find(&keys, wants_status, self.stop)?;
        if (self.stop)() {
            return Err(Error::Stopped);
        }
        self.count_refusals(status, count)?;
        let studies = self.selected(part, studies)?;
        let query = self.finder.query_row(&keys, count, status);
        let answered = Answered { query, part: name, broken_off, studies: &studies };
        let ids = match self.listing.answered(&answered).map_err(Error::Taker)? {
            Some(ids) => ids,
            None => studies.iter().map(|study| self.number(&study.uid)).collect(),
        };
        let studies = ids.into_iter().zip(studies).collect();
        Ok(Recalled { rows: count, status: status.0, broken_off, settled: false, studies })
    }

    /// A number for a study, where nobody keeps answers.
    fn number(&mut self, uid: &str) -> StudyId {
        let next = i64::try_from(self.numbers.len()).unwrap_or(i64::MAX);
        StudyId(*self.numbers.entry(uid.to_owned()).or_insert(next))
    }

    fn count_refusals(&mut self, status: Status, rows: u64) -> Result<(), Error> {
        let refused = status.class() == StatusClass::Failure;
        // Of the parts of a refused query many are empty, and say nothing of what the source gives.
        if refused {
            self.refusals += 1;
        } else if rows > 0 {
            self.refusals = 0;
        }
        if status.is_out_of_resources() && self.refusals > EXPLAINED {
            self.finder.spare();
        }
        if self.refusals < MOST_REFUSALS {
            return Ok(());
        }
        let node = self.finder.name();
        Err(Error::CutShort { node, level: Level::Study.as_str(), status, rows })
    }

    /// The studies that the selection takes, each once. A PACS may ignore the keys that narrow a query, so its answers are
    /// looked at again. A row that is left out does not take the place of another of its UID, which is another patient's: what
    /// is whose, the export asks of every object.
    fn selected(&mut self, part: &Part, rows: Vec<StudyRow>) -> Result<Vec<StudyRow>, Error> {
        let is_wanted = |study: &StudyRow| self.exclusions.reason(study).is_none();
        let (wanted, left_out): (Vec<_>, Vec<_>) = rows.into_iter().partition(is_wanted);
        let mut studies = self.fitting(part, wanted)?;
        if !self.exclusions.is_empty() {
            self.wanted.extend(studies.iter().map(|study| digest(&study.uid)));
        }
        let of_others = self.fitting(part, left_out)?;
        studies.extend(of_others.into_iter().filter(|study| !self.wanted.contains(&digest(&study.uid))));
        Ok(studies)
    }

    /// Of each study the first row that fits.
    fn fitting(&mut self, part: &Part, rows: Vec<StudyRow>) -> Result<Vec<StudyRow>, Error> {
        let mut uids = HashSet::new();
        let mut studies = Vec::new();
        for study in rows {
            if study.uid.is_empty() {
                self.note_nameless(&study)?;
            } else if !uids.contains(&study.uid) && self.takes(part, &study)? {
                uids.insert(study.uid.clone());
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
            None => self.finder.has_modality(&study.uid, &self.selection.modalities, self.stop),
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

/// A refusal may be of a moment: where nothing came in its place, a later run has it asked again.
fn is_final(recalled: &Recalled) -> bool {
    recalled.settled || Status(recalled.status).class() != StatusClass::Failure
}

fn digest(uid: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    hasher.finish()
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
