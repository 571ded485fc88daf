//! The driver's interface (Documentation/scsi/st.rst, include/uapi/linux/mtio.h).
//!
//! The only file of this program with `unsafe`: three ioctls.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

use nix::errno::Errno;
use nix::libc;

/// `mt_op` of `struct mtop`.
#[derive(Debug, Clone, Copy)]
#[repr(i16)]
pub enum Op {
    Fsf = 1,
    Bsf = 2,
    Fsr = 3,
    Bsr = 4,
    Weof = 5,
    Rewind = 6,
    Offline = 7,
    Nop = 8,
    Retension = 9,
    Bsfm = 10,
    Fsfm = 11,
    Eom = 12,
    Erase = 13,
    SetBlock = 20,
    SetDensity = 21,
    Seek = 22,
    SetDriveBuffer = 24,
    SpaceSetmark = 25,
    WriteSetmark = 27,
    Lock = 28,
    Unlock = 29,
    Load = 30,
    Compression = 32,
    WeofImmediate = 35,
}

#[repr(C)]
struct MtOp {
    op: i16,
    count: i32,
}

#[repr(C)]
#[derive(Default)]
struct MtGet {
    kind: libc::c_long,
    residual: libc::c_long,
    density: libc::c_long,
    general: libc::c_long,
    errors: libc::c_long,
    file: i32,
    block: i32,
}

#[repr(C)]
#[derive(Default)]
struct MtPos {
    block: libc::c_long,
}

nix::ioctl_write_ptr!(mtioctop, b'm', 1, MtOp);
nix::ioctl_read!(mtiocget, b'm', 2, MtGet);
nix::ioctl_read!(mtiocpos, b'm', 3, MtPos);

/// Bits of the general status.
pub const EOF: i64 = 0x8000_0000;
pub const BOT: i64 = 0x4000_0000;
pub const EOT: i64 = 0x2000_0000;
pub const EOD: i64 = 0x0800_0000;
pub const ONLINE: i64 = 0x0100_0000;
pub const DOOR_OPEN: i64 = 0x0004_0000;

/// What MTIOCGET says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status {
    /// File and block number; -1: not known.
    pub place: (i32, i32),
    /// General status.
    pub general: i64,
    /// Block size of the mode.
    pub block_size: i64,
}

/// An open tape.
#[derive(Debug)]
pub struct Tape(File);

/// An error number of a failed system call.
pub type Outcome<T = ()> = Result<T, Errno>;

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}

impl Tape {
    /// Opens for reading, and for writing if asked; `wait`: until the drive is ready.
    pub fn open(path: &str, write: bool, wait: bool) -> Outcome<Self> {
        let flags = if wait { 0 } else { libc::O_NONBLOCK };
        let file = File::options().read(true).write(write).custom_flags(flags).open(path);
        file.map(Self).map_err(|error| errno(&error))
    }

    /// MTIOCTOP.
    pub fn op(&self, op: Op, count: i32) -> Outcome {
        let request = MtOp { op: op as i16, count };
        // SAFETY: the descriptor is open and the structure is the kernel's (its size is part of the request number).
        unsafe { mtioctop(self.0.as_raw_fd(), &raw const request) }.map(drop)
    }

    /// MTIOCGET.
    pub fn status(&self) -> Outcome<Status> {
        let mut answer = MtGet::default();
        // SAFETY: as above.
        unsafe { mtiocget(self.0.as_raw_fd(), &raw mut answer) }?;
        Ok(Status {
            place: (answer.file, answer.block),
            general: answer.general,
            block_size: answer.density & 0xff_ffff,
        })
    }

    /// MTIOCPOS.
    pub fn position(&self) -> Outcome<i64> {
        let mut answer = MtPos::default();
        // SAFETY: as above.
        unsafe { mtiocpos(self.0.as_raw_fd(), &raw mut answer) }?;
        Ok(answer.block)
    }

    /// One write(2).
    pub fn write(&mut self, bytes: &[u8]) -> Outcome<usize> {
        self.0.write(bytes).map_err(|error| errno(&error))
    }

    /// One read(2).
    pub fn read(&mut self, into: &mut [u8]) -> Outcome<usize> {
        self.0.read(into).map_err(|error| errno(&error))
    }
}
