//! Fetches a study by C-GET or C-MOVE: as a whole where nothing of it is here yet, else instance by instance. Counters
//! and statuses are noted; what arrived decides.

use std::sync::Arc;
use std::time::{Duration, Instant};

use catalogue::capture::PendingInstance;
use dataset::tags::{SERIES_INSTANCE_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID};
use dimse::{Association, Key, Level, MoveRequest, Proposal, Watch};
use job::config::Retrieve as Service;

use super::receive::{Arrivals, Receiving};
use super::{Pacs, PacsSettings};
use crate::error::Error;
use crate::source::{Intake, Retrieve, RetrieveEnd};

/// Instances asked for in one request at IMAGE level, as a list of UIDs.
const UIDS_AT_ONCE: usize = 32;
/// How long objects may still come in after a C-MOVE said that it was done: some answer before they send.
const STRAGGLERS: Duration = Duration::from_secs(3);

impl Pacs {
    pub(super) fn fetch(
        &self,
        request: Retrieve<'_>,
        intake: &Arc<dyn Intake>,
        stop: &dyn Fn() -> bool,
    ) -> Result<RetrieveEnd, Error> {
        let arrivals = Arc::new(Arrivals::new(intake.clone()));
        let mut fetch = Fetch {
            pacs: self,
            study_uid: request.study_uid,
            arrivals,
            stop,
            failures: false,
            end: RetrieveEnd::default(),
        };
        match (self.settings.service, &self.receiver) {
            (Service::CMove, None) => return Err(Error::NoReceiver),
            (Service::CMove, Some(receiver)) => fetch.by_move(receiver, request)?,
            (Service::CGet, _) | (Service::Auto, None) => fetch.by_get(request)?,
            (Service::Auto, Some(receiver)) => match fetch.by_get(request) {
                // A PACS without C-GET accepts no context for it, or none of its storage contexts.
                Err(Error::Dimse {
                    source: dimse::Error::NoneAccepted(..) | dimse::Error::NoContext { .. },
                    ..
                }) => {
                    fetch.by_move(receiver, request)?;
                }
                got => {
                    got?;
                    fetch.move_the_rest(receiver, request)?;
                }
            },
        }
        Ok(fetch.end)
    }
}

/// One C-GET or C-MOVE at a level with keys.
type Request<'a, F> = dyn FnMut(&F, Level, &[Key<'_>]) -> Result<dimse::RetrieveEnd, Error> + 'a;

pub(super) struct Fetch<'a> {
    pub(super) pacs: &'a Pacs,
    study_uid: &'a str,
    pub(super) arrivals: Arc<Arrivals>,
    pub(super) stop: &'a dyn Fn() -> bool,
    /// Whether the PACS said of anything that it could not send it.
    pub(super) failures: bool,
    end: RetrieveEnd,
}

impl Fetch<'_> {
    /// What the PACS could not send by C-GET may still come by C-MOVE, whose contexts the PACS proposes itself.
    fn move_the_rest(&mut self, receiver: &Receiving, request: Retrieve<'_>) -> Result<(), Error> {
        let missing = self.missing(request.wanted);
        if missing.is_empty() || !self.failures || (self.stop)() {
            return Ok(());
        }
        self.by_move(receiver, Retrieve { wanted: &missing, whole: false, ..request })
    }

    fn by_move(&mut self, receiver: &Receiving, request: Retrieve<'_>) -> Result<(), Error> {
        let PacsSettings { node, .. } = &self.pacs.settings;
        let mut association = self.pacs.associate(&[Proposal::c_move()])?;
        let wanted: Vec<&PendingInstance> = request.wanted.iter().collect();
        self.ask(&wanted, request.whole, &mut |fetch, level, keys| {
            let route = receiver.scp.route(fetch.arrivals.clone());
            let watch = Watch { stop: fetch.stop, activity: &|| route.arrived() };
            let message_id = route.message_id();
            let request = MoveRequest { level, keys, destination: &receiver.aet, message_id };
            let end = association.move_to(&request, &watch).map_err(Error::dimse(node))?;
            fetch.wait_for_stragglers(&wanted, &|| route.arrived());
            Ok(end)
        })?;
        release(association);
        Ok(())
    }

    /// Asks for the whole study, or for instances in lists; then one by one for what the lists did not bring, because
    /// not every PACS takes a list of UIDs.
    pub(super) fn ask(
        &mut self,
        wanted: &[&PendingInstance],
        whole: bool,
        request: &mut Request<'_, Self>,
    ) -> Result<(), Error> {
        let study = (STUDY_INSTANCE_UID, self.study_uid);
        if whole {
            let end = request(self, Level::Study, &[study])?;
            self.remark(&end, "the study");
        }
        for at_once in [UIDS_AT_ONCE, 1] {
            let missing: Vec<&PendingInstance> = wanted
                .iter()
                .filter(|instance| !self.arrivals.has(&instance.sop_instance))
                .copied()
                .collect();
            // When nothing at all came, asking for each instance will not help; the next attempt begins afresh.
            if (whole && missing.len() == wanted.len()) || (at_once == 1 && missing.len() > wanted.len() / 2)
            {
                break;
            }
            for (series_uid, uids) in lists(&missing, at_once) {
                if (self.stop)() {
                    return Ok(());
                }
                let keys = [study, (SERIES_INSTANCE_UID, series_uid), (SOP_INSTANCE_UID, uids.as_str())];
                let end = request(self, Level::Image, &keys)?;
                self.remark(&end, "instances");
            }
        }
        Ok(())
    }

    pub(super) fn missing(&self, wanted: &[PendingInstance]) -> Vec<PendingInstance> {
        wanted.iter().filter(|instance| !self.arrivals.has(&instance.sop_instance)).cloned().collect()
    }

    fn wait_for_stragglers(&self, wanted: &[&PendingInstance], arrived: &dyn Fn() -> u64) {
        let (mut bytes, mut quiet_since) = (arrived(), Instant::now());
        let all_here = || wanted.iter().all(|instance| self.arrivals.has(&instance.sop_instance));
        while quiet_since.elapsed() < STRAGGLERS && !all_here() && !(self.stop)() {
            std::thread::sleep(Duration::from_millis(50));
            let now = arrived();
            if now != std::mem::replace(&mut bytes, now) {
                quiet_since = Instant::now();
            }
        }
    }

    fn remark(&mut self, end: &dimse::RetrieveEnd, what: &str) {
        let failed = end.failed.unwrap_or_default();
        if end.status.is_success() && failed == 0 {
            return;
        }
        self.failures = true;
        let count = |count: Option<u16>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
        let comment = end.comment.as_deref().map(|comment| format!(" ({comment})")).unwrap_or_default();
        self.note(format!(
            "asked for {what}: status {}{comment}, completed {}, failed {}, warning {}",
            end.status,
            count(end.completed),
            count(end.failed),
            count(end.warning),
        ));
    }

    /// Keeps a remark; a PACS in trouble says the same thing thousands of times.
    pub(super) fn note(&mut self, remark: String) {
        const MOST: usize = 10;
        if self.end.remarks.len() < MOST && !self.end.remarks.contains(&remark) {
            self.end.remarks.push(remark);
        }
    }
}

/// Lists of at most `at_once` UIDs, each within one series, joined as PS3.4 section C.2.2.2.2 has it.
fn lists<'a>(missing: &[&'a PendingInstance], at_once: usize) -> Vec<(&'a str, String)> {
    missing
        .chunk_by(|a, b| a.series_uid == b.series_uid)
        .flat_map(|series| series.chunks(at_once))
        .filter_map(|chunk| {
            let uids: Vec<&str> = chunk.iter().map(|instance| instance.sop_instance.as_str()).collect();
            chunk.first().map(|first| (first.series_uid.as_str(), uids.join("\\")))
        })
        .collect()
}

pub(super) fn release(association: Association) {
    if association.is_open()
        && let Err(error) = association.release()
    {
        tracing::debug!(%error, "an association did not end well");
    }
}
