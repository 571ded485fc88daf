//! One copy's way to its volumes.

use std::sync::atomic::Ordering;
use std::thread;

use catalogue::segments::SegmentRow;
use catalogue::volumes::VolumeRow;

use super::Write;
use super::feed::{self, Feed};
use super::handout::Why;
use super::mishap::Mishaps;
use super::records::relabel;
use super::resume::resume;
use super::volume::{Current, Fit, begin, begin_without_segments, is_complete, untold_changes};
use crate::ahead;
use crate::error::{Error, Result};

/// Writes one copy of the volume set.
pub struct Leg<'a> {
    pub(super) stage: &'a Write,
    pub copy: u32,
    pub(super) volume: Option<Current>,
    /// Whether the volume that the last run left open was looked for.
    resumed: bool,
    /// Whether segments are written as they come, until none waits.
    bursting: bool,
    pub over: bool,
    /// Volumes sealed in this run.
    pub sealed: Vec<VolumeRow>,
    pub(super) mishaps: Mishaps,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing is to be done at present.
    Idle,
    /// Something was written.
    Went,
    /// A volume is complete, or was given up.
    VolumeEnded,
    /// Nothing more is to be done in this run.
    Over,
}

/// Why a burst ended.
enum Streamed {
    /// No segment waits any more, or a stop is requested.
    RanOut { wrote: bool },
    /// The next segment does not fit.
    VolumeFull,
    /// The volume was given up, and nothing is on it.
    GivenUp,
}

impl<'a> Leg<'a> {
    pub fn new(stage: &'a Write, copy: u32) -> Self {
        Self {
            stage,
            copy,
            volume: None,
            resumed: false,
            bursting: false,
            over: false,
            sealed: Vec::new(),
            mishaps: Mishaps::default(),
        }
    }

    /// Whether a volume of this copy is open.
    pub fn has_volume(&self) -> Result<bool> {
        if self.volume.is_some() {
            return Ok(true);
        }
        let catalogue = self.stage.shared.lock();
        let in_work = catalogue.volume_in_work(self.copy)?;
        Ok(in_work.map(|row| ahead::waits(&catalogue, &row)).transpose()? == Some(false))
    }

    /// Goes on with the volume that the last run left open.
    pub fn open(&mut self) -> Result<()> {
        self.resume().or_else(|error| self.recover(error).map(drop))
    }

    /// The same, unless that was done.
    fn resume(&mut self) -> Result<()> {
        if !std::mem::replace(&mut self.resumed, true) {
            self.volume = resume(self.stage, self.copy)?;
        }
        Ok(())
    }

    /// Writes what there is to write, up to the end of a burst or of a volume. Where a cartridge can be changed, one that the drive
    /// cannot write any more does not end the leg.
    pub fn step(&mut self) -> Result<Step> {
        self.advance().or_else(|error| self.recover(error))
    }

    fn advance(&mut self) -> Result<Step> {
        let stage = self.stage;
        if stage.stop.requested() {
            return Ok(self.end());
        }
        self.resume()?;
        // In this order: what was sealed before the end of packing is seen by the query behind it.
        let packed = stage.packed.load(Ordering::Acquire);
        let (segments, bytes) = stage.shared.lock().waiting_for_copy(self.copy)?;
        if segments == 0 {
            self.bursting = false;
            return if packed { self.finish() } else { Ok(Step::Idle) };
        }
        let enough = bytes >= stage.pacing.burst_bytes(self.copy);
        if !(self.bursting || packed || enough || !stage.spool.has_room()) {
            return Ok(Step::Idle);
        }
        self.bursting = true;
        match self.stream()? {
            Streamed::RanOut { wrote: true } => Ok(Step::Went),
            Streamed::RanOut { wrote: false } => Ok(Step::Idle),
            Streamed::VolumeFull => self.end_volume(false),
            Streamed::GivenUp => Ok(Step::VolumeEnded),
        }
    }

    /// Seals the volume at hand, though more may come; its studies are listed again before.
    pub fn end_volume(&mut self, last: bool) -> Result<Step> {
        if !self.list_again()? {
            return Ok(self.end());
        }
        if let Some(volume) = self.volume.take()
            && let Some(row) = volume.seal(self.stage, last)?
        {
            self.mishaps.forget();
            self.sealed.push(row);
        }
        Ok(Step::VolumeEnded)
    }

    /// Lists the studies of the volume at hand again, if that is still to be done. False if a stop was requested meanwhile.
    fn list_again(&self) -> Result<bool> {
        self.volume.as_ref().map_or(Ok(true), |volume| self.stage.list_again(volume))
    }

    /// Nothing more comes in this run: the last volume is sealed, if this copy has all that there will ever be. What the
    /// source has changed makes a volume of its own, if no other is at hand.
    fn finish(&mut self) -> Result<Step> {
        let is_complete = || is_complete(&self.stage.shared.lock(), self.copy);
        // What is found now may be still to be fetched.
        if !is_complete()? || !self.list_again()? || !is_complete()? {
            return Ok(self.end());
        }
        let untold = untold_changes(self.stage, &self.stage.shared.lock(), self.copy)?;
        if self.volume.is_none() && untold.count > 0 {
            self.volume = begin_without_segments(self.stage, self.copy)?;
        }
        if self.volume.is_none() {
            // A medium without room for a label was given up, or there is nothing to tell.
            return if untold.count > 0 { Ok(Step::VolumeEnded) } else { Ok(self.end()) };
        }
        let told = self.volume.as_ref().map_or(Ok(untold), |volume| volume.untold(self.stage))?.count;
        let left = self.stage.shared.lock().untold_changes(self.copy, u64::MAX)?.count.saturating_sub(told);
        self.end_volume(left == 0)?;
        // A volume that had no room for its index is made up for by the next.
        Ok(Step::VolumeEnded)
    }

    fn end(&mut self) -> Step {
        self.over = true;
        Step::Over
    }

    /// Writes segment after segment while another thread reads ahead.
    fn stream(&mut self) -> Result<Streamed> {
        let (stage, copy) = (self.stage, self.copy);
        let streamed = thread::scope(|scope| {
            let mut after = 0;
            let next = move || {
                let row = stage.handout.take(copy, after)?;
                after = row.as_ref().map_or(after, |row| row.segment.number);
                Ok(row)
            };
            let open = |row: &SegmentRow| feed::open(&stage.spool.path(&row.segment.file));
            let record_bytes = self
                .volume
                .as_ref()
                .map_or(stage.settings.record_bytes, |volume| volume.writer.record_bytes());
            let mut feed = Feed::start(scope, record_bytes, next, open);
            let streamed = self.write(&mut feed, record_bytes);
            tracing::debug!(copy, waits = feed.waits, "the drive waited for the spool");
            streamed
        });
        // Only now is nobody reading ahead any more.
        stage.handout.put_back(copy)?;
        streamed
    }

    /// What was appended is committed when this returns without an error. The feed's records are of `record_bytes`.
    fn write(&mut self, feed: &mut Feed, record_bytes: usize) -> Result<Streamed> {
        let stage = self.stage;
        let mut wrote = false;
        while !stage.stop.requested()
            && let Some(row) = feed.next_segment()?
        {
            let mut volume = match self.volume.take() {
                Some(volume) => volume,
                None => match begin(stage, self.copy, &row)? {
                    Some(volume) => volume,
                    None => return Ok(Streamed::GivenUp),
                },
            };
            if volume.writer.record_bytes() != record_bytes {
                // It was labelled with others: they are read ahead anew.
                self.volume = Some(volume);
                return Ok(Streamed::RanOut { wrote: true });
            }
            match volume.append(stage, &row, feed)? {
                Fit::Appended => wrote = true,
                Fit::Changed => {
                    stage.handout.condemn(&row, Why::Changed);
                    volume.commit(stage)?;
                    return Err(Error::SpoolDamaged);
                }
                Fit::RecordsRefused(record_bytes) => {
                    self.volume = Some(relabel(stage, volume, record_bytes)?);
                    return Ok(Streamed::RanOut { wrote: true });
                }
                Fit::VolumeFull if volume.empty => {
                    let Some(why) = volume.refuses(stage, &row)? else {
                        volume.give_up(stage, "it has no room for a segment")?;
                        return Ok(Streamed::GivenUp);
                    };
                    stage.handout.condemn(&row, why);
                }
                Fit::FileFull(error) if volume.empty => {
                    volume.give_up(stage, "a segment is too long for its file system")?;
                    // Not tried on the next volume: that may be on the same disk, and so without end.
                    return Err(error.into());
                }
                Fit::VolumeFull | Fit::FileFull(_) => {
                    volume.commit(stage)?;
                    self.volume = Some(volume);
                    return Ok(Streamed::VolumeFull);
                }
            }
            self.volume = Some(volume);
        }
        if let Some(volume) = &mut self.volume {
            volume.commit(stage)?;
        }
        Ok(Streamed::RanOut { wrote })
    }
}
