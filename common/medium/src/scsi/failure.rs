//! Why a command to a device brought nothing.

use nix::errno::Errno;

use super::sense::{Sense, SenseKey};

/// How a command failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The device said why.
    #[error("{0}")]
    Sense(Sense),

    /// The device has no time.
    #[error("it is busy; try again")]
    Busy,

    /// Another computer has the device for itself.
    #[error("another computer has reserved it; end what uses it there")]
    Reserved,

    /// A status that the standard does not explain further.
    #[error("it ended the command with status {0:#04x}")]
    Status(u8),

    /// The device did not answer in time.
    #[error("it did not answer in time; see that it is switched on, and look into the system log")]
    TimedOut,

    /// The way to the device failed (`DID_*` of the kernel).
    #[error(
        "the host adapter could not reach it (code {0:#04x}); check the cable, and look into the system log"
    )]
    Adapter(u16),

    /// The kernel does not let this user send the command.
    #[error("this user may not send it commands; join the group of its node (`tape`), or run as root")]
    NotPermitted,

    /// The node does not take SCSI commands.
    #[error("its node takes no SCSI commands; load the kernel's module sg, and name a tape drive or library")]
    NotScsi,

    /// A tape or changer node has no generic node beside it.
    #[error("its generic node (/dev/sg…) is not there; load the kernel's module sg")]
    NoGeneric,

    /// The drive's node is open elsewhere.
    #[error("another program is using it; wait until that has ended")]
    InUse,

    /// The node is missing.
    #[error("it is not there; see that it is connected, and that the kernel's module sg is loaded")]
    Missing,

    /// The kernel failed otherwise.
    #[error("the system failed: {}", .0.desc())]
    System(Errno),

    /// The answer is not what the standard says.
    #[error("its answer to {0} makes no sense")]
    Answer(&'static str),
}

impl Failure {
    /// Names what the kernel said.
    pub(crate) fn system(error: Errno) -> Self {
        match error {
            Errno::EPERM | Errno::EACCES => Self::NotPermitted,
            Errno::ENOTTY | Errno::EINVAL => Self::NotScsi,
            Errno::EBUSY => Self::InUse,
            Errno::ENOENT | Errno::ENODEV | Errno::ENXIO => Self::Missing,
            Errno::ETIMEDOUT => Self::TimedOut,
            other => Self::System(other),
        }
    }

    /// The sense data, if the device sent some.
    pub fn sense(&self) -> Option<&Sense> {
        match self {
            Self::Sense(sense) => Some(sense),
            _ => None,
        }
    }

    /// Whether the device said that it does not know the command or an option of it.
    pub fn is_unsupported(&self) -> bool {
        self.sense().is_some_and(|sense| sense.key == SenseKey::IllegalRequest)
    }
}
