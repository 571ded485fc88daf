//! What `st` does not tell: health of drive and cartridge, the cartridge's chip, and the library's robot, by SCSI commands of
//! our own (SPC-4, SSC-4, SMC-3) through `SG_IO`.
//!
//! Everything that reads an answer is a pure function over bytes, and takes whatever comes: devices lie about lengths.

mod alert;
pub(crate) mod bytes;
mod command;
mod density;
mod device;
mod failure;
mod health;
mod held;
mod inquiry;
mod log;
pub(crate) mod meaning;
mod memory;
mod mode;
mod node;
mod sense;
#[cfg(any(test, feature = "model"))]
pub(crate) mod testing;

pub use alert::{Alert, Severity};
pub use command::{Command, Direction};
pub use density::{FORMATS, Format};
pub use device::{Device, Transport};
pub use failure::Failure;
pub use health::{
    CartridgeHealth, DriveHealth, Health, HealthFinding, Readiness, Reading, loaded_worm, write_host_text,
};
pub(crate) use held::HeldNode;
pub use inquiry::{Designator, DeviceType, Identity};
pub use log::{ErrorCounters, TapeCapacity, VolumeStatistics};
pub use memory::{CartridgeMemory, HostText};
pub use mode::Medium;
pub use node::{TapeNode, tape_drives};
pub use sense::{Sense, SenseKey, TapeMarks};
