//! The generic node of a drive that this program writes to, kept from other programs.

use std::path::{Path, PathBuf};

use super::device::Device;
use super::health::Health;

/// A drive tells of a reset or of another cartridge only once, to whoever asks it for something next. While a tape is written that
/// must be st or this program: another one that asks for the drive's health through the generic node would take the news, and st would
/// go on writing at the beginning of the tape. sg lets nobody else open a node that was opened with `O_EXCL`.
pub(crate) struct HeldNode {
    path: PathBuf,
    /// None while another program has the node open, or if this user may not write to it.
    device: Option<Device>,
}

impl HeldNode {
    /// Holds the node of the drive behind this tape node from now on, or as soon as nobody else has it open at a commit.
    pub fn of(tape: &Path) -> Self {
        Self { path: tape.to_owned(), device: Device::open_alone(tape).ok() }
    }

    /// What changes while a cartridge is written. **Only between the flush and the position check of a commit.**
    pub fn health_at_commit(&mut self) -> Health {
        if self.device.is_none() {
            self.device = Device::open_alone(&self.path).ok();
        }
        match &mut self.device {
            Some(device) => Health::read_counters(device),
            None => Health::at_commit(&self.path),
        }
    }
}
