//! Cartridges that an operator puts in.

use std::time::Duration;

use catalogue::Level;

use super::Loaded;
use super::drive::{Drive, Found};
use super::waiting::Waiting;
use crate::error::Result;

/// How often the drive is looked at: while it has nothing to show, and while it keeps a cartridge that is not wanted, whose tape
/// each look moves.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Gives out what is in the drive, asks for a blank cartridge, and waits until it is there. None when a stop was requested.
pub fn next(drive: Drive<'_>, patience: Duration) -> Result<Option<Loaded>> {
    let mut waiting = None;
    loop {
        let found = drive.look()?;
        if let Found::Blank = found {
            if waiting.is_some() {
                let message = format!("{} is written to {}", drive.name(), drive.node().display());
                drive.note("cartridge-loaded", message)?;
            }
            return Ok(Some(drive.loaded(None)));
        }
        let Some(is_out) = give_out(&drive, &found)? else { return Ok(None) };
        let waiting = match &mut waiting {
            Some(waiting) => waiting,
            none => {
                let asked = format!("insert the next blank cartridge into {}", drive.node().display());
                none.insert(Waiting::begin(&drive, &asked, patience)?)
            }
        };
        if !waiting.go_on(&drive, if is_out { LOOK_EVERY } else { LOOK_AGAIN })? {
            return Ok(None);
        }
    }
}

/// Ejects a cartridge that is not wanted. False if the drive does not give it out; none when a stop was requested.
fn give_out(drive: &Drive<'_>, found: &Found) -> Result<Option<bool>> {
    let node = drive.node().display();
    let what = match found {
        Found::Blank | Found::Empty | Found::NotReady => return Ok(Some(true)),
        Found::Ours(row) if !drive.read_back(row)? => return Ok(None),
        Found::Ours(row) => format!("holds {} of this job", drive.stage.name_of(&row.volume)),
        Found::WriteProtected => "is write-protected".to_owned(),
        Found::Unreadable => "cannot be read in this drive".to_owned(),
        Found::Other(what) => what.clone(),
    };
    let message = format!("the cartridge in {node} {what}; it is ejected, and nothing is written to it");
    if let Found::Ours(_) = found {
        drive.note("cartridge-ejected", message)?;
    } else {
        drive.finding(Level::Warning, "cartridge-refused", message)?;
    }
    match drive.medium.eject() {
        Ok(()) => Ok(Some(true)),
        Err(error) => {
            drive.finding(Level::Warning, "cartridge-kept", format!("{error}: take it out by hand"))?;
            Ok(Some(false))
        }
    }
}
