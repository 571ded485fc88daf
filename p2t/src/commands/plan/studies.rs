//! Lists the studies of the source into the catalogue, and all that a listing that is interrupted needs to go on.

use archive::{Cause, Listing};
use catalogue::listing::{Answered, ListingProof, Recalled};
use catalogue::plan::{InstanceRow, QueryRow};
use catalogue::{Catalogue, ListingId, OddityState, StudyId, StudyRow};
use jiff::civil::Date;
use job::Counter;
use job::config::SelectionConfig;

use crate::asking::Asking;
use crate::context::Context;
use crate::error::{Error, Result};

/// Files are recorded in groups of this many.
const GROUP: usize = 500;

/// Lists everything that the selection takes.
pub fn list(
    context: &Context,
    asking: &Asking,
    selection: &SelectionConfig,
    catalogue: &mut Catalogue,
) -> Result<()> {
    let mut recording = Recording {
        context,
        catalogue,
        studies: Vec::new(),
        files: Vec::new(),
        walked: false,
        selection: queries_of(selection),
        listing: None,
        verdicts: Vec::new(),
        counted: 0,
    };
    let listed = asking.source.list(selection, &mut recording, &|| asking.must_stop());
    recording.flush().map_err(archive::Error::Taker)?;
    listed?;
    if recording.walked {
        catalogue.finish_listing()?;
    }
    Ok(())
}

/// The catalogue's key for the day from which the last days of a plan are counted.
const DAY: &str = "plan_day";

/// The selection of a plan. One that was interrupted while it listed goes on with the days that it began with.
pub fn begun(catalogue: &mut Catalogue, meant: &SelectionConfig, today: Date) -> Result<SelectionConfig> {
    let on = |day| meant.on(day).map_err(Error::Selection);
    if meant.last_days.is_none() {
        return on(today);
    }
    let day = catalogue.job(DAY)?.and_then(|day| day.parse::<Date>().ok());
    if let Some(begun) = day.map(on).transpose()?
        && catalogue.is_listing_open(&queries_of(&begun))?
    {
        return Ok(begun);
    }
    catalogue.set_job(DAY, &today.to_string())?;
    on(today)
}

/// What of a selection decides which queries are asked.
fn queries_of(selection: &SelectionConfig) -> String {
    let SelectionConfig { exclude, order, patient_list, min_age_hours, settle_minutes, .. } =
        SelectionConfig::default();
    let asked =
        SelectionConfig { exclude, order, patient_list, min_age_hours, settle_minutes, ..selection.clone() };
    format!("{asked:?}")
}

/// Puts rows into the catalogue in groups.
struct Recording<'a> {
    context: &'a Context,
    catalogue: &'a mut Catalogue,
    studies: Vec<StudyRow>,
    files: Vec<(StudyRow, InstanceRow)>,
    /// Whether files were listed, and so each study's instances with it.
    walked: bool,
    selection: String,
    /// Once a query was asked that belongs to one.
    listing: Option<ListingId>,
    /// Part, verdict, and whether it is open.
    verdicts: Vec<(String, String, bool)>,
    /// Studies that progress has counted.
    counted: u64,
}

impl Recording<'_> {
    /// The listing that the queries belong to: an interrupted one is gone on with.
    fn listing(&mut self) -> Result<ListingId, Cause> {
        let listing = match self.listing {
            Some(listing) => listing,
            None => self.catalogue.listing(&self.selection)?,
        };
        self.listing = Some(listing);
        Ok(listing)
    }

    fn flush(&mut self) -> Result<(), Cause> {
        if let Some(listing) = self.listing {
            self.catalogue.record_verdicts(listing, &self.verdicts)?;
            self.verdicts.clear();
        }
        self.catalogue.upsert_studies(self.studies.drain(..))?;
        let listed = self.catalogue.record_files(&self.files)?;
        self.context.monitor.count(Counter::Listed, listed.new + listed.known);
        self.files.clear();
        Ok(())
    }
}

impl Listing for Recording<'_> {
    fn study(&mut self, study: StudyRow) -> Result<(), Cause> {
        self.studies.push(study);
        if self.studies.len() >= GROUP { self.flush() } else { Ok(()) }
    }

    fn file(&mut self, study: StudyRow, instance: InstanceRow) -> Result<(), Cause> {
        self.walked = true;
        self.files.push((study, instance));
        if self.files.len() >= GROUP { self.flush() } else { Ok(()) }
    }

    fn oddity(
        &mut self,
        source_ref: &[u8],
        bytes: Option<u64>,
        state: OddityState,
        reason: &str,
    ) -> Result<(), Cause> {
        self.context.monitor.count(Counter::Listed, 1);
        let counter = if state == OddityState::Failed { Counter::Failed } else { Counter::Excluded };
        self.context.monitor.count(counter, 1);
        Ok(self.catalogue.record_oddity(source_ref, bytes, state, reason)?)
    }

    fn query(&mut self, query: QueryRow) -> Result<(), Cause> {
        Ok(self.catalogue.record_query(&query)?)
    }

    fn recall(&mut self, part: &str) -> Result<Option<Recalled>, Cause> {
        let listing = self.listing()?;
        Ok(self.catalogue.recall(listing, part)?)
    }

    fn answered(&mut self, answered: &Answered<'_>) -> Result<Option<Vec<StudyId>>, Cause> {
        let listing = self.listing()?;
        Ok(Some(self.catalogue.record_answer(listing, answered)?))
    }

    fn judged(&mut self, part: &str, verdict: &str, open: bool) -> Result<(), Cause> {
        self.verdicts.push((part.to_owned(), verdict.to_owned(), open));
        if self.verdicts.len() >= GROUP { self.flush() } else { Ok(()) }
    }

    fn seen(&mut self, studies: u64) {
        self.context.monitor.count(Counter::Listed, studies.saturating_sub(self.counted));
        self.counted = studies;
    }

    fn proved(&mut self, proof: &ListingProof) -> Result<(), Cause> {
        let listing = self.listing()?;
        self.flush()?;
        Ok(self.catalogue.finish_listing_with(listing, proof)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_of_the_last_days_that_goes_on_past_midnight_keeps_its_day() {
        let dir = tempfile::tempdir().unwrap();
        let mut catalogue = Catalogue::open(&dir.path().join("catalogue")).unwrap();
        let meant = SelectionConfig { last_days: Some(2), ..SelectionConfig::default() };
        let day = |day| jiff::civil::date(2026, 12, day);
        let from =
            |catalogue: &mut Catalogue, today| begun(catalogue, &meant, day(today)).unwrap().study_date_from;
        assert_eq!(from(&mut catalogue, 10), Some(day(8)));
        let listing = catalogue.listing(&queries_of(&meant.on(day(10)).unwrap())).unwrap();
        assert_eq!(from(&mut catalogue, 11), Some(day(8)));
        catalogue.finish_listing_with(listing, &ListingProof::default()).unwrap();
        assert_eq!(from(&mut catalogue, 11), Some(day(9)));
    }
}
