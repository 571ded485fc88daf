//! Looks at the stages from time to time: samples for the report's plot, the progress line's estimate, and whether
//! anything can still move.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use catalogue::{InstanceState, SegmentState};
use job::{Counter, Journal};

use super::capture::Capture;
use super::fetch::Fetch;
use super::write::Write;
use crate::error::Result;

const TICK: Duration = Duration::from_millis(50);
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What is looked at.
pub struct Watch<'a> {
    shared: &'a Journal,
    fetch: &'a Fetch,
    write: &'a Write,
    /// Instances and bytes that earlier runs fetched, and those that they wrote.
    fetched_before: (u64, u64),
    written_before: (u64, u64),
    /// Instances to fetch when this run began.
    to_fetch: u64,
}

impl<'a> Watch<'a> {
    pub fn new(shared: &'a Journal, fetch: &'a Fetch, write: &'a Write) -> Result<Self> {
        let (fetched_before, written_before) = (shared.last_sample("fetch")?, shared.last_sample("write")?);
        let to_fetch = instances(shared, InstanceState::Pending)?;
        Ok(Self { shared, fetch, write, fetched_before, written_before, to_fetch })
    }

    /// Looks until `done`. Ends with an error when the spool has no room and nothing that will make any.
    pub fn until(&self, done: &dyn Fn() -> bool) -> Result<()> {
        self.sample()?;
        let mut last = Instant::now();
        let mut was_stuck = false;
        while !done() {
            thread::sleep(TICK);
            if last.elapsed() >= LOOK_EVERY {
                last = Instant::now();
                self.sample()?;
                self.estimate();
                if self.write.is_left_alone() {
                    self.write.stop.request();
                }
                // Twice in a row, because between two stages an object is nowhere to be seen.
                let stuck = self.is_stuck()?;
                if stuck && was_stuck {
                    if !self.write.waits_for_a_leg()? {
                        return Err(self.capture().spool.too_small());
                    }
                    // The spool is full of what only a leg lacks that has ended.
                    self.write.stop.request();
                }
                was_stuck = stuck;
            }
        }
        self.sample()
    }

    fn capture(&self) -> &Capture {
        &self.fetch.capture
    }

    fn sample(&self) -> Result<()> {
        let (fetched, write) = (self.fetched(), self.write);
        let written = (write.objects.load(Ordering::Relaxed), write.bytes.load(Ordering::Relaxed));
        for (stage, before, now) in
            [("fetch", self.fetched_before, fetched), ("write", self.written_before, written)]
        {
            self.shared.sample(stage, before.0 + now.0, before.1 + now.1)?;
        }
        Ok(())
    }

    /// Objects and bytes that arrived in this run.
    fn fetched(&self) -> (u64, u64) {
        let capture = self.capture();
        (capture.objects.load(Ordering::Relaxed), capture.bytes.load(Ordering::Relaxed))
    }

    /// A PACS does not tell sizes: what is still to come is taken to be as large as what came.
    fn estimate(&self) {
        let (objects, bytes) = self.fetched();
        if objects > 0 {
            let all = u128::from(bytes) * u128::from(self.to_fetch.max(objects)) / u128::from(objects);
            let expected = u64::try_from(all).unwrap_or(u64::MAX);
            self.capture().monitor.set_total(Counter::BytesExpected, expected);
        }
    }

    fn is_stuck(&self) -> Result<bool> {
        Ok(!self.capture().spool.has_room()
            && !self.fetch.is_busy()
            && instances(self.shared, InstanceState::Pending)? > 0
            && instances(self.shared, InstanceState::Captured)? == 0
            && (self.shared.lock().segments_total(SegmentState::Sealed)?.0 == 0
                || self.write.waits_for_a_leg()?))
    }
}

fn instances(shared: &Journal, state: InstanceState) -> Result<u64> {
    let states = shared.lock().instance_states()?;
    Ok(states.iter().find(|(found, _)| *found == state).map_or(0, |(_, count)| *count))
}
