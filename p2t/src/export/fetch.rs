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
/// A study's pending instances are handed to the source in parts of at most this many.
const INSTANCES_AT_ONCE: usize = 20_000;
const TICK: Duration = Duration::from_millis(200);

/// The fetching stage: what its workers share.
pub struct Fetch {
    pub source: Arc<dyn Source>,
    pub capture: Arc<Capture>,
    pub retry: RetryConfig,
    instances_at_once: usize,
    queue: Mutex<Queue>,
}

/// One round goes through the plan once; what did not come is asked for again in the next.
#[derive(Default)]
struct Queue {
    round: u32,
    after: PlanPosition,
    page: VecDeque<PlannedStudy>,
    busy: usize,
    /// Whether an attempt failed in this round: only then is there reason to wait before the next.
    attempt_failed: bool,
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

/// What came of asking for a part of a study.
enum Part {
    /// Everything came.
    Whole,
    /// Not everything, for this reason, which is the source's.
    Short(String),
    /// Asked to stop, or the spool took no more: what is missing is asked for another time.
    CutOff,
    /// Nothing came, because the source could not be talked to.
    Outage(archive::Error),
}

impl Fetch {
    pub fn new(source: Arc<dyn Source>, capture: Arc<Capture>, retry: RetryConfig) -> Self {
        Self { source, capture, retry, instances_at_once: INSTANCES_AT_ONCE, queue: Mutex::default() }
    }

    /// With parts small enough for a test.
    #[cfg(test)]
    pub fn in_parts_of(self, instances_at_once: usize) -> Self {
        Self { instances_at_once, ..self }
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
            queue.after = PlanPosition::default();
            if std::mem::take(&mut queue.attempt_failed) {
                queue.round += 1;
                queue.rest_until = Some(Instant::now() + self.pause(queue.round));
            }
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

    /// Asks once for everything that is still missing of a study.
    fn fetch(&self, study: &PlannedStudy) -> Result<()> {
        // Nothing of it is here yet, so that asking for the whole study brings nothing twice.
        let untouched =
            study.attempts == 0 && self.capture.shared.lock().instances_past_pending(study.id)? == 0;
        let mut after = InstanceId::default();
        let mut short = Vec::new();
        loop {
            let wanted = self.pending(study, after)?;
            let Some(last) = wanted.last().map(|instance| instance.id) else { break };
            let whole = untouched && after == InstanceId::default() && wanted.len() < self.instances_at_once;
            match self.fetch_part(study, after, &wanted, whole)? {
                Part::Whole => {}
                Part::Short(why) => short.push(why),
                Part::CutOff => return Ok(()),
                Part::Outage(error) => return self.outage(study, error),
            }
            after = last;
        }
        if short.is_empty() { Ok(()) } else { self.attempt_failed(study, &short.join("; ")) }
    }

    /// Asks for the instances `wanted`, which are the pending ones behind `after`.
    fn fetch_part(
        &self,
        study: &PlannedStudy,
        after: InstanceId,
        wanted: &[PendingInstance],
        whole: bool,
    ) -> Result<Part> {
        let intake = Arc::new(StudyIntake::new(self.capture.clone(), study.id));
        let taking: Arc<dyn Intake> = intake.clone();
        let request = Retrieve { study_uid: &study.study.uid, wanted, whole };
        let end =
            self.source.retrieve(request, &taking, &|| self.capture.must_stop() || intake.has_refused());
        // Whatever came is kept, however the retrieval ended.
        self.capture.flush()?;
        let last = wanted.last().map(|instance| instance.id).unwrap_or_default();
        let missing = self.pending(study, after)?.iter().filter(|instance| instance.id <= last).count();
        if self.capture.must_stop() || intake.has_refused() {
            return Ok(Part::CutOff);
        }
        if missing < wanted.len() || end.is_ok() {
            self.queue().outages = 0;
        }
        Ok(match end {
            Ok(_) if missing == 0 => Part::Whole,
            Ok(end) => {
                let remarks = end.remarks.join("; ");
                let remarks = if remarks.is_empty() { "the source said that all is well" } else { &remarks };
                Part::Short(format!("{missing} of {} instances did not come; {remarks}", wanted.len()))
            }
            Err(error) if missing == 0 => {
                tracing::info!(%error, "the study came whole all the same");
                Part::Whole
            }
            Err(error) => match error.outlook() {
                Outlook::Permanent => Part::Short(error.to_string()),
                // A source that delivers something in between is in trouble, but not down.
                _ if missing < wanted.len() => Part::Short(error.to_string()),
                Outlook::Transient | Outlook::NeedsOperator => Part::Outage(error),
            },
        })
    }

    /// The first pending instances of a study behind `after`.
    fn pending(&self, study: &PlannedStudy, after: InstanceId) -> Result<Vec<PendingInstance>> {
        Ok(self.capture.shared.lock().pending_instances(study.id, after, self.instances_at_once)?)
    }

    fn attempt_failed(&self, study: &PlannedStudy, why: &str) -> Result<()> {
        self.queue().attempt_failed = true;
        self.capture.shared.lock().study_attempt_failed(study.id, why)?;
        let message = format!("study {}, attempt {}: {why}", study.study.uid, study.attempts + 1);
        self.capture.monitor.finding(&message);
        Ok(self.capture.shared.event(Level::Warning, "fetch", message)?)
    }

    /// The source is not to be reached: that is no study's fault. All workers wait, longer each time, then the run is
    /// given up. A source that answers all the same breaks off over this study, perhaps each time: that counts against
    /// the study, or one such study would keep the plan from ever being done.
    fn outage(&self, study: &PlannedStudy, source: archive::Error) -> Result<()> {
        if source.outlook() == Outlook::Transient && self.source.answers() {
            self.attempt_failed(study, &source.to_string())?;
        }
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
