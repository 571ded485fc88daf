//! Writes sealed segments to volumes, commits, and seals volumes that are full or the last.
//!
//! The order is the law: medium committed, then the catalogue's durable row, then the spool file deleted.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use catalogue::balance::Stage;
use catalogue::segments::SegmentRow;
use catalogue::volumes::{NewVolume, VolumeRow};
use catalogue::write::Commit;
use catalogue::{Catalogue, Level, SegmentState, VolumeId, VolumeState};
use job::{Counter, Journal, Monitor, Stop};
use manifest::{Codec, Digest, EarlierVolume, LABEL, Label, SegmentEntry, TransferState};
use medium::{Medium, Settings};
use uuid::Uuid;
use volume::{SegmentFile, VolumeWriter};

use super::index;
use super::spool::Spool;
use crate::context::Ids;
use crate::error::{Error, Result};
use crate::media::Media;

const TICK: Duration = Duration::from_millis(20);
/// The first and, in this version, only copy.
const COPY: u32 = 1;

/// The writing stage.
pub struct Write {
    pub shared: Arc<Journal>,
    pub spool: Arc<Spool>,
    pub monitor: Arc<dyn Monitor>,
    pub ids: Ids,
    pub media: Media,
    pub settings: Settings,
    pub stop: Stop,
    /// Set when no further segment will be sealed in this run.
    pub packed: AtomicBool,
    /// Why the run ended for want of a medium, if it did.
    pub wanted: OnceLock<String>,
    /// Objects and bytes written in this run.
    pub objects: AtomicU64,
    pub bytes: AtomicU64,
}

/// Whether a segment went onto a volume.
enum Fit {
    Written,
    VolumeFull,
    /// The file system does not let a file grow so far, which it had not said before.
    FileFull(medium::Error),
}

/// The volume that is being written.
struct Current {
    id: VolumeId,
    medium: Box<dyn Medium>,
    writer: VolumeWriter,
    files: Vec<String>,
    frames: u64,
    empty: bool,
}

impl Current {
    fn sequence(&self) -> u32 {
        self.writer.label().sequence
    }
}

impl Write {
    /// Writes until no more segments come, or a stop is requested. Returns the volumes that were sealed.
    pub fn work(&self) -> Result<Vec<VolumeRow>> {
        let mut current = self.resume()?;
        let mut sealed = Vec::new();
        while !self.stop.requested() {
            let last = self.packed.load(Ordering::Acquire);
            let next = self.shared.lock().segments_in(SegmentState::Sealed, 0, 1)?.pop();
            let Some(segment) = next else {
                if last {
                    break;
                }
                std::thread::sleep(TICK);
                continue;
            };
            let file = segment_file(&segment)?;
            let mut volume = match current.take() {
                Some(volume) => volume,
                None => match self.begin(&file) {
                    Err(error @ Error::MediaFull { .. }) => {
                        self.want_medium(&error)?;
                        break;
                    }
                    begun => match begun? {
                        Some(volume) => volume,
                        None => continue,
                    },
                },
            };
            match self.write(&mut volume, &segment, &file)? {
                Fit::Written => {}
                Fit::VolumeFull if volume.empty && self.is_too_large(&volume, &file)? => {
                    self.give_up(&segment)?;
                }
                Fit::VolumeFull if volume.empty => {
                    self.abandon(volume.id, volume.medium.as_ref(), "it has no room for a segment")?;
                    continue;
                }
                Fit::FileFull(error) if volume.empty => {
                    self.abandon(
                        volume.id,
                        volume.medium.as_ref(),
                        "a segment is too long for its file system",
                    )?;
                    // Not tried on the next volume: that may be on the same disk, and so without end.
                    return Err(error.into());
                }
                Fit::VolumeFull | Fit::FileFull(_) => {
                    sealed.extend(self.seal(volume, false)?);
                    continue;
                }
            }
            current = Some(volume);
        }
        if let Some(volume) = current
            && !self.stop.requested()
            && self.shared.lock().balance(Stage::Export)?.is_complete()
        {
            sealed.extend(self.seal(volume, true)?);
        }
        Ok(sealed)
    }

    /// Ends the run for want of a medium. What was written is in order, so this is no failure.
    fn want_medium(&self, error: &Error) -> Result<()> {
        let message = error.to_string();
        self.shared.event(Level::Warning, "media-full", message.clone())?;
        let _ = self.wanted.set(message);
        self.stop.request();
        Ok(())
    }

    /// Goes on with the volume that the last run left open.
    fn resume(&self) -> Result<Option<Current>> {
        let Some(row) = self.shared.lock().volume_in_work(COPY)? else { return Ok(None) };
        let medium = self.media.find(&row.volume.medium)?;
        let label = self.label(&row.volume, row.created_at);
        if row.state == VolumeState::Labelling {
            return match VolumeWriter::recreate(medium.as_ref(), &self.settings, label) {
                Ok(writer) => self.labelled(row.id, medium, writer).map(Some),
                Err(volume::Error::Medium(error)) if error.concerns_drive() => Err(error.into()),
                Err(error) => {
                    let why = format!("it could not be labelled: {error}");
                    self.abandon(row.id, medium.as_ref(), &why).map(|()| None)
                }
            };
        }
        if medium.is_drive() && medium.is_blank()? {
            let why = "a blank cartridge is in its drive; keep the volume's own";
            return self.abandon(row.id, medium.as_ref(), why).map(|()| None);
        }
        let (mut segments, mut objects, mut frames) = (Vec::new(), 0, 0);
        self.shared.lock().each_segment_of_volume(row.id, |file, segment| {
            objects += segment.segment.objects;
            let of_segment = segment_file(&segment)?;
            frames += u64::from(of_segment.frames);
            segments.push(SegmentEntry {
                number: of_segment.number,
                file: file as u32,
                name: segment.segment.file,
                bytes: of_segment.bytes,
                blake3: of_segment.blake3,
            });
            Ok::<_, Error>(())
        })?;
        let empty = segments.is_empty();
        let writer = VolumeWriter::resume(medium.as_ref(), &self.settings, label, segments, objects)?;
        Ok(Some(Current { id: row.id, medium, writer, files: row.files, frames, empty }))
    }

    /// Gives up a volume: the next one takes its place. What was committed on it stays written, because a segment can be read
    /// without index and trailer.
    fn abandon(&self, id: VolumeId, medium: &dyn Medium, why: &str) -> Result<()> {
        self.shared.lock().abandon_volume(id)?;
        let mut segments = 0;
        self.shared.lock().each_segment_of_volume(id, |_, _| {
            segments += 1;
            Ok::<_, Error>(())
        })?;
        let message = format!("the volume on {medium} is given up, with {segments} segments on it: {why}");
        self.monitor.finding(&message);
        Ok(self.shared.event(Level::Warning, "volume-abandoned", message)?)
    }

    /// Labels the next blank medium; none if it ends before the label does, and so is given up.
    fn begin(&self, segment: &SegmentFile) -> Result<Option<Current>> {
        let volumes = self.shared.lock().volumes()?;
        let sequence = volumes.iter().map(|row| row.volume.sequence).max().unwrap_or(0) + 1;
        let used: Vec<String> = volumes.into_iter().map(|row| row.volume.medium).collect();
        let medium = self.media.blank(sequence, &used, segment)?;
        let volume = NewVolume { uuid: Uuid::now_v7(), sequence, copy: COPY, medium: medium.to_string() };
        let id = self.shared.lock().begin_volume(&volume)?;
        let created_at =
            self.shared.lock().volume(volume.uuid)?.map(|row| row.created_at).unwrap_or_default();
        self.monitor.note(&format!("volume {sequence} is written to {medium}"));
        let label = self.label(&volume, created_at);
        match VolumeWriter::create(medium.as_ref(), &self.settings, label) {
            Err(volume::Error::Medium(medium::Error::Full { .. }))
                if !self.was_last_given_up(sequence)? =>
            {
                self.abandon(id, medium.as_ref(), "it has no room for its label").map(|()| None)
            }
            created => self.labelled(id, medium, created?).map(Some),
        }
    }

    /// Whether the volume before this one was given up with nothing on it. Two in a row are no accident of a cartridge.
    fn was_last_given_up(&self, sequence: u32) -> Result<bool> {
        let volumes = self.shared.lock().volumes()?;
        let before = volumes.iter().filter(|row| row.volume.copy == COPY && row.volume.sequence < sequence);
        let before = before.max_by_key(|row| row.volume.sequence);
        Ok(before.is_some_and(|row| row.state == VolumeState::Abandoned && row.files.len() <= 1))
    }

    fn labelled(&self, id: VolumeId, medium: Box<dyn Medium>, writer: VolumeWriter) -> Result<Current> {
        let files = vec![LABEL.to_owned()];
        self.shared.lock().label_committed(id, &files, writer.used_bytes())?;
        Ok(Current { id, medium, writer, files, frames: 0, empty: true })
    }

    fn label(&self, volume: &NewVolume, created_at: jiff::Timestamp) -> Label {
        Label {
            format: manifest::FORMAT,
            transfer: self.ids.transfer,
            volume_set: self.ids.volume_set,
            volume: volume.uuid,
            copy: volume.copy,
            sequence: volume.sequence,
            record_bytes: self.settings.record_bytes as u32,
            codecs: vec![Codec::Zstd],
            encryption: None,
            creator: concat!("p2t ", env!("CARGO_PKG_VERSION")).to_owned(),
            created_at,
        }
    }

    /// Writes and commits a segment, if it fits. A tape ends where it likes: then the segment is taken back.
    fn write(&self, volume: &mut Current, segment: &SegmentRow, file: &SegmentFile) -> Result<Fit> {
        if !volume.writer.fits(file, volume.frames) {
            return Ok(Fit::VolumeFull);
        }
        let path = self.spool.path(&segment.segment.file);
        let mut sealed = File::open(&path).map_err(Error::file("open", &path))?;
        let file_number = match volume.writer.append_segment(file, &mut sealed) {
            Err(volume::Error::Medium(medium::Error::Full { .. } | medium::Error::NoSpace { .. })) => {
                return Ok(Fit::VolumeFull);
            }
            Err(volume::Error::Medium(error @ medium::Error::FileTooLarge { .. })) => {
                return Ok(Fit::FileFull(error));
            }
            Err(volume::Error::SegmentChanged { .. }) => return Err(self.give_back(segment)?),
            appended => appended?,
        };
        volume.writer.commit()?;
        volume.files.push(segment.segment.file.clone());
        volume.frames += u64::from(file.frames);
        volume.empty = false;
        self.shared.lock().segments_written(
            volume.id,
            &Commit {
                segments: &[(segment.id, u64::from(file_number))],
                files: &volume.files,
                bytes: volume.writer.used_bytes(),
            },
        )?;
        self.objects.fetch_add(segment.segment.objects, Ordering::Relaxed);
        self.bytes.fetch_add(file.bytes, Ordering::Relaxed);
        self.monitor.count(Counter::Done, segment.segment.objects);
        self.spool.delete(&segment.segment.file)?;
        Ok(Fit::Written)
    }

    /// A sealed segment that changed in the spool: its objects are fetched again.
    fn give_back(&self, segment: &SegmentRow) -> Result<Error> {
        let lost = self.shared.lock().release_segment(segment.id)?;
        let name = &segment.segment.file;
        self.spool.delete(name)?;
        let message = format!("{name} changed in the spool; its {lost} objects are fetched again");
        self.shared.event(Level::Error, "spool-damaged", message)?;
        Ok(Error::SpoolDamaged)
    }

    /// Whether a segment that does not fit on an empty volume would fit on none. A disk may only be full of other things, and
    /// one cartridge may be worn, or its drive: only the second in a row tells.
    fn is_too_large(&self, volume: &Current, segment: &SegmentFile) -> Result<bool> {
        let by_capacity =
            self.settings.capacity_bytes.is_some_and(|bytes| volume::bytes_alone(segment) > bytes);
        let has_no_figures = volume.medium.free_bytes().is_none();
        Ok(by_capacity || has_no_figures && self.was_last_given_up(volume.sequence())?)
    }

    /// A segment that fits on no volume holds an object that is too large for any: its objects fail, and the others
    /// go on.
    fn give_up(&self, segment: &SegmentRow) -> Result<()> {
        let mut catalogue = self.shared.lock();
        let mut instances = Vec::new();
        catalogue.each_object_of_segment(segment.id, |packed| {
            instances.push(packed.object.id);
            Ok::<_, Error>(())
        })?;
        catalogue.release_segment(segment.id)?;
        let reason = format!("a segment of {} bytes does not fit on an empty volume", segment.segment.bytes);
        instances.iter().try_for_each(|id| catalogue.fail_instance(*id, &reason))?;
        drop(catalogue);
        self.spool.delete(&segment.segment.file)?;
        let message = format!("{} instances failed: {reason}; make volumes larger", instances.len());
        self.monitor.count(Counter::Failed, instances.len() as u64);
        self.monitor.finding(&message);
        Ok(self.shared.event(Level::Error, "too-large", message)?)
    }

    /// Writes index and trailer; none if the tape ends before they do, and the volume is given up.
    fn seal(&self, volume: Current, last: bool) -> Result<Option<VolumeRow>> {
        let Current { id, medium, writer, mut files, .. } = volume;
        let uuid = writer.label().volume;
        let (earlier, state) = {
            let catalogue = self.shared.lock();
            (earlier_volumes(&catalogue)?, transfer_state(&catalogue, last)?)
        };
        let reader = self.shared.lock().reader()?;
        let sealed = match writer.seal(&earlier, state, &mut |out| index::write(&reader, id, out)) {
            Err(volume::Error::Medium(medium::Error::Full { .. })) => {
                let why = "it has no room for index and trailer; `t2p` reads its segments without them";
                return self.abandon(id, medium.as_ref(), why).map(|()| None);
            }
            sealed => sealed?,
        };
        files.extend([sealed.trailer.index.name.clone(), manifest::TRAILER.to_owned()]);
        self.shared.lock().seal_volume(id, &sealed.trailer.index.blake3.0, &files, sealed.bytes, last)?;
        let row = self.shared.lock().volume(uuid)?.ok_or(Error::NoPlan)?;
        let (objects, segments) = (sealed.trailer.objects, sealed.trailer.segments.len());
        let message = format!(
            "volume {} on {} is complete: {objects} objects in {segments} segments",
            row.volume.sequence, row.volume.medium
        );
        self.monitor.note(&message);
        self.shared.event(Level::Info, "volume-sealed", message)?;
        Ok(Some(row))
    }
}

/// What the volume layer must know of a sealed segment.
fn segment_file(row: &SegmentRow) -> Result<SegmentFile> {
    let frames = index::frames(&row.segment)?;
    Ok(SegmentFile {
        number: row.segment.number as u32,
        bytes: row.segment.bytes,
        blake3: Digest(row.segment.blake3),
        objects: row.segment.objects as u32,
        frames: frames.len() as u32,
    })
}

fn earlier_volumes(catalogue: &Catalogue) -> Result<Vec<EarlierVolume>> {
    let sealed = |row: VolumeRow| {
        let index_blake3 = Digest(row.index_blake3?);
        Some(EarlierVolume { sequence: row.volume.sequence, volume: row.volume.uuid, index_blake3 })
    };
    Ok(catalogue.volumes()?.into_iter().filter_map(sealed).collect())
}

fn transfer_state(catalogue: &Catalogue, last: bool) -> Result<TransferState> {
    let tally = catalogue.balance(Stage::Export)?.instances;
    Ok(TransferState {
        listed: tally.listed,
        written: tally.done,
        excluded: tally.excluded,
        failed: tally.failed,
        pending: tally.pending,
        last,
    })
}
