//! Moving cartridges.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::drives::node_of;
use super::elements::{self, Element, Kind, Layout, Range};
use super::error::ChangerError;
use super::inventory::{Cartridge, Drive, Inventory, Slot};
use crate::scsi::{Command, Device, DeviceType, Failure, TapeNode, tape_drives};
use crate::st;

/// A robot that has to fetch from the far end of a large library, and wait for a drive to wind back and unload.
const MOVING: Duration = Duration::from_secs(20 * 60);
/// A robot that looks into each of some thousand slots.
const LOOKING: Duration = Duration::from_secs(2 * 3600);

/// A cartridge, as an operator names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick {
    /// By barcode.
    Barcode(String),
    /// By the number of its slot.
    Slot(usize),
}

impl std::str::FromStr for Pick {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_| Self::Barcode(text.to_owned()), Self::Slot))
    }
}

impl fmt::Display for Pick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Barcode(barcode) => f.write_str(barcode),
            Self::Slot(number) => write!(f, "in slot {number}"),
        }
    }
}

/// A library that was opened.
pub struct Changer {
    device: Device,
    layout: Layout,
    /// Tape nodes by drive number, from the configuration: for libraries that do not say who their drives are.
    configured: Vec<PathBuf>,
    /// This machine's drives.
    nodes: Vec<TapeNode>,
}

impl Changer {
    /// Opens a library: `/dev/sg3`, `/dev/sch0`, `/dev/changer`. `drives` are the tape nodes of its drives by number, used for those
    /// that the library does not identify; it may be empty.
    pub fn open(path: &Path, drives: &[PathBuf]) -> Result<Self, ChangerError> {
        let device = Device::open(path).map_err(|failure| library(path, "be opened", failure))?;
        Self::over(device, drives, tape_drives())
    }

    pub(super) fn over(
        mut device: Device,
        drives: &[PathBuf],
        nodes: Vec<TapeNode>,
    ) -> Result<Self, ChangerError> {
        let path = device.path().to_owned();
        let identity = device.identity().map_err(|failure| library(&path, "say what it is", failure))?;
        if identity.device_type != DeviceType::Changer {
            return Err(ChangerError::NoLibrary { path });
        }
        let found = device
            .run(&Layout::command())
            .and_then(|bytes| Layout::parse(&bytes).ok_or(Failure::Answer("MODE SENSE")));
        let layout = found.map_err(|failure| library(&path, "say where its slots are", failure))?;
        Ok(Self { device, layout, configured: drives.to_vec(), nodes })
    }

    /// What is where, as the library knows it.
    pub fn inventory(&mut self) -> Result<Inventory, ChangerError> {
        let mut elements = Vec::new();
        for kind in [Kind::Slot, Kind::Mail, Kind::Drive] {
            elements.extend(self.elements(kind)?.into_values());
        }
        Ok(Inventory::of(&elements, |number, element| {
            let identified = element.designator.as_ref().and_then(|name| node_of(name, &self.nodes));
            identified.or_else(|| self.configured.get(number).cloned())
        }))
    }

    /// All elements of a kind, by address. A library may answer with less than was asked for.
    fn elements(&mut self, kind: Kind) -> Result<BTreeMap<u16, Element>, ChangerError> {
        let range = self.layout.of(kind);
        let end = u32::from(range.first) + u32::from(range.count);
        let mut found = BTreeMap::new();
        let mut next = u32::from(range.first);
        while next < end {
            let rest = Range { first: next as u16, count: (end - next) as u16 };
            let answer = self
                .element_status(kind, rest)
                .map_err(|failure| self.failed("list its cartridges", failure))?;
            let fresh = answer
                .into_iter()
                .filter(|element| element.kind == kind && (next..end).contains(&u32::from(element.address)));
            let before = found.len();
            found.extend(fresh.map(|element| (element.address, element)));
            if found.len() == before {
                break;
            }
            next = found.last_key_value().map_or(end, |(address, _)| u32::from(*address) + 1);
        }
        Ok(found)
    }

    fn element_status(&mut self, kind: Kind, range: Range) -> Result<Vec<Element>, Failure> {
        if kind == Kind::Drive {
            match self.device.run(&elements::read_element_status(kind, range, true)) {
                // Old libraries cannot say who their drives are.
                Err(failure) if failure.is_unsupported() => {}
                other => return Ok(elements::parse(&other?, true)),
            }
        }
        let bytes = self.device.run(&elements::read_element_status(kind, range, false))?;
        Ok(elements::parse(&bytes, false))
    }

    /// Has the robot look into all slots anew (INITIALIZE ELEMENT STATUS). Takes minutes, in a large library hours.
    pub fn rescan(&mut self) -> Result<(), ChangerError> {
        let command = Command::plain("INITIALIZE ELEMENT STATUS", &[0x07, 0, 0, 0, 0, 0]).within(LOOKING);
        self.device.run(&command).map(drop).map_err(|failure| self.failed("look into its slots", failure))
    }

    /// Locks the mail slot and the door against being opened, or unlocks them (PREVENT ALLOW MEDIUM REMOVAL).
    pub fn lock(&mut self, locked: bool) -> Result<(), ChangerError> {
        let command = Command::plain("PREVENT ALLOW MEDIUM REMOVAL", &[0x1e, 0, 0, 0, u8::from(locked), 0]);
        let action = if locked { "lock its door" } else { "unlock its door" };
        self.device.run(&command).map(drop).map_err(|failure| self.failed(action, failure))
    }

    /// Puts a cartridge into a drive. Nothing to do if it is there already. The drive needs some time until it is ready.
    pub fn load(&mut self, pick: &Pick, drive: usize) -> Result<Cartridge, ChangerError> {
        let inventory = self.inventory()?;
        let target = drive_numbered(&inventory, drive)?;
        if let Pick::Barcode(barcode) = pick
            && let Some(found) =
                inventory.drives.iter().find(|drive| holds(drive.cartridge.as_ref(), barcode))
        {
            return match &found.cartridge {
                Some(cartridge) if found.number == drive => Ok(cartridge.clone()),
                _ => Err(ChangerError::InOtherDrive { barcode: barcode.clone(), drive: found.number }),
            };
        }
        let slot = find(&inventory, pick)?;
        let Some(cartridge) = slot.cartridge.clone() else {
            return Err(ChangerError::NoCartridge { wanted: pick.to_string() });
        };
        if cartridge.cleaning {
            return Err(ChangerError::Cleaning { barcode: cartridge.name().to_owned() });
        }
        if let Some(other) = &target.cartridge {
            return Err(ChangerError::DriveFull { drive, barcode: other.name().to_owned() });
        }
        self.move_medium(
            slot.address,
            target.address,
            &format!("put {} into drive {drive}", cartridge.name()),
        )?;
        let now = self.inventory()?;
        let found = drive_numbered(&now, drive)?.cartridge.clone();
        arrived(&cartridge, found, format!("drive {drive}"))
    }

    /// Takes the cartridge out of a drive, and puts it into a slot: the one named, or its own, or the first that is empty.
    /// The drive winds back and ejects first, unless a program has it open; then nothing is done.
    pub fn unload(&mut self, drive: usize, slot: Option<usize>) -> Result<(Cartridge, Slot), ChangerError> {
        if let Some(node) = self.leaving(drive, slot)?.node {
            st::eject(&node).map_err(|source| not_ejected(drive, &node, source))?;
        }
        self.put_away(drive, slot)
    }

    /// The drive that [`put_away`](Self::put_away) would empty, if there is a cartridge in it and a slot for that: what is to be
    /// asked before the drive ejects it. Nothing moves.
    pub fn leaving(&mut self, drive: usize, slot: Option<usize>) -> Result<Drive, ChangerError> {
        let inventory = self.inventory()?;
        let source = drive_numbered(&inventory, drive)?;
        free_slot(&inventory, cartridge_of(source)?, slot)?;
        Ok(source.clone())
    }

    /// Takes a cartridge that its drive has ejected, and puts it into a slot as [`unload`](Self::unload) does: the robot's part
    /// alone, for those who share it while their drives wind back.
    pub fn put_away(&mut self, drive: usize, slot: Option<usize>) -> Result<(Cartridge, Slot), ChangerError> {
        let inventory = self.inventory()?;
        let source = drive_numbered(&inventory, drive)?;
        let cartridge = cartridge_of(source)?.clone();
        let target = free_slot(&inventory, &cartridge, slot)?.clone();
        let action = format!("put {} into slot {}", cartridge.name(), target.number);
        self.move_medium(source.address, target.address, &action)?;
        let now = self.inventory()?;
        let found = now
            .slots
            .iter()
            .find(|slot| slot.number == target.number)
            .and_then(|slot| slot.cartridge.clone());
        Ok((arrived(&cartridge, found, format!("slot {}", target.number))?, target))
    }

    fn move_medium(&mut self, from: u16, to: u16, action: &str) -> Result<(), ChangerError> {
        let mut cdb = [0; 12];
        cdb[0] = 0xa5;
        cdb[2..4].copy_from_slice(&self.layout.robots.first.to_be_bytes());
        cdb[4..6].copy_from_slice(&from.to_be_bytes());
        cdb[6..8].copy_from_slice(&to.to_be_bytes());
        let command = Command::plain("MOVE MEDIUM", &cdb).within(MOVING);
        self.device.run(&command).map(drop).map_err(|failure| self.failed(action, failure))
    }

    fn failed(&self, action: &str, failure: Failure) -> ChangerError {
        library(self.device.path(), action, failure)
    }
}

fn library(path: &Path, action: &str, failure: Failure) -> ChangerError {
    ChangerError::Library { path: path.to_owned(), action: action.to_owned(), failure }
}

fn not_ejected(drive: usize, node: &Path, source: io::Error) -> ChangerError {
    let node = node.to_owned();
    if source.kind() == io::ErrorKind::ResourceBusy {
        return ChangerError::DriveInUse { drive, node };
    }
    ChangerError::NotEjected { drive, node, source }
}

fn drive_numbered(inventory: &Inventory, number: usize) -> Result<&Drive, ChangerError> {
    let none = || ChangerError::NoElement { what: format!("drive {number}") };
    inventory.drives.get(number).ok_or_else(none)
}

fn cartridge_of(drive: &Drive) -> Result<&Cartridge, ChangerError> {
    drive.cartridge.as_ref().ok_or(ChangerError::DriveEmpty { drive: drive.number })
}

fn slot_numbered(inventory: &Inventory, number: usize) -> Result<&Slot, ChangerError> {
    let none = || ChangerError::NoElement { what: format!("slot {number}") };
    inventory.slots.iter().find(|slot| slot.number == number).ok_or_else(none)
}

fn holds(cartridge: Option<&Cartridge>, barcode: &str) -> bool {
    cartridge.is_some_and(|cartridge| cartridge.barcode.as_deref() == Some(barcode))
}

fn find<'all>(inventory: &'all Inventory, pick: &Pick) -> Result<&'all Slot, ChangerError> {
    match pick {
        Pick::Slot(number) => slot_numbered(inventory, *number),
        Pick::Barcode(barcode) => {
            let none = || ChangerError::NoCartridge { wanted: pick.to_string() };
            inventory.slots.iter().find(|slot| holds(slot.cartridge.as_ref(), barcode)).ok_or_else(none)
        }
    }
}

fn free_slot<'all>(
    inventory: &'all Inventory,
    cartridge: &Cartridge,
    wanted: Option<usize>,
) -> Result<&'all Slot, ChangerError> {
    if let Some(number) = wanted {
        let slot = slot_numbered(inventory, number)?;
        return if slot.cartridge.is_none() {
            Ok(slot)
        } else {
            Err(ChangerError::SlotFull { slot: number })
        };
    }
    let empty = |slot: &&Slot| slot.cartridge.is_none() && slot.trouble.is_none();
    let home = cartridge.home.and_then(|number| slot_numbered(inventory, number).ok()).filter(empty);
    let any = || inventory.slots.iter().filter(|slot| !slot.mail).find(empty);
    home.or_else(any).ok_or(ChangerError::NoFreeSlot)
}

/// What a library says it did is a claim: the cartridge must be there.
fn arrived(moved: &Cartridge, found: Option<Cartridge>, place: String) -> Result<Cartridge, ChangerError> {
    match found {
        Some(found) if found.barcode == moved.barcode => Ok(found),
        other => Err(ChangerError::NotMoved {
            barcode: moved.name().to_owned(),
            place,
            found: other.map_or("nothing".to_owned(), |found| found.name().to_owned()),
        }),
    }
}
