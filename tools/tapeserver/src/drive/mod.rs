//! A tape drive: a sequential-access device of SSC-4.

mod attribute;
mod block;
mod damage;
mod log;
mod mode;
mod motion;
mod seat;
mod speed;
mod tally;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use crate::cartridge::Cartridge;
use crate::cartridge::kind::Generation;
use crate::cartridge::medium::NotWritten;
use crate::device::{Cdb, Device, length, reply};
use crate::fault::{Effect, Faults};
use crate::inquiry::Identity;
use crate::operation as op;
use crate::sense::{Key, Outcome, Sense};

use mode::Mode;
use seat::Seat;
use speed::Speed;
use tally::{Alert, Tally};

/// The longest record that the drive takes: what LTO drives say.
pub const LONGEST: u32 = 8 << 20;

/// POWER ON, RESET, OR BUS DEVICE RESET OCCURRED.
const RESET: (u8, u8) = (0x29, 0x00);
/// NOT READY TO READY CHANGE, MEDIUM MAY HAVE CHANGED.
const MEDIUM_CHANGED: (u8, u8) = (0x28, 0x00);

/// What a drive is made with.
#[derive(Debug, Clone)]
pub struct Specification {
    /// Its number in the laboratory, from 0.
    pub number: usize,
    /// The newest cartridges that it takes.
    pub generation: Generation,
    /// Bytes between early warning and the hard end.
    pub early: u64,
    /// Bytes of volatile memory for what is on its way to the medium.
    pub memory: usize,
    /// Bytes per second at the heads; none: as fast as this machine is.
    pub rate: Option<NonZeroU64>,
}

/// A drive.
#[derive(Debug)]
pub struct Drive {
    specification: Specification,
    identity: Identity,
    seat: Option<Seat>,
    /// The next object.
    position: usize,
    mode: Mode,
    prevented: bool,
    attentions: VecDeque<(u8, u8)>,
    /// An error of an earlier command that no command has reported yet.
    deferred: Option<Sense>,
    /// Faults that wait for their command.
    pub faults: Faults,
    tally: Tally,
    speed: Option<Speed>,
}

impl Drive {
    /// A drive that was just switched on, with nothing in.
    pub fn new(specification: Specification) -> Self {
        let identity = Identity {
            device_type: 1,
            product: format!("VIRTUAL-LTO{}", specification.generation.number()),
            serial: format!("TLD{:05}", specification.number),
            worm: true,
        };
        let speed = specification.rate.map(|rate| Speed::new(rate.get(), specification.memory));
        Self {
            specification,
            identity,
            seat: None,
            position: 0,
            mode: Mode::default(),
            prevented: false,
            attentions: VecDeque::from([RESET]),
            deferred: None,
            faults: Faults::default(),
            tally: Tally::default(),
            speed,
        }
    }

    /// The designator by which a library names it.
    pub fn designator(&self) -> Vec<u8> {
        self.identity.designator()
    }

    /// The cartridge that can be worked with.
    fn loaded(seat: &mut Option<Seat>) -> Result<&mut Cartridge, Sense> {
        seat.as_mut().ok_or(Sense::no_medium())?.loaded()
    }

    /// Brings what is in the drive's memory to the medium, before the tape moves. Its error is about earlier commands.
    fn settle(&mut self) -> Outcome {
        self.settle_to(0).map_err(Sense::deferred)
    }

    /// Leaves at most `limit` bytes in the drive's memory. After an error the drive stands where the medium ends.
    fn settle_to(&mut self, limit: usize) -> Outcome {
        let Some(seat) = &mut self.seat else { return Ok(()) };
        let medium = &mut seat.cartridge.medium;
        let before = medium.pending().1;
        let result = medium.settle(limit);
        self.tally.to_medium += (before - medium.pending().1) as u64;
        let Err(reason) = result else { return Ok(()) };
        self.position = medium.arrived();
        seat.cartridge.properties.write_errors += 1;
        self.tally.write_errors += 1;
        self.tally.raise(Alert::HardError);
        self.tally.raise(Alert::WriteFailure);
        Err(match reason {
            NotWritten::BadSpot(sense) => sense,
            NotWritten::Disk => Sense::internal(),
        })
    }

    fn dispatch(&mut self, cdb: &Cdb, out: &[u8], data: &mut Vec<u8>) -> Outcome {
        match cdb[0] {
            op::TEST_UNIT_READY => Self::loaded(&mut self.seat).map(drop),
            op::INQUIRY => self.identity.inquiry(cdb, data),
            op::REQUEST_SENSE => {
                self.request_sense(cdb, data);
                Ok(())
            }
            op::READ_BLOCK_LIMITS => {
                let [high, a, b, c] = LONGEST.to_be_bytes();
                reply(data, &[high, a, b, c, 0, 1], 6);
                Ok(())
            }
            op::MODE_SENSE_6 => self.mode_sense(cdb, false, data),
            op::MODE_SENSE_10 => self.mode_sense(cdb, true, data),
            op::MODE_SELECT_6 => self.mode_select(cdb, out, false),
            op::MODE_SELECT_10 => self.mode_select(cdb, out, true),
            op::READ => self.read(cdb, data),
            op::WRITE => self.write(cdb, out),
            op::WRITE_FILEMARKS => self.write_filemarks(cdb, length(&cdb[2..5])),
            op::ERASE => self.erase(),
            op::REWIND => self.rewind(),
            op::SPACE => self.space(cdb[1] & 0x0f, crate::device::signed(&cdb[2..5])),
            op::LOCATE => self.locate(cdb),
            op::READ_POSITION => self.read_position(cdb, data),
            op::LOAD_UNLOAD => self.load_unload(cdb),
            op::PREVENT_ALLOW => {
                self.prevented = cdb[4] & 1 == 1;
                Ok(())
            }
            op::LOG_SENSE => self.log_sense(cdb, data),
            op::READ_ATTRIBUTE => self.read_attribute(cdb, data),
            op::WRITE_ATTRIBUTE => self.write_attribute(cdb, out),
            _ => Err(Sense::invalid_operation()),
        }
    }

    fn request_sense(&mut self, cdb: &Cdb, data: &mut Vec<u8>) {
        let attention = self.attentions.front().copied();
        let sense = self.deferred.take().or_else(|| {
            self.attentions.pop_front();
            attention.map(Sense::attention)
        });
        reply(data, &sense.unwrap_or(Sense::new(Key::NoSense, 0, 0)).bytes(), usize::from(cdb[4]));
    }

    fn wait_for_tape(&mut self, cdb: &Cdb) -> Option<Duration> {
        let speed = self.speed.as_mut().filter(|_| matches!(cdb[0], op::READ | op::WRITE))?;
        let count = length(&cdb[2..5]);
        let bytes = if cdb[1] & 1 == 1 { count * self.mode.block_size as usize } else { count };
        Some(speed.wait(bytes, Instant::now())).filter(|wait| !wait.is_zero())
    }

    /// What an earlier command or an event outside left for the next command.
    fn pending_report(&mut self) -> Outcome {
        if let Some(sense) = self.deferred.take() {
            return Err(sense);
        }
        self.attentions.pop_front().map_or(Ok(()), |code| Err(Sense::attention(code)))
    }

    /// An injected error. One about earlier commands means that what was in memory is lost.
    fn fail(&mut self, sense: Sense) -> Sense {
        if sense.deferred
            && let Some(seat) = &mut self.seat
        {
            let medium = &mut seat.cartridge.medium;
            self.position = medium.next_to_arrive(self.position);
            medium.forget_pending();
        }
        if matches!(sense.key, Key::Medium | Key::Hardware) {
            self.tally.raise(Alert::HardError);
        }
        sense
    }
}

impl Device for Drive {
    fn execute(&mut self, cdb: &Cdb, out: &[u8], data: &mut Vec<u8>) -> Outcome {
        if !matches!(cdb[0], op::INQUIRY | op::REQUEST_SENSE | op::REPORT_LUNS) {
            self.pending_report()?;
        }
        match self.faults.strike(cdb) {
            Some(Effect::Swallow) => Ok(()),
            Some(Effect::Fail { sense, landed: false }) => Err(self.fail(sense)),
            Some(Effect::Fail { sense, landed: true }) => {
                self.dispatch(cdb, out, data)?;
                Err(self.fail(sense))
            }
            Some(Effect::Reset) => {
                self.reset();
                self.pending_report()
            }
            Some(Effect::PowerCut) => {
                self.power_cut();
                self.pending_report()
            }
            Some(Effect::Stall(_)) | None => self.dispatch(cdb, out, data),
        }
    }

    fn stall(&mut self, cdb: &Cdb) -> Option<Duration> {
        self.faults.stall(cdb).or_else(|| self.wait_for_tape(cdb))
    }
}
