//! Delivers loaded objects to one destination over several associations. Every answer is recorded before the next object
//! is sent, so that after a crash nothing is sent again but what was on its way.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use archive::{Delivery, Outlook, Session};
use catalogue::answers::StoreResult;
use catalogue::deliver::Retry;
use catalogue::{InstanceId, Level, PackedObject, PlanPosition, PlannedStudy};
use crossbeam_channel::{Receiver, Sender, bounded};
use job::config::RetryConfig;
use job::{Counter, Journal, Monitor, Stop};
use pace::{Admission, Pace};

use super::spool::Spool;
use crate::context::{Target, joined};
use crate::error::{Error, Result};

const TICK: Duration = Duration::from_millis(100);
/// Studies and objects looked up at once.
const STUDIES: usize = 32;
const OBJECTS: usize = 200;
/// Presentation contexts on one association (PS3.8 section 9.3.2.2).
const MAX_PAIRS: usize = 128;

/// The delivering stage for one destination.
pub struct Deliver<'a> {
    pub target: &'a Target,
    pub journal: Arc<Journal>,
    pub spool: Arc<Spool>,
    pub pace: Arc<Pace>,
    pub monitor: Arc<dyn Monitor>,
    pub retry: RetryConfig,
    pub stop: Stop,
    /// Set when nothing more will be loaded in this run.
    pub loaded: &'a AtomicBool,
    /// Take up what was refused however often.
    pub again: bool,
    pub instances: AtomicU64,
    pub bytes: AtomicU64,
    /// Whether there is nothing to offer at the moment.
    pub idle: AtomicBool,
    outages: AtomicU32,
    /// Batches that were handed out and are not answered for.
    pending: AtomicU64,
    /// Whether a refusal in this run may have been for the moment only.
    transient: AtomicBool,
}

/// Objects for one association; all pairs of SOP class and transfer syntax in it fit.
struct Batch {
    objects: Vec<Sendable>,
    pairs: BTreeSet<(String, String)>,
}

/// An object that C-STORE can carry.
struct Sendable {
    id: InstanceId,
    sop_class: String,
    sop_instance: String,
    transfer_syntax: String,
    segment: u64,
    dataset_at: u64,
    dataset_bytes: u64,
}

impl<'a> Deliver<'a> {
    #[expect(clippy::too_many_arguments, reason = "what a stage works on, named one by one")]
    pub fn new(
        target: &'a Target,
        journal: Arc<Journal>,
        spool: Arc<Spool>,
        pace: Arc<Pace>,
        monitor: Arc<dyn Monitor>,
        retry: RetryConfig,
        stop: Stop,
        loaded: &'a AtomicBool,
        again: bool,
    ) -> Self {
        let (instances, bytes, idle, outages, pending, transient) = Default::default();
        Self {
            target,
            journal,
            spool,
            pace,
            monitor,
            retry,
            stop,
            loaded,
            again,
            instances,
            bytes,
            idle,
            outages,
            pending,
            transient,
        }
    }

    /// Delivers until everything that is loaded was offered, what was refused for the moment up to the configured
    /// number of times.
    pub fn work(&self) -> Result<()> {
        thread::scope(|scope| {
            let (batches, todo) = bounded::<Batch>(1);
            let workers: Vec<_> = (0..self.target.associations.max(1))
                .map(|number| {
                    let todo = todo.clone();
                    scope.spawn(move || {
                        let sent = self.send_all(number, &todo);
                        if sent.is_err() {
                            self.stop.request();
                        }
                        sent
                    })
                })
                .collect();
            drop(todo);
            let produced = self.produce(&batches);
            drop(batches);
            let sent = workers.into_iter().map(|worker| joined(worker, "deliver"));
            sent.collect::<Result<Vec<()>>>().and(produced)
        })
    }

    /// Hands out batches, round after round.
    fn produce(&self, batches: &Sender<Batch>) -> Result<()> {
        let mut round = 0;
        let mut retry = if self.again { Retry::FewerThan(u32::MAX) } else { Retry::Nothing };
        while !self.stop.requested() {
            // In this order: what was loaded before the end of loading is seen by the round behind it.
            let last = self.loaded.load(Ordering::Acquire);
            let offered = self.round(batches, retry)?;
            self.wait_for_answers(batches);
            self.idle.store(offered == 0, Ordering::Relaxed);
            if offered > 0 {
                retry = Retry::Nothing;
                continue;
            }
            if !last {
                thread::sleep(TICK);
                continue;
            }
            round += 1;
            if round >= self.retry.attempts || !self.transient.swap(false, Ordering::Relaxed) {
                break;
            }
            self.rest(self.retry.delay().saturating_mul(round));
            retry = Retry::FewerThan(self.retry.attempts);
        }
        Ok(())
    }

    /// Waits until the workers have answered for everything that was handed out: only then does the catalogue tell
    /// what is left.
    fn wait_for_answers(&self, batches: &Sender<Batch>) {
        while !self.stop.requested() && (self.pending.load(Ordering::Acquire) > 0 || !batches.is_empty()) {
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Goes once through everything that the destination still has to get; returns how many objects were offered.
    fn round(&self, batches: &Sender<Batch>, retry: Retry) -> Result<usize> {
        let mut offered = 0;
        let mut after = PlanPosition::default();
        while !self.stop.requested() {
            let page = self.journal.lock().studies_to_deliver(self.target.id, retry, after, STUDIES)?;
            let Some(last) = page.last() else { break };
            after = last.position;
            for study in page {
                offered += self.study(&study, retry, batches)?;
            }
        }
        Ok(offered)
    }

    fn study(&self, study: &PlannedStudy, retry: Retry, batches: &Sender<Batch>) -> Result<usize> {
        let mut offered = 0;
        let mut after = InstanceId::default();
        while !self.stop.requested() {
            let page =
                self.journal.lock().objects_to_deliver(self.target.id, study.id, retry, after, OBJECTS)?;
            let Some(last) = page.last() else { break };
            after = last.object.id;
            offered += page.len();
            for batch in self.batches(page)? {
                self.pending.fetch_add(1, Ordering::AcqRel);
                if batches.send(batch).is_err() {
                    return Ok(offered);
                }
            }
        }
        Ok(offered)
    }

    /// Groups objects so that each group's contexts fit into one association; what C-STORE cannot carry is refused
    /// here, with the reason.
    fn batches(&self, objects: Vec<PackedObject>) -> Result<Vec<Batch>> {
        let mut batches: Vec<Batch> = Vec::new();
        for packed in objects {
            let id = packed.object.id;
            let sendable = match self.sendable(packed)? {
                Ok(sendable) => sendable,
                Err(why) => {
                    self.record(id, false, None, Some(why))?;
                    continue;
                }
            };
            let pair = (sendable.sop_class.clone(), sendable.transfer_syntax.clone());
            match batches.last_mut() {
                Some(batch) if batch.pairs.len() < MAX_PAIRS || batch.pairs.contains(&pair) => {
                    batch.pairs.insert(pair);
                    batch.objects.push(sendable);
                }
                _ => batches.push(Batch { objects: vec![sendable], pairs: BTreeSet::from([pair]) }),
            }
        }
        Ok(batches)
    }

    fn sendable(&self, packed: PackedObject) -> Result<Result<Sendable, String>> {
        let PackedObject { object, segment_id, spool_offset, .. } = packed;
        let offset = object.dataset.map_or(0, |dataset| dataset.offset);
        let dataset_bytes = object.bytes.saturating_sub(offset);
        let missing = |what| Ok(Err(format!("it has no {what}, without which it cannot be sent by C-STORE")));
        if object.sop_instance.is_empty() {
            return missing("SOP Instance UID");
        }
        let Some(sop_class) = object.sop_class.filter(|uid| !uid.is_empty()) else {
            return missing("SOP Class UID");
        };
        let Some(transfer_syntax) = object.transfer_syntax.filter(|uid| !uid.is_empty()) else {
            return missing("transfer syntax");
        };
        // PS3.5 section 7.1.1: a dataset has even length; peers abort the association over one that has not.
        if dataset_bytes % 2 == 1 {
            return Ok(Err("its dataset has an odd length, which no peer takes by C-STORE".to_owned()));
        }
        let segment = self.journal.lock().segment_number(segment_id)?;
        Ok(Ok(Sendable {
            id: object.id,
            sop_class,
            sop_instance: object.sop_instance,
            transfer_syntax,
            segment,
            dataset_at: spool_offset.unwrap_or_default() + offset,
            dataset_bytes,
        }))
    }

    fn send_all(&self, number: u16, todo: &Receiver<Batch>) -> Result<()> {
        let mut session: Option<(Box<dyn Session>, BTreeSet<(String, String)>)> = None;
        let stop = || self.stop.requested();
        loop {
            // An association that is not allowed now, or that nobody needs, is not kept open.
            while number >= self.pace.associations() && !stop() && session.is_none() && !todo.is_empty() {
                thread::sleep(TICK);
            }
            let batch = match todo.recv_timeout(TICK) {
                Ok(batch) => batch,
                Err(crossbeam_channel::RecvTimeoutError::Timeout) => {
                    close(session.take());
                    continue;
                }
                Err(crossbeam_channel::RecvTimeoutError::Disconnected) => break,
            };
            let reusable = session.take().filter(|(_, pairs)| batch.pairs.is_subset(pairs));
            let sent = self.send(batch, reusable);
            self.pending.fetch_sub(1, Ordering::AcqRel);
            session = sent?;
        }
        close(session);
        Ok(())
    }

    /// Sends a batch, on a new association whenever the last one broke.
    #[expect(clippy::type_complexity, reason = "a session with the contexts that it was opened for")]
    fn send(
        &self,
        batch: Batch,
        mut session: Option<(Box<dyn Session>, BTreeSet<(String, String)>)>,
    ) -> Result<Option<(Box<dyn Session>, BTreeSet<(String, String)>)>> {
        let mut source = Source { spool: &self.spool, open: None };
        let mut failures_of_first = 0;
        let mut objects = batch.objects.into_iter().peekable();
        while let Some(object) = objects.peek() {
            if !self.may_go()? {
                break;
            }
            let (mut current, pairs) = match session.take() {
                Some(session) => session,
                None => match self.target.archive.open(&batch.pairs.iter().cloned().collect::<Vec<_>>()) {
                    Ok(session) => (session, batch.pairs.clone()),
                    Err(archive::Error::Dimse { source: dimse::Error::NoneAccepted(_, why), .. }) => {
                        let refused = format!(
                            "the destination takes none of the SOP classes and transfer syntaxes: {why}"
                        );
                        for object in objects {
                            self.record(object.id, false, None, Some(refused.clone()))?;
                        }
                        return Ok(None);
                    }
                    Err(error) => {
                        self.outage(error)?;
                        continue;
                    }
                },
            };
            if let Some(refusal) = current.refusal(&object.sop_class, &object.transfer_syntax) {
                self.record(object.id, false, None, Some(refusal))?;
                objects.next();
                session = Some((current, pairs));
                continue;
            }
            match self.offer(current.as_mut(), object, &mut source) {
                Ok(()) => {
                    self.outages.store(0, Ordering::Relaxed);
                    failures_of_first = 0;
                    objects.next();
                    session = Some((current, pairs));
                }
                Err(Error::Archive(error)) => {
                    failures_of_first += 1;
                    // The same object breaks every association: it is the object, or what the peer makes of it.
                    if failures_of_first >= self.retry.attempts {
                        self.record(object.id, false, None, Some(format!("no answer came: {error}")))?;
                        failures_of_first = 0;
                        objects.next();
                    } else if error.outlook() != Outlook::Permanent {
                        tracing::info!(%error, "an association broke and is opened again");
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(session)
    }

    /// Whether the next object may be sent; waits for windows and ceilings.
    fn may_go(&self) -> Result<bool> {
        let stop = || self.stop.requested();
        loop {
            match self.pace.admit_instance(&stop) {
                Admission::Go => return Ok(true),
                Admission::Stopped => return Ok(false),
                Admission::Closed { .. } => {
                    if self.pace.wait_until_open(&stop) == Admission::Stopped {
                        return Ok(false);
                    }
                }
            }
        }
    }

    fn offer(&self, session: &mut dyn Session, object: &Sendable, source: &mut Source<'_>) -> Result<()> {
        let dataset = source.dataset(object)?;
        let mut paced = Paced { source: dataset, pace: &self.pace, stop: &self.stop };
        let delivery = Delivery {
            sop_class: &object.sop_class,
            sop_instance: &object.sop_instance,
            transfer_syntax: &object.transfer_syntax,
            dataset_bytes: object.dataset_bytes,
        };
        let answer = session.store(delivery, &mut paced)?;
        if answer.transient {
            self.transient.store(true, Ordering::Relaxed);
        }
        if answer.stored {
            self.instances.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(object.dataset_bytes, Ordering::Relaxed);
            self.monitor.count(Counter::Bytes, object.dataset_bytes);
        }
        let comment = answer.comment.map(|comment| format!("status {:04X}: {comment}", answer.status));
        self.record(object.id, answer.stored, Some(answer.status), comment)
    }

    fn record(
        &self,
        id: InstanceId,
        accepted: bool,
        status: Option<u16>,
        comment: Option<String>,
    ) -> Result<()> {
        self.monitor.count(if accepted { Counter::Done } else { Counter::Failed }, 1);
        let result = StoreResult { instance_id: id, accepted, status_code: status, comment };
        Ok(self.journal.lock().record_store_results(self.target.id, &[result])?)
    }

    /// The destination is not to be reached: waits, longer each time, then gives the run up.
    fn outage(&self, source: archive::Error) -> Result<()> {
        let outages = self.outages.fetch_add(1, Ordering::Relaxed) + 1;
        self.monitor.finding(&source.to_string());
        self.journal.event(Level::Warning, "destination-down", source.to_string())?;
        if outages >= self.retry.attempts {
            return Err(Error::DestinationDown { attempts: outages, source });
        }
        self.rest(self.retry.delay().saturating_mul(outages));
        Ok(())
    }

    fn rest(&self, pause: Duration) {
        let mut left = pause;
        while !left.is_zero() && !self.stop.requested() {
            let nap = left.min(TICK);
            thread::sleep(nap);
            left -= nap;
        }
    }
}

fn close(session: Option<(Box<dyn Session>, BTreeSet<(String, String)>)>) {
    if let Some((session, _)) = session
        && let Err(error) = session.close()
    {
        tracing::debug!(%error, "an association did not end well");
    }
}

/// The spool file that objects are read from; the last one stays open.
struct Source<'a> {
    spool: &'a Spool,
    open: Option<(u64, File)>,
}

impl Source<'_> {
    fn dataset(&mut self, object: &Sendable) -> Result<io::Take<&mut File>> {
        let path = self.spool.path(object.segment);
        if self.open.as_ref().is_none_or(|(segment, _)| *segment != object.segment) {
            self.open = None;
        }
        let (_, file) = match &mut self.open {
            Some(open) => open,
            none => none.insert((object.segment, File::open(&path).map_err(Error::file("open", &path))?)),
        };
        file.seek(SeekFrom::Start(object.dataset_at)).map_err(Error::file("seek in", &path))?;
        Ok(file.take(object.dataset_bytes))
    }
}

/// Lets bytes pass no faster than allowed.
struct Paced<'a, R> {
    source: R,
    pace: &'a Pace,
    stop: &'a Stop,
}

impl<R: Read> Read for Paced<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.source.read(buffer)?;
        if self.pace.take_bytes(bytes as u64, &|| self.stop.requested()) == Admission::Stopped {
            return Err(io::Error::other("asked to stop"));
        }
        Ok(bytes)
    }
}
