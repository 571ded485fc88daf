//! Records and filemarks: READ, WRITE, WRITE FILEMARKS, ERASE (SSC-4 6 and 7).

use crate::cartridge::medium::Object;
use crate::cartridge::{Cartridge, kind::Kind};
use crate::device::{Cdb, information, length};
use crate::drive::tally::{Alert, CleaningRequest};
use crate::drive::{Drive, LONGEST};
use crate::sense::{Key, Outcome, Sense};

/// Transfer length and mode of a READ or WRITE.
#[derive(Debug, Clone, Copy)]
struct Request {
    fixed: bool,
    /// Blocks: always one in variable mode.
    blocks: usize,
    /// Bytes of each.
    size: usize,
}

impl Request {
    /// What of the request is left after `done` blocks, as INFORMATION counts it.
    fn rest(&self, done: usize) -> i64 {
        information(if self.fixed { self.blocks - done } else { self.size })
    }
}

impl Drive {
    fn request(&self, cdb: &Cdb) -> Result<Request, Sense> {
        let count = length(&cdb[2..5]);
        let fixed = cdb[1] & 1 == 1;
        let size = if fixed { self.mode.block_size as usize } else { count };
        if (fixed && size == 0) || size > LONGEST as usize {
            return Err(Sense::invalid_field());
        }
        let blocks = if fixed { count } else { usize::from(count > 0) };
        Ok(Request { fixed, blocks, size })
    }

    /// Whether the host may write here.
    fn writable(&mut self) -> Outcome {
        let generation = self.specification.generation;
        let position = self.position;
        let cartridge = Self::loaded(&mut self.seat)?;
        let refusal = if cartridge.properties.write_protect {
            Some((0x27, 0x00))
        } else if let Kind::Data(other) | Kind::Worm(other) = cartridge.kind()
            && !generation.writes(other)
        {
            // CANNOT WRITE MEDIUM - INCOMPATIBLE FORMAT
            Some((0x30, 0x05))
        } else if cartridge.is_worm() && !appends(cartridge, position) {
            // WORM MEDIUM - OVERWRITE ATTEMPTED
            Some((0x30, 0x0c))
        } else {
            None
        };
        let Some((asc, ascq)) = refusal else { return Ok(()) };
        self.tally.raise(Alert::WriteProtect);
        Err(Sense::new(Key::DataProtect, asc, ascq))
    }

    pub(super) fn write(&mut self, cdb: &Cdb, out: &[u8]) -> Outcome {
        self.writable()?;
        let request = self.request(cdb)?;
        if out.len() < request.blocks * request.size {
            return Err(Sense::invalid_field());
        }
        for done in 0..request.blocks {
            let record = &out[done * request.size..][..request.size];
            let medium = &mut Self::loaded(&mut self.seat)?.medium;
            if !medium.fits(self.position, request.size) {
                self.settle_to(0)?;
                return Err(Sense::overflow(request.rest(done)));
            }
            medium.accept(self.position, Object::Record(request.size as u32), record);
            self.position += 1;
            self.count_written(request.size as u64);
        }
        self.accepted()
    }

    fn count_written(&mut self, bytes: u64) {
        self.tally.from_host += bytes;
        if let Some(seat) = &mut self.seat {
            seat.cartridge.properties.written += bytes;
        }
    }

    /// After something was accepted: the drive writes on, and says what the host must know.
    fn accepted(&mut self) -> Outcome {
        if !self.mode.buffered {
            self.settle_to(0)?;
        } else if let Err(sense) = self.settle_to(self.specification.memory) {
            // The host has been told that these bytes are good: it hears of it at its next command.
            self.deferred = Some(sense.deferred());
            return Ok(());
        }
        let medium = &Self::loaded(&mut self.seat)?.medium;
        if medium.left(self.position) < self.specification.early {
            return Err(Sense::early_warning());
        }
        self.say_cleaning()
    }

    /// CLEANING REQUESTED, once, with a command that worked.
    fn say_cleaning(&mut self) -> Outcome {
        if self.tally.cleaning == Some(CleaningRequest::New) {
            self.tally.cleaning = Some(CleaningRequest::Said);
            return Err(Sense::new(Key::Recovered, 0x00, 0x17));
        }
        Ok(())
    }

    pub(super) fn write_filemarks(&mut self, cdb: &Cdb, count: usize) -> Outcome {
        // Setmarks are obsolete.
        if cdb[1] & 0x02 != 0 {
            return Err(Sense::invalid_field());
        }
        let immediate = cdb[1] & 0x01 != 0;
        if count == 0 {
            Self::loaded(&mut self.seat)?;
        } else {
            self.writable()?;
        }
        for done in 0..count {
            let medium = &mut Self::loaded(&mut self.seat)?.medium;
            if !medium.fits_mark(self.position) {
                self.settle_to(0)?;
                return Err(Sense::overflow(information(count - done)));
            }
            medium.accept(self.position, Object::Mark, &[]);
            self.position += 1;
        }
        if !immediate {
            self.settle_to(0).map_err(|sense| sense.with_information(information(count)))?;
        }
        if count == 0 { Ok(()) } else { self.accepted() }
    }

    pub(super) fn read(&mut self, cdb: &Cdb, data: &mut Vec<u8>) -> Outcome {
        self.settle()?;
        Self::loaded(&mut self.seat)?;
        let request = self.request(cdb)?;
        let suppress = cdb[1] & 2 != 0;
        if suppress && request.fixed {
            return Err(Sense::invalid_field());
        }
        for done in 0..request.blocks {
            self.read_block(request, done, suppress, data)?;
        }
        self.say_cleaning()
    }

    fn read_block(&mut self, request: Request, done: usize, suppress: bool, data: &mut Vec<u8>) -> Outcome {
        let rest = request.rest(done);
        let position = self.position;
        let cartridge = Self::loaded(&mut self.seat)?;
        let Some(object) = cartridge.medium.object(position) else {
            return Err(cartridge.medium.end_met(Sense::end_of_data(rest)));
        };
        self.position += 1;
        let size = match object {
            Object::Mark => return Err(Sense::at_filemark(rest)),
            Object::Unreadable(_) => {
                cartridge.properties.read_errors += 1;
                self.tally.read_errors += 1;
                self.tally.raise(Alert::HardError);
                self.tally.raise(Alert::ReadFailure);
                // UNRECOVERED READ ERROR
                return Err(Sense::new(Key::Medium, 0x11, 0x00).with_information(rest));
            }
            Object::Record(size) => size as usize,
        };
        if request.fixed && size != request.size {
            return Err(Sense::odd_length(rest));
        }
        let before = data.len();
        if cartridge.medium.read(position, request.size, data).is_err() {
            data.truncate(before);
            return Err(Sense::internal());
        }
        let sent = (data.len() - before) as u64;
        cartridge.properties.read += sent;
        self.tally.to_host += sent;
        // With SILI a length that is too long counts only where the mode has a block length (SSC-4 6.5).
        let odd =
            if suppress { size > request.size && self.mode.block_size != 0 } else { size != request.size };
        if odd { Err(Sense::odd_length(information(request.size) - information(size))) } else { Ok(()) }
    }

    pub(super) fn erase(&mut self) -> Outcome {
        self.settle()?;
        self.writable()?;
        let position = self.position;
        Self::loaded(&mut self.seat)?.medium.erase(position).map_err(|_| Sense::internal())
    }
}

/// Whether a write here keeps to the rules of WORM: behind the data, or over filemarks at its end but for the first of them
/// (SSC-4 8.3.7, filemarks restriction 02h).
fn appends(cartridge: &Cartridge, position: usize) -> bool {
    let medium = &cartridge.medium;
    let marks = |position: usize| medium.object(position) == Some(Object::Mark);
    position == medium.end() || (position > 0 && (position - 1..medium.end()).all(marks))
}
