//! The drive that is tried, every position counted and every record known again.

use std::time::{SystemTime, UNIX_EPOCH};

use nix::errno::Errno;

use super::{Fault, MARK, Open, Outcome, Watch};
use crate::tape::{Filemark, TapeDevice};
use crate::{Error, RecordBuffer};

/// A file on the tape.
#[derive(Debug, Clone, Copy)]
pub struct Written {
    /// The block that it begins with.
    pub start: u64,
    pub records: u32,
    /// Bytes in each record but the last.
    pub bytes: usize,
    /// Bytes in the last record.
    pub last: usize,
}

impl Written {
    pub fn bytes_of(&self, record: u32) -> usize {
        if record + 1 == self.records { self.last } else { self.bytes }
    }
}

/// Whether a record is on the tape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landed {
    Yes,
    No,
}

/// The drive and what it should hold.
pub struct Bench<'a> {
    open: &'a Open<'a>,
    device: Option<Box<dyn TapeDevice>>,
    pub watch: &'a dyn Watch,
    /// Sizes of records that are tried, the usual one first.
    pub sizes: [usize; 3],
    pub speed_bytes: u64,
    /// Where the drive should be.
    pub block: u64,
    /// The files behind the mark, once they are written.
    pub files: Option<Vec<Written>>,
    /// Makes the content of this trial another one than that of any before.
    seed: u64,
    out: RecordBuffer,
    back: RecordBuffer,
}

impl<'a> Bench<'a> {
    pub fn new(
        open: &'a Open<'a>,
        sizes: [usize; 3],
        speed_bytes: u64,
        watch: &'a dyn Watch,
    ) -> Result<Self, Error> {
        let device = Some(open()?);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = since.as_nanos() as u64 ^ u64::from(std::process::id()).rotate_left(40);
        let room = sizes.into_iter().max().unwrap_or(0);
        let (out, back) = (RecordBuffer::new(room), RecordBuffer::new(room));
        Ok(Self { open, device, watch, sizes, speed_bytes, block: 0, files: None, seed, out, back })
    }

    /// Bytes in a record that p2t writes.
    pub fn usual(&self) -> usize {
        self.sizes[0]
    }

    /// The drive, opened again if a check that failed has left it.
    pub fn device(&mut self) -> Outcome<&mut dyn TapeDevice> {
        let device = match self.device.take() {
            Some(device) => device,
            None => (self.open)().map_err(Fault::Node)?,
        };
        Ok(self.device.insert(device).as_mut())
    }

    /// Leaves the drive after trouble: what st or the drive hold back is flushed first, so that nothing is written over the
    /// beginning when the drive was reset.
    pub fn leave(&mut self) {
        if let Some(mut device) = self.device.take() {
            let _ = device.filemark(Filemark::FlushOnly);
        }
    }

    /// Closes the drive, the error seen.
    pub fn close(&mut self) -> Outcome<()> {
        self.device.take().map_or(Ok(()), |device| device.close().map_err(Fault::Node))
    }

    pub fn call<T>(
        &mut self,
        action: &'static str,
        call: impl FnOnce(&mut dyn TapeDevice) -> Result<T, Errno>,
    ) -> Outcome<T> {
        call(self.device()?).map_err(|error| Fault::Call { action, error })
    }

    /// Asks the drive where it is.
    pub fn position(&mut self) -> Outcome<u64> {
        self.call("ask where the tape is", |device| device.block())
    }

    /// Makes sure that the drive is where it was counted to be.
    pub fn check_position(&mut self, behind: &str) -> Outcome<()> {
        let (found, expected) = (self.position()?, self.block);
        if found == expected {
            return Ok(());
        }
        Err(Fault::Wrong(format!("behind {behind} the drive is at block {found} instead of {expected}")))
    }

    /// Goes to the beginning.
    pub fn rewind(&mut self) -> Outcome<()> {
        self.call("rewind", |device| device.rewind())?;
        self.block = 0;
        self.check_position("a rewind")
    }

    /// Goes to the beginning and writes the mark: whatever was on the cartridge is gone.
    pub fn begin(&mut self) -> Outcome<()> {
        self.files = None;
        self.rewind()?;
        let mut mark = vec![0; self.usual()];
        for (to, from) in mark.iter_mut().zip(MARK) {
            *to = *from;
        }
        let written = self.call("write", |device| device.write_record(&mark))?;
        self.expect_whole(written, mark.len())?;
        self.block += 1;
        self.filemark(Filemark::Buffered, "the first filemark")
    }

    /// Writes a record; how many it is in its file makes its content.
    pub fn write(&mut self, bytes: usize, number: u32) -> Outcome<()> {
        let written = self.try_write(bytes, number)?;
        let written = written.map_err(|error| Fault::Call { action: "write", error })?;
        self.expect_whole(written, bytes)
    }

    /// Writes a record of which the drive may say that it has no room for it, or takes none of this size. The block is counted if
    /// it says that all is well.
    pub fn try_write(&mut self, bytes: usize, number: u32) -> Outcome<Result<usize, Errno>> {
        if self.watch.stops() {
            return Err(Fault::Stopped);
        }
        let (seed, block) = (self.seed, self.block);
        fill(self.out.all_mut().get_mut(..bytes).unwrap_or_default(), seed, block, number);
        let out = std::mem::take(&mut self.out);
        let written = self.device().map(|device| device.write_record(out.first(bytes)));
        self.out = out;
        let written = written?;
        if written.is_ok() {
            self.block += 1;
            self.watch.moved(bytes as u64);
        }
        Ok(written)
    }

    /// What a refusal for want of room was: the position alone tells whether the record is on the tape all the same, and is counted
    /// then.
    pub fn refused(&mut self) -> Outcome<Landed> {
        let found = self.position()?;
        if found == self.block + 1 {
            self.block += 1;
            return Ok(Landed::Yes);
        }
        self.check_position("a record that was refused")?;
        Ok(Landed::No)
    }

    fn expect_whole(&self, written: usize, bytes: usize) -> Outcome<()> {
        if written == bytes {
            return Ok(());
        }
        let block = self.block;
        Err(Fault::Wrong(format!("of a record of {bytes} bytes at block {block}, {written} were written")))
    }

    /// Writes a filemark, or waits for what was written, and looks where the drive is.
    pub fn filemark(&mut self, filemark: Filemark, what: &str) -> Outcome<()> {
        let action = match filemark {
            Filemark::FlushOnly => "flush",
            Filemark::Buffered | Filemark::Synchronous => "write a filemark",
        };
        self.call(action, |device| device.filemark(filemark))?;
        self.block += u64::from(filemark != Filemark::FlushOnly);
        self.check_position(what)
    }

    /// Writes a file, its filemark included.
    pub fn write_file(&mut self, records: u32, bytes: usize, last: usize) -> Outcome<Written> {
        let file = Written { start: self.block, records, bytes, last };
        for number in 0..records {
            self.write(file.bytes_of(number), number)?;
        }
        self.filemark(Filemark::Buffered, "a file and its filemark")?;
        Ok(file)
    }

    /// Reads a record that must be that one, and nothing else.
    pub fn read(&mut self, bytes: usize, number: u32) -> Outcome<()> {
        if self.watch.stops() {
            return Err(Fault::Stopped);
        }
        let mut back = std::mem::take(&mut self.back);
        // No larger than the record: the host adapter would refuse a read of more than it can move.
        let room = back.all_mut().get_mut(..bytes).unwrap_or_default();
        let read = self.device().map(|device| device.read_record(room));
        let block = self.block;
        let right = match read {
            Err(fault) => Err(fault),
            Ok(Ok(read)) if read == bytes => {
                fill(self.out.all_mut().get_mut(..bytes).unwrap_or_default(), self.seed, block, number);
                if back.first(bytes) == self.out.first(bytes) {
                    Ok(())
                } else {
                    Err(Fault::Wrong(format!("the record at block {block} is not the one that was written")))
                }
            }
            Ok(Ok(0)) => {
                Err(Fault::Wrong(format!("there is a filemark or the end at block {block}, and no record")))
            }
            Ok(Ok(read)) => {
                Err(Fault::Wrong(format!("the record at block {block} has {read} bytes instead of {bytes}")))
            }
            Ok(Err(error)) => Err(Fault::Call { action: "read", error }),
        };
        self.back = back;
        right?;
        self.block += 1;
        self.watch.moved(bytes as u64);
        Ok(())
    }

    /// Reads a filemark.
    pub fn read_filemark(&mut self) -> Outcome<()> {
        let mut back = std::mem::take(&mut self.back);
        let room = back.all_mut().get_mut(..self.usual()).unwrap_or_default();
        let read = self.call("read", |device| device.read_record(room));
        self.back = back;
        let (read, block) = (read?, self.block);
        if read > 0 {
            return Err(Fault::Wrong(format!(
                "there is a record of {read} bytes at block {block}, and no filemark"
            )));
        }
        self.block += 1;
        self.check_position("a filemark that was read")
    }

    /// Reads a file and its filemark, from its beginning.
    pub fn read_file(&mut self, file: &Written) -> Outcome<()> {
        for number in 0..file.records {
            self.read(file.bytes_of(number), number)?;
        }
        self.read_filemark()
    }
}

/// Content that does not compress and that no other block has (`SplitMix64`).
fn fill(record: &mut [u8], seed: u64, block: u64, number: u32) {
    let mut state = seed ^ block.rotate_left(20) ^ u64::from(number).rotate_left(50);
    for chunk in record.chunks_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        for (to, from) in chunk.iter_mut().zip(mixed.to_le_bytes()) {
            *to = from;
        }
    }
}
