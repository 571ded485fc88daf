//! Delivers loaded objects to one destination over several associations. Every answer is recorded before the next object
//! is sent, so that after a crash nothing is sent again but what was on its way.

mod batch;
mod dataset;
mod doubt;
mod notes;
mod send;
mod trouble;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use catalogue::answers::StoreResult;
use catalogue::{InstanceId, PlanPosition, PlannedStudy};
use crossbeam_channel::{Sender, bounded};
use job::config::RetryConfig;
use job::{Counter, Journal, Monitor, Stop};
use pace::Pace;

use self::batch::Batch;
use self::notes::Notes;
use self::trouble::Trouble;
use super::spool::Spool;
use crate::context::{Target, arrived_whole, joined};
use crate::error::Result;

const TICK: Duration = Duration::from_millis(100);
/// Studies and objects looked up at once.
const STUDIES: usize = 32;
const OBJECTS: usize = 200;

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
    /// Set while a segment waits for room in the spool.
    pub waiting: &'a AtomicBool,
    /// Whether what is sent last may be sent before the whole transfer has arrived.
    pub gap_accepted: bool,
    pub instances: AtomicU64,
    pub bytes: AtomicU64,
    /// Rejection notes and objects in doubt that are held back.
    pub held: AtomicU64,
    /// Whether there is nothing to offer at the moment.
    pub idle: AtomicBool,
    outages: Mutex<Outages>,
    /// Batches that were handed out and are not answered for.
    pending: AtomicU64,
    /// Set when no more batches will come.
    produced: AtomicBool,
    trouble: Trouble,
    notes: Notes,
}

/// Failures in a row to reach the destination at all.
#[derive(Default)]
struct Outages {
    count: u32,
    /// Nothing is tried before this.
    rest_until: Option<Instant>,
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
        waiting: &'a AtomicBool,
        gap_accepted: bool,
    ) -> Self {
        let (instances, bytes, held, idle, outages, pending, produced, notes) = Default::default();
        let trouble = Trouble::new(retry.attempts);
        Self {
            target,
            journal,
            spool,
            pace,
            monitor,
            retry,
            stop,
            loaded,
            waiting,
            gap_accepted,
            instances,
            bytes,
            held,
            idle,
            outages,
            pending,
            produced,
            trouble,
            notes,
        }
    }

    /// Delivers until everything that is loaded was offered.
    pub fn work(&self) -> Result<()> {
        thread::scope(|scope| {
            let (batches, todo) = bounded::<Batch>(1);
            let workers: Vec<_> = (0..self.target.associations.max(1))
                .map(|number| {
                    let todo = todo.clone();
                    scope.spawn(move || {
                        let _guard = self.stop.on_panic();
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
            self.produced.store(true, Ordering::Release);
            drop(batches);
            let sent = workers.into_iter().map(|worker| joined(worker, "deliver"));
            sent.collect::<Result<Vec<()>>>().and(produced)
        })
    }

    /// Hands out batches, round after round.
    fn produce(&self, batches: &Sender<Batch>) -> Result<()> {
        // Rejection notes and objects in doubt are held back until nothing else is left.
        let mut late = false;
        while !self.stop.requested() {
            // In this order: what was loaded before the end of loading is seen by the round behind it.
            let last = self.loaded.load(Ordering::Acquire);
            let offered = self.round(batches, late)?;
            self.wait_for_answers(batches);
            if offered > 0 {
                self.idle.store(false, Ordering::Relaxed);
                late = false;
                continue;
            }
            let due = if last { self.has_everything()? } else { self.waiting.load(Ordering::Relaxed) };
            if due && !late {
                late = true;
                continue;
            }
            self.idle.store(true, Ordering::Relaxed);
            late = false;
            if last {
                break;
            }
            thread::sleep(TICK);
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
    fn round(&self, batches: &Sender<Batch>, late: bool) -> Result<usize> {
        self.held.store(0, Ordering::Relaxed);
        let mut offered = 0;
        let mut after = PlanPosition::default();
        while !self.stop.requested() {
            let page = self.journal.lock().studies_to_deliver(self.target.id, after, STUDIES)?;
            let Some(last) = page.last() else { break };
            after = last.position;
            for study in page {
                offered += self.study(&study, late, batches)?;
            }
        }
        Ok(offered)
    }

    /// Whether nothing of the transfer is still to arrive.
    fn has_everything(&self) -> Result<bool> {
        Ok(self.gap_accepted || arrived_whole(&self.journal.lock())?)
    }

    fn study(&self, study: &PlannedStudy, late: bool, batches: &Sender<Batch>) -> Result<usize> {
        let mut offered = 0;
        let mut after = InstanceId::default();
        while !self.stop.requested() {
            let page = self.journal.lock().objects_to_deliver(self.target.id, study.id, after, OBJECTS)?;
            let Some(last) = page.last() else { break };
            after = last.object.id;
            let mut page = page;
            page.retain(|packed| !self.trouble.leaves(study.id, packed.object.id));
            if late {
                page = self.not_superseded(page)?;
            } else {
                let all = page.len();
                page = self.without_late(page)?;
                self.held.fetch_add((all - page.len()) as u64, Ordering::Relaxed);
            }
            offered += page.len();
            for batch in self.batches(study.id, page)? {
                self.pending.fetch_add(1, Ordering::AcqRel);
                if batches.send(batch).is_err() {
                    return Ok(offered);
                }
            }
        }
        Ok(offered)
    }

    fn record(
        &self,
        id: InstanceId,
        accepted: bool,
        status: Option<u16>,
        comment: Option<String>,
    ) -> Result<()> {
        let result = StoreResult { instance_id: id, accepted, status_code: status, comment };
        let failed_before = self.journal.lock().record_store_results(self.target.id, &[result])?;
        self.monitor.uncount(Counter::Failed, failed_before);
        self.monitor.count(if accepted { Counter::Done } else { Counter::Failed }, 1);
        Ok(())
    }

    fn outages(&self) -> MutexGuard<'_, Outages> {
        self.outages.lock().unwrap_or_else(PoisonError::into_inner)
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
