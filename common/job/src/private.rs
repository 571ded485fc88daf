//! Files and directories that only their owner may read, because what a job holds is about patients.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

const FILE_MODE: u32 = 0o600;
const DIR_MODE: u32 = 0o700;

/// Makes a directory and those above it, as far as they are missing.
pub fn create_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIR_MODE).create(path)
}

/// Takes a directory that is there for ourselves alone.
pub fn close_dir(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(DIR_MODE))
}

/// Opens a file for reading and writing, making it if it is missing.
pub fn open_file(path: &Path) -> io::Result<File> {
    options().read(true).write(true).truncate(false).open(path)
}

/// Makes a file for writing. One of this name that an earlier run left behind is taken away first, whoever may read it.
pub fn replace_file(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => options().write(true).create_new(true).open(path),
    }
}

/// Opens a file to add to its end, making it if it is missing.
pub fn append_file(path: &Path) -> io::Result<File> {
    options().append(true).open(path)
}

/// Writes a file whole or not at all: through a temporary one that is durable before it takes the name.
pub fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = options().write(true).truncate(true).open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_dir(path.parent().unwrap_or(path))
}

/// Makes the names in a directory durable; the empty path is the current one.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    match File::open(path)?.sync_all() {
        // Some file systems cannot sync a directory and say so; syncing the files is all that they offer.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(FILE_MODE);
    options
}
