//! Elements and their addresses, as a common library has them.

use crate::cartridge::Cartridge;
use crate::changer::{Library, lock};
use crate::sense::Sense;

/// The address of the robot.
pub const ROBOT: u16 = 1;
const MAIL: u16 = 16;
const DRIVES: u16 = 256;
const SLOTS: u16 = 4096;

/// An element where a cartridge can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A storage element, from 0.
    Slot(usize),
    /// An import and export element, from 0.
    Mail(usize),
    /// A data transfer element, from 0.
    Drive(usize),
}

impl Place {
    /// Its address.
    pub fn address(self) -> u16 {
        match self {
            Self::Slot(number) => SLOTS + number as u16,
            Self::Mail(number) => MAIL + number as u16,
            Self::Drive(number) => DRIVES + number as u16,
        }
    }

    /// Its element type code (SMC-3 table 25).
    pub fn type_code(self) -> u8 {
        match self {
            Self::Slot(_) => 2,
            Self::Mail(_) => 3,
            Self::Drive(_) => 4,
        }
    }
}

impl Library {
    /// All places, by ascending address.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> + use<> {
        let (mail, drives, slots) = (self.mail.len(), self.drives.len(), self.slots.len());
        (0..mail).map(Place::Mail).chain((0..drives).map(Place::Drive)).chain((0..slots).map(Place::Slot))
    }

    /// The place with this address, if there is one.
    pub(super) fn place(&self, address: u16) -> Option<Place> {
        self.places().find(|place| place.address() == address)
    }

    /// First address and number of elements: robot, slots, mail slots, drives, as the mode page has them.
    pub(super) fn ranges(&self) -> [(u16, u16); 4] {
        [
            (ROBOT, 1),
            (SLOTS, self.slots.len() as u16),
            (MAIL, self.mail.len() as u16),
            (DRIVES, self.drives.len() as u16),
        ]
    }

    pub(super) fn is_full(&self, place: Place) -> bool {
        match place {
            Place::Slot(number) => self.slots[number].is_some(),
            Place::Mail(number) => self.mail[number].is_some(),
            Place::Drive(number) => lock(&self.drives[number]).cartridge().is_some(),
        }
    }

    /// Takes the cartridge from a place; a drive unloads it first, or says why not.
    pub(super) fn take(&mut self, place: Place) -> Result<Cartridge, Sense> {
        let cartridge = match place {
            Place::Slot(number) => self.slots[number].take(),
            Place::Mail(number) => self.mail[number].take(),
            Place::Drive(number) => lock(&self.drives[number]).remove()?,
        };
        // MEDIUM SOURCE ELEMENT EMPTY
        cartridge.ok_or(Sense::new(crate::sense::Key::IllegalRequest, 0x3b, 0x0e))
    }

    /// Puts a cartridge into an empty place, and keeps that it is there.
    pub(super) fn put(&mut self, place: Place, mut cartridge: Cartridge) {
        cartridge.properties.place = Some(place.address());
        if !matches!(place, Place::Drive(_)) {
            cartridge.properties.home = None;
        }
        // The laboratory's disk may fail; then only the next boot finds it elsewhere.
        let _ = cartridge.save();
        match place {
            Place::Slot(number) => self.slots[number] = Some(cartridge),
            Place::Mail(number) => self.mail[number] = Some(cartridge),
            Place::Drive(number) => {
                let refused = lock(&self.drives[number]).insert(cartridge);
                debug_assert!(refused.is_ok(), "the drive was empty");
            }
        }
    }
}
