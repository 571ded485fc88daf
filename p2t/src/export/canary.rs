//! The canary: small requests beside the work, every few seconds, and the moments in which the source is left alone.

use std::time::Duration;

use archive::Canary;
use pace::{Admission, Loss, Pace, Probe};

use super::fetch::Fetch;
use super::governor::Governor;
use super::some_studies;
use crate::error::Result;

const TICK: Duration = Duration::from_millis(200);
/// Requests of each kind in a moment in which the source is left alone.
const IDLE_ROUNDS: usize = 6;
/// How long such a moment is at most. Receivers hold their answers for so long, and a PACS gives up on one that takes 10 s.
const HUSH: Duration = Duration::from_secs(3);
/// How long retrievals may take to end before they are held for it. Most do, and then none is held.
const ENDING: Duration = Duration::from_secs(10);
/// How long the source needs until it has nothing more to do for us.
const SETTLE: Duration = Duration::from_millis(400);
/// Without work for so long, the source has been left alone.
const IDLE_AFTER: Duration = Duration::from_secs(2);
/// So many rounds in a row without a place beside our own work: the source has none for us, and is asked for one less often.
const CROWDED: u32 = 3;
const WHEN_CROWDED: Duration = Duration::from_secs(60);

/// What the canary is sent beside.
pub trait Work: Sync {
    /// Whether the source is believed to be down.
    fn is_down(&self) -> bool {
        false
    }

    /// Whether nothing is left to be asked for.
    fn is_at_rest(&self) -> bool {
        false
    }

    /// Whether what is under way rests in its middle while the source is left alone.
    fn rests(&self) -> bool {
        false
    }

    /// Studies to ask for, as far as any are known.
    fn studies(&self) -> Result<Vec<String>>;
}

impl Work for Fetch {
    fn is_down(&self) -> bool {
        self.is_down()
    }

    fn is_at_rest(&self) -> bool {
        self.is_at_rest()
    }

    fn rests(&self) -> bool {
        true
    }

    fn studies(&self) -> Result<Vec<String>> {
        some_studies(&self.capture.shared)
    }
}

/// Sends the canary and tells the governor.
pub struct Watchman<'a> {
    pub governor: &'a Governor,
    pub work: &'a dyn Work,
    pub canary: Box<dyn Canary>,
    /// Studies to ask for, in turn: always the same one would only test the source's cache.
    studies: Vec<String>,
    pub interval: Duration,
    asked: usize,
    idle_since: Option<Duration>,
    /// Rounds in a row in which the only association at work was ours, and none beside it was taken.
    crowded: u32,
    has_told: bool,
}

impl<'a> Watchman<'a> {
    pub fn new(
        governor: &'a Governor,
        work: &'a dyn Work,
        canary: Box<dyn Canary>,
        interval: Duration,
    ) -> Self {
        let (studies, asked, idle_since, crowded, has_told) = Default::default();
        Self { governor, work, canary, studies, interval, asked, idle_since, crowded, has_told }
    }

    /// Watches until `over`.
    pub fn watch(&mut self, over: &dyn Fn() -> bool) -> Result<()> {
        let mut rested = Some("start");
        while !over() {
            if self.pace().admission() != Admission::Go {
                rested = Some("allowed again");
            } else if self.work.is_down() {
                rested = Some("source is back");
            } else if self.work.is_at_rest() {
                rested = Some("asked again");
            } else {
                if let Some(signal) = rested.take() {
                    self.begin(signal, over)?;
                }
                self.round(over)?;
                // Until the next round its place is the work's, or another's.
                self.canary.rest();
                self.pace().wait(self.until_next(), over);
                continue;
            }
            self.canary.rest();
            self.pace().wait(TICK, over);
        }
        Ok(())
    }

    fn until_next(&self) -> Duration {
        if self.crowded < CROWDED { self.interval } else { self.interval.max(WHEN_CROWDED) }
    }

    fn pace(&self) -> &'a Pace {
        self.governor.pace()
    }

    /// Learns what this hour's answers take, unless that is known, before work begins.
    fn begin(&mut self, signal: &str, over: &dyn Fn() -> bool) -> Result<()> {
        self.studies = self.work.studies()?;
        // A listing may be over in a moment: it begins at once, on one association, and is interrupted if it lasts.
        if !self.work.rests() {
            self.governor.hushed();
        } else if !self.governor.is_ready() && self.pace().at_work() == 0 {
            self.listen(over)?;
        }
        if self.governor.probes().is_empty() {
            tracing::warn!(
                "the source takes none of our small requests: only its losses tell how busy it is"
            );
        }
        self.governor.begin(signal);
        Ok(())
    }

    fn round(&mut self, over: &dyn Fn() -> bool) -> Result<()> {
        if self.studies.is_empty() {
            self.studies = self.work.studies()?;
        }
        if self.probes().is_empty() {
            self.governor.unwatched();
            return Ok(());
        }
        if self.crowded == 0 && self.governor.wants_hush() {
            let listened = self.leave_alone(over);
            self.pace().end_hush();
            return listened;
        }
        let (idle, crowded) = (self.is_idle(), self.crowded);
        for probe in self.probes() {
            let Some(took) = self.ask(probe) else {
                if self.crowded > crowded {
                    return self.went_unwatched();
                }
                continue;
            };
            if idle && self.pace().at_work() == 0 {
                self.governor.learn(probe, took)?;
            } else {
                self.governor.answered(probe, took)?;
            }
        }
        Ok(())
    }

    /// A round without a place for the canary: only losses tell.
    fn went_unwatched(&mut self) -> Result<()> {
        self.governor.unwatched();
        if self.crowded < CROWDED || std::mem::replace(&mut self.has_told, true) {
            return Ok(());
        }
        self.governor.tell(
            "the source takes no association beside the one that works: no small requests can be timed, and only its losses tell \
             how busy it is; have it allow our AE title one association more",
        )
    }

    /// The requests that can be sent: without a study to ask for, a query would be one for all.
    fn probes(&self) -> Vec<Probe> {
        let mut probes = self.governor.probes();
        probes.retain(|probe| *probe == Probe::Echo || !self.studies.is_empty());
        probes
    }

    /// Has the source left alone, and learns what its answers then take.
    fn leave_alone(&mut self, over: &dyn Fn() -> bool) -> Result<()> {
        self.pace().hush(HUSH, ENDING, over);
        if !self.work.rests() && self.pace().at_work() > 0 {
            self.governor.hushed();
            return Ok(());
        }
        self.pace().wait(SETTLE, over);
        self.listen(over)
    }

    /// Whether nothing of ours has been under way for a while.
    fn is_idle(&mut self) -> bool {
        let now = self.pace().clock().monotonic();
        if self.pace().at_work() > 0 {
            self.idle_since = None;
            return false;
        }
        let since = *self.idle_since.get_or_insert(now);
        now.saturating_sub(since) >= IDLE_AFTER
    }

    /// Learns from a few answers of a source that is left alone.
    fn listen(&mut self, over: &dyn Fn() -> bool) -> Result<()> {
        self.governor.hushed();
        let end = self.pace().clock().monotonic().saturating_add(HUSH.saturating_sub(SETTLE));
        for _ in 0..IDLE_ROUNDS {
            for probe in self.probes() {
                let Some(took) = self.ask(probe) else { return Ok(()) };
                // What came too late came while others were at work again.
                if over() || self.pace().clock().monotonic() > end {
                    return Ok(());
                }
                self.governor.learn(probe, took)?;
            }
            self.pace().wait(TICK, over);
        }
        Ok(())
    }

    /// Sends one request. What goes wrong with it tells something, too.
    fn ask(&mut self, probe: Probe) -> Option<Duration> {
        self.asked += 1;
        let study = self.studies.get(self.asked / 2 % self.studies.len().max(1));
        let at_work = self.pace().at_work();
        match self.canary.ask(probe, study.map_or("", String::as_str)) {
            Ok(Some(took)) => {
                self.crowded = 0;
                return Some(took);
            }
            Ok(None) => self.governor.without(probe),
            Err(error) => {
                tracing::info!(%error, %probe, "the canary was not answered");
                match error.loss(true) {
                    // It may be ours that has the only place. Of several at work, fewer would make room.
                    Some(Loss::Rejected) if at_work.max(self.pace().at_work()) == 1 => self.crowded += 1,
                    Some(loss) => self.governor.lost(loss, None),
                    None => {}
                }
            }
        }
        None
    }
}
