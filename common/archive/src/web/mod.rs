//! A PACS that speaks DICOMweb (PS3.18), as a source.

mod address;
mod arrival;
mod canary;
mod client;
mod error;
mod exchange;
mod find;
mod instances;
mod media_type;
mod multipart;
mod pages;
mod retrieve;
mod row;

use std::sync::{Arc, PoisonError, RwLock};

use job::JobError;
use job::config::SelectionConfig;

use self::canary::WebCanary;
use self::client::Client;
use self::exchange::Stop;
use self::pages::Search;
use crate::error::Error;
use crate::gate::Gate;
use crate::list::list_studies;
use crate::source::{Canary, Intake, Listing, Retrieve, RetrieveEnd, Service, Source, StudyListing};

pub use self::client::{LoginReader, WebSettings};
pub use self::error::Error as WebError;

/// A DICOMweb server.
pub struct Web {
    client: Client,
    gate: RwLock<Option<Arc<Gate>>>,
}

impl Web {
    /// A server to list and fetch from.
    pub fn new(settings: WebSettings) -> Result<Self, JobError> {
        Ok(Self { client: Client::new(settings)?, gate: RwLock::default() })
    }

    fn failed(&self) -> impl Fn(WebError) -> Error + use<> {
        let node = self.describe();
        move |source| match source {
            WebError::Stopped => Error::Stopped,
            WebError::NoWindow => Error::NoWindow,
            source => Error::Web { node: node.clone(), source },
        }
    }

    fn search<'a>(&'a self, resource: &'a str, query: &'a str, stop: Stop<'a>) -> Search<'a> {
        let gate = self.gate.read().unwrap_or_else(PoisonError::into_inner).clone();
        Search { client: &self.client, resource, query, stop, gate }
    }

    fn stop(&self) -> impl Fn() -> bool + '_ {
        || self.client.settings.stop.requested()
    }
}

impl Source for Web {
    fn describe(&self) -> String {
        self.client.settings.address.to_string()
    }

    fn answers(&self) -> bool {
        let stop = self.stop();
        self.search("/studies", "", &stop).probe().is_ok()
    }

    fn canary(&self) -> Option<Box<dyn Canary>> {
        match WebCanary::new(&self.client.settings) {
            Ok(canary) => Some(Box::new(canary)),
            Err(error) => {
                tracing::warn!(%error, "there will be no canary");
                None
            }
        }
    }

    fn services(&self) -> &'static [Service] {
        &[Service::WadoRs]
    }

    fn pass(&self, gate: Option<Arc<Gate>>) {
        *self.gate.write().unwrap_or_else(PoisonError::into_inner) = gate;
    }

    fn list(
        &self,
        selection: &SelectionConfig,
        listing: &mut dyn Listing,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), Error> {
        list_studies(self, selection, listing, stop)
    }

    fn list_study(&self, study_uid: &str) -> Result<StudyListing, Error> {
        self.list_instances(study_uid, &self.stop())
    }

    fn retrieve(
        &self,
        request: Retrieve<'_>,
        intake: &Arc<dyn Intake>,
        stop: &dyn Fn() -> bool,
    ) -> Result<RetrieveEnd, Error> {
        self.fetch(request, intake.as_ref(), stop)
    }
}
