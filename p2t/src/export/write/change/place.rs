//! Where the cartridge of a volume in work is: in the drive that it was in last, or in another that is named for its copy now. A
//! drive may be dead, or have got another number at the machine's last start.

use catalogue::volumes::VolumeRow;
use catalogue::{Level, VolumeState};

use super::drive::Drive;
use crate::error::Result;
use crate::export::write::Write;
use crate::export::write::volume::give_up;
use crate::media::is_same;

/// Looks for a volume in work on the media that are named for its copy, and records where it is found. One that is found on none
/// is taken to be where it was last; none if it is given up.
pub fn find(stage: &Write, row: &VolumeRow) -> Result<Option<VolumeRow>> {
    let (volume, known) = (&row.volume, &row.volume.medium);
    let named = stage.media.named(volume.copy, volume.sequence);
    let (own, others): (Vec<_>, Vec<_>) = named.into_iter().partition(|name| is_same(name, known));
    if others.is_empty() || !own.is_empty() && holds(stage, known, row) {
        return Ok(Some(row.clone()));
    }
    for other in &others {
        if holds(stage, other, row) {
            return moved(stage, row, other).map(Some);
        }
    }
    if !own.is_empty() || !stage.media.find(known)?.is_drive() {
        return Ok(Some(row.clone()));
    }
    if let Some(other) = in_library(stage, row)? {
        return moved(stage, row, &other).map(Some);
    }
    if row.state == VolumeState::Labelling {
        let why = "its drive is not named any more, and its label was never committed";
        return give_up(stage, volume.uuid, why).map(|()| None);
    }
    let (name, others) = (stage.name_of(volume), others.join(", "));
    stage.monitor.finding(&format!(
        "the cartridge of {name} is not in {others}: put it there, and run the same command again; it is looked for in {known}"
    ));
    Ok(Some(row.clone()))
}

/// Whether the volume's label is on a medium. One that does not tell has none.
fn holds(stage: &Write, name: &str, row: &VolumeRow) -> bool {
    let label = stage.media.find(name).map(|medium| volume::label_on(medium.as_ref()));
    matches!(label, Ok(Ok(Some(label))) if label.volume == row.volume.uuid)
}

/// The first drive named for the copy, if it is in a library that has the volume's cartridge in a slot.
fn in_library(stage: &Write, row: &VolumeRow) -> Result<Option<String>> {
    let Some(barcode) = &row.volume.barcode else { return Ok(None) };
    let Some(medium) = stage.media.drive(row.volume.copy)? else { return Ok(None) };
    let mut volume = row.volume.clone();
    volume.medium = medium.to_string();
    let drive = Drive { stage, volume, medium };
    let Some((library, _)) = drive.in_library()? else { return Ok(None) };
    Ok(library.in_slot(barcode, &stage.stop)?.map(|_| drive.volume.medium))
}

fn moved(stage: &Write, row: &VolumeRow, to: &str) -> Result<VolumeRow> {
    let mut row = row.clone();
    let from = std::mem::replace(&mut row.volume.medium, stage.media.find(to)?.to_string());
    let (name, to) = (stage.name_of(&row.volume), &row.volume.medium);
    stage.shared.lock().volume_moved(row.id, to)?;
    let message = format!("{name} goes on in {to}; it was in {from} last");
    stage.monitor.note(&message);
    stage.shared.event(Level::Info, "volume-moved", message)?;
    Ok(row)
}
