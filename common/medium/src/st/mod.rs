//! A tape drive behind the Linux `st` driver (Documentation/scsi/st.rst).

pub(crate) mod heir;
pub(crate) mod ioctl;

use std::ffi::{c_int, c_short};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{major, minor};
use nix::time::{ClockId, clock_gettime};

use crate::buffer::{RecordBuffer, is_page_aligned};
use crate::calls::{CallKind, UnderWay};
use crate::scsi::{Health, HeldNode};
use crate::tape::{DriveStatus, Filemark, OPEN, TapeDevice, Watched, device_error};
use crate::{Error, system};
use ioctl::{MtGet, MtOp};

/// Major device number of SCSI tapes (Documentation/admin-guide/devices.txt).
const SCSI_TAPE_MAJOR: u64 = 9;
/// Set in the minor number of nodes that do not rewind when they are closed.
const NO_REWIND: u64 = 0x80;
/// `MT_ST_NOWAIT_EOF` of the options in sysfs: makes every filemark an immediate one.
const NOWAIT_EOF: u32 = 0x8000;

/// Operations of `linux/mtio.h`.
mod op {
    use super::c_short;
    pub const FORWARD_FILEMARKS: c_short = 1;
    pub const BACK_FILEMARKS: c_short = 2;
    pub const WRITE_FILEMARKS: c_short = 5;
    pub const REWIND: c_short = 6;
    pub const OFFLINE: c_short = 7;
    pub const END_OF_DATA: c_short = 12;
    pub const SET_BLOCK_SIZE: c_short = 20;
    pub const SEEK: c_short = 22;
    pub const COMPRESSION: c_short = 32;
    pub const WRITE_FILEMARKS_IMMEDIATE: c_short = 35;
}

/// Bits of `mt_gstat`.
mod gmt {
    pub const END_OF_DATA: i64 = 0x0800_0000;
    pub const WRITE_PROTECTED: i64 = 0x0400_0000;
    pub const ONLINE: i64 = 0x0100_0000;
    pub const NO_CARTRIDGE: i64 = 0x0004_0000;
    pub const CLEANING_REQUESTED: i64 = 0x8000;
}

/// An open drive.
pub(crate) struct StDevice {
    path: PathBuf,
    file: Arc<File>,
    page_aligned: RecordBuffer,
    /// Where the tape is written.
    generic: Option<HeldNode>,
    /// When the last call that depends on the position was begun. A process may be stopped before it sees that one is back.
    asked: Duration,
}

/// Opens a drive that has a cartridge in it, in variable block mode without compression by the drive.
pub(crate) fn open(path: &Path, writing: bool) -> Result<Box<dyn TapeDevice>, Error> {
    check_node(path)?;
    let _under_way = UnderWay::begin(path, OPEN, CallKind::Motion);
    // Without O_NONBLOCK an empty drive would be waited for, two minutes long.
    let mut options = OpenOptions::new();
    options.read(true).write(writing).custom_flags(OFlag::O_NONBLOCK.bits());
    let file = options.open(path).map_err(|error| open_error(path, error))?;
    let found = ioctl::status(&file).map_err(|error| device_error(path, "look at", error))?;
    if found.general_status & gmt::NO_CARTRIDGE != 0 {
        return Err(Error::NoCartridge { path: path.to_owned() });
    }
    if found.general_status & gmt::ONLINE == 0 {
        return Err(Error::NotReady { path: path.to_owned() });
    }
    let file = Arc::new(file);
    if writing {
        heir::note(&file);
    }
    let device = StDevice {
        path: path.to_owned(),
        file,
        page_aligned: RecordBuffer::default(),
        generic: writing.then(|| HeldNode::of(path)),
        asked: now(),
    };
    device
        .operate(op::SET_BLOCK_SIZE, 0)
        .map_err(|error| device_error(path, "set the block mode of", error))?;
    if writing {
        // Segments are compressed and, soon, encrypted: the drive could only make them larger. Some drives
        // have no compression to switch off, and refuse.
        let _ = device.operate(op::COMPRESSION, 0);
    }
    Ok(Box::new(Watched::new(Box::new(device))))
}

/// Opens a drive's node, with or without a cartridge, so that nobody else can, and st takes note of what happened to the
/// drive since it was last open. Nothing moves.
pub(crate) fn claim(path: &Path) -> Result<File, Error> {
    check_node(path)?;
    let _under_way = UnderWay::begin(path, OPEN, CallKind::Motion);
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
    options.open(path).map_err(|error| open_error(path, error))
}

/// The density code of the cartridge in a drive, as st learnt it when the drive was opened for this; none without a cartridge.
/// Nothing moves, and no privilege is needed.
pub(crate) fn loaded_density(path: &Path) -> Result<Option<u8>, Error> {
    let found = ioctl::status(&claim(path)?).map_err(|error| device_error(path, "look at", error))?;
    Ok(density(&found))
}

fn density(found: &MtGet) -> Option<u8> {
    let is_ready = found.general_status & (gmt::NO_CARTRIDGE | gmt::ONLINE) == gmt::ONLINE;
    u8::try_from((found.density_and_block_size >> 24) & 0xff).ok().filter(|_| is_ready)
}

/// Winds back, unloads and ejects the cartridge (MTOFFL), if no program has the drive open. Nothing to do if none is loaded:
/// one that was ejected before waits in the drive's mouth.
pub(crate) fn eject(path: &Path) -> io::Result<()> {
    let _under_way = UnderWay::begin(path, "give its cartridge out", CallKind::Motion);
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    if ioctl::status(&file)?.general_status & gmt::NO_CARTRIDGE != 0 {
        return Ok(());
    }
    Ok(ioctl::operate(&file, MtOp { operation: op::OFFLINE, count: 1 })?)
}

/// Refuses what is not a tape drive, rewinds by itself, or only pretends to have written filemarks.
fn check_node(path: &Path) -> Result<(), Error> {
    let found = fs::metadata(path).map_err(|error| Error::io(path, "look at", error))?;
    if !found.file_type().is_char_device() || major(found.rdev()) != SCSI_TAPE_MAJOR {
        return Err(Error::NotAMedium {
            path: path.to_owned(),
            found: "it is not a tape drive of the st driver",
        });
    }
    let minor = minor(found.rdev());
    if minor & NO_REWIND == 0 {
        return Err(Error::Rewinds { path: path.to_owned() });
    }
    let options = fs::read_to_string(format!("/sys/dev/char/{SCSI_TAPE_MAJOR}:{minor}/options"));
    if options.is_ok_and(|text| pretends_filemarks(&text)) {
        return Err(Error::PretendsFilemarks { path: path.to_owned() });
    }
    Ok(())
}

/// Whether these options, as sysfs shows them, have `MT_ST_NOWAIT_EOF` set.
fn pretends_filemarks(options: &str) -> bool {
    let digits = options.trim().trim_start_matches("0x");
    u32::from_str_radix(digits, 16).is_ok_and(|options| options & NOWAIT_EOF != 0)
}

fn open_error(path: &Path, error: io::Error) -> Error {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EIO) => Error::NotReady { path: path.to_owned() },
        Some(known @ (Errno::EROFS | Errno::EBUSY | Errno::ENOMEDIUM | Errno::ENXIO | Errno::ENODEV)) => {
            device_error(path, OPEN, known)
        }
        _ => Error::io(path, "open", error),
    }
}

impl StDevice {
    fn operate(&self, operation: c_short, count: c_int) -> Result<(), Errno> {
        ioctl::operate(&self.file, MtOp { operation, count })
    }

    fn space(&self, operation: c_short, count: u32) -> Result<(), Errno> {
        if count == 0 {
            return Ok(());
        }
        self.operate(operation, c_int::try_from(count).map_err(|_| Errno::EINVAL)?)
    }
}

/// Since the machine was started, the time in which it slept included.
fn now() -> Duration {
    // Every kernel has this clock. Without it nothing would seem to take any time.
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

impl TapeDevice for StDevice {
    fn path(&self) -> &Path {
        &self.path
    }

    fn write_record(&mut self, record: &[u8]) -> Result<usize, Errno> {
        self.asked = now();
        if is_page_aligned(record) {
            return retried(|| self.file.as_ref().write(record));
        }
        if self.page_aligned.len() < record.len() {
            self.page_aligned = RecordBuffer::new(record.len());
        }
        let copy = self.page_aligned.all_mut().get_mut(..record.len()).ok_or(Errno::ENOMEM)?;
        copy.copy_from_slice(record);
        retried(|| self.file.as_ref().write(copy))
    }

    fn read_record(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        retried(|| self.file.as_ref().read(buffer))
    }

    fn filemark(&mut self, filemark: Filemark) -> Result<(), Errno> {
        self.asked = now();
        match filemark {
            Filemark::Buffered => self.operate(op::WRITE_FILEMARKS_IMMEDIATE, 1),
            Filemark::Synchronous => self.operate(op::WRITE_FILEMARKS, 1),
            Filemark::FlushOnly => self.operate(op::WRITE_FILEMARKS, 0),
        }
    }

    fn rewind(&mut self) -> Result<(), Errno> {
        self.operate(op::REWIND, 1)
    }

    fn forward_filemarks(&mut self, count: u32) -> Result<(), Errno> {
        self.space(op::FORWARD_FILEMARKS, count)
    }

    fn back_filemarks(&mut self, count: u32) -> Result<(), Errno> {
        self.space(op::BACK_FILEMARKS, count)
    }

    fn to_end_of_data(&mut self) -> Result<(), Errno> {
        self.operate(op::END_OF_DATA, 1)
    }

    fn seek(&mut self, block: u64) -> Result<(), Errno> {
        self.operate(op::SEEK, c_int::try_from(block).map_err(|_| Errno::EINVAL)?)
    }

    fn block(&mut self) -> Result<u64, Errno> {
        self.asked = now();
        u64::try_from(ioctl::position(&self.file)?.block).map_err(|_| Errno::EIO)
    }

    fn idle(&mut self) -> Duration {
        now().saturating_sub(self.asked)
    }

    fn status(&mut self) -> Result<DriveStatus, Errno> {
        let found = ioctl::status(&self.file)?;
        Ok(DriveStatus {
            at_end_of_data: found.general_status & gmt::END_OF_DATA != 0,
            write_protected: found.general_status & gmt::WRITE_PROTECTED != 0,
            files_before: u32::try_from(found.file_number).ok(),
            density: density(&found),
            cleaning_requested: found.general_status & gmt::CLEANING_REQUESTED != 0,
        })
    }

    fn health_at_commit(&mut self) -> Option<Health> {
        self.generic.as_mut().map(HeldNode::health_at_commit)
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        // Nobody else has it but for a process that is about to end.
        Arc::into_inner(self.file).map_or(Ok(()), |file| system::close(file, &self.path))
    }
}

/// One call of `read` or `write`, made again when a signal interrupted it before it did anything.
fn retried(mut call: impl FnMut() -> io::Result<usize>) -> Result<usize, Errno> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_tape_drive_is_refused() {
        for path in ["/dev/null", "/etc/passwd"] {
            assert!(matches!(open(Path::new(path), false), Err(Error::NotAMedium { .. })), "{path}");
        }
        assert!(matches!(open(Path::new("/dev/nst-none"), false), Err(Error::Missing { .. })));
    }

    #[test]
    fn the_density_is_in_the_upper_byte_of_what_st_tells() {
        let found =
            MtGet { density_and_block_size: 0x5e04_0000, general_status: gmt::ONLINE, ..MtGet::default() };
        assert_eq!(density(&found), Some(0x5e));
        assert_eq!(density(&MtGet { general_status: gmt::NO_CARTRIDGE | gmt::ONLINE, ..found }), None);
        assert_eq!(density(&MtGet { general_status: 0, ..found }), None);
    }

    #[test]
    fn options_that_fake_filemarks_are_seen() {
        assert!(pretends_filemarks("0x00008000\n"));
        assert!(pretends_filemarks("0x0000b00f"));
        assert!(!pretends_filemarks("0x00000d07\n"));
        assert!(!pretends_filemarks("what"));
    }
}
