//! What drives and cartridges tell of themselves while an export writes, as findings: each once for a volume. Nothing of it stops
//! an export.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use catalogue::Level;
use medium::Medium;
use medium::scsi::{Health, Reading, Severity};

use super::Write;
use crate::error::Result;

/// What was told already.
#[derive(Default)]
pub struct Told(Mutex<BTreeSet<String>>);

impl Told {
    fn is_new(&self, text: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(text.to_owned())
    }
}

impl Write {
    /// Asks a drive that is about to be opened, and its cartridge; none of other media.
    pub fn health_at_load(&self, volume: &str, medium: &dyn Medium) -> Result<Option<Health>> {
        if !medium.is_drive() {
            return Ok(None);
        }
        let health = Health::of_idle(Path::new(&medium.to_string()));
        self.tell_health(volume, &health)?;
        Ok(Some(health))
    }

    /// Tells what is wrong, and once for each drive that it does not say.
    pub fn tell_health(&self, volume: &str, health: &Health) -> Result<()> {
        let drive = health.drive.path.display();
        if let Reading::NotAvailable { not_available } = &health.drive.alerts
            && self.told.is_new(&drive.to_string())
        {
            let message = format!("{drive} does not tell how it is: {not_available}");
            self.monitor.note(&message);
            self.shared.event(Level::Info, "drive-health", message)?;
        }
        for finding in health.findings() {
            let message = format!("{drive}, {volume}: {}", finding.text);
            if !self.told.is_new(&message) {
                continue;
            }
            let level = match finding.severity {
                Severity::Information => Level::Info,
                Severity::Warning => Level::Warning,
                Severity::Critical => Level::Error,
            };
            match level {
                Level::Info => self.monitor.note(&message),
                _ => self.monitor.finding(&message),
            }
            self.shared.event(level, "drive-health", message)?;
        }
        Ok(())
    }
}
