//! Checks that go on after a failure, and are counted.

use std::fmt::Debug;

use crate::st::{Op, Outcome, Status, Tape};

/// A tape under test.
#[derive(Debug)]
pub struct Probe {
    /// Its node, which does not rewind.
    pub device: String,
    /// The open tape.
    pub tape: Tape,
    passed: u32,
    failed: u32,
}

impl Probe {
    /// Opens the tape, at its beginning and in variable mode.
    pub fn new(device: &str) -> Outcome<Self> {
        let tape = Tape::open(device, true, true)?;
        tape.op(Op::Rewind, 1)?;
        tape.op(Op::SetBlock, 0)?;
        Ok(Self { device: device.to_owned(), tape, passed: 0, failed: 0 })
    }

    /// Checks that what was found is what the documentation says.
    #[allow(clippy::needless_pass_by_value, reason = "what is compared is computed in the call")]
    pub fn equal<T: PartialEq + Debug>(&mut self, what: &str, found: T, wanted: T) {
        let passed = found == wanted;
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
        let verdict = if passed { "pass" } else { "FAIL" };
        let wanted = if passed { String::new() } else { format!(", not {wanted:?}") };
        println!("{verdict} {what}: {found:?}{wanted} | {}", self.state());
    }

    fn state(&self) -> String {
        match self.tape.status() {
            Ok(Status { place: (file, block), general, block_size }) => {
                format!("file {file} block {block} of {block_size} bytes, status {general:x}")
            }
            Err(error) => format!("no status: {error}"),
        }
    }

    /// Checks an operation.
    pub fn op(&mut self, op: Op, count: i32, wanted: Outcome) {
        let found = self.tape.op(op, count);
        self.equal(&format!("{op:?} {count}"), found, wanted);
    }

    /// An operation that must work.
    pub fn must(&mut self, op: Op, count: i32) {
        self.op(op, count, Ok(()));
    }

    /// Checks file and block number.
    pub fn at(&mut self, file: i32, block: i32) {
        let found = self.tape.status().map(|status| status.place);
        self.equal("file and block number", found, Ok((file, block)));
    }

    /// Checks the object number of the device.
    pub fn tells(&mut self, object: i64) {
        let found = self.tape.position();
        self.equal("MTIOCPOS", found, Ok(object));
    }

    /// Checks that these bits of the general status are set.
    pub fn has(&mut self, what: &str, bits: i64) {
        let found = self.tape.status().map(|status| status.general & bits);
        self.equal(what, found, Ok(bits));
    }

    /// Checks one write of a pattern.
    pub fn write(&mut self, length: usize, seed: u64) {
        let found = self.tape.write(&pattern(length, seed));
        self.equal(&format!("write {length}"), found, Ok(length));
    }

    /// Checks that a large read gives this pattern.
    pub fn read(&mut self, length: usize, seed: u64) {
        let mut buffer = vec![0; 1 << 20];
        let found = self.tape.read(&mut buffer);
        let right = found == Ok(length) && buffer[..length] == pattern(length, seed);
        self.equal(&format!("read {length}, right"), (found, right), (Ok(length), true));
    }

    /// Checks what a read of at most `room` bytes ends with.
    pub fn reads(&mut self, room: usize, wanted: Outcome<usize>) {
        let found = self.tape.read(&mut vec![0; room]);
        self.equal(&format!("read up to {room}"), found, wanted);
    }

    /// Opens the tape again, as another program would.
    pub fn reopen(&mut self) -> Outcome {
        // One program at a time: the old one must be closed first.
        self.tape = Tape::open("/dev/null", false, true)?;
        self.tape = Tape::open(&self.device, true, true)?;
        Ok(())
    }

    /// Passed and failed.
    pub fn counts(&self) -> (u32, u32) {
        (self.passed, self.failed)
    }
}

/// Bytes that compress badly and are others for each seed.
pub fn pattern(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}
