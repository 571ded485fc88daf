//! How much still fits on a volume: by the capacity that was set, and by what the file system below has free.

use std::path::{Path, PathBuf};

use crate::{Error, system};

/// The limits of one volume.
pub(crate) struct Room {
    path: PathBuf,
    capacity: Option<u64>,
}

impl Room {
    /// For the volume at `path`, which exists.
    pub fn new(path: &Path, capacity: Option<u64>) -> Self {
        Self { path: path.to_owned(), capacity }
    }

    /// Bytes left behind the `used` ones.
    pub fn remaining(&self, used: u64) -> Option<u64> {
        self.by_capacity(used).into_iter().chain(system::free_bytes(&self.path)).min()
    }

    /// Refuses what the capacity does not allow. What the file system has free changes any time: a write will tell.
    pub fn check(&self, used: u64, needed: u64) -> Result<(), Error> {
        match self.by_capacity(used) {
            Some(remaining) if remaining < needed => Err(Error::Full { needed, remaining }),
            _ => Ok(()),
        }
    }

    fn by_capacity(&self, used: u64) -> Option<u64> {
        self.capacity.map(|capacity| capacity.saturating_sub(used))
    }
}
