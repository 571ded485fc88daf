//! How much room a disk has, and how it is read.

use std::fs::File;
use std::path::Path;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use nix::sys::statvfs::statvfs;

use crate::JobError;

/// The bytes that an ordinary user may still write to the file system that holds `path`.
pub fn free_bytes(path: &Path) -> Result<u64, JobError> {
    let stat =
        statvfs(path).map_err(|errno| JobError::io("ask for the free space of", path)(errno.into()))?;
    Ok(stat.blocks_available().saturating_mul(stat.fragment_size()))
}

/// Tells the system that a file will be read from its beginning to its end, so that it reads further ahead.
pub fn read_once(file: &File) {
    // An advice: what comes of it changes nothing but the speed.
    let _ = posix_fadvise(file, 0, 0, PosixFadviseAdvice::POSIX_FADV_SEQUENTIAL);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_has_room_and_a_missing_path_has_none() {
        let dir = tempfile::tempdir().unwrap();
        assert!(free_bytes(dir.path()).unwrap() > 0);
        let error = free_bytes(&dir.path().join("missing")).unwrap_err();
        assert!(error.to_string().starts_with("cannot ask for the free space of "), "{error}");
    }
}
