//! MOVE MEDIUM (SMC-3 6.6).

use crate::changer::elements::ROBOT;
use crate::changer::{Library, Place};
use crate::device::{Cdb, number};
use crate::sense::{Key, Outcome, Sense};

/// INVALID ELEMENT ADDRESS.
const NO_ELEMENT: Sense = Sense::new(Key::IllegalRequest, 0x21, 0x01);
/// MEDIUM DESTINATION ELEMENT FULL.
const DESTINATION_FULL: Sense = Sense::new(Key::IllegalRequest, 0x3b, 0x0d);
/// MEDIUM SOURCE ELEMENT EMPTY.
const SOURCE_EMPTY: Sense = Sense::new(Key::IllegalRequest, 0x3b, 0x0e);

impl Library {
    fn element(&self, cdb: &Cdb, at: usize) -> Result<Place, Sense> {
        self.place(number(&cdb[at..at + 2]) as u16).ok_or(NO_ELEMENT)
    }

    /// The robot is named by its address, or by 0: the default one.
    fn robot(cdb: &Cdb) -> Outcome {
        let address = number(&cdb[2..4]) as u16;
        if address == 0 || address == ROBOT { Ok(()) } else { Err(NO_ELEMENT) }
    }

    pub(super) fn move_medium(&mut self, cdb: &Cdb) -> Outcome {
        Self::robot(cdb)?;
        let (source, destination) = (self.element(cdb, 4)?, self.element(cdb, 6)?);
        // Tape cartridges have one side.
        if cdb[10] & 1 != 0 {
            return Err(Sense::invalid_field());
        }
        self.carry(source, destination)
    }

    /// Moves a cartridge, or leaves everything as it is.
    fn carry(&mut self, source: Place, destination: Place) -> Outcome {
        if !self.is_full(source) {
            return Err(SOURCE_EMPTY);
        }
        if self.is_full(destination) {
            return Err(DESTINATION_FULL);
        }
        let mut cartridge = self.take(source)?;
        if !matches!(source, Place::Drive(_)) {
            cartridge.properties.home = Some(source.address());
        }
        self.put(destination, cartridge);
        Ok(())
    }
}
