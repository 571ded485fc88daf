//! A library that is played here: two drives at 256, three slots at 4096, a mail slot at 16.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::ChangerError;
use super::operate::Changer;
use crate::scsi::testing::Model;
use crate::scsi::{Command, Device, Failure, Sense, TapeNode};

const DRIVES: [u16; 2] = [256, 257];
const SLOTS: [u16; 3] = [4096, 4097, 4098];
const MAIL: [u16; 1] = [16];

/// What is where, and where it came from; and how the library behaves.
#[derive(Default)]
pub struct Shelf {
    /// Barcodes by element address, each with the slot that it came from.
    pub cartridges: BTreeMap<u16, (&'static str, Option<u16>)>,
    /// Elements in one answer, at most.
    pub at_once: usize,
    /// Whether it tells the serial numbers of its drives.
    pub knows_drives: bool,
    /// It says that it moved, and does not.
    pub idle: bool,
    /// What was moved: robot, from, to.
    pub moves: Vec<[u16; 3]>,
    /// How often it looked into its slots.
    pub looked: u32,
    /// Whether its door was locked or unlocked last.
    pub locked: Option<bool>,
}

/// This library, opened, with tape nodes of its drives by number.
pub fn open(shelf: &Arc<Mutex<Shelf>>, drives: &[PathBuf]) -> Result<Changer, ChangerError> {
    with(shelf, drives, Vec::new())
}

pub(super) fn with(
    shelf: &Arc<Mutex<Shelf>>,
    drives: &[PathBuf],
    nodes: Vec<TapeNode>,
) -> Result<Changer, ChangerError> {
    let shared = Arc::clone(shelf);
    let answer =
        move |command: &Command| shared.lock().unwrap_or_else(PoisonError::into_inner).answer(command);
    let device = Device::over(Path::new("/model/sg3"), Box::new(Model(answer)));
    Changer::over(device, drives, nodes)
}

fn refusal(key: u8, asc: u8, ascq: u8) -> Failure {
    let sense = Sense::parse(&[0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq]);
    sense.map_or(Failure::Answer("sense"), Failure::Sense)
}

fn two(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

impl Shelf {
    fn answer(&mut self, command: &Command) -> Result<Vec<u8>, Failure> {
        let cdb = &command.cdb;
        match cdb[0] {
            0x12 if cdb[1] == 0 => {
                Ok([&[8, 0x80, 6, 2, 31, 0, 0, 2][..], b"QUANTUM UHDL            0100"].concat())
            }
            0x12 => Err(refusal(5, 0x24, 0)),
            0x1a => Ok(vec![23, 0, 0, 0, 0x1d, 18, 0, 1, 0, 1, 0x10, 0, 0, 3, 0, 16, 0, 1, 1, 0, 0, 2, 0, 0]),
            0xb8 => self.status(cdb),
            0xa5 => self.transport([two(cdb, 2), two(cdb, 4), two(cdb, 6)]),
            0x07 => {
                self.looked += 1;
                Ok(Vec::new())
            }
            0x1e => {
                self.locked = Some(cdb[4] == 1);
                Ok(Vec::new())
            }
            _ => Err(refusal(5, 0x20, 0)),
        }
    }

    fn status(&self, cdb: &[u8]) -> Result<Vec<u8>, Failure> {
        let (kind, first, count) = (cdb[1] & 0x0f, two(cdb, 2), usize::from(two(cdb, 4)));
        let identified = cdb[6] & 1 == 1;
        if identified && !self.knows_drives {
            return Err(refusal(5, 0x24, 0));
        }
        let addresses: &[u16] = match kind {
            2 => &SLOTS,
            3 => &MAIL,
            _ => &DRIVES,
        };
        let mut descriptors = Vec::new();
        let wanted = addresses.iter().filter(|address| **address >= first).take(count.min(self.at_once));
        for address in wanted {
            let held = self.cartridges.get(address);
            descriptors.extend(address.to_be_bytes());
            descriptors.extend([0x08 | u8::from(held.is_some()), 0, 0, 0, 0, 0, 0]);
            let source = held.and_then(|held| held.1);
            descriptors.push(if source.is_some() { 0x80 } else { 0 });
            descriptors.extend(source.unwrap_or(0).to_be_bytes());
            descriptors.extend(format!("{:<32}", held.map_or("", |held| held.0)).bytes());
            descriptors.extend([0; 4]);
            if identified {
                descriptors.extend([2, 0, 0, 2]);
                descriptors.extend([b'S', b'0' + (address % 256) as u8]);
            }
        }
        let size: u16 = if identified { 54 } else { 48 };
        let length = descriptors.len() as u32;
        let mut bytes = vec![0; 4];
        bytes.extend((length + 8).to_be_bytes());
        bytes.extend([kind, 0x80]);
        bytes.extend(size.to_be_bytes());
        bytes.extend(length.to_be_bytes());
        bytes.extend(descriptors);
        Ok(bytes)
    }

    fn transport(&mut self, moved: [u16; 3]) -> Result<Vec<u8>, Failure> {
        self.moves.push(moved);
        let [_, from, to] = moved;
        if self.idle {
            return Ok(Vec::new());
        }
        if self.cartridges.contains_key(&to) {
            return Err(refusal(5, 0x3b, 0x0d));
        }
        let (barcode, home) = self.cartridges.remove(&from).ok_or(refusal(5, 0x3b, 0x0e))?;
        let home = if SLOTS.contains(&from) { Some(from) } else { home };
        self.cartridges.insert(to, (barcode, home.filter(|_| DRIVES.contains(&to))));
        Ok(Vec::new())
    }
}
