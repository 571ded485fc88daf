//! The next cartridge for a drive: brought by a library's robot, or by an operator who is asked for it.

mod drive;
mod hand;
pub mod place;
mod robot;
mod waiting;

use std::path::Path;

use catalogue::volumes::{NewVolume, VolumeRow};
use medium::Medium;
use uuid::Uuid;
use volume::SegmentFile;

use self::drive::Drive;
use super::Write;
use crate::error::{Error, Result};

/// A medium on which the next volume is begun.
pub struct Loaded {
    pub medium: Box<dyn Medium>,
    /// The barcode of its cartridge, if one was told.
    pub barcode: Option<String>,
}

/// A blank medium for volume `sequence` of `copy`, on which `segment` finds room: in a drive, whatever cartridge is brought for it.
/// None when a stop was requested meanwhile.
pub fn next_medium(stage: &Write, copy: u32, sequence: u32, segment: &SegmentFile) -> Result<Option<Loaded>> {
    let used: Vec<String> = stage.shared.lock().volumes()?.into_iter().map(|row| row.volume.medium).collect();
    let blank = stage.media.blank(copy, sequence, &used, segment);
    if !stage.media.change.is_possible() {
        return blank.map(|medium| Some(Loaded { medium, barcode: None }));
    }
    let medium = match &blank {
        Ok(medium) if medium.is_drive() => stage.media.find(&medium.to_string())?,
        Err(error) if is_of_cartridge(error) => match stage.media.drive(copy)? {
            Some(medium) => medium,
            None => return blank.map(|_| None),
        },
        _ => return blank.map(|medium| Some(Loaded { medium, barcode: None })),
    };
    let volume = NewVolume { uuid: Uuid::nil(), sequence, copy, medium: medium.to_string(), barcode: None };
    let drive = Drive { stage, volume, medium };
    match drive.in_library()? {
        Some((library, number)) => robot::next(drive, library, number),
        None => match stage.media.change.patience {
            Some(patience) => hand::next(drive, patience),
            None => blank.map(|medium| Some(Loaded { medium, barcode: None })),
        },
    }
}

/// Whether another cartridge would help.
fn is_of_cartridge(error: &Error) -> bool {
    use medium::Error::{Drive, NoCartridge, NotBlank, NotReady};
    matches!(
        error,
        Error::MediaFull { .. }
            | Error::Medium(Drive { .. } | NoCartridge { .. } | NotReady { .. } | NotBlank { .. })
    )
}

/// Has the library put the cartridge of a volume that is open into its drive, if it has it. False when a stop was requested
/// meanwhile.
pub fn bring_back(stage: &Write, row: &VolumeRow) -> Result<bool> {
    let Some(barcode) = &row.volume.barcode else { return Ok(true) };
    let medium = stage.media.find(&row.volume.medium)?;
    let drive = Drive { stage, volume: row.volume.clone(), medium };
    match drive.in_library()? {
        Some((library, number)) => robot::bring_back(&drive, library, number, barcode),
        None => Ok(true),
    }
}

/// The barcode that the library reads from the cartridge in the drive of a volume that was begun on one with a barcode.
pub fn sticker(stage: &Write, row: &VolumeRow) -> Result<Option<String>> {
    let (Some(library), Some(_)) = (&stage.media.change.library, &row.volume.barcode) else {
        return Ok(None);
    };
    let Some(number) = library.number_of(Path::new(&row.volume.medium), &stage.stop)? else {
        return Ok(None);
    };
    Ok(library.cartridge_in(number, &stage.stop)?.and_then(|inside| inside.barcode))
}
