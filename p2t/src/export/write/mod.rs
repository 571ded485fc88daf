//! Writes sealed segments to volumes, commits, and seals volumes that are full or the last; each copy of the volume set
//! on a leg of its own.
//!
//! ```text
//! spool -> handout -> feed (read ahead, digest) -> volume (append … commit) -> seal      one leg a copy
//! ```
//! The order is the law: medium committed, then the catalogue's durable row, then, when every copy has a segment, its
//! file in the spool deleted.

mod change;
mod commit;
mod feed;
mod handout;
mod health;
mod leg;
mod mishap;
mod records;
mod resume;
#[cfg(test)]
mod tests;
mod turn;
mod volume;
mod writers;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use catalogue::volumes::VolumeRow;
use catalogue::{InstanceState, Level};
use job::config::Verify;
use job::{Journal, Monitor, Stop, Watchdog};
use medium::Settings;
use uuid::Uuid;

pub use self::commit::CommitInterval;
pub use self::handout::Handout;
pub use self::health::Told;
use self::leg::{Leg, Step};
use self::turn::Standing;
pub use self::volume::label_of;
pub use self::writers::Writers;
use super::again::Relist;
use super::spool::Spool;
use crate::context::Ids;
use crate::error::{Error, Result};
use crate::media::Media;

const TICK: Duration = Duration::from_millis(20);
/// In this time a drive winds its tape to any place.
const OPENING: Duration = Duration::from_secs(10 * 60);

/// The writing stage.
pub struct Write {
    pub shared: Arc<Journal>,
    pub spool: Arc<Spool>,
    pub monitor: Arc<dyn Monitor>,
    pub ids: Ids,
    pub media: Arc<Media>,
    pub settings: Settings,
    pub pacing: Pacing,
    /// How much of a volume that is given up is read back.
    pub verify: Verify,
    pub stop: Stop,
    pub handout: Handout,
    /// Set when no further segment will be sealed in this run.
    pub packed: AtomicBool,
    /// Objects and bytes written in this run.
    pub objects: AtomicU64,
    pub bytes: AtomicU64,
    /// Legs that ended before their time.
    pub down: Mutex<Vec<Down>>,
    /// What was said of the health of drives.
    pub told: Told,
    pub watchdog: Watchdog,
    /// Who writes at present.
    pub writers: Writers,
    /// Lists studies again before a volume is sealed; none where that is not wanted.
    pub relist: Option<Relist>,
}

/// When is written, and when committed.
#[derive(Debug, Clone)]
pub struct Pacing {
    pub commit: CommitInterval,
    /// For each copy, how much must wait in the spool before any of it is written.
    pub burst_bytes: Vec<u64>,
}

impl Pacing {
    fn burst_bytes(&self, copy: u32) -> u64 {
        self.burst_bytes.get(copy as usize - 1).copied().unwrap_or(0)
    }
}

/// A leg that ended before its time.
pub struct Down {
    copy: u32,
    error: Error,
}

/// What the stage came to.
#[derive(Default)]
pub struct Written {
    /// The volumes sealed in this run.
    pub sealed: Vec<VolumeRow>,
    /// The volumes that were read back before their cartridges left the drive.
    pub read_back: BTreeSet<Uuid>,
    /// Set when a copy ended for want of a medium: what to do.
    pub wanted_medium: Option<String>,
    /// Set when a copy ended because its medium or drive is in trouble.
    pub failure: Option<Error>,
}

impl Written {
    /// Takes what a further round came to.
    pub fn add(&mut self, next: Self) {
        self.sealed.extend(next.sealed);
        self.read_back.extend(next.read_back);
        self.wanted_medium = next.wanted_medium;
        self.failure = next.failure;
    }
}

impl Write {
    /// Lists the studies of a volume again before it is sealed. False if a stop was requested meanwhile: then it stays open.
    pub fn list_again(&self, volume: &volume::Current) -> Result<bool> {
        let Some(relist) = &self.relist else { return Ok(true) };
        let manifest::Label { copy, sequence, .. } = *volume.writer.label();
        relist.before_sealing(volume.id, &self.name(copy, sequence))
    }

    /// Opens the volumes that the last run left open, and writes until no more segments come, or a stop is requested.
    pub fn work(&self) -> Result<Written> {
        let mut legs: Vec<Leg<'_>> = (1..=self.media.copies()).map(|copy| Leg::new(self, copy)).collect();
        if self.media.share_a_drive() {
            self.by_turns(&mut legs)?;
        } else {
            self.side_by_side(&mut legs)?;
        }
        let sealed = legs.into_iter().flat_map(|leg| leg.sealed).collect();
        let read_back = self.media.change.read_back();
        let mut written = Written { sealed, read_back, wanted_medium: None, failure: None };
        for Down { error, .. } in self.down().drain(..) {
            match error {
                Error::MediaFull { .. } | Error::CartridgeWanted { .. } => {
                    let others =
                        written.wanted_medium.take().map_or(String::new(), |text| format!("{text}; "));
                    written.wanted_medium = Some(format!("{others}{error}"));
                }
                error => written.failure = written.failure.or(Some(error)),
            }
        }
        Ok(written)
    }

    /// Waits until the volumes that the last run left open are opened or given up: what they lost is then to be fetched, too. A drive
    /// that takes longer than that should keeps nobody waiting.
    pub fn wait_until_open(&self) {
        let threads = if self.media.share_a_drive() { 1 } else { self.media.copies() as usize };
        let begun = Instant::now();
        while begun.elapsed() < OPENING
            && !self.stop.requested()
            && self.writers.are_opening(threads, &self.watchdog)
        {
            thread::sleep(TICK);
        }
    }

    /// Whether legs ended before their time or wait for a drive that was given up, and no other leg has anything to write at present.
    pub fn waits_for_a_leg(&self) -> Result<bool> {
        let mut down: Vec<u32> = self.down().iter().map(|down| down.copy).collect();
        down.extend(self.writers.stuck_copies(&self.watchdog));
        Ok(!down.is_empty() && !self.is_anything_waiting(&down)?)
    }

    /// Whether nobody writes any more but those who wait for a drive that was given up.
    pub fn is_left_alone(&self) -> bool {
        self.writers.are_all_stuck(&self.watchdog)
    }

    fn is_anything_waiting(&self, but_for: &[u32]) -> Result<bool> {
        let catalogue = self.shared.lock();
        for copy in (1..=self.media.copies()).filter(|copy| !but_for.contains(copy)) {
            if catalogue.waiting_for_copy(copy)?.0 > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn down(&self) -> MutexGuard<'_, Vec<Down>> {
        self.down.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every leg on a thread and a drive of its own.
    fn side_by_side(&self, legs: &mut [Leg<'_>]) -> Result<()> {
        thread::scope(|scope| {
            let running: Vec<_> = legs
                .iter_mut()
                .map(|leg| {
                    scope.spawn(move || {
                        let _guard = self.stop.on_panic();
                        let writes = self.writers.begin(&[leg.copy], &self.watchdog);
                        let ended = self.try_on(leg, Leg::open).and_then(|_| {
                            writes.opened();
                            self.run(leg)
                        });
                        if ended.is_err() {
                            self.stop.request();
                        }
                        ended
                    })
                })
                .collect();
            let ended = running.into_iter().map(|leg| leg.join().unwrap_or(Err(Error::Crashed("write"))));
            ended.collect::<Vec<_>>().into_iter().collect()
        })
    }

    fn run(&self, leg: &mut Leg<'_>) -> Result<()> {
        while !leg.over {
            if self.try_on(leg, Leg::step)? == Some(Step::Idle) {
                thread::sleep(TICK);
            }
        }
        Ok(())
    }

    /// All legs in one drive, one after the other. A volume ends when it is full, or when the spool is full of what only the
    /// others lack.
    fn by_turns(&self, legs: &mut [Leg<'_>]) -> Result<()> {
        let copies: Vec<u32> = legs.iter().map(|leg| leg.copy).collect();
        let writes = self.writers.begin(&copies, &self.watchdog);
        if let Some(leg) = self.turn(legs)?.and_then(|at| legs.get_mut(at)) {
            self.try_on(leg, Leg::open)?;
            if leg.over {
                // There is no other drive.
                return Ok(());
            }
        }
        writes.opened();
        while let Some(leg) = self.turn(legs)?.and_then(|at| legs.get_mut(at)) {
            match self.try_on(leg, Leg::step)? {
                Some(Step::Idle) if self.must_make_way(leg.copy)? => {
                    self.try_on(leg, |leg| leg.end_volume(false))?;
                }
                Some(Step::Idle) => thread::sleep(TICK),
                // What it still waits for is not to come in this run: the drive is for the others.
                Some(Step::Over) if !self.stop.requested() && self.is_anything_waiting(&[leg.copy])? => {
                    self.try_on(leg, |leg| leg.end_volume(false))?;
                }
                Some(_) => {}
                // There is no other drive.
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn turn(&self, legs: &[Leg<'_>]) -> Result<Option<usize>> {
        let standing = |leg: &Leg<'_>| {
            let has_volume = leg.has_volume()?;
            let first = self.shared.lock().segments_for_copy(leg.copy, 0, 1)?.pop();
            let first_waiting = first.map(|row| row.segment.number);
            Ok(Standing { over: leg.over, has_volume, first_waiting })
        };
        Ok(turn::next(&legs.iter().map(standing).collect::<Result<Vec<_>>>()?))
    }

    /// Whether a copy that has nothing to write keeps the drive from others while the spool is full.
    fn must_make_way(&self, copy: u32) -> Result<bool> {
        if self.spool.has_room() || !self.is_anything_waiting(&[copy])? {
            return Ok(false);
        }
        // What is captured will be packed, and then there is more for this volume.
        let states = self.shared.lock().instance_states()?;
        Ok(!states.iter().any(|(state, _)| *state == InstanceState::Captured))
    }

    /// Does something with a leg. Trouble with its medium ends the leg alone, and then there is no value; the others go on
    /// as far as the spool allows.
    fn try_on<'a, T>(
        &self,
        leg: &mut Leg<'a>,
        work: impl FnOnce(&mut Leg<'a>) -> Result<T>,
    ) -> Result<Option<T>> {
        let error = match work(leg) {
            Ok(value) => return Ok(Some(value)),
            Err(error) if error.is_of_medium() => error,
            Err(error) => return Err(error),
        };
        leg.over = true;
        let mut message = error.to_string();
        if self.media.copies() > 1 {
            message = format!("copy {}: {message}", leg.copy);
            self.monitor.finding(&message);
        }
        let (level, kind) = match error {
            Error::MediaFull { .. } | Error::CartridgeWanted { .. } => (Level::Warning, "media-full"),
            _ => (Level::Error, "medium-failed"),
        };
        self.shared.event(level, kind, message)?;
        let mut down = self.down();
        down.push(Down { copy: leg.copy, error });
        if down.len() == self.media.copies() as usize || self.media.share_a_drive() {
            self.stop.request();
        }
        Ok(None)
    }
}
