//! Lists the studies of a PACS by queries at STUDY level (C-FIND, PS3.4 annex C; QIDO-RS, PS3.18 section 10.6), however much of
//! them it tells at a time.

mod ask;
mod divide;
mod part;
mod sample;
mod seen;
mod select;
mod span;
mod sweep;
mod verdict;

use std::collections::{HashMap, HashSet};

use catalogue::StudyRow;
use catalogue::listing::ListingProof;
use catalogue::plan::QueryRow;
use dataset::Tag;
use dataset::tags::{
    ACCESSION_NUMBER, INSTANCE_NUMBER, MODALITIES_IN_STUDY, PATIENT_ID, SERIES_INSTANCE_UID, STUDY_DATE,
    STUDY_INSTANCE_UID, STUDY_TIME,
};
use dimse::{Key, Level, Status};
use job::config::SelectionConfig;

use crate::error::Error;
use crate::exclusion::Exclusions;
use crate::source::Listing;
use ask::Asking;
use part::{Part, Texts};
use select::{StudyQuery, queries};
use sweep::{End, Peer, Sweep, Verdict};

pub(crate) use sweep::is_round;

pub(crate) const NUMBER_OF_STUDY_RELATED_SERIES: Tag = Tag(0x0020, 0x1206);
pub(crate) const NUMBER_OF_STUDY_RELATED_INSTANCES: Tag = Tag(0x0020, 0x1208);
/// Rows that are taken from one query. A PACS that holds more is asked by parts, which is kinder to it and to our memory.
pub(crate) const MOST_ROWS: u64 = 50_000;

/// What answers queries at STUDY level.
pub(crate) trait Finder {
    /// Its name for reports.
    fn name(&self) -> String;

    /// Asks for the studies that fit the keys; `status` is whether their Study Status ID is wanted, too. After [`MOST_ROWS`],
    /// or when it must stop, it breaks off.
    fn find(&self, keys: &[Key<'_>], status: bool, stop: &dyn Fn() -> bool) -> Result<Found, Error>;

    /// The query as proof, without patient data.
    fn query_row(&self, keys: &[Key<'_>], rows: u64, status: Status) -> QueryRow;

    /// Leaves the source alone for a while that says again and again that it is out of resources.
    fn spare(&self) {}

    /// Whether a study has a series of one of these modalities.
    fn has_modality(
        &self,
        study_uid: &str,
        wanted: &[String],
        stop: &dyn Fn() -> bool,
    ) -> Result<bool, Error>;
}

/// An answer.
pub(crate) struct Found {
    /// A study may come more than once.
    pub studies: Vec<StudyRow>,
    /// How many rows there were.
    pub rows: u64,
    /// Success if the source says that this is all; Pending if there is more. Failures are a refusal of this query.
    pub status: Status,
    /// Whether we have broken off.
    pub broken_off: bool,
}

/// Lists the studies that the selection takes.
pub(crate) fn list_studies(
    finder: &dyn Finder,
    selection: &SelectionConfig,
    listing: &mut dyn Listing,
    stop: &dyn Fn() -> bool,
) -> Result<(), Error> {
    let mut asking = Asking {
        finder,
        selection,
        exclusions: Exclusions::read(&selection.exclude)?,
        wanted: HashSet::new(),
        listing,
        stop,
        fixed: Vec::new(),
        named: 0,
        nameless: HashSet::new(),
        refusals: 0,
        numbers: HashMap::new(),
    };
    let mut proof = ListingProof::default();
    let (named, described): (Vec<_>, Vec<_>) = queries(selection)?
        .into_iter()
        .partition(|query| query.iter().any(|(tag, _)| *tag == STUDY_INSTANCE_UID));
    for query in named {
        asking.study(query, &mut proof)?;
    }
    let mut sweep = Sweep::new(&mut asking, selection.prove);
    for query in &described {
        sweep.list(&whole(query, selection))?;
    }
    let swept = sweep.proof();
    proof.queries += swept.queries;
    proof.rows += swept.rows;
    proof.open = swept.open;
    proof.studies += swept.studies;
    proof.undated += swept.undated;
    proof.cap = swept.cap;
    proof.sampled = swept.sampled;
    proof.useless = swept.useless.into_iter().map(|useless| useless.name().to_owned()).collect();
    asking.listing.proved(&proof).map_err(Error::Taker)
}

impl Asking<'_> {
    /// A study by its UID: there is one, or none.
    fn study(&mut self, query: StudyQuery, proof: &mut ListingProof) -> Result<(), Error> {
        self.fixed = query;
        let part = Part::default();
        let answer = self.ask(&part)?;
        proof.queries += 1;
        proof.rows += answer.count;
        proof.studies += answer.rows.len() as u64;
        self.named = proof.studies;
        self.listing.seen(self.named);
        proof.undated += answer.rows.iter().filter(|row| row.date.is_none()).count() as u64;
        if let End::Cut(status) | End::Refused(status) = answer.end {
            let node = self.finder.name();
            let (level, status, rows) = (Level::Study.as_str(), Status(status), answer.count);
            return Err(Error::CutShort { node, level, status, rows });
        }
        self.judged(&part, &Verdict::Small)?;
        self.fixed.clear();
        Ok(())
    }
}

/// Everything that one query of the selection is for.
fn whole(query: &StudyQuery, selection: &SelectionConfig) -> Part {
    let value = |wanted| query.iter().find(|(tag, _)| *tag == wanted).map(|(_, value)| value.clone());
    Part {
        dates: ask::dates(selection),
        times: None,
        patient: value(PATIENT_ID).map(Texts::Exactly),
        accession: value(ACCESSION_NUMBER).map(Texts::Exactly),
        modality: value(MODALITIES_IN_STUDY),
    }
}

/// Whether the study has one of the modalities wanted; `None` when the PACS does not say. A PACS may ignore the key
/// that narrows the query, so its answer is looked at again.
fn in_modalities(study: &StudyRow, selection: &SelectionConfig) -> Option<bool> {
    if selection.modalities.is_empty() {
        return Some(true);
    }
    let wanted = |modality: &str| selection.modalities.iter().any(|wanted| wanted == modality.trim());
    Some(study.modalities.as_deref()?.split('\\').any(wanted))
}

/// Asking for it would be asking for every study.
const NAMELESS: &str =
    "the source lists a study without Study Instance UID, which cannot be asked for: have it repaired there";

/// What stands in the plan for such a study.
fn nameless_study(number: u64) -> String {
    format!("study without Study Instance UID, number {number}")
}

/// The keys without patient data: their names, and values of UIDs, dates and times only.
pub(crate) fn shown(keys: &[Key<'_>]) -> String {
    const SHOWN: [Tag; 6] = [
        STUDY_INSTANCE_UID,
        SERIES_INSTANCE_UID,
        INSTANCE_NUMBER,
        STUDY_DATE,
        STUDY_TIME,
        MODALITIES_IN_STUDY,
    ];
    let shown = keys.iter().map(|(tag, value)| {
        let value = if SHOWN.contains(tag) { value } else { "…" };
        format!("{tag}={value}")
    });
    shown.collect::<Vec<_>>().join(" ")
}
