//! Cartridges that a library's robot brings.

use std::time::Duration;

use catalogue::Level;
use medium::changer::Cartridge;

use super::Loaded;
use super::drive::{Drive, Found};
use super::waiting::{Waiting, wanted};
use crate::error::Result;
use crate::media::barcode::agree;
use crate::media::library::{Library, name_of};

/// How long a drive may take to load a cartridge. The first load of an LTO-9 cartridge characterises its tape, which takes up to two
/// hours; one without a barcode may be such.
const LOADING: Duration = Duration::from_secs(15 * 60);
const FIRST_LOADING: Duration = Duration::from_secs(150 * 60);
const SLOW_FORMAT: &str = "LTO-9";
/// How long a drive may clean itself, until it lets its cleaning cartridge go.
const CLEANING: Duration = Duration::from_secs(5 * 60);
/// So many cartridges in a row that a drive cannot read are the drive's fault.
const MOST_UNREADABLE: u32 = 2;
/// How often the library is looked at for a cartridge that an operator puts in.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// What a drive got.
enum Served {
    /// A blank cartridge, and its barcode.
    Blank(Option<String>),
    /// The library has none left.
    NoneLeft,
    /// A stop was requested.
    Stopped,
}

/// Has the robot exchange what is in the drive for a blank cartridge; where it has none left, an operator is asked for more. None
/// when a stop was requested.
pub fn next(drive: Drive<'_>, library: &Library, number: usize) -> Result<Option<Loaded>> {
    let mut waiting = None;
    loop {
        match serve(&drive, library, number)? {
            Served::Blank(barcode) => return Ok(Some(drive.loaded(barcode))),
            Served::Stopped => return Ok(None),
            Served::NoneLeft => {}
        }
        let Some(patience) = drive.stage.media.change.patience else {
            return Err(wanted(&drive, "the library has no blank cartridge left"));
        };
        let waiting = match &mut waiting {
            Some(waiting) => waiting,
            none => {
                let asked = "the library has no blank cartridge left: put some in";
                none.insert(Waiting::begin(&drive, asked, patience)?)
            }
        };
        if !waiting.go_on(&drive, LOOK_EVERY)? {
            return Ok(None);
        }
    }
}

fn serve(drive: &Drive<'_>, library: &Library, number: usize) -> Result<Served> {
    let (stop, change) = (&drive.stage.stop, &drive.stage.media.change);
    let (mut is_new, mut unreadable) = (false, 0);
    while !stop.requested() {
        if let Some(cartridge) = library.cartridge_in(number, stop)? {
            let Some(found) = look(drive, &cartridge, is_new)? else { return Ok(Served::Stopped) };
            let found = match (found, library.bars(&cartridge)) {
                (Found::Blank | Found::Empty | Found::NotReady, Some(why)) => Found::Other(why.to_owned()),
                (found, _) => found,
            };
            match found {
                Found::Blank => return Ok(Served::Blank(cartridge.barcode)),
                Found::Unreadable => unreadable += 1,
                _ => unreadable = 0,
            }
            if unreadable == MOST_UNREADABLE {
                let why = format!(
                    "it cannot read {MOST_UNREADABLE} cartridges in a row, and needs to be cleaned or repaired"
                );
                return Err(wanted(drive, why));
            }
            if !may_leave(drive, &cartridge, &found)? {
                return Ok(Served::Stopped);
            }
            put_away(drive, library, number)?;
        }
        let mut passed_over = change.away();
        let volumes = drive.stage.shared.lock().volumes()?;
        // The label of one without files never got onto its cartridge.
        let written = volumes.into_iter().filter(|row| !row.files.is_empty());
        passed_over.extend(written.filter_map(|row| row.volume.barcode));
        let Some(cartridge) = library.load_next(number, &passed_over, stop)? else {
            return Ok(Served::NoneLeft);
        };
        let message = format!("{} is loaded into {}", name_of(&cartridge), drive.node().display());
        drive.note("cartridge-loaded", message)?;
        is_new = true;
    }
    Ok(Served::Stopped)
}

/// Looks at a cartridge that the library says is in the drive. One that was ejected before waits in its mouth.
fn look(drive: &Drive<'_>, cartridge: &Cartridge, is_new: bool) -> Result<Option<Found>> {
    match drive.look()? {
        Found::NotReady => {}
        Found::Empty if is_new => {}
        found => return Ok(Some(found)),
    }
    let is_fast = cartridge.format.is_some_and(|format| format.name != SLOW_FORMAT);
    let (purpose, patience) = match (cartridge.cleaning, is_fast) {
        (true, _) => ("let go, for it cleans the drive,", CLEANING),
        (false, true) => ("become ready", LOADING),
        (false, false) => ("become ready", FIRST_LOADING),
    };
    let (name, node, minutes) = (name_of(cartridge), drive.node().display(), patience.as_secs() / 60);
    let message = format!("waits for {name} to {purpose} in {node}, {minutes} minutes at most");
    drive.note("cartridge-awaited", message)?;
    drive.look_when_ready(patience)
}

/// Says why a cartridge leaves the drive. False when a stop was requested.
fn may_leave(drive: &Drive<'_>, cartridge: &Cartridge, found: &Found) -> Result<bool> {
    let name = name_of(cartridge);
    let what = match found {
        Found::Ours(row) => {
            let (volume, label) = (drive.stage.name_of(&row.volume), row.volume.barcode.as_deref());
            if let (Some(label), Some(barcode)) = (label, cartridge.barcode.as_deref())
                && !agree(label, barcode)
            {
                let message =
                    format!("{volume} was written to {label}, and lies on {barcode}: see to their barcodes");
                drive.finding(Level::Error, "barcode-differs", message)?;
            }
            return drive.read_back(row);
        }
        Found::Blank | Found::Empty => return Ok(true),
        Found::NotReady => "does not become ready in this drive",
        Found::WriteProtected => "is write-protected",
        Found::Unreadable => "cannot be read in this drive",
        Found::Other(what) => what,
    };
    let message = format!("{name} {what}: it is set aside, and nothing is written to it");
    drive.finding(Level::Warning, "cartridge-set-aside", message)?;
    Ok(true)
}

fn put_away(drive: &Drive<'_>, library: &Library, number: usize) -> Result<()> {
    let eject = || Ok(drive.medium.eject()?);
    let (cartridge, slot) = library.unload(number, eject, &drive.stage.stop)?;
    let name = name_of(&cartridge);
    drive.note("cartridge-unloaded", format!("{name} is in slot {}", slot.number))?;
    drive.stage.media.change.put_away(name);
    Ok(())
}

/// Puts the cartridge of the drive's volume into the drive, if it lies in a slot. False when a stop was requested.
pub fn bring_back(drive: &Drive<'_>, library: &Library, number: usize, barcode: &str) -> Result<bool> {
    let stop = &drive.stage.stop;
    let inside = library.cartridge_in(number, stop)?;
    let read = inside.as_ref().and_then(|inside| inside.barcode.as_deref());
    if !read.is_some_and(|read| agree(read, barcode)) {
        let Some(known) = library.in_slot(barcode, stop)? else {
            return inside
                .map_or(Ok(()), |inside| refuse_other_barcode(drive, &inside, barcode))
                .map(|()| true);
        };
        if let Some(inside) = inside {
            let Some(found) = look(drive, &inside, false)? else { return Ok(false) };
            if !may_leave(drive, &inside, &found)? {
                return Ok(false);
            }
            put_away(drive, library, number)?;
        }
        let cartridge = library.load(number, &known, stop)?;
        let node = drive.node().display();
        drive.note("cartridge-loaded", format!("{} is loaded into {node} again", name_of(&cartridge)))?;
    }
    let cartridge = library.cartridge_in(number, stop)?;
    cartridge.map_or(Ok(true), |cartridge| Ok(look(drive, &cartridge, true)?.is_some()))
}

/// Refuses a cartridge that says it is the volume's, and is not by its barcode.
fn refuse_other_barcode(drive: &Drive<'_>, inside: &Cartridge, label: &str) -> Result<()> {
    let Some(barcode) = inside.barcode.as_deref().filter(|barcode| !agree(barcode, label)) else {
        return Ok(());
    };
    match drive.look()? {
        Found::Ours(row) if row.volume.uuid == drive.volume.uuid => {
            drive.stage.require_barcode(&row, Some(barcode))
        }
        _ => Ok(()),
    }
}
