//! What is on the tape, and what is still in the drive's memory on its way there.
//!
//! The file has the SIMH magnetic tape image format, so that other programs read a cartridge: each record is its length
//! (32 bits, little endian), its bytes, a zero if their number is odd, and its length again; a filemark is four zero bytes;
//! the data ends where the file ends. The uppermost bit of a length marks a record that cannot be read.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::sense::Sense;

const MARK: u32 = 0;
const UNREADABLE: u32 = 1 << 31;

/// A logical object: what READ POSITION counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// A record with so many bytes.
    Record(u32),
    /// A record that cannot be read.
    Unreadable(u32),
    /// A filemark.
    Mark,
}

impl Object {
    fn marker(self) -> u32 {
        match self {
            Self::Record(length) => length,
            Self::Unreadable(length) => length | UNREADABLE,
            Self::Mark => MARK,
        }
    }

    fn from_marker(marker: u32) -> Self {
        match marker {
            MARK => Self::Mark,
            length if length & UNREADABLE != 0 => Self::Unreadable(length & !UNREADABLE),
            length => Self::Record(length),
        }
    }

    /// What it takes on the medium.
    fn cost(self) -> u64 {
        match self {
            Self::Mark => 4,
            Self::Record(length) | Self::Unreadable(length) => 8 + u64::from(length.next_multiple_of(2)),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Placed {
    object: Object,
    /// Where it begins in the file.
    offset: u64,
    /// Filemarks before it.
    file: u64,
}

/// Why what was in the drive's memory did not reach the medium. The memory is empty afterwards.
#[derive(Debug)]
pub enum NotWritten {
    /// The tape cannot be written at this spot.
    BadSpot(Sense),
    /// The laboratory's own disk failed.
    Disk,
}

/// The tape of a cartridge, with the memory of the drive that it is in.
#[derive(Debug)]
pub struct Medium {
    file: File,
    capacity: u64,
    placed: Vec<Placed>,
    /// Objects in the drive's memory, and their bytes as they will be in the file.
    pending: VecDeque<Object>,
    bytes: VecDeque<u8>,
    /// Where the pending objects will go. What is there now is gone only when the first of them arrives.
    begin: usize,
    bad_spot: Option<(usize, Sense)>,
    /// Nothing marks where the data ends, until something is written.
    has_no_end: bool,
}

impl Medium {
    /// Opens a cartridge's file; a missing one is a blank tape. `capacity` is what fits up to the hard end, in bytes.
    pub fn open(path: &Path, capacity: u64) -> io::Result<Self> {
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let placed = scan(&mut file)?;
        let mut medium = Self {
            file,
            capacity,
            placed,
            pending: VecDeque::new(),
            bytes: VecDeque::new(),
            begin: 0,
            bad_spot: None,
            has_no_end: false,
        };
        // Half a record at the end is what a machine leaves that was stopped in the middle of a write.
        medium.cut(medium.placed.len())?;
        Ok(medium)
    }

    fn offset(&self, position: usize) -> u64 {
        match (self.placed.get(position), self.placed.last()) {
            (Some(placed), _) => placed.offset,
            (None, Some(last)) => last.offset + last.object.cost(),
            (None, None) => 0,
        }
    }

    /// Makes the file end before this object, and the next write go there.
    fn cut(&mut self, position: usize) -> io::Result<()> {
        let end = self.offset(position);
        self.placed.truncate(position);
        self.file.set_len(end)?;
        self.file.seek(SeekFrom::Start(end)).map(drop)
    }

    /// The end of data, as the host sees it: number of objects from the beginning.
    pub fn end(&self) -> usize {
        if self.pending.is_empty() { self.placed.len() } else { self.begin + self.pending.len() }
    }

    /// The first object that is not on the medium when the host is at `position`.
    pub fn next_to_arrive(&self, position: usize) -> usize {
        position - self.pending.len()
    }

    /// How far the medium is written: where the next object would arrive. Only after an error of [`Medium::settle`].
    pub fn arrived(&self) -> usize {
        self.begin
    }

    /// How many objects and bytes are in the drive's memory.
    pub fn pending(&self) -> (usize, usize) {
        (self.pending.len(), self.bytes.len())
    }

    /// Bytes from the beginning to this position.
    pub fn used(&self, position: usize) -> u64 {
        if self.pending.is_empty() || position < self.begin {
            self.offset(position)
        } else {
            self.offset(self.begin) + self.bytes.len() as u64
        }
    }

    /// Bytes from this position to the hard end.
    pub fn left(&self, position: usize) -> u64 {
        self.capacity.saturating_sub(self.used(position))
    }

    /// Bytes from the beginning to the hard end.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Whether a record of this length fits before the hard end.
    pub fn fits(&self, position: usize, length: usize) -> bool {
        self.left(position) >= 8 + (length as u64).next_multiple_of(2)
    }

    /// Whether a filemark fits.
    pub fn fits_mark(&self, position: usize) -> bool {
        self.left(position) >= Object::Mark.cost()
    }

    /// The object at this position, if the data goes that far. Only what is on the medium: settle first.
    pub fn object(&self, position: usize) -> Option<Object> {
        self.placed.get(position).map(|placed| placed.object)
    }

    /// Filemarks before this position.
    pub fn file_number(&self, position: usize) -> u64 {
        let ahead = self.pending.iter().take(position.saturating_sub(self.begin));
        let buffered =
            if self.pending.is_empty() { 0 } else { ahead.filter(|o| **o == Object::Mark).count() };
        let below = if self.pending.is_empty() { position } else { position.min(self.begin) };
        let placed = match (self.placed.get(below), self.placed.last()) {
            (Some(placed), _) => placed.file,
            (None, Some(last)) => last.file + u64::from(last.object == Object::Mark),
            (None, None) => 0,
        };
        placed + buffered as u64
    }

    /// Appends the first `limit` bytes of the record at this position to `into`.
    pub fn read(&self, position: usize, limit: usize, into: &mut Vec<u8>) -> io::Result<()> {
        let Some(Placed { object: Object::Record(length), offset, .. }) = self.placed.get(position) else {
            return Ok(());
        };
        let begin = into.len();
        into.resize(begin + limit.min(*length as usize), 0);
        self.file.read_exact_at(&mut into[begin..], offset + 4)
    }

    /// Puts an object, a record with its bytes, into the drive's memory; it overwrites from `position` on.
    pub fn accept(&mut self, position: usize, object: Object, record: &[u8]) {
        if self.pending.is_empty() {
            self.begin = position;
        }
        self.pending.push_back(object);
        let marker = object.marker().to_le_bytes();
        self.bytes.extend(&marker);
        if object != Object::Mark {
            self.bytes.extend(record);
            self.bytes.extend(&[0][..record.len() % 2]);
            self.bytes.extend(&marker);
        }
    }

    /// Writes the oldest objects of the drive's memory until at most `limit` bytes are left in it.
    pub fn settle(&mut self, limit: usize) -> Result<(), NotWritten> {
        while self.bytes.len() > limit {
            let result = self.settle_one();
            if result.is_err() {
                self.forget_pending();
                return result;
            }
        }
        Ok(())
    }

    fn settle_one(&mut self) -> Result<(), NotWritten> {
        let Some(object) = self.pending.front().copied() else { return Ok(()) };
        if let Some((spot, sense)) = self.bad_spot
            && spot == self.begin
        {
            self.bad_spot = None;
            return Err(NotWritten::BadSpot(sense));
        }
        let file = self.file_number(self.begin);
        if self.begin < self.placed.len() {
            self.cut(self.begin).map_err(|_| NotWritten::Disk)?;
        }
        let placed = Placed { object, offset: self.offset(self.begin), file };
        let cost = object.cost() as usize;
        let (front, back) = self.bytes.as_slices();
        let first = cost.min(front.len());
        self.file.write_all(&front[..first]).map_err(|_| NotWritten::Disk)?;
        self.file.write_all(&back[..cost - first]).map_err(|_| NotWritten::Disk)?;
        self.placed.push(placed);
        self.has_no_end = false;
        self.pending.pop_front();
        self.bytes.drain(..cost);
        self.begin += 1;
        Ok(())
    }

    /// Loses what is in the drive's memory: a power cut, or an error on the way to the medium.
    pub fn forget_pending(&mut self) {
        self.pending.clear();
        self.bytes.clear();
    }

    /// Takes away what marks where the data ends.
    pub fn lose_end(&mut self) {
        self.has_no_end = true;
    }

    /// What a host is told that meets the end of the data: this, if the drive finds it.
    pub fn end_met(&self, end: Sense) -> Sense {
        if self.has_no_end { Sense::no_end_of_data() } else { end }
    }

    /// Makes the data end here. Settle first.
    pub fn erase(&mut self, position: usize) -> io::Result<()> {
        self.cut(position)
    }

    /// Lets the object that is to be written as this one fail on its way to the medium, once.
    pub fn set_bad_spot(&mut self, position: usize, sense: Sense) {
        self.bad_spot = Some((position, sense));
    }

    /// Touches the memory that records will wait in: a page that is new costs much in the laboratory's machine.
    pub fn prepare(&mut self, memory: usize) {
        self.bytes.resize(memory, 0);
        self.bytes.clear();
    }

    /// Gives that memory back, once the medium is settled.
    pub fn release(&mut self) {
        if self.pending.is_empty() {
            self.bytes = VecDeque::new();
        }
    }
}

/// Damage, for tests: what tape and drive do to data in the course of years, or at once. All need a settled medium.
impl Medium {
    /// Flips the lowest bit of a byte in a record.
    pub fn rot(&mut self, position: usize, byte: u32) -> io::Result<bool> {
        let Some(Placed { object: Object::Record(length), offset, .. }) = self.placed.get(position) else {
            return Ok(false);
        };
        if byte >= *length {
            return Ok(false);
        }
        let at = offset + 4 + u64::from(byte);
        let mut value = [0];
        self.file.read_exact_at(&mut value, at)?;
        self.file.write_all_at(&[value[0] ^ 1], at)?;
        Ok(true)
    }

    /// Makes a record unreadable.
    pub fn spoil(&mut self, position: usize) -> io::Result<bool> {
        let Some(placed) = self.placed.get_mut(position) else { return Ok(false) };
        let Object::Record(length) = placed.object else { return Ok(false) };
        placed.object = Object::Unreadable(length);
        let marker = placed.object.marker().to_le_bytes();
        self.file.write_all_at(&marker, placed.offset)?;
        self.file.write_all_at(&marker, placed.offset + placed.object.cost() - 4)?;
        Ok(true)
    }

    /// Replaces `count` objects from `position` by others; what follows moves.
    pub fn splice(
        &mut self,
        position: usize,
        count: usize,
        objects: &[(Object, Vec<u8>)],
    ) -> io::Result<bool> {
        if position + count > self.placed.len() {
            return Ok(false);
        }
        let mut tail = Vec::new();
        self.file.read_to_end_at(&mut tail, self.offset(position + count))?;
        self.cut(position)?;
        let begin = self.file.stream_position()?;
        for (object, record) in objects {
            self.accept(position, *object, record);
        }
        let (front, back) = self.bytes.as_slices();
        self.file.write_all_at(&[front, back, &tail].concat(), begin)?;
        self.forget_pending();
        self.placed = scan(&mut self.file)?;
        self.cut(self.placed.len())?;
        Ok(true)
    }
}

trait ReadToEnd {
    fn read_to_end_at(&mut self, into: &mut Vec<u8>, offset: u64) -> io::Result<()>;
}

impl ReadToEnd for File {
    fn read_to_end_at(&mut self, into: &mut Vec<u8>, offset: u64) -> io::Result<()> {
        self.seek(SeekFrom::Start(offset))?;
        self.read_to_end(into).map(drop)
    }
}

/// The objects of a file, up to the first that is not whole.
fn scan(file: &mut File) -> io::Result<Vec<Placed>> {
    let size = file.metadata()?.len();
    let mut placed: Vec<Placed> = Vec::new();
    let (mut offset, mut marks) = (0, 0);
    let mut marker = [0; 4];
    while offset + 4 <= size {
        file.read_exact_at(&mut marker, offset)?;
        let object = Object::from_marker(u32::from_le_bytes(marker));
        if offset + object.cost() > size {
            break;
        }
        placed.push(Placed { object, offset, file: marks });
        marks += u64::from(object == Object::Mark);
        offset += object.cost();
    }
    Ok(placed)
}

#[cfg(test)]
mod tests;
