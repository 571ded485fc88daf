//! Why the robot did not do what it was asked.

use std::path::PathBuf;

use crate::Status;
use crate::scsi::{Failure, SenseKey};

/// What stands in the way of a library.
#[derive(Debug, thiserror::Error)]
pub enum ChangerError {
    /// The library did not do it.
    #[error("the library {path} could not {action}: {failure}")]
    Library {
        /// Its node.
        path: PathBuf,
        /// What was tried, as a verb.
        action: String,
        /// What it said.
        failure: Failure,
    },

    /// The node is another kind of device.
    #[error("{path} is no library; `lsscsi -g` shows its node, in the line with `mediumx`")]
    NoLibrary {
        /// The node.
        path: PathBuf,
    },

    /// No such cartridge.
    #[error(
        "there is no cartridge {wanted} in the library; see `changer list`, or put it into the mail slot"
    )]
    NoCartridge {
        /// What was asked for.
        wanted: String,
    },

    /// No such drive or slot.
    #[error("the library has no {what}; see `changer list`")]
    NoElement {
        /// What was asked for.
        what: String,
    },

    /// It is a cleaning cartridge.
    #[error("{barcode} is a cleaning cartridge; those are left alone: clean at the library's panel")]
    Cleaning {
        /// Its barcode.
        barcode: String,
    },

    /// The drive has another cartridge.
    #[error("drive {drive} has {barcode} in it; unload that first")]
    DriveFull {
        /// The drive's number.
        drive: usize,
        /// What is in it.
        barcode: String,
    },

    /// The cartridge is in another drive.
    #[error("{barcode} is in drive {drive}; unload it there first")]
    InOtherDrive {
        /// The cartridge.
        barcode: String,
        /// That drive's number.
        drive: usize,
    },

    /// Nothing is in the drive.
    #[error("drive {drive} is empty")]
    DriveEmpty {
        /// The drive's number.
        drive: usize,
    },

    /// The slot that was named is taken.
    #[error("slot {slot} is taken; name an empty one")]
    SlotFull {
        /// The slot's number.
        slot: usize,
    },

    /// There is nowhere to put it.
    #[error("the library has no empty slot; take a cartridge out")]
    NoFreeSlot,

    /// A program has the drive open.
    #[error("drive {drive} ({node}) is in use by another program; wait until that has ended")]
    DriveInUse {
        /// The drive's number.
        drive: usize,
        /// Its node.
        node: PathBuf,
    },

    /// The drive did not let the cartridge go.
    #[error("drive {drive} ({node}) could not eject its cartridge ({source}); see its display")]
    NotEjected {
        /// The drive's number.
        drive: usize,
        /// Its node.
        node: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },

    /// The library said that all is well, and the cartridge is not there.
    #[error(
        "the library says that it moved {barcode}, and {place} has {found}; look into the library, and run an inventory"
    )]
    NotMoved {
        /// The cartridge.
        barcode: String,
        /// Where it should be.
        place: String,
        /// What is there.
        found: String,
    },
}

impl ChangerError {
    /// Who can help.
    pub fn status(&self) -> Status {
        match self {
            Self::DriveInUse { .. } => Status::Transient,
            Self::Library { failure, .. } => match failure {
                Failure::Busy | Failure::InUse | Failure::TimedOut => Status::Transient,
                Failure::Sense(sense) if sense.key == SenseKey::NotReady && sense.asc == 0x04 => {
                    Status::Transient
                }
                _ => Status::NeedsOperator,
            },
            Self::NoLibrary { .. } | Self::NoElement { .. } => Status::Permanent,
            _ => Status::NeedsOperator,
        }
    }
}
