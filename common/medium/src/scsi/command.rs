//! A command to a SCSI device.

use std::time::Duration;

/// What moves with a command, and which way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Direction {
    /// No data.
    Nothing,
    /// At most so many bytes come from the device.
    FromDevice(usize),
    /// These bytes go to the device.
    ToDevice(Vec<u8>),
}

/// A command descriptor block (CDB) and what moves with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The command's name in the standard, for messages.
    pub name: &'static str,
    /// Its bytes: 6 to 16.
    pub cdb: Vec<u8>,
    /// Its data.
    pub direction: Direction,
    /// How long the device may take.
    pub timeout: Duration,
}

/// Enough for what moves nothing: a device answers in milliseconds, if it is not loading or rewinding.
const PATIENCE: Duration = Duration::from_secs(60);

impl Command {
    /// A command without data.
    pub fn plain(name: &'static str, cdb: &[u8]) -> Self {
        Self { name, cdb: cdb.to_vec(), direction: Direction::Nothing, timeout: PATIENCE }
    }

    /// A command that asks for up to `length` bytes.
    pub fn ask(name: &'static str, cdb: &[u8], length: usize) -> Self {
        Self { name, cdb: cdb.to_vec(), direction: Direction::FromDevice(length), timeout: PATIENCE }
    }

    /// A command that brings data.
    pub fn tell(name: &'static str, cdb: &[u8], data: Vec<u8>) -> Self {
        Self { name, cdb: cdb.to_vec(), direction: Direction::ToDevice(data), timeout: PATIENCE }
    }

    /// The same command with another time to answer.
    #[must_use]
    pub fn within(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// TEST UNIT READY (SPC-4 6.47).
    pub fn test_unit_ready() -> Self {
        Self::plain("TEST UNIT READY", &[0; 6])
    }
}
