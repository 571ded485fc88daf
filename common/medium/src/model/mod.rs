//! A tape drive that is modelled in memory, with everything that goes wrong with tapes; for tests and benchmarks.
//!
//! ```text
//! ModelDrive (a Medium) -> the writer and reader for tapes -> st's calls and errors -> the drive -> Cartridge
//! ```
//! What is tested is the code that runs on a real drive; what is modelled is the driver and what lies below it: a buffer
//! that a power cut empties, early warning and a hard end, resets, positions that are lost, records that cannot be read,
//! and the time that stopping and starting takes.

mod cartridge;
mod fault;
mod hold;
mod st;
mod state;
#[cfg(test)]
mod tests;
mod transport;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::scsi::Health;
use crate::tape::{self, TapeDevice, Watched};
use crate::{Error, Medium, MediumReader, MediumWriter, Reopened, Settings};

pub use cartridge::Cartridge;
pub use fault::{FaultKind, Operation};
pub use hold::Hold;
pub use transport::{Statistics, Timing};

use state::State;
use transport::Transport;

/// What the drive is called where a device node is.
const PATH: &str = "/model/nst0";

/// A drive. Clones are the same drive.
#[derive(Clone, Default)]
pub struct ModelDrive(Arc<Mutex<State>>);

impl ModelDrive {
    /// A drive with this cartridge in it, that takes no time for anything.
    pub fn with(cartridge: Cartridge) -> Self {
        let drive = Self::default();
        drive.load(cartridge);
        drive
    }

    /// A drive with this cartridge in it, that takes as long as `timing` says, in virtual time.
    pub fn timed(cartridge: Cartridge, timing: Timing) -> Self {
        let drive = Self::with(cartridge);
        drive.state().transport = Transport::new(timing);
        drive
    }

    /// Puts a cartridge in and gives the one that was in before. A drive that is open notices with its next command.
    pub fn load(&self, cartridge: Cartridge) -> Option<Cartridge> {
        self.state().exchange_by_hand(Some(cartridge))
    }

    /// Takes the cartridge out.
    pub fn eject(&self) -> Option<Cartridge> {
        self.state().exchange_by_hand(None)
    }

    /// What is on the tape of the cartridge in the drive at this moment, which is what a power cut would leave.
    pub fn on_tape(&self) -> Option<Cartridge> {
        self.state().cartridge.clone()
    }

    /// Cartridges that faults have taken out and nobody has picked up.
    pub fn outside(&self) -> Vec<Cartridge> {
        self.state().outside.clone()
    }

    /// Picks up the cartridges that faults have taken out, in this order.
    pub fn take_outside(&self) -> Vec<Cartridge> {
        std::mem::take(&mut self.state().outside)
    }

    /// Lets a fault happen at the operation that `index` others of its kind's come before, counted since the drive
    /// was made.
    pub fn fail_at(&self, kind: FaultKind, index: u64) {
        self.state().faults.place(kind, index);
    }

    /// Operations so far at which a fault of this kind could have been.
    pub fn operations(&self, kind: FaultKind) -> u64 {
        self.state().faults.operations(kind)
    }

    /// Faults that have happened.
    pub fn faults_met(&self) -> Vec<FaultKind> {
        self.state().faults.met().to_vec()
    }

    /// Lets a stall keep the thread that asks, where else twenty minutes of virtual time go by.
    pub fn hold_stalls(&self) -> Hold {
        self.state().hold.get_or_insert_default().clone()
    }

    /// Has `action` done when a power cut or a kill happens: the program that uses the drive ends there. It must not use the
    /// drive.
    pub fn on_end(&self, action: impl FnMut() + Send + 'static) {
        self.state().on_end = Some(Box::new(action));
    }

    /// Has the drive tell this of itself at the next commit.
    pub fn tell_at_commit(&self, health: Health) {
        self.state().health = Some(health);
    }

    /// Cuts the power: of what is in the buffer nothing reaches the tape.
    pub fn cut_power(&self) {
        self.state().cut_power(0);
    }

    /// Gives the power back, plugs the cable in, and lets a program that was killed be started again. What was open is no
    /// more.
    pub fn restore(&self) {
        self.state().restore();
    }

    /// Lets virtual time go by.
    pub fn wait(&self, time: Duration) {
        self.state().transport.wait(time);
    }

    /// What the drive did so far.
    pub fn statistics(&self) -> Statistics {
        self.state().transport.statistics()
    }

    /// The device, as st opens it.
    pub(crate) fn device(&self, writing: bool) -> Result<Box<dyn TapeDevice>, Error> {
        Ok(Box::new(Watched::new(st::open(self, writing)?)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for ModelDrive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PATH)
    }
}

impl Medium for ModelDrive {
    fn is_blank(&self) -> Result<bool, Error> {
        tape::is_blank(self.device(false)?.as_mut())
    }

    fn is_drive(&self) -> bool {
        true
    }

    fn is_write_protected(&self) -> Result<bool, Error> {
        tape::is_write_protected(self.device(false)?.as_mut())
    }

    fn free_bytes(&self) -> Option<u64> {
        None
    }

    fn has_room(&self, _: u64, _: u64) -> bool {
        true
    }

    fn create(&self, settings: &Settings) -> Result<Box<dyn MediumWriter>, Error> {
        settings.check()?;
        tape::create(self.device(true)?, settings)
    }

    fn reopen(&self, settings: &Settings) -> Result<Box<dyn Reopened>, Error> {
        settings.check()?;
        tape::reopen(self.device(true)?, settings)
    }

    fn open(&self) -> Result<Box<dyn MediumReader>, Error> {
        tape::open(self.device(false)?)
    }
}
