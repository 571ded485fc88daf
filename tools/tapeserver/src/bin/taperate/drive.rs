//! The drive, as `mt` moves it and as the driver counts.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::measure::Direction;

/// A drive and the driver's counters.
pub struct Drive {
    node: PathBuf,
    counters: PathBuf,
}

impl Drive {
    pub fn new(node: &Path) -> Outcome<Self> {
        let name = node.file_name().ok_or("the drive's node has no name")?;
        let counters = Path::new("/sys/class/scsi_tape").join(name).join("stats");
        if !counters.is_dir() {
            return Err(format!("{} is not there", counters.display()).into());
        }
        Ok(Self { node: node.to_owned(), counters })
    }

    /// Bytes that the driver has moved so far.
    pub fn moved(&self, direction: Direction) -> Outcome<u64> {
        let name = match direction {
            Direction::Write => "write_byte_cnt",
            Direction::Read => "read_byte_cnt",
        };
        Ok(std::fs::read_to_string(self.counters.join(name))?.trim().parse()?)
    }

    /// Makes the cartridge blank.
    pub fn erase(&self) -> Outcome<()> {
        self.rewind()?;
        self.mt("erase")
    }

    pub fn rewind(&self) -> Outcome<()> {
        self.mt("rewind")
    }

    fn mt(&self, operation: &str) -> Outcome<()> {
        let done = Command::new("mt").arg("-f").arg(&self.node).arg(operation).status()?;
        if done.success() { Ok(()) } else { Err(format!("mt {operation} failed").into()) }
    }
}
