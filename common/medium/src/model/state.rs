//! The drive itself: cartridge, position, buffer, and what a fault does to them.

use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;

use super::cartridge::{Block, Cartridge};
use super::fault::{FaultKind, Faults, Operation};
use super::hold::Hold;
use super::transport::Transport;
use crate::scsi::Health;

/// Operations from a deferred error to its report.
const DEFERRED_BY: u32 = 3;
const STALL: Duration = Duration::from_secs(20 * 60);
/// Bytes in the buffer at which a drive without timing brings them to the tape.
const BUFFER_BYTES: u64 = 64 << 20;

/// What goes with the machine's power or with the program.
pub(super) type End = Box<dyn FnMut() + Send>;

/// A write that failed in the buffer: `good` blocks of it will reach the tape; `left` operations until it is told.
#[derive(Debug, Clone, Copy)]
struct Deferred {
    good: usize,
    left: u32,
}

/// What keeps every command from being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    PowerOff,
    Killed,
    Gone,
}

/// A drive.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "a drive has that many")]
pub(super) struct State {
    pub cartridge: Option<Cartridge>,
    /// Taken and not on the tape; belongs at `tape_at`.
    buffer: Vec<Block>,
    buffer_bytes: u64,
    /// Blocks in front of the place where the tape is, and the bytes that they take.
    tape_at: usize,
    tape_bytes: u64,
    /// Cartridges that were taken out by a fault.
    pub outside: Vec<Cartridge>,
    pub faults: Faults,
    pub transport: Transport,
    pub on_end: Option<End>,
    pub hold: Option<Hold>,
    /// Whoever asks now is to be kept.
    held: Option<Hold>,
    trouble: Option<Trouble>,
    /// The next command is answered with news and not done.
    attention: bool,
    deferred: Option<Deferred>,
    /// Records are not moved any more.
    limited: bool,
    /// ENOSPC answers to come whatever the tape says.
    refusals: u32,
    /// What one operation is to do otherwise than it should.
    once: Option<FaultKind>,
    /// What the drive tells of itself at the next commit.
    pub health: Option<Health>,
    pub driver: Driver,
}

/// What the st driver knows of the drive.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools, reason = "the driver has that many")]
pub(super) struct Driver {
    pub is_open: bool,
    /// Counts the times that it was opened: an old handle is no handle.
    pub session: u64,
    /// st writes a filemark before it moves or closes, if a record was the last thing it was given.
    pub writing: bool,
    pub position_unknown: bool,
    pub passed_filemark: bool,
    pub at_end_of_data: bool,
    /// The next write is refused without being tried.
    pub refuses_next: bool,
}

impl State {
    /// The block that a READ POSITION tells.
    pub fn at(&self) -> usize {
        self.tape_at + self.buffer.len()
    }

    /// What comes before every operation: time, faults, and what is left of earlier ones.
    pub fn begin(&mut self, operation: Operation) -> Result<(), Errno> {
        self.once = None;
        self.power()?;
        if let Some((kind, number)) = self.faults.next(operation) {
            self.strike(kind, number, operation)?;
        }
        let sends_nothing = matches!(operation, Operation::Status | Operation::Pause);
        if !sends_nothing && self.deferred_error() {
            return Err(Errno::EIO);
        }
        if sends_nothing || matches!(operation, Operation::Open | Operation::Close) {
            return Ok(());
        }
        if std::mem::take(&mut self.attention) || self.cartridge.is_none() {
            return Err(Errno::EIO);
        }
        if self.driver.position_unknown && operation != Operation::Move {
            return Err(Errno::EIO);
        }
        Ok(())
    }

    fn power(&self) -> Result<(), Errno> {
        match self.trouble {
            Some(Trouble::PowerOff | Trouble::Killed) => Err(Errno::ENXIO),
            Some(Trouble::Gone) => Err(Errno::ENODEV),
            None => Ok(()),
        }
    }

    /// Takes a fault's kind, and how many of its operations were before, which varies what is left of the buffer.
    fn strike(&mut self, kind: FaultKind, number: u64, operation: Operation) -> Result<(), Errno> {
        match kind {
            FaultKind::PowerCut => {
                self.cut_power(number);
                return self.power();
            }
            FaultKind::EndLost => {
                self.cut_power(number);
                if let Some(cartridge) = &mut self.cartridge {
                    cartridge.lose_end();
                }
                return self.power();
            }
            FaultKind::Kill => {
                let _ = self.end_writing();
                self.end_machine(Trouble::Killed);
                return self.power();
            }
            FaultKind::DriveRestart => {
                self.lose_buffer(number);
                self.go(0);
                (self.attention, self.driver.position_unknown) = (true, true);
            }
            FaultKind::Reset | FaultKind::SilentReset | FaultKind::SuddenReset => {
                self.flush();
                self.go(0);
                self.attention = kind == FaultKind::Reset;
            }
            FaultKind::PositionLost => {
                self.flush();
                self.go(self.tape_at / 2);
                (self.attention, self.driver.position_unknown) = (true, true);
            }
            FaultKind::DeferredError => {
                self.deferred = Some(Deferred { good: self.buffer.len(), left: DEFERRED_BY });
            }
            FaultKind::CommitError => self.lose_buffer(number),
            FaultKind::NoSpaceTwice => {
                self.refusals = 2;
                self.end_here(false);
            }
            FaultKind::EarlyWarning => self.end_here(false),
            FaultKind::EndOfTape => self.end_here(true),
            FaultKind::RecordLimit => self.limited = true,
            FaultKind::Worm => {
                self.flush();
                if let Some(cartridge) = &mut self.cartridge {
                    cartridge.unalterable = cartridge.blocks.len();
                }
            }
            FaultKind::WriteProtect => self.protect(),
            FaultKind::Stall => match &self.hold {
                Some(hold) => self.held = Some(hold.clone()),
                None => self.transport.wait(STALL),
            },
            FaultKind::CartridgeRemoved => self.put_outside(None),
            FaultKind::SwappedForBlank => self.put_outside(Some(Cartridge::blank())),
            FaultKind::SwappedForForeign => self.put_outside(Some(foreign())),
            FaultKind::DriveGone => {
                self.flush();
                self.trouble = Some(Trouble::Gone);
                return self.power();
            }
            FaultKind::Busy => return Err(Errno::EBUSY),
            _ => {}
        }
        self.once = Some(kind);
        let fails = matches!(
            kind,
            FaultKind::WriteError
                | FaultKind::CommitError
                | FaultKind::MoveError
                | FaultKind::PositionError
                | FaultKind::CloseError
                | FaultKind::NotReady
        );
        if fails {
            // st notes what it was about to do before it does it.
            if operation == Operation::Write {
                self.driver.writing = true;
            }
            return Err(Errno::EIO);
        }
        Ok(())
    }

    /// Whether it is time to tell that an earlier write failed.
    fn deferred_error(&mut self) -> bool {
        match &mut self.deferred {
            Some(Deferred { left: 0, .. }) => {
                self.write_out();
                true
            }
            Some(deferred) => {
                deferred.left -= 1;
                false
            }
            None => false,
        }
    }

    /// Takes a block from the driver, as the end of the tape and the fault of this operation let it.
    pub fn take(&mut self, mut block: Block) -> Result<(), Errno> {
        if self.once == Some(FaultKind::RecordLimit) || self.limited && matches!(block, Block::Record(_)) {
            return Err(Errno::EBUSY);
        }
        let Some(cartridge) = &self.cartridge else { return Err(Errno::EIO) };
        if cartridge.write_protected || self.at() < cartridge.unalterable {
            return Err(Errno::EIO);
        }
        if self.refuses(&block) {
            return Err(Errno::ENOSPC);
        }
        match self.once {
            Some(FaultKind::PositionSlip | FaultKind::MissingFilemark) => return Ok(()),
            Some(FaultKind::BitRot) => block = rotten(block),
            Some(FaultKind::Unreadable) => {
                // Where it will lie; nothing but a later block at the same place takes it away.
                self.flush();
                let at = self.tape_at;
                self.put(block);
                self.flush();
                if let Some(cartridge) = &mut self.cartridge {
                    cartridge.spoil(at, u32::MAX);
                }
                return Ok(());
            }
            _ => {}
        }
        self.put(block);
        match self.once {
            Some(FaultKind::ExtraFilemark) => self.put(Block::Filemark),
            Some(FaultKind::ErrorButWritten) => return Err(Errno::EIO),
            Some(FaultKind::NoSpaceButWritten) => return Err(Errno::ENOSPC),
            _ => {}
        }
        Ok(())
    }

    /// What keeps whoever asks.
    pub fn take_hold(&mut self) -> Option<Hold> {
        self.held.take()
    }

    /// Whether the next command is told what happened in its place.
    pub fn take_attention(&mut self) -> bool {
        std::mem::take(&mut self.attention)
    }

    /// The fault of this operation.
    pub fn fault(&self) -> Option<FaultKind> {
        self.once
    }

    fn put(&mut self, block: Block) {
        self.buffer_bytes += block.bytes();
        self.transport.accept(block.bytes());
        self.buffer.push(block);
        if self.buffer_bytes >= BUFFER_BYTES {
            self.write_out();
        }
    }

    /// The end of the tape as st shows it: the write that crosses early warning succeeds, the next one is refused
    /// without having been tried, and so on by turns; at the hard end all are.
    fn refuses(&mut self, block: &Block) -> bool {
        if self.refusals > 0 {
            self.refusals -= 1;
            return true;
        }
        let Some(cartridge) = &self.cartridge else { return true };
        let before = self.tape_bytes + self.buffer_bytes;
        if cartridge.end.is_some_and(|end| before >= end) {
            return true;
        }
        let warned = cartridge.early_warning.is_some_and(|warning| before + block.bytes() >= warning);
        let refuses = std::mem::take(&mut self.driver.refuses_next);
        self.driver.refuses_next = !refuses && warned;
        refuses
    }

    /// Brings everything to the tape; false if some of it could not be.
    pub fn flush(&mut self) -> bool {
        let failed = self.deferred.is_some();
        self.write_out();
        self.transport.flush();
        !failed
    }

    fn write_out(&mut self) {
        let good = self.deferred.take().map_or(self.buffer.len(), |deferred| deferred.good);
        self.keep(good);
    }

    /// So many blocks of the buffer reach the tape, the rest is gone.
    fn keep(&mut self, blocks: usize) {
        let written: Vec<Block> = self.buffer.drain(..).take(blocks).collect();
        self.buffer_bytes = 0;
        let Some(cartridge) = self.cartridge.as_mut().filter(|_| !written.is_empty()) else { return };
        self.tape_bytes += written.iter().map(Block::bytes).sum::<u64>();
        let count = written.len();
        cartridge.put(self.tape_at, written);
        self.tape_at += count;
    }

    /// Everything goes dark. So many blocks of the buffer, by turns of their number, have just been written.
    pub fn cut_power(&mut self, number: u64) {
        self.lose_buffer(number);
        self.go(0);
        self.end_machine(Trouble::PowerOff);
    }

    fn end_machine(&mut self, trouble: Trouble) {
        self.trouble = Some(trouble);
        if let Some(end) = &mut self.on_end {
            end();
        }
    }

    fn lose_buffer(&mut self, number: u64) {
        self.deferred = None;
        self.keep(number as usize % (self.buffer.len() + 1));
        self.transport.forget();
    }

    /// Puts the tape somewhere. The buffer must have been dealt with.
    pub fn go(&mut self, block: usize) {
        self.tape_at = block;
        self.tape_bytes = self.cartridge.as_ref().map_or(0, |cartridge| cartridge.bytes_before(block));
        self.driver.refuses_next = false;
        self.driver.at_end_of_data = false;
    }

    fn end_here(&mut self, hard: bool) {
        let here = self.tape_bytes + self.buffer_bytes;
        if let Some(cartridge) = &mut self.cartridge {
            cartridge.early_warning = Some(cartridge.early_warning.map_or(here, |old| old.min(here)));
            if hard {
                cartridge.end = Some(here);
            }
        }
    }

    fn protect(&mut self) {
        if let Some(cartridge) = &mut self.cartridge {
            cartridge.write_protected = true;
        }
    }

    fn put_outside(&mut self, other: Option<Cartridge>) {
        let old = self.exchange(other);
        self.outside.extend(old);
        self.attention = true;
    }

    /// As `exchange`, with news for whoever has the drive open.
    pub fn exchange_by_hand(&mut self, other: Option<Cartridge>) -> Option<Cartridge> {
        self.attention = self.driver.is_open;
        self.exchange(other)
    }

    /// Takes the cartridge out and puts another one in, or none.
    fn exchange(&mut self, other: Option<Cartridge>) -> Option<Cartridge> {
        self.flush();
        let old = std::mem::replace(&mut self.cartridge, other);
        self.refusals = 0;
        self.transport.locate();
        self.go(0);
        old
    }

    /// What opening the device does: the driver starts anew, and what it would have been told is lost.
    pub fn start_session(&mut self) {
        (self.attention, self.limited) = (false, false);
        let session = self.driver.session + 1;
        self.driver = Driver { is_open: true, session, ..Driver::default() };
    }

    /// Power and cable are back; a tape that had no power is rewound.
    pub fn restore(&mut self) {
        if let Some(trouble) = self.trouble.take() {
            if trouble != Trouble::Killed {
                self.go(0);
            }
            self.driver.is_open = false;
            self.driver.session += 1;
        }
    }
}

/// The record with one bit changed.
fn rotten(block: Block) -> Block {
    let Block::Record(content) = block else { return block };
    let mut content = content.to_vec();
    let middle = content.len() / 2;
    if let Some(byte) = content.get_mut(middle) {
        *byte ^= 0x10;
    }
    Block::Record(content.into())
}

/// A cartridge of somebody else.
fn foreign() -> Cartridge {
    let mut cartridge = Cartridge::blank();
    cartridge.put(0, [Block::Record(Arc::from(*b"backup of the accounts")), Block::Filemark]);
    cartridge
}
