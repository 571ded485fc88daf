//! A small search on a connection of its own, timed: how busy a server is.

use std::time::{Duration, Instant};

use dataset::tags::STUDY_INSTANCE_UID;
use job::JobError;
use pace::Probe;
use wire::Waits;

use super::address::keys;
use super::client::{Client, WebSettings};
use super::error::Error as WebError;
use super::pages::Search;
use crate::error::Error;
use crate::source::Canary;

/// A server that takes longer to answer a small request has stopped answering.
const LONGEST: Duration = Duration::from_secs(15);

pub struct WebCanary {
    client: Client,
    name: String,
}

impl WebCanary {
    pub fn new(settings: &WebSettings) -> Result<Self, JobError> {
        let Waits { connect, handshake, idle } = settings.waits;
        let waits = Waits {
            connect: connect.min(LONGEST),
            handshake: handshake.min(LONGEST),
            idle: idle.min(LONGEST),
        };
        let name = settings.address.to_string();
        Ok(Self { client: Client::new(WebSettings { waits, ..settings.clone() })?, name })
    }

    fn search(&self, study_uid: &str) -> Result<Duration, WebError> {
        self.client.make_ready()?;
        let query = keys(&[(STUDY_INSTANCE_UID, study_uid)], &[]);
        let stop = || self.client.settings.stop.requested();
        let (client, resource) = (&self.client, "/studies");
        let search = Search { client, resource, query: &query, stop: &stop, gate: None };
        let asked = Instant::now();
        search.probe()?;
        Ok(asked.elapsed())
    }
}

impl Canary for WebCanary {
    fn probes(&self) -> &'static [Probe] {
        Probe::WEB
    }

    fn ask(&mut self, probe: Probe, study_uid: &str) -> Result<Option<Duration>, Error> {
        match probe {
            Probe::Echo | Probe::Find => Ok(None),
            Probe::Search => self
                .search(study_uid)
                .map(Some)
                .map_err(|source| Error::Web { node: self.name.clone(), source }),
        }
    }

    fn rest(&mut self) {
        self.client.close();
    }
}
