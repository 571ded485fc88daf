//! `p2t label`: labels a medium as the next volume of a copy, before the export needs it.

use std::path::Path;

use catalogue::volumes::{NewVolume, VolumeRow};
use catalogue::{Catalogue, Level, VolumeState};
use job::Outcome;
use manifest::LABEL;
use medium::Address;
use medium::scsi::{CartridgeHealth, Health};
use serde_json::{Value, json};
use uuid::Uuid;
use volume::{Found, VolumeWriter};

use super::export::settle_copies;
use super::status::volume_name;
use crate::ahead;
use crate::chip;
use crate::cli::Label;
use crate::context::{Context, Ids};
use crate::error::{Error, Result};
use crate::export;
use crate::media;
use crate::media::barcode::agree;
use crate::media::library::Library;
use crate::readback::{holder, holds_segments};

pub fn run(context: &Context, arguments: &Label) -> Result<Outcome<Value>> {
    let (copy, copies) = (arguments.copy, context.config.media.copies);
    if copy > copies {
        return Err(Error::MediaUnclear {
            reason: format!("copy {copy} is named, but {copies} are written"),
        });
    }
    let medium = media::address(&arguments.medium, &context.job)?;
    let (_lock, mut catalogue) = context.writer()?;
    settle_copies(&mut catalogue, copies)?;
    let found = Found::on(&medium)?;
    let ours = known(&catalogue, &found)?;
    if let Some(row) = &ours {
        if row.volume.copy == copy && ahead::waits(&catalogue, row)? {
            return Ok(outcome(row, &medium, "is labelled already"));
        }
        // It may be all that there is of what the source has given, whole or given up.
        if (row.state != VolumeState::Abandoned && row.files.len() > 1) || holds_segments(&catalogue, row)? {
            return Err(Error::HoldsOurs { medium: medium.to_string(), volume: volume_name(row) });
        }
    }
    if !arguments.force && !found.is_worthless() {
        return Err(Error::NotOverwritten { medium: medium.to_string(), found });
    }
    let cartridge = cartridge(context, &medium)?;
    if cartridge.as_ref().and_then(CartridgeHealth::worm) == Some(true) {
        return Err(Error::Worm(medium.to_string()));
    }
    let by_chip = cartridge.as_ref().and_then(CartridgeHealth::barcode);
    let told = told_barcode(context, &medium, by_chip)?;
    let barcodes = [arguments.barcode.as_deref(), told.as_deref(), by_chip];
    require_not_holder(&catalogue, &medium, &found, &barcodes)?;
    let barcode = barcode(arguments, &medium, told)?;
    if let Some(row) = ours.filter(|row| row.state != VolumeState::Abandoned) {
        // Nothing but its label is on it, and not for long.
        catalogue.abandon_volume(row.id)?;
    }
    let row = label(context, &mut catalogue, &medium, copy, barcode, &found, cartridge.as_ref())?;
    Ok(outcome(&row, &medium, "is labelled"))
}

/// What the cartridge in a drive tells of itself; none of other media, and if nothing can be asked. What it complains of is told only
/// once, and so passed on.
fn cartridge(context: &Context, medium: &Address) -> Result<Option<CartridgeHealth>> {
    let Address::Tape(drive) = medium else { return Ok(None) };
    let health = Health::of_free(drive)?;
    for finding in health.findings() {
        context.monitor.finding(&format!("{}: {}", drive.display(), finding.text));
    }
    Ok(health.cartridge)
}

/// Refuses a medium whose label does not say that it is ours, but whose barcode does, or the place where it lies: a label may be
/// damaged, or all of it erased.
fn require_not_holder(
    catalogue: &Catalogue,
    medium: &Address,
    found: &Found,
    barcodes: &[Option<&str>],
) -> Result<()> {
    let has_barcode = |volume: &NewVolume| {
        let own = volume.barcode.as_deref();
        own.is_some_and(|own| barcodes.iter().flatten().any(|told| agree(own, told)))
    };
    let name = medium.to_string();
    let has_place = !matches!(medium, Address::Tape(_)) && !found.is_worthless();
    let lies_there = |volume: &NewVolume| has_place && volume.medium == name;
    match holder(catalogue, |volume| has_barcode(volume) || lies_there(volume))? {
        None => Ok(()),
        Some(row) => Err(Error::HoldsOurs { medium: name, volume: volume_name(&row) }),
    }
}

/// The cartridge's barcode as the library reads it, else as its chip tells.
fn told_barcode(context: &Context, medium: &Address, by_chip: Option<&str>) -> Result<Option<String>> {
    let Address::Tape(drive) = medium else { return Ok(None) };
    let in_library = match Library::open(&context.config.changer)? {
        Some(library) => match library.number_of(drive, &context.stop)? {
            Some(number) => library.cartridge_in(number, &context.stop)?.and_then(|inside| inside.barcode),
            None => None,
        },
        None => None,
    };
    Ok(in_library.or_else(|| by_chip.map(str::to_owned)))
}

/// The cartridge's barcode: as the operator says, else as it is told.
fn barcode(arguments: &Label, medium: &Address, told: Option<String>) -> Result<Option<String>> {
    match (&arguments.barcode, told) {
        (Some(given), Some(told)) if !arguments.force && !agree(given, &told) => {
            Err(Error::BarcodeDiffers { medium: medium.to_string(), given: given.clone(), told })
        }
        (Some(given), _) => Ok(Some(given.clone())),
        (None, told) => Ok(told),
    }
}

/// The volume of this job that was found.
fn known(catalogue: &Catalogue, found: &Found) -> Result<Option<VolumeRow>> {
    match found {
        Found::Volume(label) => Ok(catalogue.volume(label.volume)?),
        _ => Ok(None),
    }
}

fn label(
    context: &Context,
    catalogue: &mut Catalogue,
    medium: &Address,
    copy: u32,
    barcode: Option<String>,
    found: &Found,
    cartridge: Option<&CartridgeHealth>,
) -> Result<VolumeRow> {
    let ids = Ids::of(catalogue)?;
    let of_copy = catalogue.volumes()?.into_iter().filter(|row| row.volume.copy == copy);
    let sequence = of_copy.map(|row| row.volume.sequence).max().unwrap_or(0) + 1;
    let volume = NewVolume { uuid: Uuid::now_v7(), sequence, copy, medium: medium.to_string(), barcode };
    if let Some(told) = cartridge
        && let Some(why) = chip::write(Path::new(&volume.medium), &volume, told)?
    {
        context.monitor.note(&why);
    }
    let id = catalogue.begin_volume(&volume)?;
    ahead::note(catalogue, volume.uuid)?;
    let created_at = catalogue.volume(volume.uuid)?.ok_or(Error::NoPlan)?.created_at;
    let settings = export::settings(&context.config);
    let label = export::label_of(ids, &settings, &volume, created_at);
    let written = match found {
        Found::Blank => VolumeWriter::create(medium, &settings, label),
        _ => VolumeWriter::overwrite(medium, &settings, label),
    };
    let writer = match written {
        Ok(writer) => writer,
        Err(error) => {
            catalogue.abandon_volume(id)?;
            return Err(error.into());
        }
    };
    catalogue.label_committed(id, &[LABEL.to_owned()], writer.used_bytes())?;
    writer.close()?;
    let row = catalogue.volume(volume.uuid)?.ok_or(Error::NoPlan)?;
    let over = if *found == Found::Blank { String::new() } else { format!(", over {found}") };
    let message = format!("{} is labelled on {medium}{over}", volume_name(&row));
    let (at, detail) = (jiff::Timestamp::now(), None);
    let event =
        catalogue::events::Event { at, level: Level::Info, kind: "volume-labelled".into(), message, detail };
    catalogue.record_event(&event)?;
    Ok(row)
}

fn outcome(row: &VolumeRow, medium: &Address, is: &str) -> Outcome<Value> {
    let name = volume_name(row);
    let barcode =
        row.volume.barcode.as_ref().map_or_else(String::new, |barcode| format!(", barcode {barcode}"));
    let text = format!(
        "{medium} {is} as {name}, {}{barcode}: the export writes to it when its turn comes",
        row.volume.uuid
    );
    let document = json!({ "medium": medium.to_string(), "id": row.volume.uuid, "copy": row.volume.copy,
        "sequence": row.volume.sequence, "barcode": row.volume.barcode });
    Outcome::clean(document, text)
}
