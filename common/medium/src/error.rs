//! What can go wrong with a medium, and who has to do something about it.

use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

/// Who can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Trying again will not help: wrong call, wrong medium or wrong configuration.
    Permanent,
    /// May go away by itself; try again later.
    Transient,
    /// Somebody has to change, free, mount or replace something.
    NeedsOperator,
}

/// Why a medium could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is empty.
    #[error(
        "no medium is named; give a tape drive such as /dev/nst0, FILE.tap for a virtual tape, or a directory"
    )]
    NoAddress,

    /// A device node that is no tape drive was named.
    #[error(
        "{address} is a device that is not written to; name a tape drive as /dev/nst0, FILE.tap for a virtual tape, or a directory"
    )]
    OtherDevice {
        /// As it was given.
        address: String,
    },

    /// The node of the drive that rewinds when it is closed.
    #[error(
        "{path} rewinds the tape whenever it is closed; use the drive's other node, /dev/nst… in place of /dev/st…"
    )]
    Rewinds {
        /// The node.
        path: PathBuf,
    },

    /// The driver is set to answer for filemarks before they are on the tape.
    #[error(
        "{path} has the driver option no-wait set, which makes a filemark no proof of anything; switch it off with `mt -f {path} stclearoptions no-wait`"
    )]
    PretendsFilemarks {
        /// The drive.
        path: PathBuf,
    },

    /// The drive, or the way to it, is no more.
    #[error(
        "the drive {path} does not answer any more: see to its power and its cable, and run the same command again"
    )]
    DriveGone {
        /// The drive.
        path: PathBuf,
    },

    /// No cartridge is in the drive.
    #[error("there is no cartridge in {path}; put one in")]
    NoCartridge {
        /// The drive.
        path: PathBuf,
    },

    /// The drive has a cartridge and cannot use it yet.
    #[error(
        "{path} is not ready: it may still load its cartridge; wait a minute, then look at the drive's display"
    )]
    NotReady {
        /// The drive.
        path: PathBuf,
    },

    /// The cartridge must not be written.
    #[error("the cartridge in {path} is write-protected; take the protection off, or put another one in")]
    WriteProtected {
        /// The drive.
        path: PathBuf,
    },

    /// A record is longer than the way to the drive allows.
    #[error(
        "records of this size cannot be moved to or from {path}: set `record_bytes` under [media] to 256 KiB; to read a tape with larger ones, use a host adapter that moves them"
    )]
    RecordTooLarge {
        /// The drive.
        path: PathBuf,
    },

    /// The drive could not do what was asked, after all attempts of its own.
    #[error(
        "the drive {path} could not {action} its tape; nothing since the last commit is safe: see the system log and the drive's display, clean the drive or use another cartridge, and run the same command again"
    )]
    Drive {
        /// The drive.
        path: PathBuf,
        /// What was tried, as a verb.
        action: &'static str,
    },

    /// The record size in the settings is not possible.
    #[error("records of {given} bytes are not possible; choose 1 to {largest}, commonly 262144")]
    RecordBytes {
        /// As set.
        given: usize,
        /// Largest that is possible.
        largest: usize,
    },

    /// Something is on the medium already.
    #[error(
        "{path} is not blank: it holds {found}; use another medium, or clear this one by hand if nobody needs it"
    )]
    NotBlank {
        /// The medium.
        path: PathBuf,
        /// What was found on it.
        found: String,
    },

    /// The volume's capacity does not allow this write.
    #[error(
        "the volume is full: {needed} bytes are needed and {remaining} are left; continue on the next volume"
    )]
    Full {
        /// Bytes that the write needs on the medium, framing included.
        needed: u64,
        /// Bytes left by the capacity.
        remaining: u64,
    },

    /// The file system below the medium has no room.
    #[error(
        "the file system of {path} has no space or quota left; free some, or set a smaller capacity and continue on another disk"
    )]
    NoSpace {
        /// The file that was being written.
        path: PathBuf,
    },

    /// The file system cannot hold a file of this size.
    #[error(
        "the file system does not let {path} grow further (FAT32 ends at 4 GiB); use one without that limit, or smaller segments"
    )]
    FileTooLarge {
        /// The file that was being written.
        path: PathBuf,
    },

    /// Another process writes to the medium.
    #[error("another process is writing to {path}; wait until it has ended")]
    InUse {
        /// The medium.
        path: PathBuf,
    },

    /// The medium, or a file that must be on it, is not there.
    #[error("{path} is missing; is the right medium mounted?")]
    Missing {
        /// The medium, or the file on it.
        path: PathBuf,
    },

    /// The volume ends before all committed files.
    #[error(
        "{path} has {found} of the {committed} files that were committed to it; is this the right medium?"
    )]
    FilesMissing {
        /// The medium.
        path: PathBuf,
        /// Files found.
        found: u32,
        /// Files that were committed.
        committed: u32,
    },

    /// The path is something else than the address says.
    #[error("{path} is not a medium: {found}")]
    NotAMedium {
        /// The path.
        path: PathBuf,
        /// What it is instead.
        found: &'static str,
    },

    /// A volume that is to be continued is damaged in its committed part.
    #[error(
        "{path} is damaged at byte {byte_offset} in file {file_number} ({what}); verify what is on it and continue on a new volume"
    )]
    Damaged {
        /// The medium.
        path: PathBuf,
        /// File with the damage, from 0.
        file_number: u32,
        /// Where in the image the damage begins.
        byte_offset: u64,
        /// What is wrong there.
        what: crate::Damage,
    },

    /// After a write or commit, the medium is not what was written to it.
    #[error(
        "{path} does not hold what was written to it ({found}); nothing since the last commit is safe, run again to write it anew"
    )]
    PositionLost {
        /// The medium, or the file on it.
        path: PathBuf,
        /// What the check came to.
        found: String,
    },

    /// An earlier failure left the medium in a state that this writer cannot know.
    #[error(
        "an earlier error on {path} left it unknown what was stored; nothing more is written before it is opened anew"
    )]
    WriterFailed {
        /// The medium.
        path: PathBuf,
    },

    /// The name is not one that a volume's file can have.
    #[error(
        "{name:?} is not a volume's file name; VOLUME*, segment-*, INDEX* and TRAILER* are, with letters, digits, '.', '-' and '_'"
    )]
    Name {
        /// The name.
        name: String,
    },

    /// The volume has a file of this name.
    #[error("the volume has a file {name} already")]
    NameTaken {
        /// The name.
        name: String,
    },

    /// The call is for between files, and one is open.
    #[error("file {number} is begun and not ended; end or abandon it first")]
    FileOpen {
        /// Its number.
        number: u32,
    },

    /// The call is for an open file, and none is.
    #[error("no file is open; begin or open one first")]
    NoFileOpen,

    /// A record is empty or too long, or follows a short one.
    #[error(
        "a record of {given} bytes does not fit here; 1 to {record_bytes} bytes do, and nothing after a shorter one"
    )]
    RecordSize {
        /// Bytes given.
        given: usize,
        /// Full size of a record.
        record_bytes: usize,
    },

    /// The volume has as many files as their numbers allow.
    #[error(
        "the volume cannot hold more than {limit} files; continue on the next volume, with larger segments"
    )]
    TooManyFiles {
        /// Most files on one volume.
        limit: u32,
    },

    /// A virtual tape takes only so many empty files one behind the other.
    #[error("a virtual tape cannot hold more than {limit} empty files in a row; leave them out")]
    TooManyEmptyFiles {
        /// Most in a row.
        limit: u32,
    },

    /// The operating system refused.
    #[error("cannot {action} {path}: {source}{}", hint(source))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What was tried, as a verb.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// Who can help.
    pub fn status(&self) -> Status {
        match self {
            Self::InUse { .. } | Self::NotReady { .. } => Status::Transient,
            Self::NotBlank { .. }
            | Self::Full { .. }
            | Self::NoSpace { .. }
            | Self::FileTooLarge { .. }
            | Self::Missing { .. }
            | Self::FilesMissing { .. }
            | Self::Damaged { .. }
            | Self::PositionLost { .. }
            | Self::WriterFailed { .. }
            | Self::PretendsFilemarks { .. }
            | Self::DriveGone { .. }
            | Self::NoCartridge { .. }
            | Self::WriteProtected { .. }
            | Self::RecordTooLarge { .. }
            | Self::Drive { .. } => Status::NeedsOperator,
            Self::Io { source, .. } => io_status(source),
            Self::NoAddress
            | Self::OtherDevice { .. }
            | Self::Rewinds { .. }
            | Self::RecordBytes { .. }
            | Self::NotAMedium { .. }
            | Self::Name { .. }
            | Self::NameTaken { .. }
            | Self::FileOpen { .. }
            | Self::NoFileOpen
            | Self::RecordSize { .. }
            | Self::TooManyFiles { .. }
            | Self::TooManyEmptyFiles { .. } => Status::Permanent,
        }
    }

    /// Whether the drive or the cartridge's tab is the trouble, and not what is on the medium: once that is mended, the same
    /// volume goes on.
    pub fn concerns_drive(&self) -> bool {
        matches!(
            self,
            Self::Drive { .. }
                | Self::PositionLost { .. }
                | Self::DriveGone { .. }
                | Self::NoCartridge { .. }
                | Self::WriteProtected { .. }
                | Self::NotReady { .. }
                | Self::InUse { .. }
        )
    }

    /// Whether the file system below the medium has no room: with some made there, or another disk, the work goes on.
    pub fn concerns_room(&self) -> bool {
        matches!(self, Self::NoSpace { .. } | Self::FileTooLarge { .. })
    }

    /// Names the finding behind an error of the operating system on `path`.
    pub(crate) fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        let path = path.to_owned();
        match errno(&source) {
            Some(Errno::ENOSPC | Errno::EDQUOT) => Self::NoSpace { path },
            Some(Errno::EFBIG) => Self::FileTooLarge { path },
            Some(Errno::ENOENT) => Self::Missing { path },
            _ => Self::Io { path, action, source },
        }
    }
}

fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw)
}

fn io_status(error: &io::Error) -> Status {
    match errno(error) {
        Some(
            Errno::EINTR | Errno::EAGAIN | Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::ETIMEDOUT,
        ) => Status::Transient,
        _ => Status::NeedsOperator,
    }
}

fn hint(error: &io::Error) -> &'static str {
    match errno(error) {
        Some(Errno::EACCES | Errno::EPERM) => "; give this user the right to it",
        Some(Errno::EROFS) => "; mount it writable, or take off the write protection",
        Some(Errno::EIO) => "; the disk reports a fault: check its connection, then replace it",
        Some(Errno::ENODEV | Errno::ENXIO | Errno::ESTALE | Errno::ENOTCONN) => {
            "; the disk is gone: connect and mount it again"
        }
        Some(Errno::EMFILE | Errno::ENFILE) => "; too many files are open: raise the limit (ulimit -n)",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(code: Errno) -> Error {
        Error::io(Path::new("/mnt/usb/x"), "write", io::Error::from(code))
    }

    #[test]
    fn what_the_system_says_is_named() {
        assert!(matches!(io(Errno::ENOSPC), Error::NoSpace { .. }));
        assert!(matches!(io(Errno::EDQUOT), Error::NoSpace { .. }));
        assert!(matches!(io(Errno::EFBIG), Error::FileTooLarge { .. }));
        assert!(matches!(io(Errno::ENOENT), Error::Missing { .. }));
        assert!(io(Errno::EROFS).to_string().contains("write protection"));
    }

    #[test]
    fn status_says_who_can_help() {
        assert_eq!(io(Errno::ENOSPC).status(), Status::NeedsOperator);
        assert_eq!(io(Errno::EIO).status(), Status::NeedsOperator);
        assert_eq!(io(Errno::EMFILE).status(), Status::Transient);
        assert_eq!(Error::InUse { path: "x".into() }.status(), Status::Transient);
        assert_eq!(Error::NoFileOpen.status(), Status::Permanent);
    }
}
