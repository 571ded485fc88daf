//! The second listing of a PACS: its studies go into the catalogue, to be compared there.

use archive::{Cause, Listing, Source};
use catalogue::listing::ListingProof;
use catalogue::plan::{InstanceRow, QueryRow};
use catalogue::{Catalogue, OddityState, StudyRow};
use job::config::SelectionConfig;
use job::{Counter, Monitor};

use crate::error::Result;

/// Studies are kept in groups of this many.
const GROUP: usize = 500;

/// Lists the studies that the selection takes. Says what is in the way of taking the list for whole.
pub fn list(
    monitor: &dyn Monitor,
    must_stop: &dyn Fn() -> bool,
    source: &dyn Source,
    selection: &SelectionConfig,
    catalogue: &mut Catalogue,
) -> Result<Option<String>> {
    let mut relisting = Relisting { monitor, catalogue, studies: Vec::new(), counted: 0, open: None };
    let listed = source.list(selection, &mut relisting, must_stop);
    relisting.flush().map_err(archive::Error::Taker)?;
    match listed {
        Err(error) if error.is_of_list() => Ok(Some(error.to_string())),
        listed => Ok(listed.map(|()| relisting.open)?),
    }
}

struct Relisting<'a> {
    monitor: &'a dyn Monitor,
    catalogue: &'a mut Catalogue,
    studies: Vec<StudyRow>,
    /// Studies that progress has counted.
    counted: u64,
    /// What the source cannot list.
    open: Option<String>,
}

impl Relisting<'_> {
    fn flush(&mut self) -> Result<(), Cause> {
        Ok(self.catalogue.relist(self.studies.drain(..))?)
    }
}

impl Listing for Relisting<'_> {
    fn study(&mut self, study: StudyRow) -> Result<(), Cause> {
        self.studies.push(study);
        if self.studies.len() >= GROUP { self.flush() } else { Ok(()) }
    }

    fn seen(&mut self, studies: u64) {
        self.monitor.count(Counter::Listed, studies.saturating_sub(self.counted));
        self.counted = studies;
    }

    /// A PACS lists no files.
    fn file(&mut self, study: StudyRow, _: InstanceRow) -> Result<(), Cause> {
        self.study(study)
    }

    fn oddity(
        &mut self,
        source_ref: &[u8],
        bytes: Option<u64>,
        state: OddityState,
        reason: &str,
    ) -> Result<(), Cause> {
        Ok(self.catalogue.record_oddity(source_ref, bytes, state, reason)?)
    }

    fn query(&mut self, query: QueryRow) -> Result<(), Cause> {
        Ok(self.catalogue.record_query(&query)?)
    }

    fn proved(&mut self, proof: &ListingProof) -> Result<(), Cause> {
        self.open = (proof.open > 0).then(|| proof.text());
        Ok(())
    }
}
