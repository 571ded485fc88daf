//! Going on with the volume that an earlier run left open, or giving it up.

use catalogue::volumes::VolumeRow;
use catalogue::{Level, SegmentId, VolumeState};
use job::Counter;
use manifest::{Label, SegmentEntry};
use medium::Medium;
use medium::scsi::CartridgeHealth;
use volume::VolumeWriter;

use super::super::lost::Lost;
use super::Write;
use super::change;
use super::records::{label_again, refused};
use super::volume::{Current, give_up, label, labelled, segment_file};
use crate::ahead;
use crate::error::{Error, Result};
use crate::media::barcode::agree;

/// Opens the volume of `copy` that is in work, if there is one that can be gone on with. One that cannot is given up.
pub fn resume(stage: &Write, copy: u32) -> Result<Option<Current>> {
    let Some(row) = stage.shared.lock().volume_in_work(copy)? else { return Ok(None) };
    if ahead::waits(&stage.shared.lock(), &row)? {
        // Its turn comes when there is something to write.
        return Ok(None);
    }
    take_up(stage, &row)
}

/// Opens a volume of which at least the label was begun. One that cannot be gone on with is given up.
pub fn take_up(stage: &Write, row: &VolumeRow) -> Result<Option<Current>> {
    let Some(row) = &change::place::find(stage, row)? else { return Ok(None) };
    if !change::bring_back(stage, row)? {
        return Ok(None);
    }
    go_on(stage, row).map_err(|error| {
        let of_medium = match &error {
            Error::Medium(error) | Error::Volume(volume::Error::Medium(error)) => Some(error),
            _ => None,
        };
        if let Some(medium::Error::RecordTooLarge { .. }) = of_medium {
            return refused(stage.name_of(&row.volume), &row.volume.medium);
        }
        if matches!(error, Error::Erased { .. }) {
            // It says all there is to do.
            return error;
        }
        if of_medium.is_some_and(medium::Error::concerns_drive) || !error.is_of_medium() {
            return error;
        }
        let (volume, which) = (stage.name_of(&row.volume), row.volume.which());
        Error::VolumeInWork { volume, which, source: Box::new(error) }
    })
}

fn go_on(stage: &Write, row: &VolumeRow) -> Result<Option<Current>> {
    let medium = stage.media.find(&row.volume.medium)?;
    let health = stage.health_at_load(&stage.name_of(&row.volume), medium.as_ref())?;
    let cartridge = health.and_then(|health| health.cartridge);
    let by_chip = cartridge.as_ref().and_then(|told| told.barcode()).map(str::to_owned);
    let barcode = change::sticker(stage, row)?.or(by_chip);
    if row.state == VolumeState::Labelling {
        return go_on_labelling(stage, row, medium, cartridge.as_ref(), barcode.as_deref());
    }
    let label = label(stage, &row.volume, row.created_at);
    if medium.is_drive() && medium.is_blank()? {
        stage.require_not_erased(medium.as_ref(), barcode.as_deref())?;
        let why = "a blank cartridge is in its drive; keep the volume's own";
        return give_up(stage, row.volume.uuid, why).map(|()| None);
    }
    let mut committed = Committed::default();
    stage.shared.lock().each_segment_of_volume(row.id, |file, segment| {
        committed.objects += segment.segment.objects;
        let of_segment = segment_file(&segment)?;
        committed.frames += u64::from(of_segment.frames);
        committed.segments.push((
            segment.id,
            SegmentEntry {
                number: of_segment.number,
                file: file as u32,
                name: segment.segment.file,
                bytes: of_segment.bytes,
                blake3: of_segment.blake3,
            },
        ));
        Ok::<_, Error>(())
    })?;
    if committed.segments.is_empty()
        && let Some(found) = volume::label_on(medium.as_ref())?
        && found.volume == label.volume
        && found.record_bytes > label.record_bytes
    {
        stage.require_barcode(row, barcode.as_deref())?;
        return label_again(stage, row.id, medium, label).map(Some);
    }
    let entries = committed.segments.iter().map(|(_, entry)| entry.clone()).collect();
    match VolumeWriter::resume(medium.as_ref(), &stage.settings, &label, entries, committed.objects) {
        Ok(writer) => {
            // It is the volume's by its label; nothing was written to it yet.
            stage.require_barcode(row, barcode.as_deref())?;
            let mut current = Current::new(stage, row.id, medium, writer, row.files.clone())?;
            (current.frames, current.empty) = (committed.frames, committed.segments.is_empty());
            Ok(Some(current))
        }
        Err(error) if is_lost(&error) => {
            give_up_lost(stage, row, medium.as_ref(), &label, &committed.segments, &error).map(|()| None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Labels a volume whose label was not committed, on the cartridge on which that was begun; if another blank one is in its place, the
/// volume is given up, for there is nothing of it.
fn go_on_labelling(
    stage: &Write,
    row: &VolumeRow,
    medium: Box<dyn Medium>,
    cartridge: Option<&CartridgeHealth>,
    barcode: Option<&str>,
) -> Result<Option<Current>> {
    let is_other = row.volume.barcode.as_deref().zip(barcode).is_some_and(|(own, told)| !agree(own, told));
    if is_other && !stage.media.change.any_barcode && medium.is_blank()? {
        let why = "its label was never committed, and another blank cartridge is in its drive";
        return give_up(stage, row.volume.uuid, why).map(|()| None);
    }
    stage.require_barcode(row, barcode)?;
    let row = stage.shared.lock().volume(row.volume.uuid)?.ok_or(Error::NoPlan)?;
    stage.write_chip(&row.volume, cartridge)?;
    let label = label(stage, &row.volume, row.created_at);
    match VolumeWriter::recreate(medium.as_ref(), &stage.settings, label) {
        Ok(writer) => labelled(stage, row.id, medium, writer).map(Some),
        Err(volume::Error::Medium(error)) if error.concerns_drive() => Err(error.into()),
        Err(error) => {
            let why = format!("it could not be labelled: {error}");
            give_up(stage, row.volume.uuid, &why).map(|()| None)
        }
    }
}

/// What the catalogue knows to be on a volume.
#[derive(Default)]
struct Committed {
    segments: Vec<(SegmentId, SegmentEntry)>,
    objects: u64,
    frames: u64,
}

/// Whether the volume is the right one and does not hold any more what was committed to it.
fn is_lost(error: &volume::Error) -> bool {
    use medium::Error::{Damaged, FilesMissing};
    use volume::Error::{Medium, SegmentLost};
    matches!(error, SegmentLost { .. } | Medium(Damaged { .. } | FilesMissing { .. }))
}

/// Gives up a volume that does not hold what was committed to it. What it still holds stays written; the rest is taken
/// from the spool, left to the other copies, or fetched again.
fn give_up_lost(
    stage: &Write,
    row: &VolumeRow,
    medium: &dyn Medium,
    label: &Label,
    committed: &[(SegmentId, SegmentEntry)],
    why: &volume::Error,
) -> Result<()> {
    stage.monitor.finding(&format!("{why}; the segments on it are read back"));
    // All of them, however little of a sound volume is read back: one that is gone has seldom gone alone.
    let entries: Vec<SegmentEntry> = committed.iter().map(|(_, entry)| entry.clone()).collect();
    let lost = volume::lost_segments(medium, label, &entries, &|| !stage.stop.requested())?;
    let Some(lost) = lost else { return Err(archive::Error::Stopped.into()) };
    let gone: Vec<_> = committed.iter().filter(|(_, entry)| lost.contains(&entry.number)).collect();
    let names: Vec<&str> = gone.iter().map(|(_, entry)| entry.name.as_str()).collect();
    let lost = Lost::record(&mut stage.shared.lock(), row.id, gone.iter().map(|(id, _)| *id))?;
    stage.monitor.uncount(Counter::Done, lost.fetched_again);
    stage.shared.lock().abandon_volume(row.id)?;
    let message = format!(
        "{} on {medium} is given up: {why}. Of its {} segments, {} cannot be read back ({}): {}. Keep the medium: the \
         other segments are on it",
        stage.name_of(&row.volume),
        committed.len(),
        names.len(),
        names.join(", "),
        lost.text(),
    );
    stage.monitor.finding(&message);
    Ok(stage.shared.event(Level::Error, "volume-abandoned", message)?)
}
