//! A drive whose calls are noted while they are under way, see [`crate::calls`].

use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;

use super::device::{DriveStatus, Filemark, TapeDevice};
use crate::Error;
use crate::calls::{CallKind, UnderWay};
use crate::scsi::Health;

/// The drive; none once it was closed.
pub(crate) struct Watched(Option<Box<dyn TapeDevice>>);

impl Watched {
    pub fn new(device: Box<dyn TapeDevice>) -> Self {
        Self(Some(device))
    }

    fn call<T>(
        &mut self,
        doing: &'static str,
        kind: CallKind,
        call: impl FnOnce(&mut dyn TapeDevice) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let device = self.0.as_deref_mut().ok_or(Errno::EBADF)?;
        let _under_way = UnderWay::begin(device.path(), doing, kind);
        call(device)
    }

    fn transfer<T>(
        &mut self,
        doing: &'static str,
        call: impl FnOnce(&mut dyn TapeDevice) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        self.call(doing, CallKind::Transfer, call)
    }

    fn motion(
        &mut self,
        doing: &'static str,
        call: impl FnOnce(&mut dyn TapeDevice) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        self.call(doing, CallKind::Motion, call)
    }
}

impl TapeDevice for Watched {
    fn path(&self) -> &Path {
        self.0.as_deref().map_or(Path::new(""), TapeDevice::path)
    }

    fn write_record(&mut self, record: &[u8]) -> Result<usize, Errno> {
        self.transfer("write a record", |device| device.write_record(record))
    }

    fn read_record(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.transfer("read a record", |device| device.read_record(buffer))
    }

    fn filemark(&mut self, filemark: Filemark) -> Result<(), Errno> {
        self.transfer("write a filemark", |device| device.filemark(filemark))
    }

    fn rewind(&mut self) -> Result<(), Errno> {
        self.motion("rewind", |device| device.rewind())
    }

    fn forward_filemarks(&mut self, count: u32) -> Result<(), Errno> {
        self.motion("wind forward", |device| device.forward_filemarks(count))
    }

    fn back_filemarks(&mut self, count: u32) -> Result<(), Errno> {
        self.motion("wind back", |device| device.back_filemarks(count))
    }

    fn to_end_of_data(&mut self) -> Result<(), Errno> {
        self.motion("find the end of the data", |device| device.to_end_of_data())
    }

    fn seek(&mut self, block: u64) -> Result<(), Errno> {
        self.motion("locate a block", |device| device.seek(block))
    }

    fn block(&mut self) -> Result<u64, Errno> {
        self.transfer("tell its position", |device| device.block())
    }

    fn idle(&mut self) -> Duration {
        self.0.as_deref_mut().map_or(Duration::ZERO, TapeDevice::idle)
    }

    fn status(&mut self) -> Result<DriveStatus, Errno> {
        self.transfer("tell its state", |device| device.status())
    }

    fn health_at_commit(&mut self) -> Option<Health> {
        self.0.as_deref_mut()?.health_at_commit()
    }

    fn close(mut self: Box<Self>) -> Result<(), Error> {
        let Some(device) = self.0.take() else { return Ok(()) };
        let _under_way = UnderWay::begin(device.path(), "close", CallKind::Motion);
        device.close()
    }
}

impl Drop for Watched {
    /// st ends what was being written with a filemark, and waits for it.
    fn drop(&mut self) {
        if let Some(device) = self.0.take() {
            let _under_way = UnderWay::begin(device.path(), "close", CallKind::Motion);
            drop(device);
        }
    }
}
