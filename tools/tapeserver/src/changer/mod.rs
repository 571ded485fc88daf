//! A library: a media changer of SMC-3, with its slots, its mail slots and the drives that it serves.

mod elements;
mod hands;
mod mode;
mod moves;
mod status;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::cartridge::Cartridge;
use crate::cartridge::kind::Barcode;
use crate::device::{Cdb, Device, reply};
use crate::drive::Drive;
use crate::fault::{Effect, Faults};
use crate::inquiry::Identity;
use crate::operation as op;
use crate::sense::{Key, Outcome, Sense};

pub use elements::Place;
pub use hands::{NotDone, Shelf};

/// POWER ON, RESET, OR BUS DEVICE RESET OCCURRED.
const RESET: (u8, u8) = (0x29, 0x00);
/// IMPORT OR EXPORT ELEMENT ACCESSED.
const MAIL_ACCESSED: (u8, u8) = (0x28, 0x01);

/// A drive that the library, the kernel and the control socket share.
pub type Shared<Unit> = Arc<Mutex<Unit>>;

/// A library.
#[derive(Debug)]
pub struct Library {
    identity: Identity,
    drives: Vec<Shared<Drive>>,
    /// The drives' designators, which never change.
    designators: Vec<Vec<u8>>,
    slots: Vec<Option<Cartridge>>,
    mail: Vec<Option<Cartridge>>,
    /// Cartridges that somebody has in hands.
    outside: BTreeMap<Barcode, Cartridge>,
    shelf: Shelf,
    prevented: bool,
    attentions: VecDeque<(u8, u8)>,
    /// Faults that wait for their command.
    pub faults: Faults,
}

/// Locks a unit. A thread that died with the lock had broken the laboratory already, and its state is what it is.
pub fn lock<Unit: ?Sized>(unit: &Mutex<Unit>) -> std::sync::MutexGuard<'_, Unit> {
    unit.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Library {
    /// A library with empty slots.
    pub fn new(drives: Vec<Shared<Drive>>, slots: usize, mail: usize, shelf: Shelf) -> Self {
        let designators = drives.iter().map(|drive| lock(drive).designator()).collect();
        Self {
            identity: Identity {
                device_type: 8,
                product: "VIRTUAL-LIB".into(),
                serial: "TLL00000".into(),
                worm: false,
            },
            drives,
            designators,
            slots: (0..slots).map(|_| None).collect(),
            mail: (0..mail).map(|_| None).collect(),
            outside: BTreeMap::new(),
            shelf,
            prevented: false,
            attentions: VecDeque::from([RESET]),
            faults: Faults::default(),
        }
    }

    fn dispatch(&mut self, cdb: &Cdb, data: &mut Vec<u8>) -> Outcome {
        match cdb[0] {
            op::INQUIRY => self.identity.inquiry(cdb, data),
            op::REQUEST_SENSE => {
                let sense = self.attentions.pop_front().map(Sense::attention);
                let sense = sense.unwrap_or(Sense::new(Key::NoSense, 0, 0));
                reply(data, &sense.bytes(), usize::from(cdb[4]));
                Ok(())
            }
            op::MODE_SENSE_6 => self.mode_sense(cdb, false, data),
            op::MODE_SENSE_10 => self.mode_sense(cdb, true, data),
            op::READ_ELEMENT_STATUS => self.read_element_status(cdb, data),
            op::MOVE_MEDIUM => self.move_medium(cdb),
            op::PREVENT_ALLOW => {
                self.prevented = cdb[4] & 1 == 1;
                Ok(())
            }
            op::TEST_UNIT_READY | op::INITIALIZE_ELEMENT_STATUS => Ok(()),
            _ => Err(Sense::invalid_operation()),
        }
    }
}

impl Device for Library {
    fn execute(&mut self, cdb: &Cdb, _out: &[u8], data: &mut Vec<u8>) -> Outcome {
        if !matches!(cdb[0], op::INQUIRY | op::REQUEST_SENSE | op::REPORT_LUNS)
            && let Some(code) = self.attentions.pop_front()
        {
            return Err(Sense::attention(code));
        }
        match self.faults.strike(cdb) {
            Some(Effect::Swallow) => Ok(()),
            Some(Effect::Fail { sense, landed }) => {
                if landed {
                    self.dispatch(cdb, data)?;
                }
                Err(sense)
            }
            _ => self.dispatch(cdb, data),
        }
    }

    fn stall(&mut self, cdb: &Cdb) -> Option<Duration> {
        self.faults.stall(cdb)
    }
}
