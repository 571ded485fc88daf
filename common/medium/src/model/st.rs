//! The drive behind the st driver, with its calls and error numbers (st.rst, and what was seen with Linux 6.1).

use std::path::Path;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use nix::errno::Errno;

use super::cartridge::Block;
use super::fault::{FaultKind, Operation};
use super::state::State;
use super::{ModelDrive, PATH};
use crate::Error;
use crate::scsi::Health;
use crate::tape::{DriveStatus, Filemark, OPEN, TapeDevice, device_error};

/// A pause in which a fault happens.
const PAUSE: Duration = Duration::from_secs(60);

/// An open drive. Closing it ends what was being written with a filemark, wherever the tape is, as st does: when its
/// process is killed, too.
struct Handle {
    drive: ModelDrive,
    session: u64,
    is_closed: bool,
}

/// Opens the drive.
pub(super) fn open(drive: &ModelDrive, writing: bool) -> Result<Box<dyn TapeDevice>, Error> {
    let mut state = drive.state();
    let path = Path::new(PATH);
    if let Err(error) = state.begin(Operation::Open) {
        return Err(match error {
            Errno::EIO => Error::NotReady { path: path.to_owned() },
            other => device_error(path, OPEN, other),
        });
    }
    if state.driver.is_open {
        return Err(device_error(path, OPEN, Errno::EBUSY));
    }
    let cartridge = state.cartridge.as_ref();
    let cartridge = cartridge.ok_or_else(|| device_error(path, OPEN, Errno::ENOMEDIUM))?;
    if writing && cartridge.write_protected {
        return Err(device_error(path, OPEN, Errno::EROFS));
    }
    state.start_session();
    let session = state.driver.session;
    Ok(Box::new(Handle { drive: drive.clone(), session, is_closed: false }))
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.end();
    }
}

impl Handle {
    fn begin(&self, operation: Operation) -> Result<MutexGuard<'_, State>, Errno> {
        let mut state = self.state()?;
        state.begin(operation)?;
        match state.take_hold() {
            Some(hold) => {
                drop(state);
                hold.keep();
                self.state()
            }
            None => Ok(state),
        }
    }

    fn state(&self) -> Result<MutexGuard<'_, State>, Errno> {
        let state = self.drive.state();
        if state.driver.session == self.session { Ok(state) } else { Err(Errno::ENODEV) }
    }

    fn end(&mut self) -> Result<(), Errno> {
        if std::mem::replace(&mut self.is_closed, true) {
            return Ok(());
        }
        let closed = self.begin(Operation::Close).and_then(|mut state| {
            if state.driver.writing && !state.driver.position_unknown && state.take_attention() {
                return Err(Errno::EIO);
            }
            state.end_writing()
        });
        let mut state = self.drive.state();
        if state.driver.session == self.session {
            state.driver.is_open = false;
        }
        closed
    }
}

impl State {
    /// A filemark behind the record that was written last, on the tape.
    pub(super) fn end_writing(&mut self) -> Result<(), Errno> {
        if std::mem::take(&mut self.driver.writing) && !self.driver.position_unknown {
            self.take(Block::Filemark)?;
            if !self.flush() {
                return Err(Errno::EIO);
            }
        }
        Ok(())
    }

    fn write(&mut self, block: Block) -> Result<(), Errno> {
        self.driver.at_end_of_data = false;
        self.driver.writing = block != Block::Filemark;
        self.take(block)
    }

    /// Motion to a place whose number is known.
    fn locate(&mut self, block: usize) -> Result<(), Errno> {
        self.end_writing()?;
        self.flush();
        self.transport.locate();
        let end = self.cartridge.as_ref().map_or(0, |cartridge| cartridge.blocks.len());
        self.driver.position_unknown = false;
        self.go(block.min(end));
        if block > end { Err(Errno::EIO) } else { Ok(()) }
    }

    fn pass_filemarks(&mut self, count: u32, step: impl Fn(usize) -> Option<usize>) -> Result<(), Errno> {
        self.flush();
        self.driver.at_end_of_data = false;
        if count > 0 {
            self.transport.locate();
        }
        let mut at = self.at();
        let mut left = count;
        let blocks = self.cartridge.as_ref().map_or(&[][..], |cartridge| &cartridge.blocks);
        while left > 0 {
            let Some(next) = step(at).filter(|next| *next <= blocks.len()) else { break };
            left -= u32::from(blocks.get(at.min(next)) == Some(&Block::Filemark));
            at = next;
        }
        let is_end = at == blocks.len() && !self.has_no_end();
        self.go(at);
        self.driver.at_end_of_data = left > 0 && is_end;
        if left > 0 { Err(Errno::EIO) } else { Ok(()) }
    }

    fn has_no_end(&self) -> bool {
        self.cartridge.as_ref().is_some_and(|cartridge| cartridge.has_no_end)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.flush();
        self.driver.at_end_of_data = false;
        let at = self.at();
        let fault = self.fault();
        let cartridge = self.cartridge.as_mut().ok_or(Errno::EIO)?;
        let block = cartridge.blocks.get(at).cloned();
        let spoiled = cartridge.unreadable.get_mut(&at).filter(|left| **left > 0);
        if let Some(left) = spoiled {
            *left -= u32::from(*left < u32::MAX);
            return Err(Errno::EIO);
        }
        let Some(block) = block else {
            // As st does it: the first read behind a filemark gives nothing, any other an error.
            let first = std::mem::take(&mut self.driver.passed_filemark);
            return if first && !self.has_no_end() { Ok(0) } else { Err(Errno::EIO) };
        };
        if fault == Some(FaultKind::ReadError) {
            return Err(Errno::EIO);
        }
        self.go(at + 1);
        self.transport.give(block.bytes());
        self.driver.passed_filemark = block == Block::Filemark;
        if block == Block::Filemark {
            return Ok(0);
        }
        let bytes = block.bytes() as usize;
        let target = buffer.get_mut(..bytes).ok_or(Errno::ENOMEM)?;
        match block {
            Block::Record(content) => target.copy_from_slice(&content),
            _ => target.fill(0),
        }
        if fault == Some(FaultKind::LongRecord) { Err(Errno::ENOMEM) } else { Ok(bytes) }
    }
}

impl TapeDevice for Handle {
    fn path(&self) -> &Path {
        Path::new(PATH)
    }

    fn write_record(&mut self, record: &[u8]) -> Result<usize, Errno> {
        let mut state = self.begin(Operation::Write)?;
        let written = record.len() - usize::from(state.fault() == Some(FaultKind::ShortWrite));
        let record = record.get(..written).unwrap_or_default();
        let lengths_only = state.cartridge.as_ref().is_some_and(|cartridge| cartridge.keeps_lengths_only);
        state.write(if lengths_only { Block::Length(written) } else { Block::Record(Arc::from(record)) })?;
        Ok(written)
    }

    fn read_record(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.begin(Operation::Read)?.read(buffer)
    }

    fn filemark(&mut self, filemark: Filemark) -> Result<(), Errno> {
        match filemark {
            Filemark::Buffered => self.begin(Operation::Filemark)?.write(Block::Filemark),
            Filemark::Synchronous => {
                let mut state = self.begin(Operation::Filemark)?;
                state.write(Block::Filemark)?;
                if state.flush() { Ok(()) } else { Err(Errno::EIO) }
            }
            Filemark::FlushOnly => {
                let mut state = self.begin(Operation::Flush)?;
                if !state.flush() {
                    return Err(Errno::EIO);
                }
                state.driver.writing = false;
                Ok(())
            }
        }
    }

    fn rewind(&mut self) -> Result<(), Errno> {
        self.begin(Operation::Move)?.locate(0)
    }

    fn forward_filemarks(&mut self, count: u32) -> Result<(), Errno> {
        self.begin(Operation::Move)?.pass_filemarks(count, |at| at.checked_add(1))
    }

    fn back_filemarks(&mut self, count: u32) -> Result<(), Errno> {
        self.begin(Operation::Move)?.pass_filemarks(count, |at| at.checked_sub(1))
    }

    fn to_end_of_data(&mut self) -> Result<(), Errno> {
        let mut state = self.begin(Operation::Move)?;
        // Without a filemark before it.
        state.driver.writing = false;
        state.flush();
        let _ = state.locate(usize::MAX);
        // Whether it was found or not.
        state.driver.at_end_of_data = true;
        if state.has_no_end() { Err(Errno::EIO) } else { Ok(()) }
    }

    fn seek(&mut self, block: u64) -> Result<(), Errno> {
        self.begin(Operation::Move)?.locate(block as usize)
    }

    fn block(&mut self) -> Result<u64, Errno> {
        Ok(self.begin(Operation::Position)?.at() as u64)
    }

    fn idle(&mut self) -> Duration {
        let paused = self.begin(Operation::Pause).is_ok_and(|state| state.fault().is_some());
        if paused { PAUSE } else { Duration::ZERO }
    }

    fn status(&mut self) -> Result<DriveStatus, Errno> {
        let state = self.begin(Operation::Status)?;
        let cartridge = state.cartridge.as_ref();
        let before = cartridge.map(|cartridge| cartridge.blocks.iter().take(state.at()));
        let marks = before.map(|blocks| blocks.filter(|block| **block == Block::Filemark).count() as u32);
        Ok(DriveStatus {
            at_end_of_data: state.driver.at_end_of_data,
            write_protected: cartridge.is_some_and(|cartridge| cartridge.write_protected),
            files_before: marks.filter(|_| !state.driver.position_unknown),
            density: cartridge.and_then(|cartridge| cartridge.density),
            cleaning_requested: false,
        })
    }

    fn health_at_commit(&mut self) -> Option<Health> {
        self.state().ok()?.health.take()
    }

    fn close(mut self: Box<Self>) -> Result<(), Error> {
        self.end().map_err(|error| device_error(Path::new(PATH), "close", error))
    }
}
