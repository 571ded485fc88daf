//! Who brings a drive its next cartridge, and what became of those that have left.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use job::P2tConfig;
use job::config::Change as Way;
use uuid::Uuid;

use super::library::Library;
use crate::error::Result;

/// How cartridges are changed. By default not at all: a drive is done with when its cartridge is.
#[derive(Default)]
pub struct Change {
    /// The robot.
    pub library: Option<Library>,
    /// How long an operator is waited for; none: not at all.
    pub patience: Option<Duration>,
    /// Whether a cartridge is taken whose barcode is not the one that its volume was begun on.
    pub any_barcode: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Cartridges that were taken out of a drive in this run, by name: not to be loaded again.
    put_away: BTreeSet<String>,
    /// Volumes that were read back before their cartridges left the drive.
    read_back: BTreeSet<Uuid>,
}

impl Change {
    /// As it is configured.
    pub fn new(config: &P2tConfig) -> Result<Self> {
        let hours = Duration::from_secs(3600 * u64::from(config.media.change_hours));
        let patience = (config.media.change == Way::Wait).then_some(hours);
        Ok(Self { library: Library::open(&config.changer)?, patience, ..Self::default() })
    }

    /// Whether a drive may get another cartridge in this run.
    pub fn is_possible(&self) -> bool {
        self.library.is_some() || self.patience.is_some()
    }

    /// Notes that a cartridge is not to be loaded again in this run.
    pub fn put_away(&self, name: String) {
        self.state().put_away.insert(name);
    }

    /// The cartridges that are not to be loaded.
    pub fn away(&self) -> BTreeSet<String> {
        self.state().put_away.clone()
    }

    /// Notes that a volume was read back.
    pub fn was_read_back(&self, volume: Uuid) {
        self.state().read_back.insert(volume);
    }

    /// Whether a volume was read back in this run, whatever came of it.
    pub fn has_read_back(&self, volume: Uuid) -> bool {
        self.state().read_back.contains(&volume)
    }

    /// The volumes that were read back in this run.
    pub fn read_back(&self) -> BTreeSet<Uuid> {
        self.state().read_back.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
