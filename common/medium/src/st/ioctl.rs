//! The requests of `linux/mtio.h`, and `SG_IO` of `scsi/sg.h`. The only unsafe code of the two programs.
#![allow(unsafe_code, reason = "ioctl has no safe form; the structures below are what the kernel expects")]

use std::ffi::{c_int, c_long, c_short, c_uchar, c_uint, c_ushort, c_void};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::ptr::null_mut;
use std::time::Duration;

use nix::errno::Errno;

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

/// `struct sg_io_hdr`: one SCSI command, and what came of it.
#[repr(C)]
#[derive(Debug)]
struct SgIoHeader {
    interface: c_int,
    direction: c_int,
    command_length: c_uchar,
    sense_room: c_uchar,
    pieces: c_ushort,
    data_length: c_uint,
    data: *mut c_void,
    command: *const c_uchar,
    sense: *mut c_uchar,
    timeout: c_uint,
    flags: c_uint,
    pack_id: c_int,
    user: *mut c_void,
    status: c_uchar,
    masked_status: c_uchar,
    message_status: c_uchar,
    sense_length: c_uchar,
    host_status: c_ushort,
    driver_status: c_ushort,
    residual: c_int,
    duration: c_uint,
    info: c_uint,
}

/// `SG_IO` is older than the macros that number requests.
const SG_IO: c_int = 0x2285;

/// `SG_DXFER_*`.
mod transfer {
    use super::c_int;
    pub const NONE: c_int = -1;
    pub const TO_DEVICE: c_int = -2;
    pub const FROM_DEVICE: c_int = -3;
}

mod requests {
    use super::{MtGet, MtOp, MtPos, SG_IO, SgIoHeader};
    nix::ioctl_readwrite_bad!(sg_io, SG_IO, SgIoHeader);
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

/// The data that goes with a SCSI command.
pub(crate) enum Transfer<'data> {
    Nothing,
    FromDevice(&'data mut [u8]),
    ToDevice(&'data [u8]),
}

/// How a SCSI command ended.
#[derive(Debug)]
pub(crate) struct Completion {
    /// The device's status byte.
    pub status: u8,
    /// What the host adapter met, `DID_*`; 0 is nothing.
    pub host: u16,
    /// Bytes of sense data that came, at most the room given.
    pub sense_length: usize,
    /// Bytes of data that were moved.
    pub transferred: usize,
}

/// `SG_IO`: gives a command to the device behind a node of sg, st or ch, and waits until it has ended.
pub(crate) fn scsi(
    device: &File,
    command: &[u8],
    transfer: Transfer<'_>,
    sense: &mut [u8; 252],
    timeout: Duration,
) -> Result<Completion> {
    let (direction, data, length) = match transfer {
        Transfer::Nothing => (transfer::NONE, null_mut(), 0),
        Transfer::FromDevice(room) => (transfer::FROM_DEVICE, room.as_mut_ptr().cast(), room.len()),
        Transfer::ToDevice(data) => (transfer::TO_DEVICE, data.as_ptr().cast_mut().cast(), data.len()),
    };
    let mut header = SgIoHeader {
        interface: c_int::from(b'S'),
        direction,
        command_length: c_uchar::try_from(command.len()).map_err(|_| Errno::EINVAL)?,
        sense_room: sense.len() as c_uchar,
        pieces: 0,
        data_length: c_uint::try_from(length).map_err(|_| Errno::EINVAL)?,
        data,
        command: command.as_ptr(),
        sense: sense.as_mut_ptr(),
        timeout: c_uint::try_from(timeout.as_millis()).unwrap_or(c_uint::MAX),
        flags: 0,
        pack_id: 0,
        user: null_mut(),
        status: 0,
        masked_status: 0,
        message_status: 0,
        sense_length: 0,
        host_status: 0,
        driver_status: 0,
        residual: 0,
        duration: 0,
        info: 0,
    };
    // SAFETY: the descriptor is open. The kernel reads `command` and what goes to the device, writes what comes from it and the
    // sense data, each within the length given with it, and all before it returns; `command`, `sense` and the data are
    // borrowed for that long. What goes to the device is only read, so that the cast to a mutable pointer does no harm.
    unsafe { requests::sg_io(device.as_raw_fd(), &raw mut header) }?;
    let residual = usize::try_from(header.residual).unwrap_or(0);
    Ok(Completion {
        status: header.status,
        host: header.host_status,
        sense_length: usize::from(header.sense_length).min(sense.len()),
        transferred: length.saturating_sub(residual),
    })
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

    #[test]
    fn the_header_of_sg_io_is_laid_out_as_the_kernel_s() {
        use std::mem::offset_of;
        assert_eq!((size_of::<SgIoHeader>(), SG_IO), (88, 0x2285));
        let fields = [
            (offset_of!(SgIoHeader, data_length), 12),
            (offset_of!(SgIoHeader, data), 16),
            (offset_of!(SgIoHeader, command), 24),
            (offset_of!(SgIoHeader, sense), 32),
            (offset_of!(SgIoHeader, timeout), 40),
            (offset_of!(SgIoHeader, user), 56),
            (offset_of!(SgIoHeader, status), 64),
            (offset_of!(SgIoHeader, sense_length), 67),
            (offset_of!(SgIoHeader, host_status), 68),
            (offset_of!(SgIoHeader, residual), 72),
            (offset_of!(SgIoHeader, info), 80),
        ];
        for (found, expected) in fields {
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn what_takes_no_scsi_commands_says_so() {
        let file = File::open("/dev/null").unwrap();
        let outcome = scsi(&file, &[0; 6], Transfer::Nothing, &mut [0; 252], Duration::from_secs(1));
        assert_eq!(outcome.unwrap_err(), Errno::ENOTTY);
        let long = scsi(&file, &[0; 300], Transfer::Nothing, &mut [0; 252], Duration::from_secs(1));
        assert_eq!(long.unwrap_err(), Errno::EINVAL);
    }
}
