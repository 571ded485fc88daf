//! Fetches the studies of the plan, on as many associations as the pace allows.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use archive::{Intake, Outlook, Retrieve, Source};
use catalogue::capture::PendingInstance;
use catalogue::{InstanceId, Level, PlanPosition, PlannedStudy};
use job::config::RetryConfig;
use pace::Admission;

use super::capture::Capture;
use super::object::StudyIntake;
use crate::error::{Error, Result};

/// Studies read from the plan at once.
const PAGE: usize = 64;
/// A study's pending instances are handed to the source in lists of at most this many.
const INSTANCES_AT_ONCE: usize = 20_000;
const TICK: Duration = Duration::from_millis(200);

/// The fetching stage: what its workers share.
pub struct Fetch {
    pub source: Arc<dyn Source>,
    pub capture: Arc<Capture>,
    pub retry: RetryConfig,
    queue: Mutex<Queue>,
}

/// One round goes through the plan once; what did not come is asked for again in the next.
#[derive(Default)]
struct Queue {
    round: u32,
    after: PlanPosition,
    page: VecDeque<PlannedStudy>,
    busy: usize,
    /// Failures in a row to reach the source at all.
    outages: u32,
    /// Nothing is asked for before this.
    rest_until: Option<Instant>,
    done: bool,
}

enum Next {
    Study(Box<PlannedStudy>),
    Wait,
    Done,
}

impl Fetch {
    pub fn new(source: Arc<dyn Source>, capture: Arc<Capture>, retry: RetryConfig) -> Self {
        Self { source, capture, retry, queue: Mutex::default() }
    }

    /// Works until nothing is left to fetch, or a stop is requested. Worker `number` (from 0) rests while the pace
    /// allows fewer associations.
    pub fn work(&self, number: u16) -> Result<()> {
        let stop = || self.capture.stop.requested();
        while !stop() {
            if let Some(failure) = self.capture.take_failure() {
                return Err(failure);
            }
            if self.capture.pace.wait_until_open(&stop) != Admission::Go {
                break;
            }
            if number >= self.capture.pace.associations() || !self.capture.spool.has_room() {
                if self.queue().done {
                    break;
                }
                self.rest(TICK);
                continue;
            }
            match self.next()? {
                Next::Study(study) => {
                    let _busy = Busy(self);
                    self.fetch(&study)?;
                }
                Next::Wait => self.rest(TICK),
                Next::Done => break,
            }
        }
        self.capture.take_failure().map_or(Ok(()), Err)
    }

    /// Whether a study is being fetched at this moment.
    pub fn is_busy(&self) -> bool {
        self.queue().busy > 0
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next study to fetch. A study that failed too often is given up here.
    fn next(&self) -> Result<Next> {
        let mut queue = self.queue();
        loop {
            if queue.done {
                return Ok(Next::Done);
            }
            if queue.rest_until.is_some_and(|until| Instant::now() < until) {
                return Ok(Next::Wait);
            }
            if let Some(study) = queue.page.pop_front() {
                if study.attempts < self.retry.attempts {
                    queue.busy += 1;
                    return Ok(Next::Study(Box::new(study)));
                }
                self.give_up(&study)?;
                continue;
            }
            let page = self.capture.shared.lock().studies_to_fetch(queue.after, PAGE)?;
            if let Some(last) = page.last() {
                queue.after = last.position;
                queue.page = page.into();
                continue;
            }
            if queue.busy > 0 {
                return Ok(Next::Wait);
            }
            if self.capture.shared.lock().studies_to_fetch(PlanPosition::default(), 1)?.is_empty() {
                queue.done = true;
                continue;
            }
            queue.round += 1;
            queue.after = PlanPosition::default();
            queue.rest_until = Some(Instant::now() + self.pause(queue.round));
        }
    }

    fn give_up(&self, study: &PlannedStudy) -> Result<()> {
        let last = study.last_error.as_deref().unwrap_or("it did not come");
        let reason = format!("not fetched in {} attempts: {last}", study.attempts);
        let failed = self.capture.shared.lock().fail_pending_of_study(study.id, &reason)?;
        self.capture.monitor.count(job::Counter::Failed, failed);
        let message = format!("{failed} instances of study {}: {reason}", study.study.uid);
        self.capture.monitor.finding(&message);
        Ok(self.capture.shared.event(Level::Error, "fetch-failed", message)?)
    }

    fn fetch(&self, study: &PlannedStudy) -> Result<()> {
        let wanted = self.pending(study)?;
        if wanted.is_empty() {
            return Ok(());
        }
        // Nothing of it is here yet, so that asking for the whole study brings nothing twice.
        let whole = study.attempts == 0
            && wanted.len() < INSTANCES_AT_ONCE
            && self.capture.shared.lock().instances_past_pending(study.id)? == 0;
        let intake = Arc::new(StudyIntake::new(self.capture.clone(), study.id));
        let taking: Arc<dyn Intake> = intake.clone();
        let request = Retrieve { study_uid: &study.study.uid, wanted: &wanted, whole };
        let end =
            self.source.retrieve(request, &taking, &|| self.capture.must_stop() || intake.has_refused());
        // Whatever came is kept, however the retrieval ended.
        self.capture.flush()?;
        let missing = self.pending(study)?.len();
        if self.capture.must_stop() || intake.has_refused() {
            return Ok(());
        }
        match end {
            Ok(end) => {
                self.queue().outages = 0;
                if missing == 0 {
                    return Ok(());
                }
                let remarks = end.remarks.join("; ");
                let remarks = if remarks.is_empty() { "the source said that all is well" } else { &remarks };
                self.attempt_failed(
                    study,
                    &format!("{missing} of {} instances did not come; {remarks}", wanted.len()),
                )
            }
            Err(error) if missing == 0 => {
                tracing::info!(%error, "the study came whole all the same");
                Ok(())
            }
            Err(error) => match error.outlook() {
                Outlook::Permanent => self.attempt_failed(study, &error.to_string()),
                // A source that delivers something in between is in trouble, but not down.
                _ if missing < wanted.len() => self.attempt_failed(study, &error.to_string()),
                Outlook::Transient | Outlook::NeedsOperator => self.outage(error),
            },
        }
    }

    fn pending(&self, study: &PlannedStudy) -> Result<Vec<PendingInstance>> {
        let first = InstanceId::default();
        Ok(self.capture.shared.lock().pending_instances(study.id, first, INSTANCES_AT_ONCE)?)
    }

    fn attempt_failed(&self, study: &PlannedStudy, why: &str) -> Result<()> {
        self.capture.shared.lock().study_attempt_failed(study.id, why)?;
        let message = format!("study {}, attempt {}: {why}", study.study.uid, study.attempts + 1);
        self.capture.monitor.finding(&message);
        Ok(self.capture.shared.event(Level::Warning, "fetch", message)?)
    }

    /// The source is not to be reached: that is no study's fault. All workers wait, longer each time, then the run is
    /// given up.
    fn outage(&self, source: archive::Error) -> Result<()> {
        let outages = {
            let mut queue = self.queue();
            // What other workers meet before the pause has begun to be kept is the same outage.
            if queue.rest_until.is_some_and(|until| Instant::now() < until) {
                return Ok(());
            }
            queue.outages += 1;
            queue.rest_until = Some(Instant::now() + self.pause(queue.outages));
            queue.outages
        };
        self.capture.monitor.finding(&source.to_string());
        self.capture.shared.event(Level::Warning, "source-down", source.to_string())?;
        if outages >= self.retry.attempts {
            return Err(Error::SourceDown { attempts: outages, source });
        }
        Ok(())
    }

    /// The configured delay, doubled with every attempt, up to five minutes.
    fn pause(&self, attempt: u32) -> Duration {
        const LONGEST: Duration = Duration::from_secs(300);
        let doubled = self.retry.delay().saturating_mul(1 << attempt.saturating_sub(1).min(10));
        doubled.min(LONGEST.max(self.retry.delay()))
    }

    fn rest(&self, pause: Duration) {
        let mut left = pause;
        while !left.is_zero() && !self.capture.stop.requested() {
            let nap = left.min(TICK);
            std::thread::sleep(nap);
            left -= nap;
        }
    }
}

/// A worker that fetches a study. The others wait for it at the end of a round, and so must learn of its end even
/// when it panics.
struct Busy<'a>(&'a Fetch);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.queue().busy -= 1;
    }
}
