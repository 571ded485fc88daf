//! Loads segments from a volume into the spool, every digest checked on the way. What is damaged stays behind, with its
//! reason; everything else goes on.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use catalogue::load::LoadedSegment;
use catalogue::segments::SegmentRow;
use catalogue::{InstanceId, SegmentState, VolumeId, VolumeState};
use job::{Counter, Stop};
use medium::{Address, Medium};
use volume::{Entry, IndexReader, Listed, ObjectSink, ObjectState, SegmentCheck, SegmentPlan, Volume};

use super::register::Register;
use super::spool::Spool;
use crate::error::{Error, Result};

const TICK: std::time::Duration = std::time::Duration::from_millis(100);
const BUFFER_BYTES: usize = 1024 * 1024;

/// The loading stage.
pub struct Load {
    pub register: Register,
    pub spool: Arc<Spool>,
    pub stop: Stop,
    /// Whether a segment waits for room in the spool.
    pub waiting: AtomicBool,
    /// Whether no delivery has anything to do, so that no more room is to be expected.
    pub deliveries_idle: AtomicBool,
}

/// What loading a volume came to.
pub struct Loaded {
    /// What the operator should know of it.
    pub remarks: Vec<String>,
    /// Whether every byte was as it was written, as far as it was read.
    pub sound: bool,
}

impl Load {
    /// Loads what is still needed of one volume.
    pub fn volume(&self, address: &Address) -> Result<Loaded> {
        let Register { journal, monitor, .. } = &self.register;
        let (mut volume, id) = self.register.open(address)?;
        let identity = volume.identity;
        let mut remarks = Vec::new();
        let was_done = self.was_done(identity.volume)?;
        if was_done && journal.lock().is_volume_whole(id)? {
            remarks
                .push(format!("{address}: volume {} was ingested before; nothing to do", identity.sequence));
            return Ok(Loaded { remarks, sound: true });
        }
        monitor.note(&format!("volume {} is loaded from {address}", identity.sequence));
        let (mut index, earlier) = self.register.index(address, id, &mut volume)?;
        remarks.extend(earlier);
        let segments = self.segments(id, &mut volume, index.as_mut(), address.is_drive());
        self.spool.discard()?;
        let Segments { read, clean } = segments?;
        if self.stop.requested() {
            return Ok(Loaded { remarks, sound: clean });
        }
        if read == 0 {
            remarks.push(format!("{address}: volume {} is loaded already", identity.sequence));
        }
        self.register.finish(address, &mut volume, index, &mut remarks)?;
        let sound = clean && volume.is_complete() && volume.findings().is_empty();
        if sound && !was_done {
            journal.lock().volume_verified(id, "every digest, while it was loaded")?;
        }
        Ok(Loaded { remarks, sound })
    }

    fn was_done(&self, uuid: uuid::Uuid) -> Result<bool> {
        Ok(self.register.journal.lock().volume(uuid)?.is_some_and(|row| row.state == VolumeState::Done))
    }

    /// Loads every segment that is not here yet.
    fn segments(
        &self,
        id: VolumeId,
        volume: &mut Volume,
        mut index: Option<&mut IndexReader>,
        from_drive: bool,
    ) -> Result<Segments> {
        let (mut done, mut segments) = (0, Segments { read: 0, clean: true });
        while let Some(plan) = volume.next_plan(index.as_deref_mut(), done)? {
            done += 1;
            if self.stop.requested() {
                break;
            }
            let known = match &plan.listed {
                // Known before it is loaded, so that a missing segment's objects are missed.
                Listed::Index(indexed) => Some(self.register.segment(id, plan.file.number, indexed)?),
                Listed::Segment(Some(_)) => self.known(plan.number)?,
                // Only the segment itself says which one it is: a tape without trailer counts its own files.
                Listed::Segment(None) => None,
            };
            if let Some(row) = known
                && !self.is_wanted(&row)?
            {
                volume.pass_over(&plan);
                continue;
            }
            if !self.wait_for_room(plan_bytes(&plan), from_drive) {
                break;
            }
            segments.read += 1;
            segments.clean &= self.segment(id, volume, plan)?;
        }
        Ok(segments)
    }

    fn known(&self, number: u32) -> Result<Option<SegmentRow>> {
        Ok(self.register.journal.lock().segment(u64::from(number))?)
    }

    /// Whether a segment is to be read. One that was harmed where it came from may be whole here.
    fn is_wanted(&self, row: &SegmentRow) -> Result<bool> {
        let mut catalogue = self.register.journal.lock();
        let harmed = match row.state {
            SegmentState::Damaged => true,
            SegmentState::Done => catalogue.has_failures(row.id)?,
            _ => false,
        };
        if harmed {
            catalogue.reload_segment(row.id)?;
        }
        Ok(harmed || row.state == SegmentState::Known)
    }

    /// Waits until the spool has room, for a drive as much as makes a burst; `false` when asked to stop.
    fn wait_for_room(&self, bytes: u64, from_drive: bool) -> bool {
        if self.spool.has_room(bytes) {
            return true;
        }
        let burst = if from_drive { self.spool.burst_bytes(bytes) } else { bytes };
        let has_room = |bytes| self.spool.has_room(bytes);
        while !goes_on(&has_room, bytes, burst, self.deliveries_idle.load(Ordering::Relaxed)) {
            if self.stop.requested() {
                return false;
            }
            self.waiting.store(true, Ordering::Relaxed);
            std::thread::sleep(TICK);
        }
        self.waiting.store(false, Ordering::Relaxed);
        true
    }

    /// Reads a segment into the spool. Returns whether it was sound.
    fn segment(&self, id: VolumeId, volume: &mut Volume, plan: SegmentPlan) -> Result<bool> {
        let file = plan.file.number;
        let is_indexed = matches!(plan.listed, Listed::Index(_));
        let path = self.spool.arriving();
        let mut sink = SpoolSink {
            out: BufWriter::with_capacity(BUFFER_BYTES, self.spool.create()?),
            end: 0,
            begun: 0,
            offsets: Vec::new(),
        };
        let check = volume.read_segment(plan, &mut sink).map_err(disk_full(path.clone()))?;
        let sound = check.findings.is_empty() && check.harmed.is_empty();
        if !is_indexed {
            let row = self.register.found(id, file, &check)?;
            let wanted = row.map_or(Ok(false), |row| self.is_wanted(&row))?;
            if !wanted {
                self.register.tell(&check)?;
                return Ok(sound);
            }
        }
        let file = sink.out.into_inner().map_err(|error| Error::file("write", &path)(error.into_error()))?;
        file.sync_all().map_err(Error::file("sync", &path))?;
        self.spool.keep(u64::from(check.number), sink.end)?;
        self.record(&check, &sink.offsets)?;
        self.register.tell(&check)?;
        Ok(sound)
    }

    /// Records which objects are in the spool and which are harmed.
    fn record(&self, check: &SegmentCheck, offsets: &[Option<u64>]) -> Result<()> {
        let Register { journal, monitor, destinations, .. } = &self.register;
        let mut catalogue = journal.lock();
        let row = catalogue.segment(u64::from(check.number))?.ok_or(Error::NothingIngested)?;
        let mut ids: Vec<InstanceId> = Vec::with_capacity(check.entries.len());
        catalogue.each_object_of_segment(row.id, |packed| {
            ids.push(packed.object.id);
            Ok::<_, catalogue::Error>(())
        })?;
        if ids.len() != check.entries.len() {
            return Err(catalogue::Error::SegmentDiffers { number: row.segment.number }.into());
        }
        let loaded: Vec<(InstanceId, u64)> =
            ids.iter().zip(offsets).filter_map(|(id, offset)| offset.map(|offset| (*id, offset))).collect();
        let damaged: Vec<(InstanceId, String)> = check
            .harmed
            .iter()
            .filter_map(|(at, why)| ids.get(*at).map(|id| (*id, format!("damaged on the volume: {why}"))))
            .collect();
        let found = LoadedSegment { loaded: &loaded, damaged: &damaged };
        let failed_before = catalogue.load_segment(row.id, &found)?;
        monitor.uncount(Counter::Failed, failed_before * destinations);
        monitor.count(Counter::Failed, damaged.len() as u64 * destinations);
        Ok(())
    }
}

/// Whether a load that had to wait goes on: with room for a burst, or with room for one segment when nobody makes any more.
fn goes_on(has_room: &dyn Fn(u64) -> bool, bytes: u64, burst: u64, is_idle: bool) -> bool {
    has_room(burst) || is_idle && has_room(bytes)
}

/// What was read of a volume's segments.
struct Segments {
    read: usize,
    /// Whether all that were read are intact.
    clean: bool,
}

fn plan_bytes(plan: &SegmentPlan) -> u64 {
    match &plan.listed {
        Listed::Index(indexed) => indexed.segment.tar_bytes,
        Listed::Segment(entry) => entry.as_ref().map_or(0, |entry| entry.bytes.saturating_mul(2)),
    }
}

/// Tells a full disk from other trouble.
fn disk_full(path: std::path::PathBuf) -> impl FnOnce(volume::Error) -> Error {
    move |error| match error {
        volume::Error::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
            Error::file("write", path)(source)
        }
        other => other.into(),
    }
}

/// Writes intact objects one behind the other.
struct SpoolSink {
    out: BufWriter<File>,
    end: u64,
    begun: u64,
    /// Where each object begins; `None` for those that are not intact.
    offsets: Vec<Option<u64>>,
}

impl ObjectSink for SpoolSink {
    fn begin(&mut self, _: &Entry) -> Result<(), volume::Error> {
        self.begun = self.end;
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), volume::Error> {
        self.out.write_all(bytes).map_err(volume::Error::io("write the spool"))?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    fn end(&mut self, _: &Entry, state: &ObjectState) -> Result<(), volume::Error> {
        // What was written of a damaged object stays in the file, and nothing points to it.
        self.offsets.push((*state == ObjectState::Intact).then_some(self.begun));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::goes_on;

    #[test]
    fn a_drive_that_waited_starts_again_for_a_burst_unless_no_more_room_is_to_come() {
        let goes_on = |free: u64, burst, is_idle| goes_on(&|bytes| bytes <= free, 4, burst, is_idle);
        assert!(!goes_on(31, 32, false) && goes_on(32, 32, false), "a drive");
        assert!(goes_on(4, 32, true) && !goes_on(3, 32, true));
        assert!(goes_on(4, 4, false), "a disk");
    }
}
