//! The requests of `linux/mtio.h`. The only unsafe code of the two programs.
#![allow(unsafe_code, reason = "ioctl has no safe form; the structures below are what the kernel expects")]

use std::ffi::{c_int, c_long, c_short};
use std::fs::File;
use std::os::fd::AsRawFd;

use nix::Result;

/// `struct mtop`: an operation and its count.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct MtOp {
    pub operation: c_short,
    pub count: c_int,
}

/// `struct mtget`: the state of the drive.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MtGet {
    pub kind: c_long,
    pub residual: c_long,
    pub density_and_block_size: c_long,
    pub general_status: c_long,
    pub errors: c_long,
    pub file_number: c_int,
    pub block_number: c_int,
}

/// `struct mtpos`: the block at the position.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MtPos {
    pub block: c_long,
}

mod requests {
    use super::{MtGet, MtOp, MtPos};
    nix::ioctl_write_ptr!(operate, b'm', 1, MtOp);
    nix::ioctl_read!(status, b'm', 2, MtGet);
    nix::ioctl_read!(position, b'm', 3, MtPos);
}

/// MTIOCTOP.
pub(super) fn operate(drive: &File, operation: MtOp) -> Result<()> {
    // SAFETY: the descriptor is open, and the kernel only reads the structure, during the call.
    unsafe { requests::operate(drive.as_raw_fd(), &raw const operation) }.map(drop)
}

/// MTIOCGET.
pub(super) fn status(drive: &File) -> Result<MtGet> {
    let mut found = MtGet::default();
    // SAFETY: the descriptor is open, and the kernel writes one `struct mtget`, during the call.
    unsafe { requests::status(drive.as_raw_fd(), &raw mut found) }?;
    Ok(found)
}

/// MTIOCPOS.
pub(super) fn position(drive: &File) -> Result<MtPos> {
    let mut found = MtPos::default();
    // SAFETY: the descriptor is open, and the kernel writes one `struct mtpos`, during the call.
    unsafe { requests::position(drive.as_raw_fd(), &raw mut found) }?;
    Ok(found)
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;

    #[test]
    fn structures_and_requests_are_the_kernel_s() {
        assert_eq!((size_of::<MtOp>(), size_of::<MtGet>(), size_of::<MtPos>()), (8, 48, 8));
        assert_eq!(nix::request_code_write!(b'm', 1, size_of::<MtOp>()), 0x4008_6d01);
        assert_eq!(nix::request_code_read!(b'm', 2, size_of::<MtGet>()), 0x8030_6d02);
        assert_eq!(nix::request_code_read!(b'm', 3, size_of::<MtPos>()), 0x8008_6d03);
    }
}
