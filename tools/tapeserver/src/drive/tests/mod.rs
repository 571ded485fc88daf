//! Commands to a drive, as the kernel would send them.

mod health;
mod modes;
mod outside;
mod positions;
mod records;

use tempfile::TempDir;

use super::*;
use crate::cartridge::kind::Barcode;

pub const MEBIBYTE: u64 = 1 << 20;

/// A drive of LTO-8 with a cartridge of 1 MiB in, early warning at the last 64 KiB, 4 KiB of memory.
pub struct Bench {
    pub drive: Drive,
    folder: TempDir,
}

impl Bench {
    /// With a cartridge of this barcode, loaded, and all attentions seen.
    pub fn new(barcode: &str) -> Self {
        let generation = Generation::new(8).unwrap();
        let specification = Specification { number: 0, generation, early: 65_536, memory: 4096, rate: None };
        let mut bench = Self { drive: Drive::new(specification), folder: TempDir::new().unwrap() };
        bench.insert(barcode);
        bench.drive.attentions.clear();
        bench
    }

    pub fn cartridge(&self, barcode: &str) -> Cartridge {
        Cartridge::open(self.folder.path(), Barcode::new(barcode).unwrap(), MEBIBYTE).unwrap()
    }

    pub fn insert(&mut self, barcode: &str) {
        let cartridge = self.cartridge(barcode);
        assert!(self.drive.insert(cartridge).is_ok());
    }

    /// A command that sends data.
    pub fn send(&mut self, cdb: &[u8], out: &[u8]) -> Outcome {
        self.both(cdb, out).0
    }

    /// A command that receives data, whatever its outcome.
    pub fn both(&mut self, cdb: &[u8], out: &[u8]) -> (Outcome, Vec<u8>) {
        let mut whole = [0; 16];
        whole[..cdb.len()].copy_from_slice(cdb);
        let mut data = Vec::new();
        let outcome = self.drive.execute(&whole, out, &mut data);
        (outcome, data)
    }

    /// A command that must work.
    pub fn get(&mut self, cdb: &[u8]) -> Vec<u8> {
        let (outcome, data) = self.both(cdb, &[]);
        assert_eq!(outcome, Ok(()), "{cdb:x?}");
        data
    }

    pub fn write(&mut self, record: &[u8]) -> Outcome {
        let [_, high, middle, low] = (record.len() as u32).to_be_bytes();
        self.send(&[op::WRITE, 0, high, middle, low, 0], record)
    }

    pub fn marks(&mut self, count: u8, immediate: bool) -> Outcome {
        self.send(&[op::WRITE_FILEMARKS, u8::from(immediate), 0, 0, count, 0], &[])
    }

    pub fn read(&mut self, length: u32) -> (Outcome, Vec<u8>) {
        let [_, high, middle, low] = length.to_be_bytes();
        self.both(&[op::READ, 0, high, middle, low, 0], &[])
    }

    pub fn rewind(&mut self) {
        self.get(&[op::REWIND, 0, 0, 0, 0, 0]);
    }

    /// First and last object of READ POSITION's short form.
    pub fn position(&mut self) -> (u64, u64) {
        let answer = self.get(&[op::READ_POSITION, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        (crate::device::number(&answer[4..8]), crate::device::number(&answer[8..12]))
    }
}
