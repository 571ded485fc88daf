//! Makes extracted files durable, many at a time: a file's content before its name, the folders behind the names.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;

use job::private;

use super::file_error;
use crate::context::joined;
use crate::error::Result;

/// Files that may wait for their sync, each with an open descriptor.
const MOST_FILES: usize = 64;
/// Syncs that are under way at once: a journalling file system answers them with one write of its journal.
const AT_ONCE: usize = 8;
/// Folders that may wait for their sync.
const MOST_FOLDERS: usize = 1024;

/// A file whose content is written.
pub(super) struct Unsettled {
    pub file: File,
    /// The name that it has.
    pub unfinished: PathBuf,
    /// The name that it is to get.
    pub path: PathBuf,
}

/// What is written and not durable yet.
#[derive(Default)]
pub(super) struct Settling {
    files: Vec<Unsettled>,
    folders: BTreeSet<PathBuf>,
}

impl Settling {
    /// Makes a folder and those above it, as far as they are missing.
    pub fn make_folder(&mut self, folder: &Path) -> Result<()> {
        let missing = folder.ancestors().take_while(|folder| !folder.exists());
        self.folders.extend(missing.filter_map(Path::parent).map(Path::to_owned));
        self.folders.insert(folder.to_owned());
        private::create_dir(folder).map_err(file_error("make", folder))
    }

    /// Whether a file that waits has, or is to get, this name.
    pub fn claims(&self, path: &Path) -> bool {
        self.files.iter().any(|file| file.unfinished == path || file.path == path)
    }

    /// Takes over a file that is to get its name.
    pub fn add(&mut self, file: Unsettled) -> Result<()> {
        self.files.push(file);
        if self.folders.len() >= MOST_FOLDERS {
            self.all()
        } else if self.files.len() >= MOST_FILES {
            self.files()
        } else {
            Ok(())
        }
    }

    /// Makes the content of all files durable and then gives them their names.
    pub fn files(&mut self) -> Result<()> {
        let files = std::mem::take(&mut self.files);
        thread::scope(|scope| {
            let share = files.len().div_ceil(AT_ONCE).max(1);
            let syncing: Vec<_> =
                files.chunks(share).map(|files| scope.spawn(|| files.iter().try_for_each(sync))).collect();
            syncing.into_iter().try_for_each(|thread| joined(thread, "sync"))
        })?;
        files.into_iter().try_for_each(|Unsettled { unfinished, path, .. }| {
            fs::rename(&unfinished, path).map_err(file_error("rename", unfinished))
        })
    }

    /// Makes everything durable, names included.
    pub fn all(&mut self) -> Result<()> {
        self.files()?;
        let folders = std::mem::take(&mut self.folders);
        folders
            .into_iter()
            .try_for_each(|folder| private::sync_dir(&folder).map_err(file_error("sync", folder)))
    }
}

fn sync(file: &Unsettled) -> Result<()> {
    file.file.sync_all().map_err(file_error("sync", &file.unfinished))
}
