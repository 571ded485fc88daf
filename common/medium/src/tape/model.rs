//! A tape drive as st presents it, for the tests: early warning with every other write refused, a hard end, records that
//! cannot be read, and a buffer that forgets.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use nix::errno::Errno;

use super::{DriveStatus, Filemark, TapeDevice};
use crate::Error;

/// What can be made to happen at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails and does nothing.
    Fails(Errno),
    /// The call does its work and fails all the same.
    WorksAndFails(Errno),
    /// The record is written with one byte less.
    Torn,
    /// The drive was reset: it stands at the beginning of the tape and says nothing.
    SilentReset,
    /// The drive was reset, and says so once.
    Reset,
}

#[derive(Debug, Clone)]
enum Block {
    Record(Vec<u8>),
    Filemark,
}

/// A cartridge in a drive. Clones are the same drive.
#[derive(Clone, Default)]
pub struct ModelDrive(Arc<Mutex<State>>);

/// An open drive. Closing it ends what was being written with a filemark, wherever the tape is, as st does.
struct Handle(ModelDrive);

impl Drop for Handle {
    fn drop(&mut self) {
        self.state().end_writing();
    }
}

impl Handle {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state()
    }
}

#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "a drive has that many")]
struct State {
    blocks: Vec<Block>,
    at: usize,
    durable: usize,
    /// Blocks that fit before early warning, and at all.
    early_warning: Option<usize>,
    end: Option<usize>,
    refuses_next: bool,
    /// st writes a filemark before it moves or closes, if a record was the last thing it was given.
    writing: bool,
    passed_filemark: bool,
    at_end_of_data: bool,
    write_protected: bool,
    /// By the number of writing calls (records, filemarks, flushes) so far.
    faults: BTreeMap<u32, Fault>,
    writing_calls: u32,
    /// Blocks that cannot be read, and how often not.
    unreadable: BTreeMap<usize, u32>,
}

impl ModelDrive {
    pub fn with_end(early_warning: usize, end: usize) -> Self {
        let drive = Self::default();
        (drive.state().early_warning, drive.state().end) = (Some(early_warning), Some(end));
        drive
    }

    pub fn open(&self) -> Box<dyn TapeDevice> {
        Box::new(Handle(self.clone()))
    }

    pub fn fail_at(&self, call: u32, fault: Fault) {
        self.state().faults.insert(call, fault);
    }

    pub fn writing_calls(&self) -> u32 {
        self.state().writing_calls
    }

    pub fn protect(&self) {
        self.state().write_protected = true;
    }

    /// So many reads of this block fail.
    pub fn spoil(&self, block: usize, times: u32) {
        self.state().unreadable.insert(block, times);
    }

    /// The power goes: what was not flushed is gone, and the drive comes back rewound.
    pub fn power_cut(&self) {
        let mut state = self.state();
        let durable = state.durable;
        state.blocks.truncate(durable);
        (state.at, state.refuses_next, state.writing) = (0, false, false);
    }

    /// The program dies: what was written reaches the tape, and st ends it with a filemark.
    pub fn kill(&self) {
        let mut state = self.state();
        state.end_writing();
        (state.at, state.durable, state.refuses_next) = (0, state.blocks.len(), false);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn put(&mut self, block: Block) {
        let at = self.at;
        self.blocks.truncate(at);
        self.durable = self.durable.min(at);
        self.blocks.push(block);
        self.at += 1;
    }

    fn end_writing(&mut self) {
        if std::mem::take(&mut self.writing) {
            self.put(Block::Filemark);
        }
    }

    /// The end of the tape as st shows it: the write that crosses early warning succeeds, the next one is refused
    /// without having been tried, and so on by turns; at the hard end all are.
    fn refuses(&mut self) -> bool {
        if self.end.is_some_and(|end| self.at >= end) {
            return true;
        }
        let refuses = std::mem::take(&mut self.refuses_next);
        self.refuses_next = !refuses && self.early_warning.is_some_and(|warning| self.at + 1 >= warning);
        refuses
    }

    fn write(&mut self, block: Block) -> Result<(), Errno> {
        let call = self.writing_calls;
        self.writing_calls += 1;
        self.at_end_of_data = false;
        self.writing = matches!(block, Block::Record(_));
        match self.faults.get(&call).copied() {
            Some(Fault::Fails(error)) => return Err(error),
            Some(Fault::WorksAndFails(error)) => {
                self.put(block);
                return Err(error);
            }
            Some(Fault::SilentReset) => self.at = 0,
            Some(Fault::Reset) => {
                self.at = 0;
                return Err(Errno::EIO);
            }
            Some(Fault::Torn) | None => {}
        }
        if self.refuses() {
            return Err(Errno::ENOSPC);
        }
        self.put(block);
        Ok(())
    }

    fn pass_filemarks(&mut self, count: u32, step: impl Fn(usize) -> Option<usize>) -> Result<(), Errno> {
        self.at_end_of_data = false;
        for _ in 0..count {
            loop {
                let Some(next) = step(self.at).filter(|next| *next <= self.blocks.len()) else {
                    self.at_end_of_data = self.at == self.blocks.len();
                    return Err(Errno::EIO);
                };
                let passed = self.at.min(next);
                self.at = next;
                if matches!(self.blocks.get(passed), Some(Block::Filemark)) {
                    break;
                }
            }
        }
        Ok(())
    }
}

impl TapeDevice for Handle {
    fn path(&self) -> &Path {
        Path::new("model")
    }

    fn write_record(&mut self, record: &[u8]) -> Result<usize, Errno> {
        let mut state = self.state();
        let is_torn = state.faults.get(&state.writing_calls) == Some(&Fault::Torn);
        let written = record.len() - usize::from(is_torn);
        state.write(Block::Record(record[..written].to_vec()))?;
        Ok(written)
    }

    fn read_record(&mut self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let mut state = self.state();
        let at = state.at;
        state.at_end_of_data = false;
        if let Some(left) = state.unreadable.get_mut(&at).filter(|left| **left > 0) {
            *left -= 1;
            return Err(Errno::EIO);
        }
        match state.blocks.get(at).cloned() {
            // As st does it: the first read behind a filemark gives nothing, any other an error.
            None if std::mem::take(&mut state.passed_filemark) => Ok(0),
            None => Err(Errno::EIO),
            Some(Block::Filemark) => {
                state.passed_filemark = true;
                state.at += 1;
                Ok(0)
            }
            Some(Block::Record(record)) => {
                state.passed_filemark = false;
                state.at += 1;
                buffer.get_mut(..record.len()).ok_or(Errno::ENOMEM)?.copy_from_slice(&record);
                Ok(record.len())
            }
        }
    }

    fn filemark(&mut self, filemark: Filemark) -> Result<(), Errno> {
        let mut state = self.state();
        match filemark {
            Filemark::Buffered => state.write(Block::Filemark),
            Filemark::FlushOnly => {
                let call = state.writing_calls;
                state.writing_calls += 1;
                match state.faults.get(&call) {
                    Some(Fault::Fails(error) | Fault::WorksAndFails(error)) => return Err(*error),
                    Some(Fault::SilentReset) => state.at = 0,
                    Some(Fault::Reset) => {
                        state.at = 0;
                        return Err(Errno::EIO);
                    }
                    Some(Fault::Torn) | None => {}
                }
                state.writing = false;
                state.durable = state.blocks.len();
                Ok(())
            }
        }
    }

    fn rewind(&mut self) -> Result<(), Errno> {
        let mut state = self.state();
        state.end_writing();
        (state.at, state.refuses_next, state.at_end_of_data) = (0, false, false);
        Ok(())
    }

    fn forward_filemarks(&mut self, count: u32) -> Result<(), Errno> {
        self.state().pass_filemarks(count, |at| at.checked_add(1))
    }

    fn back_filemarks(&mut self, count: u32) -> Result<(), Errno> {
        self.state().pass_filemarks(count, |at| at.checked_sub(1))
    }

    fn to_end_of_data(&mut self) -> Result<(), Errno> {
        let mut state = self.state();
        state.writing = false;
        (state.at, state.at_end_of_data) = (state.blocks.len(), true);
        Ok(())
    }

    fn seek(&mut self, block: u64) -> Result<(), Errno> {
        let mut state = self.state();
        state.end_writing();
        (state.at, state.refuses_next, state.at_end_of_data) = (block as usize, false, false);
        if state.at > state.blocks.len() { Err(Errno::EIO) } else { Ok(()) }
    }

    fn block(&mut self) -> Result<u64, Errno> {
        Ok(self.state().at as u64)
    }

    fn status(&mut self) -> Result<DriveStatus, Errno> {
        let state = self.state();
        let before = state.blocks.iter().take(state.at);
        Ok(DriveStatus {
            at_end_of_data: state.at_end_of_data,
            write_protected: state.write_protected,
            files_before: Some(before.filter(|block| matches!(block, Block::Filemark)).count() as u32),
        })
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        Ok(())
    }
}
