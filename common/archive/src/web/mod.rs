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

use std::sync::Arc;

use job::JobError;
use job::config::SelectionConfig;

use self::canary::WebCanary;
use self::client::Client;
use self::pages::Search;
use crate::error::Error;
use crate::list::list_studies;
use crate::source::{Canary, Intake, Listing, Retrieve, RetrieveEnd, Service, Source, StudyListing};

pub use self::client::{LoginReader, WebSettings};
pub use self::error::Error as WebError;

/// A DICOMweb server.
pub struct Web {
    client: Client,
}

impl Web {
    /// A server to list and fetch from.
    pub fn new(settings: WebSettings) -> Result<Self, JobError> {
        Ok(Self { client: Client::new(settings)? })
    }

    fn failed(&self) -> impl Fn(WebError) -> Error + use<> {
        let node = self.describe();
        move |source| match source {
            WebError::Stopped => Error::Stopped,
            source => Error::Web { node: node.clone(), source },
        }
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
        let search = Search { client: &self.client, resource: "/studies", query: "", stop: &stop };
        search.probe().is_ok()
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
