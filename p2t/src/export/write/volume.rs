//! The volume that a leg writes to: begun on a blank medium or gone on with, committed, sealed or given up.

use std::time::Instant;

use catalogue::balance::Stage;
use catalogue::delta::changes::Untold;
use catalogue::segments::SegmentRow;
use catalogue::volumes::{NewVolume, VolumeRow};
use catalogue::write::Commit;
use catalogue::{Catalogue, Level, PlanPosition, SegmentId, VolumeId, VolumeState};
use job::Counter;
use manifest::{Codec, Digest, EarlierVolume, LABEL, Label, TransferState};
use medium::{Medium, Settings};
use uuid::Uuid;
use volume::{SegmentFile, VolumeWriter};

use super::Write;
use super::change::{self, Loaded};
use super::commit::Uncommitted;
use super::feed::Feed;
use super::handout::Why;
use super::records;
use super::resume;
use crate::context::Ids;
use crate::error::{Error, Result};
use crate::export::index;

/// A volume that is being written.
pub struct Current {
    pub id: VolumeId,
    pub medium: Box<dyn Medium>,
    pub writer: VolumeWriter,
    /// Names of the committed files.
    pub files: Vec<String>,
    pub frames: u64,
    /// Whether no segment is on it, committed or not.
    pub empty: bool,
    appended: Vec<Appended>,
    uncommitted: Uncommitted,
    /// Whether it is on record how much the cartridge held.
    told_end: bool,
}

/// A segment that is on the volume and not committed yet.
struct Appended {
    row: SegmentRow,
    file_number: u32,
}

/// What came of appending a segment.
pub enum Fit {
    Appended,
    /// It does not fit behind what is on the volume.
    VolumeFull,
    /// The file system does not let a file grow so far, which it had not said before.
    FileFull(medium::Error),
    /// It is not what was sealed.
    Changed,
    /// The way to the drive does not take the volume's records, which holds nothing but its label: they may be as long as this.
    RecordsRefused(usize),
}

impl Current {
    pub fn new(
        stage: &Write,
        id: VolumeId,
        medium: Box<dyn Medium>,
        mut writer: VolumeWriter,
        files: Vec<String>,
    ) -> Result<Self> {
        let untold = untold_changes(stage, &stage.shared.lock(), writer.label().copy)?;
        writer.reserve_changes(untold.count);
        let (appended, uncommitted) = (Vec::new(), Uncommitted::default());
        Ok(Self { id, medium, writer, files, frames: 0, empty: true, appended, uncommitted, told_end: false })
    }

    /// Appends a segment, if it fits; commits before or behind it when that is due. A tape ends where it likes: then the
    /// segment is taken back.
    pub fn append(&mut self, stage: &Write, row: &SegmentRow, feed: &mut Feed) -> Result<Fit> {
        let file = segment_file(row)?;
        if !self.writer.fits(&file, self.frames) {
            return Ok(Fit::VolumeFull);
        }
        let interval = stage.pacing.commit;
        let begun = Instant::now();
        if self.uncommitted.is_due(interval, file.bytes, begun) {
            self.commit(stage)?;
        }
        let file_number = match self.writer.append_segment(&file, feed) {
            Err(volume::Error::Medium(medium::Error::Full { .. } | medium::Error::NoSpace { .. })) => {
                self.note_early_warning(stage)?;
                return Ok(Fit::VolumeFull);
            }
            Err(volume::Error::Medium(error @ medium::Error::FileTooLarge { .. })) => {
                return Ok(Fit::FileFull(error));
            }
            Err(volume::Error::SegmentChanged { .. }) => return Ok(Fit::Changed),
            Err(volume::Error::Medium(error @ medium::Error::RecordTooLarge { .. })) if self.empty => {
                let smaller = records::smaller(self.writer.record_bytes());
                return smaller.map(Fit::RecordsRefused).ok_or_else(|| error.into());
            }
            Err(volume::Error::Medium(medium::Error::RecordTooLarge { .. })) => {
                let Label { copy, sequence, .. } = *self.writer.label();
                return Err(records::refused(stage.name(copy, sequence), &self.medium));
            }
            appended => appended?,
        };
        self.frames += u64::from(file.frames);
        self.empty = false;
        self.appended.push(Appended { row: row.clone(), file_number });
        self.uncommitted.add(file.bytes, begun);
        if self.uncommitted.is_due(interval, 0, Instant::now()) {
            self.commit(stage)?;
        }
        Ok(Fit::Appended)
    }

    /// Makes durable what was appended, on the medium and then in the catalogue; what every copy has then leaves the
    /// spool.
    pub fn commit(&mut self, stage: &Write) -> Result<()> {
        if self.appended.is_empty() {
            return Ok(());
        }
        self.writer.commit()?;
        self.files.extend(self.appended.iter().map(|appended| appended.row.segment.file.clone()));
        let segments: Vec<(SegmentId, u64)> =
            self.appended.iter().map(|appended| (appended.row.id, u64::from(appended.file_number))).collect();
        let commit = Commit { segments: &segments, files: &self.files, bytes: self.writer.used_bytes() };
        let written = stage.shared.lock().segments_written(self.id, &commit, stage.media.copies())?;
        if let Some(health) = self.writer.health() {
            let Label { copy, sequence, .. } = *self.writer.label();
            stage.tell_health(&stage.name(copy, sequence), &health)?;
        }
        self.uncommitted = Uncommitted::default();
        for Appended { row, .. } in self.appended.drain(..) {
            if written.contains(&row.id) {
                stage.count_written(&row.segment);
                stage.spool.delete(&row.segment.file)?;
            }
        }
        Ok(())
    }

    /// Records how much the cartridge held, once it has told that its end is near.
    fn note_early_warning(&mut self, stage: &Write) -> Result<()> {
        let Some(met) = self.writer.early_warning().filter(|_| !self.told_end) else { return Ok(()) };
        self.told_end = true;
        let Label { copy, sequence, .. } = *self.writer.label();
        stage.cartridge_held(self.id, &stage.name(copy, sequence), met)
    }

    /// The changes that its index tells: those that no earlier one does, as far as there is room beside the objects.
    pub fn untold(&self, stage: &Write) -> Result<Untold> {
        let (copy, catalogue) = (self.writer.label().copy, stage.shared.lock());
        let wanted = untold_changes(stage, &catalogue, copy)?;
        match self.writer.room_for_changes(self.frames).filter(|room| *room < wanted.count) {
            Some(room) => Ok(catalogue.untold_changes(copy, room)?),
            None => Ok(wanted),
        }
    }

    /// Writes index and trailer, behind a last commit; none if the tape ends before they do, and the volume is given up.
    pub fn seal(mut self, stage: &Write, last: bool) -> Result<Option<VolumeRow>> {
        self.commit(stage)?;
        self.note_early_warning(stage)?;
        let untold = self.untold(stage)?;
        let Self { id, writer, mut files, .. } = self;
        let Label { volume: uuid, copy, .. } = *writer.label();
        let (earlier, state) = {
            let catalogue = stage.shared.lock();
            (earlier_volumes(&catalogue, copy)?, transfer_state(&catalogue, copy, last)?)
        };
        let reader = stage.shared.lock().reader()?;
        let sealed = match writer.seal(&earlier, state, &mut |out| index::write(&reader, id, untold, out)) {
            Err(volume::Error::Medium(medium::Error::Full { .. })) => {
                let why = "it has no room for index and trailer; `t2p` reads its segments without them";
                return give_up(stage, uuid, why).map(|()| None);
            }
            sealed => sealed?,
        };
        files.extend([sealed.trailer.index.name.clone(), manifest::TRAILER.to_owned()]);
        let blake3 = &sealed.trailer.index.blake3.0;
        stage.shared.lock().seal_volume(id, blake3, &files, sealed.bytes, last, untold)?;
        let row = stage.shared.lock().volume(uuid)?.ok_or(Error::NoPlan)?;
        let (objects, segments) = (sealed.trailer.objects, sealed.trailer.segments.len());
        let message = format!(
            "{} on {} is complete: {objects} objects in {segments} segments",
            stage.name_of(&row.volume),
            row.volume.medium
        );
        stage.monitor.note(&message);
        stage.shared.event(Level::Info, "volume-sealed", message)?;
        Ok(Some(row))
    }

    /// Why a segment that does not fit on this empty volume would fit on none; none if it might on another: a disk may only
    /// be full of other things, and one cartridge may be worn, or its drive: only the second in a row tells.
    pub fn refuses(&self, stage: &Write, row: &SegmentRow) -> Result<Option<Why>> {
        let file = segment_file(row)?;
        let by_capacity = stage.settings.capacity_bytes.is_some_and(|most| volume::bytes_alone(&file) > most);
        let has_no_figures = self.medium.free_bytes().is_none();
        let Label { copy, sequence, .. } = *self.writer.label();
        let refuses = by_capacity || has_no_figures && was_last_given_up(stage, copy, sequence)?;
        Ok(refuses.then_some(Why::TooLarge))
    }

    /// Gives the volume up: the next one takes its place.
    pub fn give_up(self, stage: &Write, why: &str) -> Result<()> {
        give_up(stage, self.writer.label().volume, why)
    }
}

/// Takes up the next volume of `copy` that was labelled ahead, or labels the next blank medium, on which this segment finds room;
/// none if it ends before the label does, and so is given up, or if a stop was requested while a cartridge was waited for.
pub fn begin(stage: &Write, copy: u32, segment: &SegmentRow) -> Result<Option<Current>> {
    begin_for(stage, copy, &segment_file(segment)?)
}

/// Labels the next blank medium of `copy` for a volume that holds no segment and tells only what the source has changed.
pub fn begin_without_segments(stage: &Write, copy: u32) -> Result<Option<Current>> {
    let nothing = SegmentFile { number: 0, bytes: 0, blake3: Digest::of(&[]), objects: 0, frames: 0 };
    begin_for(stage, copy, &nothing)
}

fn begin_for(stage: &Write, copy: u32, first: &SegmentFile) -> Result<Option<Current>> {
    let in_work = stage.shared.lock().volume_in_work(copy)?;
    if let Some(labelled) = in_work {
        return resume::take_up(stage, &labelled);
    }
    let volumes = stage.shared.lock().volumes()?;
    let of_copy = volumes.iter().filter(|row| row.volume.copy == copy);
    let sequence = of_copy.map(|row| row.volume.sequence).max().unwrap_or(0) + 1;
    let next = change::next_medium(stage, copy, sequence, first)?;
    let Some(Loaded { medium, barcode }) = next else { return Ok(None) };
    let health = stage.health_at_load(&stage.name(copy, sequence), medium.as_ref())?;
    if health.as_ref().and_then(|health| health.cartridge.as_ref()?.worm()) == Some(true) {
        return Err(Error::Worm(medium.to_string()));
    }
    let cartridge = health.and_then(|health| health.cartridge);
    let by_chip = cartridge.as_ref().and_then(|told| told.barcode()).map(str::to_owned);
    stage.compare_barcodes(medium.as_ref(), barcode.as_deref(), by_chip.as_deref())?;
    for told in [&barcode, &by_chip] {
        stage.require_not_erased(medium.as_ref(), told.as_deref())?;
    }
    let barcode = barcode.or(by_chip);
    let volume = NewVolume { uuid: Uuid::now_v7(), sequence, copy, medium: medium.to_string(), barcode };
    stage.write_chip(&volume, cartridge.as_ref())?;
    let id = stage.shared.lock().begin_volume(&volume)?;
    let created_at = stage.shared.lock().volume(volume.uuid)?.map(|row| row.created_at).unwrap_or_default();
    stage.monitor.note(&format!("{} is written to {medium}", stage.name_of(&volume)));
    let label = label(stage, &volume, created_at);
    match VolumeWriter::create(medium.as_ref(), &stage.settings, label) {
        Err(volume::Error::Medium(medium::Error::Full { .. }))
            if !was_last_given_up(stage, copy, sequence)? =>
        {
            give_up(stage, volume.uuid, "it has no room for its label").map(|()| None)
        }
        created => labelled(stage, id, medium, created?).map(Some),
    }
}

/// Whether the volume before this one of its copy was given up with nothing on it. Two in a row are no accident of a
/// cartridge.
fn was_last_given_up(stage: &Write, copy: u32, sequence: u32) -> Result<bool> {
    let volumes = stage.shared.lock().volumes()?;
    let before = volumes.iter().filter(|row| row.volume.copy == copy && row.volume.sequence < sequence);
    let before = before.max_by_key(|row| row.volume.sequence);
    Ok(before.is_some_and(|row| row.state == VolumeState::Abandoned && row.files.len() <= 1))
}

/// Gives up a volume: the next one takes its place. What was committed on it stays written, because a segment can be read
/// without index and trailer.
pub fn give_up(stage: &Write, volume: Uuid, why: &str) -> Result<()> {
    let row = stage.shared.lock().volume(volume)?.ok_or(Error::NoPlan)?;
    stage.shared.lock().abandon_volume(row.id)?;
    let mut segments = 0;
    stage.shared.lock().each_segment_of_volume(row.id, |_, _| {
        segments += 1;
        Ok::<_, Error>(())
    })?;
    let (name, medium) = (stage.name_of(&row.volume), &row.volume.medium);
    let message = format!("{name} on {medium} is given up, with {segments} segments on it: {why}");
    stage.monitor.finding(&message);
    Ok(stage.shared.event(Level::Warning, "volume-abandoned", message)?)
}

/// Notes that the label is committed.
pub fn labelled(
    stage: &Write,
    id: VolumeId,
    medium: Box<dyn Medium>,
    writer: VolumeWriter,
) -> Result<Current> {
    let files = vec![LABEL.to_owned()];
    stage.shared.lock().label_committed(id, &files, writer.used_bytes())?;
    Current::new(stage, id, medium, writer, files)
}

pub fn label(stage: &Write, volume: &NewVolume, created_at: jiff::Timestamp) -> Label {
    label_of(stage.ids, &stage.settings, volume, created_at)
}

/// The label of a volume of a job with these ids.
pub fn label_of(ids: Ids, settings: &Settings, volume: &NewVolume, created_at: jiff::Timestamp) -> Label {
    Label {
        format: manifest::FORMAT,
        transfer: ids.transfer,
        volume_set: ids.volume_set,
        volume: volume.uuid,
        copy: volume.copy,
        sequence: volume.sequence,
        record_bytes: settings.record_bytes as u32,
        codecs: vec![Codec::Zstd],
        encryption: None,
        barcode: volume.barcode.clone(),
        creator: concat!("p2t ", env!("CARGO_PKG_VERSION")).to_owned(),
        created_at,
    }
}

/// What the volume layer must know of a sealed segment.
pub fn segment_file(row: &SegmentRow) -> Result<SegmentFile> {
    let frames = index::frames(&row.segment)?;
    Ok(SegmentFile {
        number: row.segment.number as u32,
        bytes: row.segment.bytes,
        blake3: Digest(row.segment.blake3),
        objects: row.segment.objects as u32,
        frames: frames.len() as u32,
    })
}

/// The chain of a copy's volumes so far.
fn earlier_volumes(catalogue: &Catalogue, copy: u32) -> Result<Vec<EarlierVolume>> {
    let sealed = |row: VolumeRow| {
        let index_blake3 = Digest(row.index_blake3?);
        Some(EarlierVolume { sequence: row.volume.sequence, volume: row.volume.uuid, index_blake3 })
    };
    let volumes = catalogue.volumes()?.into_iter().filter(|row| row.volume.copy == copy);
    Ok(volumes.filter_map(sealed).collect())
}

/// The changes that the next volume of `copy` tells: as many as take a small part of its room.
pub fn untold_changes(stage: &Write, catalogue: &Catalogue, copy: u32) -> Result<Untold> {
    const MOST: u64 = 100_000;
    const PART: u64 = 10;
    let room = stage.settings.capacity_bytes.map_or(MOST, |bytes| bytes / PART / volume::CHANGE_BYTES);
    Ok(catalogue.untold_changes(copy, room.clamp(1, MOST))?)
}

/// Whether `copy` has all that the transfer will ever have.
pub fn is_complete(catalogue: &Catalogue, copy: u32) -> Result<bool> {
    let pending = transfer_state(catalogue, copy, true)?.pending;
    Ok(pending == 0 && catalogue.studies_not_enumerated(PlanPosition::default(), 1)?.is_empty())
}

/// The balance of the transfer as this copy has it: what waits only for other copies is written on this one.
fn transfer_state(catalogue: &Catalogue, copy: u32, last: bool) -> Result<TransferState> {
    let tally = catalogue.balance(Stage::Export)?.instances;
    let ahead = catalogue.instances_ahead(copy)?;
    Ok(TransferState {
        listed: tally.listed,
        written: tally.done + ahead,
        excluded: tally.excluded,
        failed: tally.failed,
        pending: tally.pending.saturating_sub(ahead),
        last,
    })
}

impl Write {
    /// A volume for people.
    pub fn name_of(&self, volume: &NewVolume) -> String {
        self.name(volume.copy, volume.sequence)
    }

    /// The volume of this number for people.
    pub fn name(&self, copy: u32, sequence: u32) -> String {
        match self.media.copies() {
            1 => format!("volume {sequence}"),
            _ => format!("volume {sequence} of copy {copy}"),
        }
    }

    fn count_written(&self, segment: &catalogue::segments::NewSegment) {
        use std::sync::atomic::Ordering::Relaxed;
        self.objects.fetch_add(segment.objects, Relaxed);
        self.bytes.fetch_add(segment.bytes, Relaxed);
        self.monitor.count(Counter::Done, segment.objects);
    }
}
