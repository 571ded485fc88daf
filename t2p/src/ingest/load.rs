//! Loads segments from a volume into the spool, every digest checked on the way. What is damaged stays behind, with its
//! reason; everything else goes on.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use catalogue::load::LoadedSegment;
use catalogue::register::VolumeContents;
use catalogue::segments::{NewSegment, SegmentRow};
use catalogue::volumes::NewVolume;
use catalogue::{InstanceId, Level, SegmentState, VolumeId, VolumeState};
use job::{Counter, Journal, Monitor, Stop};
use manifest::EarlierVolume;
use medium::Address;
use volume::{
    Entry, IndexReader, IndexedSegment, Listed, ObjectSink, ObjectState, SegmentCheck, SegmentPlan, Volume,
};

use super::rows;
use super::spool::Spool;
use crate::context::bind;
use crate::error::{Error, Result};

const TICK: std::time::Duration = std::time::Duration::from_millis(100);
const BUFFER_BYTES: usize = 1024 * 1024;

/// The loading stage.
pub struct Load {
    pub journal: Arc<Journal>,
    pub spool: Arc<Spool>,
    pub monitor: Arc<dyn Monitor>,
    pub stop: Stop,
    /// How many destinations every object goes to.
    pub destinations: u64,
    /// Whether a segment waits for room in the spool.
    pub waiting: AtomicBool,
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
        let mut volume = Volume::open(address)?;
        let identity = volume.identity;
        let id = {
            let mut catalogue = self.journal.lock();
            bind(&mut catalogue, &volume.address, identity)?;
            catalogue.register_volume(&NewVolume {
                uuid: identity.volume,
                sequence: identity.sequence,
                copy: identity.copy,
                medium: volume.address.clone(),
            })?
        };
        let mut remarks = Vec::new();
        let was_done = self.was_done(identity.volume)?;
        if was_done && self.journal.lock().is_volume_whole(id)? {
            remarks
                .push(format!("{address}: volume {} was ingested before; nothing to do", identity.sequence));
            return Ok(Loaded { remarks, sound: true });
        }
        self.monitor.note(&format!("volume {} is loaded from {address}", identity.sequence));
        let mut index = volume.index()?;
        if let Some(index) = &index {
            remarks.extend(self.note_earlier(address, &index.earlier)?);
        }
        self.describe(id, &volume)?;
        let segments = self.segments(id, &mut volume, index.as_mut());
        self.spool.discard()?;
        let Segments { read, clean } = segments?;
        if self.stop.requested() {
            return Ok(Loaded { remarks, sound: clean });
        }
        if read == 0 {
            remarks.push(format!("{address}: volume {} is loaded already", identity.sequence));
        }
        volume.finish()?;
        if let Some(state) = index.and_then(|index| index.state) {
            self.note_state(identity.sequence, &state)?;
        }
        remarks.extend(volume.findings().iter().map(|finding| format!("{address}: {finding}")));
        if !volume.is_complete() {
            remarks.push(format!("{address}: the volume is not complete: it has no sound trailer"));
        }
        for remark in &remarks {
            self.journal.event(Level::Warning, "volume", remark.clone())?;
        }
        let sound = clean && volume.is_complete() && volume.findings().is_empty();
        if sound && !was_done {
            self.journal.lock().volume_verified(id, "every digest, while it was loaded")?;
        }
        Ok(Loaded { remarks, sound })
    }

    fn was_done(&self, uuid: uuid::Uuid) -> Result<bool> {
        Ok(self.journal.lock().volume(uuid)?.is_some_and(|row| row.state == VolumeState::Done))
    }

    /// Volumes that this one's index knows and that were not seen yet are noted, so that they can be missed.
    fn note_earlier(&self, address: &Address, earlier: &[EarlierVolume]) -> Result<Vec<String>> {
        let mut remarks = Vec::new();
        let mut catalogue = self.journal.lock();
        for EarlierVolume { sequence, volume, .. } in earlier {
            if catalogue.volume(*volume)?.is_none() {
                let unseen = NewVolume { uuid: *volume, sequence: *sequence, copy: 1, medium: String::new() };
                catalogue.register_volume(&unseen)?;
                remarks.push(format!("{address}: volume {sequence} of the set, {volume}, comes before it and was not ingested yet"));
            }
        }
        Ok(remarks)
    }

    fn describe(&self, id: VolumeId, volume: &Volume) -> Result<()> {
        let Some(trailer) = &volume.trailer else { return Ok(()) };
        let mut files: Vec<String> = vec![manifest::LABEL.to_owned()];
        files.extend(trailer.segments.iter().map(|segment| segment.name.clone()));
        files.extend([trailer.index.name.clone(), manifest::TRAILER.to_owned()]);
        let contents = VolumeContents {
            files: &files,
            index_blake3: Some(&trailer.index.blake3.0),
            bytes: trailer.segments.iter().map(|segment| segment.bytes).sum::<u64>() + trailer.index.bytes,
            last: trailer.last,
            sealed_at: Some(trailer.sealed_at),
        };
        Ok(self.journal.lock().describe_volume(id, &contents)?)
    }

    /// Keeps the newest word on how far the whole transfer is.
    fn note_state(&self, sequence: u32, state: &manifest::TransferState) -> Result<()> {
        let mut catalogue = self.journal.lock();
        let known = catalogue.job("transfer_state_of_volume")?.and_then(|text| text.parse::<u32>().ok());
        if known.is_none_or(|known| sequence >= known) {
            catalogue.set_job("transfer_state", &serde_json::to_string(state).unwrap_or_default())?;
            catalogue.set_job("transfer_state_of_volume", &sequence.to_string())?;
        }
        Ok(())
    }

    /// Loads every segment that is not here yet.
    fn segments(
        &self,
        id: VolumeId,
        volume: &mut Volume,
        mut index: Option<&mut IndexReader>,
    ) -> Result<Segments> {
        let (mut done, mut segments) = (0, Segments { read: 0, clean: true });
        while let Some(plan) = volume.next_plan(index.as_deref_mut(), done)? {
            done += 1;
            if self.stop.requested() {
                break;
            }
            let known = match &plan.listed {
                // Known before it is loaded, so that a missing segment's objects are missed.
                Listed::Index(indexed) => Some(self.register(id, &plan, indexed)?),
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
            if !self.wait_for_room(plan_bytes(&plan)) {
                break;
            }
            segments.read += 1;
            segments.clean &= self.segment(id, volume, plan)?;
        }
        Ok(segments)
    }

    fn known(&self, number: u32) -> Result<Option<SegmentRow>> {
        Ok(self.journal.lock().segment(u64::from(number))?)
    }

    /// Whether a segment is to be read. One that was harmed where it came from may be whole here.
    fn is_wanted(&self, row: &SegmentRow) -> Result<bool> {
        let mut catalogue = self.journal.lock();
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

    /// Registers a segment that the index lists, with its objects.
    fn register(&self, volume: VolumeId, plan: &SegmentPlan, indexed: &IndexedSegment) -> Result<SegmentRow> {
        let IndexedSegment { segment, frames, entries } = indexed;
        let new = rows::segment(segment, frames)?;
        self.register_row(volume, plan.file.number, &new, entries)
    }

    /// Registers a segment by what was found in it, since no index lists it. `None` when it could not be made out.
    fn register_found(
        &self,
        volume: VolumeId,
        file: u32,
        check: &SegmentCheck,
    ) -> Result<Option<SegmentRow>> {
        let Some(new) = rows::found_segment(check) else { return Ok(None) };
        self.register_row(volume, file, &new, &check.entries).map(Some)
    }

    fn register_row(
        &self,
        volume: VolumeId,
        file: u32,
        new: &NewSegment,
        entries: &[Entry],
    ) -> Result<SegmentRow> {
        let mut catalogue = self.journal.lock();
        let id = catalogue.register_segment(volume, u64::from(file), new)?;
        let listed = rows::register_objects(&mut catalogue, id, entries)?;
        self.monitor.count(Counter::Listed, listed.new * self.destinations);
        catalogue.segment(new.number)?.ok_or(Error::NothingIngested)
    }

    /// Waits until the spool has room; `false` when asked to stop.
    fn wait_for_room(&self, bytes: u64) -> bool {
        while !self.spool.has_room(bytes) {
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
            let row = self.register_found(id, file, &check)?;
            let wanted = row.map_or(Ok(false), |row| self.is_wanted(&row))?;
            if !wanted {
                self.tell(&check)?;
                return Ok(sound);
            }
        }
        let file = sink.out.into_inner().map_err(|error| Error::file("write", &path)(error.into_error()))?;
        file.sync_all().map_err(Error::file("sync", &path))?;
        self.spool.keep(u64::from(check.number), sink.end)?;
        self.record(&check, &sink.offsets)?;
        self.tell(&check)?;
        Ok(sound)
    }

    /// Records which objects are in the spool and which are harmed.
    fn record(&self, check: &SegmentCheck, offsets: &[Option<u64>]) -> Result<()> {
        let mut catalogue = self.journal.lock();
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
        self.monitor.uncount(Counter::Failed, failed_before * self.destinations);
        self.monitor.count(Counter::Failed, damaged.len() as u64 * self.destinations);
        Ok(())
    }

    fn tell(&self, check: &SegmentCheck) -> Result<()> {
        if check.findings.is_empty() && check.harmed.is_empty() {
            return Ok(());
        }
        let harmed = check.harmed.len();
        let words = check.health.words();
        let message = format!(
            "{}: {words}, {harmed} of {} objects harmed; {}",
            check.name,
            check.entries.len(),
            check.findings.join("; ")
        );
        self.monitor.finding(&message);
        Ok(self.journal.event(Level::Error, "segment-damaged", message)?)
    }
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
