//! Waiting for an operator, for a bounded time.

use std::thread;
use std::time::{Duration, Instant};

use super::drive::Drive;
use crate::error::{Error, Result};

/// How often a stop is looked for.
const TICK: Duration = Duration::from_millis(100);
/// How often is told that the export still waits.
const TELL_EVERY: Duration = Duration::from_secs(10 * 60);

/// A wait for a cartridge.
pub struct Waiting {
    since: Instant,
    told: Instant,
    patience: Duration,
}

impl Waiting {
    /// Asks for a cartridge.
    pub fn begin(drive: &Drive<'_>, asked: &str, patience: Duration) -> Result<Self> {
        let message = format!(
            "{asked} for {}; the export goes on by itself (it waits {} hours for it; Ctrl-C ends the export)",
            drive.name(),
            patience.as_secs() / 3600
        );
        drive.note("cartridge-wanted", message)?;
        let now = Instant::now();
        Ok(Self { since: now, told: now, patience })
    }

    /// Waits for `time`. False when a stop was requested; an error when it was waited for long enough.
    pub fn go_on(&mut self, drive: &Drive<'_>, time: Duration) -> Result<bool> {
        let until = Instant::now() + time;
        while Instant::now() < until {
            if drive.stage.stop.requested() {
                return Ok(false);
            }
            thread::sleep(TICK);
        }
        if self.since.elapsed() >= self.patience {
            return Err(wanted(drive, format!("none in {} hours", self.patience.as_secs() / 3600)));
        }
        if self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            let (name, minutes) = (drive.name(), self.since.elapsed().as_secs() / 60);
            let node = drive.node().display();
            drive
                .stage
                .monitor
                .note(&format!("{name} waits for a cartridge in {node} since {minutes} minutes"));
        }
        Ok(true)
    }
}

/// The end of an export that got no cartridge.
pub fn wanted(drive: &Drive<'_>, reason: impl Into<String>) -> Error {
    Error::CartridgeWanted { volume: drive.name(), reason: reason.into(), drive: drive.node().to_owned() }
}
