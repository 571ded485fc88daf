//! `p2t changer`: what is in a library, and moving it.

use job::config::ChangerConfig;
use job::{Common, JobError, Outcome, Program};
use medium::changer::{Cartridge, Changer, ChangerError, Drive, Inventory, Slot};
use serde_json::{Value, json};

use crate::cli::{self, ChangerCommand};
use crate::error::{Error, Result};

/// Where the installations of tape programs link the library.
const DEVICE: &str = "/dev/changer";

pub fn run(common: &Common, arguments: &cli::Changer) -> Result<Outcome<Value>> {
    let config = config(common)?;
    let device = arguments.device.clone().or(config.device).unwrap_or(DEVICE.into());
    let mut changer = Changer::open(&device, &config.drives).map_err(error)?;
    match &arguments.command {
        ChangerCommand::List { rescan } => {
            if *rescan {
                changer.rescan().map_err(error)?;
            }
            let inventory = changer.inventory().map_err(error)?;
            Ok(Outcome::clean(json!({ "device": device, "inventory": inventory }), list(&inventory)))
        }
        ChangerCommand::Load { cartridge, drive } => {
            let loaded = changer.load(cartridge, *drive).map_err(error)?;
            let text =
                format!("{} is in drive {drive}; the drive needs a while until it is ready", loaded.name());
            Ok(Outcome::clean(json!({ "cartridge": loaded, "drive": drive }), text))
        }
        ChangerCommand::Unload { drive, slot } => {
            let (unloaded, slot) = changer.unload(*drive, *slot).map_err(error)?;
            let text = format!("{} is in slot {}", unloaded.name(), slot.number);
            Ok(Outcome::clean(json!({ "cartridge": unloaded, "slot": slot.number }), text))
        }
    }
}

fn error(error: ChangerError) -> Error {
    Error::Medium(error.into())
}

/// What the job says of its library; nothing if there is no job here.
fn config(common: &Common) -> Result<ChangerConfig> {
    match common.open_job(Program::P2t) {
        Ok(job) => Ok(job.p2t_config()?.changer),
        Err(JobError::NotAJobDirectory { .. }) => Ok(ChangerConfig::default()),
        Err(error) => Err(error.into()),
    }
}

fn list(inventory: &Inventory) -> String {
    let drives = inventory.drives.iter().map(drive_line);
    drives.chain(inventory.slots.iter().map(slot_line)).collect::<Vec<_>>().join("\n")
}

fn drive_line(drive: &Drive) -> String {
    let node = drive.node.as_ref().map_or("no node known".into(), |node| node.display().to_string());
    let serial = drive.serial.as_ref().map_or(String::new(), |serial| format!(", serial number {serial}"));
    let content = content(drive.cartridge.as_ref(), drive.trouble.as_deref());
    format!("drive {:<3} {content} ({node}{serial})", drive.number)
}

fn slot_line(slot: &Slot) -> String {
    let mail = if slot.mail { "  (mail slot)" } else { "" };
    format!("slot {:<4} {}{mail}", slot.number, content(slot.cartridge.as_ref(), slot.trouble.as_deref()))
}

fn content(cartridge: Option<&Cartridge>, trouble: Option<&str>) -> String {
    let mut parts = vec![cartridge.map_or("empty", Cartridge::name).to_owned()];
    if cartridge.is_some_and(|held| held.cleaning) {
        parts.push("a cleaning cartridge".to_owned());
    }
    parts.extend(cartridge.and_then(|held| held.home).map(|home| format!("from slot {home}")));
    parts.extend(trouble.map(str::to_owned));
    parts.join(", ")
}
