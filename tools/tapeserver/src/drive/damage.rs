//! What is done to a drive from outside: by its power supply, by a hand, by age. The control socket's part.

use std::io;

use crate::cartridge::Cartridge;
use crate::cartridge::medium::{Medium, Object};
use crate::drive::mode::Mode;
use crate::drive::{Drive, RESET};
use crate::sense::Sense;

impl Drive {
    /// A bus reset: what is in memory still goes to the medium, but the tape is at the beginning and the modes are the default.
    pub fn reset(&mut self) {
        // An error of it has no command to be reported with after a reset.
        let _ = self.settle();
        self.restart();
    }

    /// The power goes off and on: what was in the drive's memory is lost.
    pub fn power_cut(&mut self) {
        if let Some(seat) = &mut self.seat {
            seat.cartridge.medium.forget_pending();
        }
        self.tally.reset();
        self.restart();
    }

    fn restart(&mut self) {
        self.position = 0;
        self.mode = Mode::default();
        self.prevented = false;
        self.deferred = None;
        self.attentions.clear();
        self.attentions.push_back(RESET);
    }

    /// Pushes the switch on the cartridge's shell; none is in: false.
    pub fn write_protect(&mut self, on: bool) -> io::Result<bool> {
        self.change(|cartridge| {
            cartridge.properties.write_protect = on;
            cartridge.save().map(|()| true)
        })
    }

    /// The drive wants to be cleaned, or no longer.
    pub fn request_cleaning(&mut self, wanted: bool) {
        self.tally.request_cleaning(wanted);
    }

    /// Raises or lowers a flag of TapeAlert, 1 to 64.
    pub fn set_alert(&mut self, flag: u8, on: bool) {
        self.tally.set_alert(flag, on);
    }

    /// The object so many after the next one will not reach the medium: its error comes late.
    pub fn bad_spot(&mut self, after: usize, sense: Sense) -> bool {
        let position = self.position;
        let Some(seat) = &mut self.seat else { return false };
        seat.cartridge.medium.set_bad_spot(position + after, sense);
        true
    }

    fn change(&mut self, change: impl FnOnce(&mut Cartridge) -> io::Result<bool>) -> io::Result<bool> {
        // What is damaged must be on the medium.
        if self.settle().is_err() {
            return Ok(false);
        }
        self.seat.as_mut().map_or(Ok(false), |seat| change(&mut seat.cartridge))
    }

    /// Flips a bit in a record, which stays readable. False: there is no such record or byte.
    pub fn rot(&mut self, object: usize, byte: u32) -> io::Result<bool> {
        self.change(|cartridge| cartridge.medium.rot(object, byte))
    }

    /// Makes a record unreadable.
    pub fn spoil(&mut self, object: usize) -> io::Result<bool> {
        self.change(|cartridge| cartridge.medium.spoil(object))
    }

    /// Takes away what marks where the data ends, until the next write.
    pub fn lose_end(&mut self) -> io::Result<bool> {
        self.change(|cartridge| {
            cartridge.medium.lose_end();
            Ok(true)
        })
    }

    /// Cuts a record to its first `length` bytes.
    pub fn shorten(&mut self, object: usize, length: u32) -> io::Result<bool> {
        self.change(|cartridge| shorten(&mut cartridge.medium, object, length))
    }

    /// Puts a filemark before this object.
    pub fn add_mark(&mut self, object: usize) -> io::Result<bool> {
        self.change(|cartridge| cartridge.medium.splice(object, 0, &[(Object::Mark, Vec::new())]))
    }

    /// Takes a record or filemark away.
    pub fn drop_object(&mut self, object: usize) -> io::Result<bool> {
        self.change(|cartridge| cartridge.medium.splice(object, 1, &[]))
    }

    /// What the drive is about, in words.
    pub fn describe(&self) -> String {
        let Some(cartridge) = self.cartridge() else {
            return format!("empty, {} faults wait", self.faults.waiting());
        };
        let (objects, bytes) = cartridge.medium.pending();
        format!(
            "{} {}, at object {} of {}, {objects} objects with {bytes} bytes in memory, {} faults wait",
            cartridge.barcode(),
            if self.is_loaded() { "loaded" } else { "not loaded" },
            self.position,
            cartridge.medium.end(),
            self.faults.waiting()
        )
    }
}

fn shorten(medium: &mut Medium, object: usize, length: u32) -> io::Result<bool> {
    match medium.object(object) {
        Some(Object::Record(whole)) if length < whole && length > 0 => {
            let mut record = Vec::new();
            medium.read(object, length as usize, &mut record)?;
            medium.splice(object, 1, &[(Object::Record(length), record)])
        }
        _ => Ok(false),
    }
}
