//! What is in the drive, and how it gets in and out.

use crate::cartridge::Cartridge;
use crate::cartridge::kind::Kind;
use crate::device::Cdb;
use crate::drive::tally::Alert;
use crate::drive::{Drive, MEDIUM_CHANGED};
use crate::sense::{Key, Outcome, Sense};

/// A cartridge in the drive.
#[derive(Debug)]
pub struct Seat {
    pub(super) cartridge: Cartridge,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Threaded: commands work with it.
    Loaded,
    /// Unloaded: a library or a hand can take it.
    Ejected,
    /// The drive does not work with it.
    Refused(Sense),
}

impl Seat {
    /// The cartridge, if commands work with it.
    pub(super) fn loaded(&mut self) -> Result<&mut Cartridge, Sense> {
        match self.state {
            State::Loaded => Ok(&mut self.cartridge),
            State::Ejected => Err(Sense::no_medium()),
            State::Refused(sense) => Err(sense),
        }
    }
}

impl Drive {
    /// The cartridge in the drive, loaded or not.
    pub fn cartridge(&self) -> Option<&Cartridge> {
        self.seat.as_ref().map(|seat| &seat.cartridge)
    }

    /// Whether commands work with the cartridge.
    pub fn is_loaded(&self) -> bool {
        self.seat.as_ref().is_some_and(|seat| seat.state == State::Loaded)
    }

    /// A library or a hand puts a cartridge in; the drive loads it. Gives it back if there is one already.
    pub fn insert(&mut self, cartridge: Cartridge) -> Result<(), Box<Cartridge>> {
        if self.seat.is_some() {
            return Err(Box::new(cartridge));
        }
        self.seat = Some(Seat { cartridge, state: State::Ejected });
        self.load();
        Ok(())
    }

    fn load(&mut self) {
        let generation = self.specification.generation;
        let Some(seat) = &mut self.seat else { return };
        self.position = 0;
        seat.state = match seat.cartridge.kind() {
            // CLEANING CARTRIDGE INSTALLED: it stays so until it is taken out.
            Kind::Cleaning => State::Refused(Sense::new(Key::NotReady, 0x30, 0x03)),
            Kind::Data(other) | Kind::Worm(other) if generation.reads(other) => State::Loaded,
            // INCOMPATIBLE MEDIUM INSTALLED
            _ => State::Refused(Sense::new(Key::Medium, 0x30, 0x00)),
        };
        if seat.state == State::Loaded {
            // For every host, also the one that loads: `st` begins a session with it, and counts from the beginning.
            self.attentions.push_back(MEDIUM_CHANGED);
        }
        let cleans = seat.cartridge.kind() == Kind::Cleaning;
        let properties = &mut seat.cartridge.properties;
        if cleans {
            if properties.cleanings == 0 {
                self.tally.raise(Alert::ExpiredCleaning);
            } else {
                properties.cleanings -= 1;
                self.tally.request_cleaning(false);
            }
        } else {
            properties.loads += 1;
            self.tally.begin_load();
            seat.cartridge.medium.prepare(self.specification.memory + (2 << 20));
        }
        // The laboratory's disk may fail; the cartridge is usable all the same.
        let _ = seat.cartridge.save();
    }

    /// Unthreads the tape; what was in memory has gone to the medium before.
    pub fn unload(&mut self) -> Outcome {
        if self.prevented {
            self.tally.raise(Alert::NoRemoval);
            return Err(Sense::removal_prevented());
        }
        self.settle()?;
        self.position = 0;
        if let Some(seat) = &mut self.seat {
            seat.cartridge.medium.release();
            if seat.state == State::Loaded {
                seat.state = State::Ejected;
            }
            let _ = seat.cartridge.save();
        }
        Ok(())
    }

    /// A library or a hand takes the cartridge out; a loaded one is unloaded first.
    pub fn remove(&mut self) -> Result<Option<Cartridge>, Sense> {
        if let Err(sense) = self.unload() {
            if !sense.deferred {
                return Err(sense);
            }
            // Whoever wrote must hear of it; whoever moves hears that it did not work this time.
            self.deferred = Some(sense);
            return Err(Sense::eject_failed());
        }
        Ok(self.seat.take().map(|seat| seat.cartridge))
    }

    pub(super) fn load_unload(&mut self, cdb: &Cdb) -> Outcome {
        let (load, hold) = (cdb[4] & 0x01 != 0, cdb[4] & 0x08 != 0);
        let Some(seat) = &self.seat else {
            return if load { Err(Sense::no_medium()) } else { Ok(()) };
        };
        match (load, seat.state) {
            (_, State::Refused(sense)) if load => Err(sense),
            (true, State::Ejected) if !hold => {
                self.load();
                Self::loaded(&mut self.seat).map(drop)
            }
            (true, _) => self.rewind(),
            (false, _) => self.unload(),
        }
    }

    /// Keeps all there is to keep: the machine goes down in good order.
    pub fn finish(&mut self) {
        // Nobody is there to hear of an error, and the medium is as if the power had been cut.
        let _ = self.settle();
        if let Some(seat) = &self.seat {
            let _ = seat.cartridge.save();
        }
    }
}
