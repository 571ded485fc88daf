//! The memory that the kernel shares with us (`include/uapi/linux/target_core_user.h`): a mailbox, a ring of commands, their data.
//!
//! The only file here that touches mapped memory. Everything goes through [`Ring::range`], which refuses what is not in it.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::mman::{MapFlags, ProtFlags, mmap};

use crate::device::Cdb;
use crate::sense::Outcome;

/// Mailbox: where the commands begin, how long they are, where the kernel and we stand.
const COMMANDS_OFFSET: usize = 4;
const COMMANDS_SIZE: usize = 8;
const HEAD: usize = 12;
const TAIL: usize = 64;
/// Entry: length and operation, flags for us to set, then the request, which the response replaces.
const USER_FLAGS: usize = 7;
const VECTORS: usize = 8;
const CDB_OFFSET: usize = 24;
const FIRST_VECTOR: usize = 48;
const STATUS: usize = 8;
const READ_LENGTH: usize = 12;
const SENSE: usize = 16;
const RESPONSE_END: usize = 112;
const OPERATION_MASK: u32 = 7;
const OPERATION_PAD: u32 = 0;
const OPERATION_COMMAND: u32 = 1;
const UNKNOWN_OPERATION: u8 = 1;
/// The response says how much was read: then a CHECK CONDITION can come with data.
const HAS_READ_LENGTH: u8 = 2;
const CHECK_CONDITION: u8 = 2;

/// The shared memory of one unit.
#[derive(Debug)]
pub struct Ring {
    device: File,
    memory: NonNull<u8>,
    size: usize,
    commands: usize,
    commands_size: usize,
    completed: bool,
}

// SAFETY: the mapping belongs to this value alone, and no thread of ours keeps a reference into it.
unsafe impl Send for Ring {}

/// A command that waits in the ring.
#[derive(Debug)]
pub struct Request {
    /// The command.
    pub cdb: Cdb,
    entry: usize,
    length: usize,
    vectors: Vec<(usize, usize)>,
}

fn broken(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the kernel's ring is not as this program knows it: {what}"),
    )
}

impl Ring {
    /// Maps the shared memory of `device`, which has `size` bytes.
    pub fn open(device: &Path, size: usize) -> io::Result<Self> {
        let device = File::options().read(true).write(true).open(device)?;
        let length = NonZeroUsize::new(size).ok_or_else(|| broken("it is empty"))?;
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a fresh shared mapping of a device at an address of the kernel's choice aliases nothing of ours.
        let memory = unsafe { mmap(None, length, protection, MapFlags::MAP_SHARED, &device, 0) }?;
        let mut ring =
            Self { device, memory: memory.cast(), size, commands: 0, commands_size: 0, completed: false };
        ring.commands = ring.number(COMMANDS_OFFSET)? as usize;
        ring.commands_size = ring.number(COMMANDS_SIZE)? as usize;
        if ring.commands_size == 0
            || ring.commands.checked_add(ring.commands_size).is_none_or(|end| end > size)
        {
            return Err(broken("its commands are outside"));
        }
        Ok(ring)
    }

    /// A pointer to `length` bytes at `offset`, all of them in the mapping.
    fn range(&self, offset: usize, length: usize) -> io::Result<NonNull<u8>> {
        match offset.checked_add(length) {
            // SAFETY: the sum was checked to be within the mapping.
            Some(end) if end <= self.size => Ok(unsafe { self.memory.add(offset) }),
            _ => Err(broken("something is outside")),
        }
    }

    fn copy_out(&self, offset: usize, into: &mut [u8]) -> io::Result<()> {
        let from = self.range(offset, into.len())?;
        // SAFETY: the range is in the mapping, and `into` is ours, so that they cannot overlap.
        unsafe { from.as_ptr().copy_to_nonoverlapping(into.as_mut_ptr(), into.len()) };
        Ok(())
    }

    fn copy_in(&mut self, offset: usize, from: &[u8]) -> io::Result<()> {
        let into = self.range(offset, from.len())?;
        // SAFETY: as above, in the other direction.
        unsafe { into.as_ptr().copy_from_nonoverlapping(from.as_ptr(), from.len()) };
        Ok(())
    }

    fn number(&self, offset: usize) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.copy_out(offset, &mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn offset(&self, at: usize) -> io::Result<usize> {
        let mut bytes = [0; 8];
        self.copy_out(at, &mut bytes)?;
        usize::try_from(u64::from_ne_bytes(bytes)).map_err(|_| broken("an offset is too large"))
    }

    /// A number that the kernel and we change while the other looks.
    fn shared(&self, offset: usize) -> io::Result<&AtomicU32> {
        let at = self.range(offset, 4)?;
        // SAFETY: in the mapping for as long as `self`, aligned (the mapping is page-aligned, both offsets are multiples of
        // four), and only ever accessed atomically by us.
        Ok(unsafe { AtomicU32::from_ptr(at.cast().as_ptr()) })
    }

    /// The next command, if there is one.
    pub fn take(&mut self) -> io::Result<Option<Request>> {
        loop {
            let head = self.shared(HEAD)?.load(Ordering::Acquire) as usize;
            let tail = self.shared(TAIL)?.load(Ordering::Relaxed) as usize;
            if head == tail {
                return Ok(None);
            }
            let entry = self.commands + tail;
            let header = self.number(entry)?;
            let length = (header & !OPERATION_MASK) as usize;
            match header & OPERATION_MASK {
                OPERATION_COMMAND => return self.request(entry, length).map(Some),
                OPERATION_PAD => self.advance(length)?,
                _ => {
                    self.copy_in(entry + USER_FLAGS, &[UNKNOWN_OPERATION])?;
                    self.advance(length)?;
                }
            }
        }
    }

    fn request(&self, entry: usize, length: usize) -> io::Result<Request> {
        let mut cdb = [0; 16];
        self.copy_out(self.offset(entry + CDB_OFFSET)?, &mut cdb)?;
        let vectors = (0..self.number(entry + VECTORS)? as usize).map(|number| {
            let at = entry + FIRST_VECTOR + 16 * number;
            Ok((self.offset(at)?, self.offset(at + 8)?))
        });
        Ok(Request { cdb, entry, length, vectors: vectors.collect::<io::Result<_>>()? })
    }

    fn advance(&mut self, length: usize) -> io::Result<()> {
        if length == 0 {
            return Err(broken("a command has no length"));
        }
        let tail = self.shared(TAIL)?;
        let next = (tail.load(Ordering::Relaxed) as usize + length) % self.commands_size;
        tail.store(next as u32, Ordering::Release);
        self.completed = true;
        Ok(())
    }

    /// Appends what the host sent with a command.
    pub fn gather(&self, request: &Request, out: &mut Vec<u8>) -> io::Result<()> {
        for (offset, length) in &request.vectors {
            let begin = out.len();
            self.range(*offset, *length)?;
            out.resize(begin + length, 0);
            self.copy_out(*offset, &mut out[begin..])?;
        }
        Ok(())
    }

    /// Answers a command: with data for a host that expects some.
    pub fn complete(&mut self, request: &Request, outcome: Outcome, data: Option<&[u8]>) -> io::Result<()> {
        let mut rest = data.unwrap_or_default();
        for (offset, length) in &request.vectors {
            let (now, later) = rest.split_at(rest.len().min(*length));
            self.copy_in(*offset, now)?;
            rest = later;
        }
        let read = data.unwrap_or_default().len() - rest.len();
        let mut response = [0; RESPONSE_END - STATUS];
        response[READ_LENGTH - STATUS..][..4].copy_from_slice(&(read as u32).to_ne_bytes());
        if let Err(sense) = outcome {
            response[0] = CHECK_CONDITION;
            response[SENSE - STATUS..][..18].copy_from_slice(&sense.bytes());
        }
        self.copy_in(request.entry + STATUS, &response)?;
        if data.is_some() && !request.vectors.is_empty() {
            self.copy_in(request.entry + USER_FLAGS, &[HAS_READ_LENGTH])?;
        }
        self.advance(request.length)
    }

    /// Tells the kernel what was completed, and waits until it has something.
    pub fn wait(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.completed) {
            self.device.write_all(&[0; 4])?;
        }
        self.device.read_exact(&mut [0; 4])
    }
}

#[cfg(test)]
mod tests;
