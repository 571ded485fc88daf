//! Counting, and what follows from the counts: balance, rate and time left.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use pace::Clock;

use crate::Counter;

/// The counts of a phase, shared by the threads that work and the one that shows.
pub struct Tally {
    clock: Arc<dyn Clock>,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    phase: String,
    listed: u64,
    done: u64,
    excluded: u64,
    failed: u64,
    bytes: u64,
    bytes_expected: u64,
    findings: u64,
    samples: VecDeque<Sample>,
}

/// Where the work was at a moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Duration,
    bytes: u64,
    finished: u64,
}

/// The counts at one moment, with rate and time left.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    pub phase: String,
    pub listed: u64,
    pub done: u64,
    pub excluded: u64,
    pub failed: u64,
    pub bytes: u64,
    pub findings: u64,
    /// Over the last half minute or so; none before there is anything to go by.
    pub bytes_per_second: Option<f64>,
    /// None while nothing moves.
    pub left: Option<Duration>,
}

/// How far back the rate looks.
const RATE_SPAN: Duration = Duration::from_secs(30);
/// Samples nearer to each other say nothing new; bounds how many there are.
const SAMPLE_DISTANCE: Duration = Duration::from_millis(100);

impl Tally {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let counts = Counts { samples: VecDeque::new(), ..Counts::default() };
        let tally = Self { clock, counts: Mutex::new(counts) };
        tally.begin("");
        tally
    }

    /// Starts a phase; findings go on being numbered.
    pub fn begin(&self, phase: &str) {
        let mut counts = self.counts();
        let findings = counts.findings;
        *counts = Counts { phase: phase.to_owned(), findings, ..Counts::default() };
        counts.restart(self.clock.monotonic());
    }

    pub fn set(&self, counter: Counter, total: u64) {
        let mut counts = self.counts();
        *counts.counter(counter) = total;
        if !matches!(counter, Counter::Listed | Counter::BytesExpected) {
            counts.restart(self.clock.monotonic());
        }
    }

    pub fn add(&self, counter: Counter, more: u64) {
        let mut counts = self.counts();
        let count = counts.counter(counter);
        *count = count.saturating_add(more);
    }

    pub fn take_back(&self, counter: Counter, less: u64) {
        let mut counts = self.counts();
        let count = counts.counter(counter);
        *count = count.saturating_sub(less);
    }

    /// The number of this finding, from 1.
    pub fn add_finding(&self) -> u64 {
        let mut counts = self.counts();
        counts.findings = counts.findings.saturating_add(1);
        counts.findings
    }

    pub fn snapshot(&self) -> Snapshot {
        self.counts().snapshot(self.clock.monotonic())
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn counter(&mut self, counter: Counter) -> &mut u64 {
        match counter {
            Counter::Listed => &mut self.listed,
            Counter::Done => &mut self.done,
            Counter::Excluded => &mut self.excluded,
            Counter::Failed => &mut self.failed,
            Counter::Bytes => &mut self.bytes,
            Counter::BytesExpected => &mut self.bytes_expected,
        }
    }

    fn restart(&mut self, now: Duration) {
        self.samples.clear();
        self.samples.push_back(self.sample(now));
    }

    fn sample(&self, at: Duration) -> Sample {
        let finished = self.done.saturating_add(self.excluded).saturating_add(self.failed);
        Sample { at, bytes: self.bytes, finished }
    }

    fn snapshot(&mut self, now: Duration) -> Snapshot {
        let latest = self.sample(now);
        while self.samples.get(1).is_some_and(|second| now.saturating_sub(second.at) >= RATE_SPAN) {
            self.samples.pop_front();
        }
        let oldest = self.samples.front().copied().unwrap_or(latest);
        if self.samples.back().is_none_or(|last| now.saturating_sub(last.at) >= SAMPLE_DISTANCE) {
            self.samples.push_back(latest);
        }
        let seconds = now.saturating_sub(oldest.at).as_secs_f64();
        let per_second = |difference: u64| (seconds > 0.0).then(|| difference as f64 / seconds);
        let bytes_per_second = per_second(latest.bytes.saturating_sub(oldest.bytes));
        let finished_per_second = per_second(latest.finished.saturating_sub(oldest.finished));
        let left = if self.bytes_expected > 0 {
            time_for(self.bytes_expected.saturating_sub(self.bytes), bytes_per_second)
        } else {
            time_for(self.listed.saturating_sub(latest.finished), finished_per_second)
        };
        Snapshot {
            phase: self.phase.clone(),
            listed: self.listed,
            done: self.done,
            excluded: self.excluded,
            failed: self.failed,
            bytes: self.bytes,
            findings: self.findings,
            bytes_per_second,
            left,
        }
    }
}

fn time_for(rest: u64, per_second: Option<f64>) -> Option<Duration> {
    let seconds = rest as f64 / per_second.filter(|&rate| rate > 0.0)?;
    Duration::try_from_secs_f64(seconds).ok()
}

impl Snapshot {
    /// What is neither done nor excluded nor failed.
    pub fn pending(&self) -> u64 {
        self.listed.saturating_sub(self.done).saturating_sub(self.excluded).saturating_sub(self.failed)
    }
}

impl fmt::Debug for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally").field("counts", &self.counts).finish_non_exhaustive()
    }
}
