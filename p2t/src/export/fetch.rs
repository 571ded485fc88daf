//! Fetches the studies of the plan, on as many associations as the pace allows.

mod down;
mod told;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use archive::{Exclusions, Intake, Outlook, Retrieve, Source};
use catalogue::capture::PendingInstance;
use catalogue::{InstanceId, Level, PlanPosition, PlannedStudy, StudyId};
use jiff::SignedDuration;
use job::config::RetryConfig;
use pace::{Admission, Ask, Breaker, Loss, Patience};

use super::again::Due;
use super::capture::Capture;
use super::expected::Expected;
use super::governor::Governor;
use super::object::StudyIntake;
use crate::error::Result;

pub use self::down::{SOURCE_DOWN, SOURCE_UP};

/// Studies read from the plan at once.
const PAGE: usize = 64;
/// A study's pending instances are handed to the source in parts of at most this many.
const INSTANCES_AT_ONCE: usize = 20_000;
pub const TICK: Duration = Duration::from_millis(200);

/// The fetching stage: what its workers share.
pub struct Fetch {
    pub source: Arc<dyn Source>,
    pub capture: Arc<Capture>,
    pub retry: RetryConfig,
    /// Adaptive control of the source, where it is on.
    pub governor: Option<Arc<Governor>>,
    /// How long a study waits that is seen to change.
    pub settle: SignedDuration,
    exclusions: Arc<Exclusions>,
    /// Associations that others than the workers use.
    pub lent: AtomicU16,
    instances_at_once: usize,
    queue: Mutex<Queue>,
    due: Mutex<Due>,
    breaker: Mutex<Breaker>,
}

/// One round goes through the plan once; what did not come is asked for again in the next.
#[derive(Default)]
struct Queue {
    round: u32,
    after: PlanPosition,
    page: VecDeque<PlannedStudy>,
    busy: usize,
    /// Studies that the source refused for want of resources since the last one came whole, with what it said.
    refused: BTreeMap<StudyId, (PlannedStudy, String)>,
    /// Whether an attempt failed in this round: only then is there reason to wait before the next.
    attempt_failed: bool,
    /// Nothing is asked for before this.
    rest_until: Option<Instant>,
    done: bool,
}

enum Next {
    Study(Box<PlannedStudy>),
    /// A study that has waited long enough.
    LookAt(StudyId),
    /// Find out whether the source is back.
    Whether,
    Wait,
    Done,
}

/// What came of asking for a part of a study.
enum Part {
    /// Everything came.
    Whole,
    /// Not everything, for this reason, which is the source's.
    Short(String),
    /// Not everything, for want of resources of the source, as it said.
    Refused(String),
    /// Asked to stop, or the spool took no more: what is missing is asked for another time.
    CutOff,
    /// Nothing came, because the source could not be talked to.
    Outage(archive::Error),
}

impl Fetch {
    pub fn new(source: Arc<dyn Source>, capture: Arc<Capture>, retry: RetryConfig) -> Self {
        let patience = Patience { delay: retry.delay(), attempts: retry.attempts, outage: Duration::ZERO };
        Self {
            source,
            capture,
            retry,
            governor: None,
            settle: SignedDuration::ZERO,
            exclusions: Arc::default(),
            lent: AtomicU16::default(),
            instances_at_once: INSTANCES_AT_ONCE,
            queue: Mutex::default(),
            due: Mutex::default(),
            breaker: Mutex::new(Breaker::new(patience)),
        }
    }

    /// Waiting so long for a source that is down, however many attempts that takes.
    pub fn waiting(self, outage: Duration) -> Self {
        let patience = Patience { delay: self.retry.delay(), attempts: self.retry.attempts, outage };
        Self { breaker: Mutex::new(Breaker::new(patience)), ..self }
    }

    /// Under adaptive control.
    pub fn governed(self, governor: Option<Arc<Governor>>) -> Self {
        Self { governor, ..self }
    }

    /// With so long a wait for studies that are seen to change.
    pub fn settling(self, settle: SignedDuration) -> Self {
        Self { settle, ..self }
    }

    /// Without the objects that these leave out.
    pub fn excluding(self, exclusions: Exclusions) -> Self {
        Self { exclusions: Arc::new(exclusions), ..self }
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
            let pace = &self.capture.pace;
            let place = number.saturating_add(self.lent.load(Ordering::Acquire));
            if place >= pace.associations() || pace.is_hushed() || !self.capture.spool.has_room() {
                if self.is_all_fetched()? {
                    break;
                }
                self.rest(TICK);
                continue;
            }
            match self.next()? {
                Next::Study(study) => {
                    let _busy = Busy(self);
                    if pace.admit_study(&stop) == Admission::Go {
                        self.fetch(number, &study)?;
                    }
                }
                Next::LookAt(study) => {
                    let _busy = Busy(self);
                    let _at_work = pace.go_to_work();
                    self.look_at(study)?;
                }
                Next::Whether => self.find_out()?,
                Next::Wait => self.rest(TICK),
                Next::Done => break,
            }
        }
        self.capture.take_failure().map_or(Ok(()), Err)
    }

    /// Whether nothing is left to fetch: a worker that may fetch nothing must not wait for what will never come.
    fn is_all_fetched(&self) -> Result<bool> {
        let mut queue = self.queue();
        if !queue.done
            && queue.busy == 0
            && queue.page.is_empty()
            && !self.with_due(|due| self.has_due(due))?
        {
            queue.done = self.capture.shared.lock().studies_to_fetch(PlanPosition::default(), 1)?.is_empty();
        }
        Ok(queue.done)
    }

    /// Whether the source is believed to be down.
    pub fn is_down(&self) -> bool {
        self.breaker().is_open()
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a worker must break off in the middle of a study.
    fn must_stop(&self, number: u16) -> bool {
        self.capture.must_stop() || number >= self.capture.pace.ceiling()
    }

    /// Whether a study is being fetched at this moment.
    pub fn is_busy(&self) -> bool {
        self.queue().busy > 0
    }

    /// Whether nothing is left to be asked for, by the workers or by others.
    pub fn is_at_rest(&self) -> bool {
        self.queue().done && self.lent.load(Ordering::Acquire) == 0
    }

    /// Does something with the studies that have waited.
    pub fn with_due<T>(&self, work: impl FnOnce(&mut Due) -> T) -> T {
        work(&mut self.due.lock().unwrap_or_else(PoisonError::into_inner))
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
            match self.breaker().ask(self.now()) {
                Ask::Study => {}
                Ask::Whether => return Ok(Next::Whether),
                Ask::Nothing => return Ok(Next::Wait),
            }
            if queue.rest_until.is_some_and(|until| Instant::now() < until) {
                return Ok(Next::Wait);
            }
            if let Some(study) = self.with_due(|due| self.next_due(due))? {
                queue.busy += 1;
                return Ok(Next::LookAt(study));
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
            self.with_due(Due::refresh);
            if let Some(study) = self.with_due(|due| self.next_due(due))? {
                queue.busy += 1;
                return Ok(Next::LookAt(study));
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
    fn fetch(&self, number: u16, study: &PlannedStudy) -> Result<()> {
        // Nothing of it is here yet, so that asking for the whole study brings nothing twice.
        let untouched =
            study.attempts == 0 && self.capture.shared.lock().instances_past_pending(study.id)? == 0;
        let mut after = InstanceId::default();
        let mut short = Vec::new();
        loop {
            let wanted = self.pending(study, after)?;
            let Some(last) = wanted.last().map(|instance| instance.id) else { break };
            let whole = untouched && after == InstanceId::default() && wanted.len() < self.instances_at_once;
            match self.fetch_part(number, study, after, &wanted, whole)? {
                Part::Whole => {}
                Part::Short(why) => short.push(why),
                Part::Refused(why) => return self.refused(study, why),
                Part::CutOff => return Ok(()),
                Part::Outage(error) => return self.outage(study, error),
            }
            after = last;
        }
        if short.is_empty() { self.came_whole(study) } else { self.attempt_failed(study, &short.join("; ")) }
    }

    /// Asks for the instances `wanted`, which are the pending ones behind `after`.
    fn fetch_part(
        &self,
        number: u16,
        study: &PlannedStudy,
        after: InstanceId,
        wanted: &[PendingInstance],
        whole: bool,
    ) -> Result<Part> {
        let expected = Expected::of(study, wanted, study.attempts + 1 >= self.retry.attempts);
        let pace = &self.capture.pace;
        let Ok(prepaid) = pace.prepay(wanted.len() as u64, &|| self.must_stop(number)) else {
            return Ok(Part::CutOff);
        };
        let _at_work = pace.go_to_work();
        let intake = StudyIntake::new(self.capture.clone(), study.id)
            .expecting(expected)
            .excluding(self.exclusions.clone())
            .begun_with(prepaid);
        let intake = Arc::new(intake);
        let taking: Arc<dyn Intake> = intake.clone();
        let request = Retrieve { study_uid: &study.study.uid, wanted, whole };
        let end = self.source.retrieve(request, &taking, &|| self.must_stop(number) || intake.has_refused());
        intake.ended();
        // Whatever came is kept, however the retrieval ended.
        self.capture.flush()?;
        self.leave_out(study, &intake)?;
        let last = wanted.last().map(|instance| instance.id).unwrap_or_default();
        let missing = self.pending(study, after)?.iter().filter(|instance| instance.id <= last).count();
        if self.must_stop(number) || intake.has_refused() {
            return Ok(Part::CutOff);
        }
        let exhausted = matches!(&end, Ok(end) if end.exhausted);
        if missing < wanted.len() || (end.is_ok() && !exhausted) {
            self.breaker().worked();
        }
        if let Some(governor) = &self.governor
            && let Some(loss) = loss(&end, missing, intake.has_begun())
        {
            governor.lost(loss, Some(study.id));
        }
        intake.settle();
        self.tell_of_patients(study, &intake)?;
        let doubts = intake.doubts();
        if missing == 0 {
            self.tell_of_whole(study, end, &doubts)?;
            return Ok(Part::Whole);
        }
        // What the source says of objects that were not taken only follows from that.
        let told = |said: Vec<String>| doubts.iter().cloned().chain(said).collect::<Vec<_>>().join("; ");
        Ok(match end {
            Ok(end) => {
                let said = if end.remarks.is_empty() { vec![end.all_is_well()] } else { end.remarks };
                let why = format!("{missing} of {} instances did not come; {}", wanted.len(), told(said));
                if exhausted { Part::Refused(why) } else { Part::Short(why) }
            }
            Err(error) if error.is_of_service() => return Err(error.into()),
            Err(error) => match error.outlook() {
                Outlook::Permanent => Part::Short(told(vec![error.to_string()])),
                // A source that delivers something in between is in trouble, but not down.
                _ if missing < wanted.len() => Part::Short(told(vec![error.to_string()])),
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

    fn now(&self) -> Duration {
        self.capture.pace.clock().monotonic()
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

/// What the end of a retrieval says about the load of the source.
fn loss(end: &Result<archive::RetrieveEnd, archive::Error>, missing: usize, begun: bool) -> Option<Loss> {
    match end {
        Ok(end) if end.refused => Some(Loss::Refused),
        Ok(end) if missing > 0 && end.remarks.is_empty() => Some(Loss::Short),
        Ok(_) => None,
        Err(error) => error.loss(begun),
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
