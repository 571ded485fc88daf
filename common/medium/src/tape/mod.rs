//! A volume on tape: the same writer and reader for every [`TapeDevice`].
//!
//! The one rule: nothing is durable before a synchronous flush has succeeded *and* the drive stands where it was
//! counted to stand. After any other error than the end of the tape nothing more is written through the same writer.

mod device;
mod reader;
#[cfg(test)]
mod tests;
mod watched;
mod writer;

use std::path::Path;

use nix::errno::Errno;

use crate::{CommittedFile, Error, MediumReader, MediumWriter, Reopened, Settings};

pub(crate) use device::{DriveStatus, Filemark, TapeDevice};
use reader::TapeReader;
pub(crate) use watched::Watched;
use writer::TapeWriter;

/// Whether there is nothing on the cartridge: the end of data is at its beginning.
pub(crate) fn is_blank(device: &mut dyn TapeDevice) -> Result<bool, Error> {
    step(device, "rewind", |device| device.rewind())?;
    let mut probe = vec![0; crate::DEFAULT_RECORD_BYTES];
    match device.read_record(&mut probe) {
        Ok(1..) | Err(Errno::ENOMEM) => Ok(false),
        // Nothing, or an error: neither tells.
        Ok(0) | Err(Errno::EIO) => ends_at(device, 0),
        Err(error) => Err(device_error(device.path(), "read", error)),
    }
}

/// Whether the data end at block `at`. st answers a read there with 0 bytes or with EIO, as it does for a filemark and
/// for a record that cannot be read; only where the drive goes when it is sent to the end of data tells them apart. It
/// stays there.
pub(crate) fn ends_at(device: &mut dyn TapeDevice, at: u64) -> Result<bool, Error> {
    Ok(end_of_data(device)? == at)
}

/// Goes to the end of the data, and says in front of which block that is. Where a drive fails, st says `GMT_EOD` all the same (seen
/// with Linux 6.1), so that this proves nothing then.
fn end_of_data(device: &mut dyn TapeDevice) -> Result<u64, Error> {
    step(device, "find the end of", |device| device.to_end_of_data())?;
    step(device, "locate in", |device| device.block())
}

/// Starts a volume on a blank cartridge.
pub(crate) fn create(
    mut device: Box<dyn TapeDevice>,
    settings: &Settings,
) -> Result<Box<dyn MediumWriter>, Error> {
    require_writable(device.as_mut())?;
    if !is_blank(device.as_mut())? {
        let path = device.path().to_owned();
        return Err(Error::NotBlank { path, found: "a tape that was written".to_owned() });
    }
    step(device.as_mut(), "rewind", |device| device.rewind())?;
    Ok(Box::new(TapeWriter::new(device, settings, &[])?))
}

/// Opens a volume that is on the cartridge, to go on with it.
pub(crate) fn reopen(
    mut device: Box<dyn TapeDevice>,
    settings: &Settings,
) -> Result<Box<dyn Reopened>, Error> {
    require_writable(device.as_mut())?;
    Ok(Box::new(ReopenedTape { reader: TapeReader::new(device)?, settings: settings.clone() }))
}

struct ReopenedTape {
    reader: TapeReader,
    settings: Settings,
}

impl Reopened for ReopenedTape {
    fn reader(&mut self) -> &mut dyn MediumReader {
        &mut self.reader
    }

    /// Something that is not blank and has no file is not ours.
    fn overwrites_nothing(&self) -> Result<bool, Error> {
        Ok(false)
    }

    fn set_record_bytes(&mut self, record_bytes: usize) {
        self.settings.record_bytes = record_bytes;
    }

    /// What follows the files is overwritten.
    fn append(self: Box<Self>, committed: &[CommittedFile]) -> Result<Box<dyn MediumWriter>, Error> {
        let mut device = self.reader.into_device();
        step(device.as_mut(), "rewind", |device| device.rewind())?;
        let files = committed.len() as u32;
        match device.forward_filemarks(files) {
            Ok(()) => Ok(Box::new(TapeWriter::new(device, &self.settings, committed)?)),
            Err(Errno::EIO) => {
                let found = step(device.as_mut(), "look at", |device| device.status())?.files_before;
                let at = step(device.as_mut(), "locate in", |device| device.block())?;
                let path = device.path().to_owned();
                if ends_at(device.as_mut(), at)? {
                    return Err(Error::FilesMissing { path, found: found.unwrap_or(0), committed: files });
                }
                Err(device_error(&path, "locate in", Errno::EIO))
            }
            Err(error) => Err(device_error(device.path(), "locate in", error)),
        }
    }
}

/// Reads a volume.
pub(crate) fn open(device: Box<dyn TapeDevice>) -> Result<Box<dyn MediumReader>, Error> {
    Ok(Box::new(TapeReader::new(device)?))
}

/// Whether the cartridge's tab forbids writing.
pub(crate) fn is_write_protected(device: &mut dyn TapeDevice) -> Result<bool, Error> {
    Ok(step(device, "look at", |device| device.status())?.write_protected)
}

fn require_writable(device: &mut dyn TapeDevice) -> Result<(), Error> {
    if is_write_protected(device)? {
        return Err(Error::WriteProtected { path: device.path().to_owned() });
    }
    Ok(())
}

/// The action of opening a drive.
pub(crate) const OPEN: &str = "open";

/// One call to the drive, its error named.
fn step<T>(
    device: &mut (dyn TapeDevice + '_),
    action: &'static str,
    call: impl FnOnce(&mut (dyn TapeDevice + '_)) -> Result<T, Errno>,
) -> Result<T, Error> {
    call(device).map_err(|error| device_error(device.path(), action, error))
}

/// What an error of a drive comes to, apart from ENOSPC, whose meaning the position decides.
pub(crate) fn device_error(path: &Path, action: &'static str, error: Errno) -> Error {
    let path = path.to_owned();
    match error {
        Errno::EACCES | Errno::EROFS => Error::WriteProtected { path },
        Errno::EBUSY if action == OPEN => Error::InUse { path },
        // More than the host adapter can move at once.
        Errno::EBUSY | Errno::EINVAL if action == "read" || action == "write" => {
            Error::RecordTooLarge { path }
        }
        Errno::ENOMEDIUM => Error::NoCartridge { path },
        Errno::ENXIO | Errno::ENODEV => Error::DriveGone { path },
        Errno::ENOENT => Error::Missing { path },
        Errno::EIO => Error::Drive { path, action },
        other => Error::Io { path, action, source: other.into() },
    }
}
