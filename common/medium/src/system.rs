//! The few things that both media ask of the operating system.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};
use nix::sys::statfs::{FsType, MSDOS_SUPER_MAGIC, statfs};
use nix::sys::statvfs::statvfs;

use crate::Error;

/// Modes of what a writer makes: whatever the umask, a volume is its owner's alone, for it names patients. A file system
/// without modes (FAT, exFAT) has its mount options instead, and takes these without complaint.
pub(crate) const FILE_MODE: u32 = 0o600;
pub(crate) const DIRECTORY_MODE: u32 = 0o700;

/// Keeps other writers out for as long as `file` is open. Two would mix their records.
/// A file system that has no locks still works.
pub(crate) fn lock(file: &File, path: &Path) -> Result<(), Error> {
    match file.try_lock() {
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: path.to_owned() }),
    }
}

/// Bytes that the file system at `path` gives to this user, if it says so.
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    let stat = statvfs(path).ok()?;
    stat.blocks_available().checked_mul(stat.fragment_size())
}

/// Longest file in bytes that the file system at `path` and this process's limits allow, as far as they say so in advance.
/// Other limits show when they are met.
pub(crate) fn largest_file(path: &Path) -> Option<u64> {
    let by_file_system = statfs(path).ok().and_then(|stat| largest_file_of(stat.filesystem_type()));
    let by_process = getrlimit(Resource::RLIMIT_FSIZE).ok().map(|(soft, _)| soft);
    by_process.filter(|limit| *limit != RLIM_INFINITY).into_iter().chain(by_file_system).min()
}

/// FAT keeps a file's length in 32 bits.
fn largest_file_of(file_system: FsType) -> Option<u64> {
    (file_system == MSDOS_SUPER_MAGIC).then_some(u64::from(u32::MAX))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> Result<(), Error> {
    let directory = File::open(path).map_err(|e| Error::io(path, "open", e))?;
    match directory.sync_all() {
        // Some file systems of removable disks cannot sync a directory and say so; syncing the files is all they offer.
        Err(e) if e.kind() == io::ErrorKind::InvalidInput => Ok(()),
        other => other.map_err(|e| Error::io(path, "sync", e)),
    }
}

/// Opens a file from a foreign disk: a link is not followed, and a pipe cannot make the reader hang.
pub(crate) fn open_untrusted(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)
}

/// Closes a file and shows the error, which dropping it would hide.
pub(crate) fn close(file: File, path: &Path) -> Result<(), Error> {
    nix::unistd::close(OwnedFd::from(file)).map_err(|e| Error::io(path, "close", e.into()))
}

/// Reads until `buffer` is full or the file ends.
pub(crate) fn read_full(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => break,
            Ok(bytes) => filled += bytes,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

/// The directory that holds `path`.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use nix::sys::statfs::{EXT4_SUPER_MAGIC, TMPFS_MAGIC};

    use super::*;

    #[test]
    fn fat_ends_below_4_gib() {
        assert_eq!(largest_file_of(MSDOS_SUPER_MAGIC), Some(4 * 1024 * 1024 * 1024 - 1));
        assert_eq!(largest_file_of(EXT4_SUPER_MAGIC), None);
        assert_eq!(largest_file_of(TMPFS_MAGIC), None);
    }
}
