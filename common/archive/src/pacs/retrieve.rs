//! Fetches a study by C-GET or C-MOVE: as a whole where nothing of it is here yet, else instance by instance. Counters
//! and statuses are noted; what arrived decides.

use std::sync::Arc;
use std::time::{Duration, Instant};

use catalogue::capture::PendingInstance;
use dataset::tags::{SERIES_INSTANCE_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID};
use dimse::{Association, Key, Level, MoveRequest, Proposal, Watch};
use job::config::Retrieve as Configured;

use super::receive::{Arrivals, Receiving};
use super::{Pacs, PacsSettings};
use crate::error::Error;
use crate::source::{Intake, Retrieve, RetrieveEnd, Service};

/// Instances asked for in one request at IMAGE level, as a list of UIDs.
const UIDS_AT_ONCE: usize = 32;
/// Single instances asked for in vain, one after the other, until only one of each further list is tried.
const MOST_IN_VAIN: usize = 32;
/// How long objects may still come in after a C-MOVE said that it was done: some answer before they send.
const STRAGGLERS: Duration = Duration::from_secs(3);

impl Pacs {
    pub(super) fn fetch(
        &self,
        request: Retrieve<'_>,
        intake: &Arc<dyn Intake>,
        stop: &dyn Fn() -> bool,
    ) -> Result<RetrieveEnd, Error> {
        let mut fetch = Fetch::new(self, request, intake, stop);
        let (get, receiver) = match (self.settings.service, self.preferred.get()) {
            (Configured::CMove, _) | (Configured::Auto, Some(Service::CMove)) => (false, &self.receiver),
            (Configured::CGet, _) => (true, &None),
            (Configured::Auto, _) => (true, &self.receiver),
        };
        match (get, receiver) {
            (false, None) => return Err(Error::NoReceiver),
            (false, Some(receiver)) => fetch.by_move(receiver, request)?,
            (true, None) => fetch.by_get(request)?,
            (true, Some(receiver)) => match fetch.by_get(request) {
                Err(Error::NotServed { .. }) => {
                    // Nor will it take the next; what a preflight has found stays.
                    let _ = self.preferred.set(Service::CMove);
                    fetch.by_move(receiver, request)?;
                }
                got => {
                    got?;
                    fetch.move_the_rest(receiver, request)?;
                }
            },
        }
        let others = fetch.arrivals.others();
        if others > 0 {
            fetch.note(format!(
                "{others} objects came that are none of those that the source had listed and we wanted"
            ));
        }
        Ok(fetch.end)
    }

    /// Fetches by one service alone, to see whether it works.
    pub(super) fn fetch_by(
        &self,
        service: Service,
        request: Retrieve<'_>,
        intake: &Arc<dyn Intake>,
        stop: &dyn Fn() -> bool,
    ) -> Result<RetrieveEnd, Error> {
        let mut fetch = Fetch::new(self, request, intake, stop);
        match (service, &self.receiver) {
            (Service::CMove, Some(receiver)) => fetch.by_move(receiver, request)?,
            (Service::CMove, None) => return Err(Error::NoReceiver),
            (Service::CGet | Service::WadoRs, _) => fetch.by_get(request)?,
        }
        Ok(fetch.end)
    }
}

/// One C-GET or C-MOVE at a level with keys, for these instances.
type Request<'a, F> =
    dyn FnMut(&mut F, Level, &[Key<'_>], &[&PendingInstance]) -> Result<dimse::RetrieveEnd, Error> + 'a;

pub(super) struct Fetch<'a> {
    pub(super) pacs: &'a Pacs,
    study_uid: &'a str,
    pub(super) arrivals: Arc<Arrivals>,
    pub(super) stop: &'a dyn Fn() -> bool,
    /// Whether the PACS said of anything that it could not send it.
    pub(super) failures: bool,
    end: RetrieveEnd,
}

impl<'a> Fetch<'a> {
    fn new(
        pacs: &'a Pacs,
        request: Retrieve<'a>,
        intake: &Arc<dyn Intake>,
        stop: &'a dyn Fn() -> bool,
    ) -> Self {
        let (arrivals, end) =
            (Arc::new(Arrivals::new(intake.clone(), request.wanted)), RetrieveEnd::default());
        Self { pacs, study_uid: request.study_uid, arrivals, stop, failures: false, end }
    }
}

impl Fetch<'_> {
    /// What the PACS could not send by C-GET may still come by C-MOVE, whose contexts the PACS proposes itself.
    fn move_the_rest(&mut self, receiver: &Receiving, request: Retrieve<'_>) -> Result<(), Error> {
        let missing = self.missing(request.wanted);
        if missing.is_empty() || !self.failures || self.must_end() {
            return Ok(());
        }
        match self.by_move(receiver, Retrieve { wanted: &missing, whole: false, ..request }) {
            Err(error @ Error::NotServed { .. }) => {
                self.note(error.to_string());
                Ok(())
            }
            moved => moved,
        }
    }

    fn by_move(&mut self, receiver: &Receiving, request: Retrieve<'_>) -> Result<(), Error> {
        let PacsSettings { node, .. } = &self.pacs.settings;
        let mut association = self.pacs.associate_for(Service::CMove, &[Proposal::c_move()])?;
        let wanted: Vec<&PendingInstance> = request.wanted.iter().collect();
        self.ask(&wanted, request.whole, &mut |fetch, level, keys, asked_for| {
            let route = receiver.scp.route(fetch.arrivals.clone());
            let watch = Watch { stop: fetch.stop, activity: &|| route.arrived() };
            let message_id = route.message_id();
            let request = MoveRequest { level, keys, destination: &receiver.aet, message_id };
            let end = association.move_to(&request, &watch).map_err(Error::dimse(node))?;
            if fetch.wait_for_stragglers(asked_for, &|| route.arrived()) {
                fetch.note("objects came after the end of their C-MOVE had been told".to_owned());
            }
            Ok(end)
        })?;
        release(association);
        Ok(())
    }

    /// Asks for the whole study, or for instances in lists, and one by one for what a list did not bring: not every PACS
    /// takes a list of UIDs, and some break off at the first object that they cannot send.
    pub(super) fn ask(
        &mut self,
        wanted: &[&PendingInstance],
        whole: bool,
        request: &mut Request<'_, Self>,
    ) -> Result<(), Error> {
        let study = (STUDY_INSTANCE_UID, self.study_uid);
        if whole {
            let end = request(self, Level::Study, &[study], wanted)?;
            self.remark(&end, "the study");
        }
        let missing: Vec<&PendingInstance> =
            wanted.iter().filter(|instance| !self.has(instance)).copied().collect();
        // When nothing at all came, asking for each instance will not help; the next attempt begins afresh.
        if whole && missing.len() == wanted.len() {
            return Ok(());
        }
        self.arrivals.only_wanted();
        let mut in_vain = 0;
        for list in lists(&missing) {
            if self.must_end() {
                return Ok(());
            }
            self.ask_for(list, request)?;
            let still_missing = list.iter().filter(|_| list.len() > 1).enumerate();
            for (number, instance) in still_missing {
                if self.has(instance) {
                    continue;
                }
                if self.must_end() || (in_vain >= MOST_IN_VAIN && number > 0) {
                    break;
                }
                self.ask_for(&[*instance], request)?;
                in_vain = if self.has(instance) { 0 } else { in_vain + 1 };
            }
        }
        Ok(())
    }

    /// Asks for instances of one series at IMAGE level; several as a list of UIDs (PS3.4 section C.2.2.2.2).
    fn ask_for(&mut self, list: &[&PendingInstance], request: &mut Request<'_, Self>) -> Result<(), Error> {
        let Some(first) = list.first() else { return Ok(()) };
        let uids: Vec<&str> = list.iter().map(|instance| instance.sop_instance.as_str()).collect();
        let uids = uids.join("\\");
        let keys = [
            (STUDY_INSTANCE_UID, self.study_uid),
            (SERIES_INSTANCE_UID, first.series_uid.as_str()),
            (SOP_INSTANCE_UID, uids.as_str()),
        ];
        let end = request(self, Level::Image, &keys, list)?;
        self.remark(&end, "instances");
        Ok(())
    }

    /// Whether nothing more may be asked for: a PACS that is out of resources has fewer with every further request.
    pub(super) fn must_end(&self) -> bool {
        self.end.exhausted || (self.stop)()
    }

    fn has(&self, instance: &PendingInstance) -> bool {
        self.arrivals.has(&instance.sop_instance)
    }

    pub(super) fn missing(&self, wanted: &[PendingInstance]) -> Vec<PendingInstance> {
        wanted.iter().filter(|instance| !self.has(instance)).cloned().collect()
    }

    /// Says whether anything came.
    fn wait_for_stragglers(&self, wanted: &[&PendingInstance], arrived: &dyn Fn() -> u64) -> bool {
        let (mut bytes, mut quiet_since) = (arrived(), Instant::now());
        let before = bytes;
        let all_here = || wanted.iter().all(|instance| self.has(instance));
        while quiet_since.elapsed() < STRAGGLERS && !all_here() && !(self.stop)() {
            std::thread::sleep(Duration::from_millis(50));
            let now = arrived();
            if now != std::mem::replace(&mut bytes, now) {
                quiet_since = Instant::now();
            }
        }
        bytes > before
    }

    fn remark(&mut self, end: &dimse::RetrieveEnd, what: &str) {
        let failed = end.failed.unwrap_or_default();
        if end.status.is_success() && failed == 0 {
            self.end.claimed = self.end.claimed.max(end.completed.map(u64::from));
            return;
        }
        self.failures = true;
        let refused = end.status.is_out_of_resources();
        self.end.refused |= refused;
        self.end.exhausted |= refused && failed == 0;
        // The codes of C-GET mean the same as those of C-MOVE. Where single objects could not be sent, for whatever reason,
        // many archives say that they are out of resources.
        let service = dimse::Service::Move;
        self.end.for_good |= end.status.remedy(service) == dimse::Remedy::NeedsOperator;
        let counts = [("completed", end.completed), ("failed", end.failed), ("warning", end.warning)];
        let told = |(name, count): (&str, Option<u16>)| count.map(|count| format!(", {name} {count}"));
        let counts: String = counts.into_iter().filter_map(told).collect();
        let comment = end.comment.as_deref().map(|comment| format!(" ({comment})")).unwrap_or_default();
        let meaning = (failed == 0).then(|| format!(": {}", end.status.meaning(service)));
        self.note(format!(
            "asked for {what}: status {}{comment}{counts}{}",
            end.status,
            meaning.unwrap_or_default()
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

/// Lists of at most [`UIDS_AT_ONCE`] instances, each within one series.
fn lists<'a, 'b>(missing: &'b [&'a PendingInstance]) -> impl Iterator<Item = &'b [&'a PendingInstance]> {
    missing.chunk_by(|a, b| a.series_uid == b.series_uid).flat_map(|series| series.chunks(UIDS_AT_ONCE))
}

pub(super) fn release(association: Association) {
    if association.is_open()
        && let Err(error) = association.release()
    {
        tracing::debug!(%error, "an association did not end well");
    }
}

#[cfg(test)]
mod tests;
