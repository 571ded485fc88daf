//! What people do: fill the library, open its mail slots, push a cartridge into a drive or pull it out.

use std::io;
use std::path::PathBuf;

use crate::cartridge::Cartridge;
use crate::cartridge::kind::{Barcode, Kind};
use crate::changer::{Library, MAIL_ACCESSED, Place, lock};
use crate::sense::Sense;

/// Where cartridges are kept, and how large they are.
#[derive(Debug, Clone)]
pub struct Shelf {
    /// The directory of their files.
    pub folder: PathBuf,
    /// Bytes up to the hard end.
    pub capacity: u64,
}

/// Why a person could not do it.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// No such cartridge.
    #[error(
        "{0} is no barcode of an LTO-5 to LTO-9 or cleaning cartridge, such as P2T001L8, P2T001LY (WORM) or CLN001L1"
    )]
    NoBarcode(String),
    /// It is not where it should be.
    #[error("{0} is neither in a slot, nor in a mail slot, nor outside the library")]
    NotFound(String),
    /// Nothing is there.
    #[error("there is no cartridge in drive {0}")]
    DriveEmpty(usize),
    /// Something is there.
    #[error("there is a cartridge in drive {0} already: eject it first")]
    DriveFull(usize),
    /// No such drive.
    #[error("there is no drive {0}")]
    NoDrive(usize),
    /// All are full.
    #[error("all slots of this kind are full")]
    NoSlot,
    /// A host holds it.
    #[error("a host has locked it (PREVENT MEDIUM REMOVAL)")]
    Locked,
    /// The drive did not let go.
    #[error("the drive did not eject it: {0:?}")]
    Refused(Sense),
    /// The laboratory's own disk.
    #[error("the cartridge's file: {0}")]
    Disk(#[from] io::Error),
}

fn barcode(text: &str) -> Result<Barcode, NotDone> {
    Barcode::new(text).ok_or_else(|| NotDone::NoBarcode(text.to_owned()))
}

impl Library {
    /// Puts these cartridges where they were when the machine went down; new ones into slots.
    pub fn fill(&mut self, barcodes: &[Barcode]) -> Result<(), NotDone> {
        let mut homeless = Vec::new();
        for barcode in barcodes {
            let cartridge = Cartridge::open(&self.shelf.folder, barcode.clone(), self.shelf.capacity)?;
            match cartridge.properties.place.and_then(|address| self.place(address)) {
                Some(place) if !self.is_full(place) => self.put(place, cartridge),
                _ => homeless.push(cartridge),
            }
        }
        for cartridge in homeless {
            let slot = (0..self.slots.len()).map(Place::Slot).find(|slot| !self.is_full(*slot));
            self.put(slot.ok_or(NotDone::NoSlot)?, cartridge);
        }
        Ok(())
    }

    /// Loads the first data cartridges into the first empty drives, as an operator would who has no robot.
    pub fn load_first(&mut self, drives: usize) {
        for drive in 0..drives.min(self.drives.len()) {
            let holds_data =
                |slot: &usize| self.slots[*slot].as_ref().is_some_and(|c| c.kind() != Kind::Cleaning);
            let slot = (0..self.slots.len()).find(holds_data);
            if let (Some(slot), false) = (slot, self.is_full(Place::Drive(drive)))
                && let Some(mut cartridge) = self.slots[slot].take()
            {
                cartridge.properties.home = Some(Place::Slot(slot).address());
                self.put(Place::Drive(drive), cartridge);
            }
        }
    }

    /// Whether this is the first boot of a shelf: no cartridge has been put anywhere.
    pub fn is_new(&self, barcodes: &[Barcode]) -> bool {
        !barcodes.iter().any(|barcode| self.shelf.folder.join(format!("{barcode}.json")).exists())
    }

    fn has_drive(&self, drive: usize) -> Result<(), NotDone> {
        if drive < self.drives.len() { Ok(()) } else { Err(NotDone::NoDrive(drive)) }
    }

    /// Pulls the cartridge out of a drive; it is then outside the library. Gives its barcode.
    pub fn eject(&mut self, drive: usize) -> Result<Barcode, NotDone> {
        self.has_drive(drive)?;
        if !self.is_full(Place::Drive(drive)) {
            return Err(NotDone::DriveEmpty(drive));
        }
        let cartridge = self.take(Place::Drive(drive)).map_err(|sense| {
            if sense == Sense::removal_prevented() { NotDone::Locked } else { NotDone::Refused(sense) }
        })?;
        Ok(self.keep_outside(cartridge)?)
    }

    fn keep_outside(&mut self, mut cartridge: Cartridge) -> io::Result<Barcode> {
        cartridge.properties.place = None;
        cartridge.properties.home = None;
        cartridge.save()?;
        let barcode = cartridge.barcode().clone();
        self.outside.insert(barcode.clone(), cartridge);
        Ok(barcode)
    }

    /// Takes a cartridge in hand: from outside, a slot or a mail slot; one that nobody has seen yet comes blank from its box.
    fn pick(&mut self, text: &str) -> Result<Cartridge, NotDone> {
        let barcode = barcode(text)?;
        if let Some(cartridge) = self.outside.remove(&barcode) {
            return Ok(cartridge);
        }
        let holds =
            |cartridge: &Option<Cartridge>| cartridge.as_ref().is_some_and(|c| *c.barcode() == barcode);
        let mut inside = self.slots.iter_mut().chain(&mut self.mail);
        if let Some(cartridge) = inside.find(|place| holds(place)).and_then(Option::take) {
            return Ok(cartridge);
        }
        let in_drive = |drive: &crate::changer::Shared<crate::drive::Drive>| {
            lock(drive).cartridge().is_some_and(|cartridge| *cartridge.barcode() == barcode)
        };
        if self.drives.iter().any(in_drive) {
            return Err(NotDone::NotFound(text.to_owned()));
        }
        Ok(Cartridge::open(&self.shelf.folder, barcode, self.shelf.capacity)?)
    }

    /// Pushes a cartridge into an empty drive.
    pub fn insert(&mut self, drive: usize, text: &str) -> Result<(), NotDone> {
        self.has_drive(drive)?;
        if self.is_full(Place::Drive(drive)) {
            return Err(NotDone::DriveFull(drive));
        }
        let cartridge = self.pick(text)?;
        self.put(Place::Drive(drive), cartridge);
        Ok(())
    }

    /// Puts a cartridge into a mail slot.
    pub fn import(&mut self, text: &str) -> Result<(), NotDone> {
        if self.prevented {
            return Err(NotDone::Locked);
        }
        let place = (0..self.mail.len()).map(Place::Mail).find(|place| !self.is_full(*place));
        let place = place.ok_or(NotDone::NoSlot)?;
        let cartridge = self.pick(text)?;
        self.put(place, cartridge);
        self.attentions.push_back(MAIL_ACCESSED);
        Ok(())
    }

    /// Takes a cartridge out of the library: from a mail slot, or from a slot with the door open.
    pub fn export(&mut self, text: &str) -> Result<(), NotDone> {
        if self.prevented {
            return Err(NotDone::Locked);
        }
        let cartridge = self.pick(text)?;
        self.keep_outside(cartridge)?;
        self.attentions.push_back(MAIL_ACCESSED);
        Ok(())
    }

    /// Everything and where it is, in lines.
    pub fn inventory(&self) -> String {
        let mut lines = Vec::new();
        for place in self.places() {
            let name = match place {
                Place::Slot(number) => format!("slot {number}"),
                Place::Mail(number) => format!("mail {number}"),
                Place::Drive(number) => format!("drive {number}"),
            };
            let content = match place {
                Place::Slot(number) => self.slots[number].as_ref().map(|c| c.barcode().to_string()),
                Place::Mail(number) => self.mail[number].as_ref().map(|c| c.barcode().to_string()),
                Place::Drive(number) => {
                    lock(&self.drives[number]).cartridge().map(|c| c.barcode().to_string())
                }
            };
            lines.extend(content.map(|barcode| format!("{name}: {barcode}")));
        }
        lines.extend(self.outside.keys().map(|barcode| format!("outside: {barcode}")));
        lines.join("\n")
    }
}
