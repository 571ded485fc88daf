//! A source for the tests of the stages behind the plan: everything is listed already, and it sends what the test says.

use std::sync::{Arc, Mutex, PoisonError};

use archive::{Error, Intake, Listing, Retrieve, RetrieveEnd, Source, StudyListing};
use catalogue::StudyRow;
use catalogue::plan::InstanceRow;
use job::config::SelectionConfig;

/// Puts what is asked for into the intake.
type Sends = dyn Fn(&Retrieve<'_>, &dyn Intake) -> Result<RetrieveEnd, Error> + Send + Sync;

/// What it lists of a study.
type Lists = dyn Fn(&str) -> Result<Vec<InstanceRow>, Error> + Send + Sync;

/// A source that lists no study but the one that is asked for by its UID, and of that what the test says.
pub struct Planned {
    /// How many instances it says that a study has.
    pub claims: Mutex<Option<u64>>,
    answers: bool,
    sends: Box<Sends>,
    lists: Box<Lists>,
}

impl Planned {
    /// `answers`: whether it can be reached; `sends`: what it does when it is asked for instances.
    pub fn new(
        answers: bool,
        sends: impl Fn(&Retrieve<'_>, &dyn Intake) -> Result<RetrieveEnd, Error> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            claims: Mutex::default(),
            answers,
            sends: Box::new(sends),
            lists: Box::new(|_| Ok(Vec::new())),
        })
    }

    /// One that can be reached, and lists the instances of studies.
    pub fn listing(
        lists: impl Fn(&str) -> Result<Vec<InstanceRow>, Error> + Send + Sync + 'static,
        sends: impl Fn(&Retrieve<'_>, &dyn Intake) -> Result<RetrieveEnd, Error> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            claims: Mutex::default(),
            answers: true,
            sends: Box::new(sends),
            lists: Box::new(lists),
        })
    }
}

impl Source for Planned {
    fn describe(&self) -> String {
        "PLANNED".to_owned()
    }

    fn answers(&self) -> bool {
        self.answers
    }

    fn list(
        &self,
        selection: &SelectionConfig,
        listing: &mut dyn Listing,
        _: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        let claimed_instances = *self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        for uid in &selection.study_uids {
            let study = StudyRow { uid: uid.clone(), claimed_instances, ..StudyRow::default() };
            listing.study(study).map_err(Error::Taker)?;
        }
        Ok(())
    }

    fn list_study(&self, study_uid: &str) -> Result<StudyListing, Error> {
        Ok(StudyListing { instances: (self.lists)(study_uid)?, queries: Vec::new() })
    }

    fn retrieve(
        &self,
        request: Retrieve<'_>,
        intake: &Arc<dyn Intake>,
        _: &dyn Fn() -> bool,
    ) -> Result<RetrieveEnd, Error> {
        (self.sends)(&request, intake.as_ref())
    }
}
