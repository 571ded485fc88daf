//! The cartridge's chip: medium auxiliary memory, MAM (READ and WRITE ATTRIBUTE, SPC-4 6.16, 6.41, 7.4).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bytes::{number, number16, pieces, some_text};
use super::command::Command;
use super::density::Format;
use super::device::Device;
use super::failure::Failure;

/// More than an LTO chip holds.
const LENGTH: u32 = 32 * 1024;
/// Capacities are in 2^20 bytes.
const MEBIBYTE: u64 = 1 << 20;

/// Attribute identifiers (SPC-4 7.4.2).
mod id {
    pub const REMAINING: u16 = 0x0000;
    pub const MAXIMUM: u16 = 0x0001;
    pub const LOADS: u16 = 0x0003;
    pub const FORMATTED_DENSITY: u16 = 0x0006;
    pub const BYTES_WRITTEN: u16 = 0x0220;
    pub const BYTES_READ: u16 = 0x0221;
    pub const MANUFACTURER: u16 = 0x0400;
    pub const SERIAL: u16 = 0x0401;
    pub const LENGTH: u16 = 0x0402;
    pub const DENSITY: u16 = 0x0405;
    pub const MANUFACTURE_DATE: u16 = 0x0406;
    pub const TYPE: u16 = 0x0408;
    pub const VENDOR: u16 = 0x0800;
    pub const NAME: u16 = 0x0801;
    pub const VERSION: u16 = 0x0802;
    pub const LABEL: u16 = 0x0803;
    pub const LAST_WRITTEN: u16 = 0x0804;
    pub const TEXT_SET: u16 = 0x0805;
    pub const BARCODE: u16 = 0x0806;
}

/// MEDIUM TYPE values.
const CLEANING: u64 = 0x01;
const WORM: u64 = 0x80;

/// What the chip of a cartridge says. What it does not say is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CartridgeMemory {
    /// The cartridge's maker.
    pub manufacturer: Option<String>,
    /// Its serial number, which no other cartridge of the maker has.
    pub serial: Option<String>,
    /// When it was made, `YYYYMMDD`.
    pub manufactured: Option<String>,
    /// Density code of the cartridge, or of what is on it.
    pub density: Option<u8>,
    /// The LTO format of that code.
    pub format: Option<Format>,
    /// Length of the tape in metres.
    pub metres: Option<u64>,
    /// Whether it can be written only once.
    pub worm: bool,
    /// Whether it is a cleaning cartridge.
    pub cleaning: bool,
    /// Bytes that remain, without compression.
    pub remaining_bytes: Option<u64>,
    /// Bytes in all.
    pub maximum_bytes: Option<u64>,
    /// Times that it was loaded.
    pub loads: Option<u64>,
    /// Bytes written in its life.
    pub bytes_written: Option<u64>,
    /// Bytes read in its life.
    pub bytes_read: Option<u64>,
    /// The barcode that a host wrote.
    pub barcode: Option<String>,
    /// Who made the program that wrote it.
    pub application_vendor: Option<String>,
    /// The program that wrote it.
    pub application: Option<String>,
    /// That program's version.
    pub application_version: Option<String>,
    /// A label in plain text that a host wrote.
    pub label: Option<String>,
    /// When a host last wrote it, `YYYYMMDDhhmm`.
    pub last_written: Option<String>,
}

/// The attributes in an answer to READ ATTRIBUTE with action 00h. What is cut off is left out.
pub fn attributes(bytes: &[u8]) -> BTreeMap<u16, &[u8]> {
    let list = bytes.get(4..).unwrap_or_default();
    let length = bytes.get(..4).map_or(0, |length| number(length) as usize);
    let list = list.get(..length).unwrap_or(list);
    pieces(list, |rest| Some(usize::from(number16(rest, 3)?) + 5))
        .filter_map(|piece| Some((number16(piece, 0)?, piece.get(5..)?)))
        .collect()
}

impl CartridgeMemory {
    fn of(attributes: &BTreeMap<u16, &[u8]>) -> Self {
        // All ones, and an empty value, are how chips say that nothing was written there.
        let known = |id| {
            let value = attributes.get(&id).filter(|value| (1..=8).contains(&value.len()))?;
            let unknown = value.len() > 1 && value.iter().all(|byte| *byte == 0xff);
            (!unknown).then(|| number(value))
        };
        let bytes = |id| known(id)?.checked_mul(MEBIBYTE);
        let text = |id| attributes.get(&id).and_then(|value| some_text(value));
        let densities = [known(id::DENSITY), known(id::FORMATTED_DENSITY)];
        let density = densities
            .into_iter()
            .flatten()
            .find_map(|code| u8::try_from(code).ok().filter(|code| *code != 0));
        Self {
            manufacturer: text(id::MANUFACTURER),
            serial: text(id::SERIAL),
            manufactured: text(id::MANUFACTURE_DATE),
            density,
            format: density.and_then(Format::of_density),
            metres: known(id::LENGTH),
            worm: known(id::TYPE) == Some(WORM),
            cleaning: known(id::TYPE) == Some(CLEANING),
            remaining_bytes: bytes(id::REMAINING),
            maximum_bytes: bytes(id::MAXIMUM),
            loads: known(id::LOADS),
            bytes_written: bytes(id::BYTES_WRITTEN),
            bytes_read: bytes(id::BYTES_READ),
            barcode: text(id::BARCODE),
            application_vendor: text(id::VENDOR),
            application: text(id::NAME),
            application_version: text(id::VERSION),
            label: text(id::LABEL),
            last_written: text(id::LAST_WRITTEN),
        }
    }
}

/// What a host writes onto the chip when it begins a volume. No patient data: anybody with a drive reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostText {
    /// The program, such as `p2t`.
    pub application: String,
    /// Its version.
    pub version: String,
    /// The volume's name, in plain text.
    pub label: String,
    /// The cartridge's barcode, if it has one.
    pub barcode: Option<String>,
    /// Now in UTC, `YYYYMMDDhhmm`.
    pub written: String,
}

impl HostText {
    /// Whether a chip has it: its label, and the barcode if one was to be written.
    pub(super) fn is_in(&self, memory: &CartridgeMemory) -> bool {
        let written = CartridgeMemory::of(&attributes(&parameter_list(self)));
        let barcode_is_there = written.barcode.is_none() || written.barcode == memory.barcode;
        written.label == memory.label && written.application == memory.application && barcode_is_there
    }
}

/// Formats of attributes.
const BINARY: u8 = 0;
const ASCII: u8 = 1;
const TEXT: u8 = 2;
/// TEXT LOCALIZATION IDENTIFIER for UTF-8.
const UTF_8: u8 = 0x81;

/// The parameter list of WRITE ATTRIBUTE.
fn parameter_list(text: &HostText) -> Vec<u8> {
    let mut list = vec![0; 4];
    let mut put = |id: u16, format: u8, value: &[u8]| {
        list.extend(id.to_be_bytes());
        list.push(format);
        list.extend((value.len() as u16).to_be_bytes());
        list.extend(value);
    };
    put(id::VENDOR, ASCII, &ascii(&text.application.to_uppercase(), 8));
    put(id::NAME, ASCII, &ascii(&text.application, 32));
    put(id::VERSION, ASCII, &ascii(&text.version, 8));
    put(id::LABEL, TEXT, &utf8(&text.label, 160));
    put(id::LAST_WRITTEN, ASCII, &ascii(&text.written, 12));
    put(id::TEXT_SET, BINARY, &[UTF_8]);
    if let Some(barcode) = &text.barcode {
        put(id::BARCODE, ASCII, &ascii(barcode, 32));
    }
    let length = list.len() as u32 - 4;
    list[..4].copy_from_slice(&length.to_be_bytes());
    list
}

/// Padded with blanks, cut to its length; what is not ASCII becomes `?`.
fn ascii(text: &str, length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c as u8 } else { b'?' }).collect();
    bytes.resize(length, b' ');
    bytes
}

/// Padded with zeros, cut between characters.
fn utf8(text: &str, length: usize) -> Vec<u8> {
    let ends = text.char_indices().map(|(start, c)| start + c.len_utf8());
    let end = ends.take_while(|end| *end <= length).last().unwrap_or(0);
    let mut bytes = text.as_bytes().get(..end).unwrap_or_default().to_vec();
    bytes.resize(length, 0);
    bytes
}

fn read_attribute(first: u16) -> Command {
    let mut cdb = [0; 16];
    cdb[0] = 0x8c;
    cdb[8..10].copy_from_slice(&first.to_be_bytes());
    cdb[10..14].copy_from_slice(&LENGTH.to_be_bytes());
    Command::ask("READ ATTRIBUTE", &cdb, LENGTH as usize)
}

/// `through`: to the chip, and not only into the drive, before the command ends.
fn write_attribute(list: Vec<u8>, through: bool) -> Command {
    let mut cdb = [0; 16];
    cdb[0] = 0x8d;
    cdb[1] = u8::from(through);
    cdb[10..14].copy_from_slice(&(list.len() as u32).to_be_bytes());
    Command::tell("WRITE ATTRIBUTE", &cdb, list)
}

impl Device {
    /// What the chip of the loaded cartridge says.
    pub fn cartridge_memory(&mut self) -> Result<CartridgeMemory, Failure> {
        let answer = match self.run(&read_attribute(id::REMAINING)) {
            // The first attribute asked for must exist: a cartridge never written may lack what a drive counts.
            Err(failure) if failure.is_unsupported() => self.run(&read_attribute(id::MANUFACTURER)),
            other => other,
        };
        Ok(CartridgeMemory::of(&attributes(&answer?)))
    }

    /// Writes the host's attributes onto the chip of the loaded cartridge. Text that is too long is cut.
    pub fn write_host_text(&mut self, text: &HostText) -> Result<(), Failure> {
        let list = parameter_list(text);
        match self.run(&write_attribute(list.clone(), true)) {
            // Drives that do not know the option write the chip at the latest when they unload.
            Err(failure) if failure.is_unsupported() => self.run(&write_attribute(list, false)).map(drop),
            other => other.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(attributes: &[(u16, u8, &[u8])]) -> Vec<u8> {
        let mut list = Vec::new();
        for (id, flags, value) in attributes {
            list.extend(id.to_be_bytes());
            list.push(*flags);
            list.extend((value.len() as u16).to_be_bytes());
            list.extend(*value);
        }
        let mut bytes = (list.len() as u32).to_be_bytes().to_vec();
        bytes.extend(list);
        bytes
    }

    #[test]
    fn the_chip_of_an_lto_8_worm_cartridge_is_read() {
        let bytes = answer(&[
            (0x0000, 0x80, &11_000_000_u64.to_be_bytes()),
            (0x0001, 0x80, &11_444_224_u64.to_be_bytes()),
            (0x0003, 0x80, &[0, 0, 0, 0, 0, 0, 0, 12]),
            (0x0220, 0x80, &[0xff; 8]),
            (0x0400, 0x81, b"FUJIFILM"),
            (0x0401, 0x81, b"HB9000000001                    "),
            (0x0402, 0x80, &[0, 0, 3, 0xc0]),
            (0x0405, 0x80, &[0x5e]),
            (0x0406, 0x81, b"20240131"),
            (0x0408, 0x80, &[0x80]),
            (0x0803, 0x02, b"volume 3\0\0\0"),
            (0x0806, 0x01, b"P2T003LY                        "),
        ]);
        let memory = CartridgeMemory::of(&attributes(&bytes));
        assert_eq!(memory.remaining_bytes, Some(11_000_000 << 20));
        assert_eq!((memory.maximum_bytes, memory.bytes_written), (Some(11_444_224 << 20), None));
        assert_eq!((memory.loads, memory.metres, memory.worm), (Some(12), Some(960), true));
        assert_eq!((memory.density, memory.format.unwrap().name), (Some(0x5e), "LTO-8"));
        assert_eq!(
            (memory.manufacturer.as_deref(), memory.serial.as_deref()),
            (Some("FUJIFILM"), Some("HB9000000001"))
        );
        assert_eq!(
            (memory.label.as_deref(), memory.barcode.as_deref()),
            (Some("volume 3"), Some("P2T003LY"))
        );
        assert_eq!(attributes(&bytes[..bytes.len() - 1]).len(), 11);
    }

    #[test]
    fn a_hosts_text_is_laid_out_with_exact_lengths() {
        let text = HostText {
            application: "p2t".into(),
            version: "0.1.0-longer".into(),
            label: format!("{}ü", "x".repeat(159)),
            barcode: Some("P2T003L8".into()),
            written: "202611260830".into(),
        };
        let list = parameter_list(&text);
        assert_eq!(number(&list[..4]) as usize, list.len() - 4);
        let found = attributes(&list);
        let lengths: Vec<_> = found.iter().map(|(id, value)| (*id, value.len())).collect();
        assert_eq!(
            lengths,
            [(0x800, 8), (0x801, 32), (0x802, 8), (0x803, 160), (0x804, 12), (0x805, 1), (0x806, 32)]
        );
        assert_eq!((found[&0x800], found[&0x802]), (&b"P2T     "[..], &b"0.1.0-lo"[..]));
        // The two bytes of the umlaut would be cut in the middle.
        assert_eq!(found[&0x803][158..], *b"x\0");
        let memory = CartridgeMemory::of(&found);
        assert_eq!(
            (memory.barcode.as_deref(), memory.last_written.as_deref()),
            (Some("P2T003L8"), Some("202611260830"))
        );
    }

    #[test]
    fn the_first_attribute_that_lies_ends_the_list() {
        let mut bytes = answer(&[(0x0001, 0x80, &[1]), (0x0003, 0x80, &[2])]);
        let last = bytes.len() - 2;
        bytes[last] = 200;
        assert_eq!(attributes(&bytes).keys().copied().collect::<Vec<_>>(), [1]);
        assert!(attributes(&[0, 0, 0]).is_empty());
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_surprise(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut all = vec![0, 0, 0xff, 0xff];
            all.extend(&bytes);
            for bytes in [&all, &bytes] {
                let _ = CartridgeMemory::of(&attributes(bytes));
            }
        }

        #[test]
        fn any_text_has_the_lengths_that_drives_ask_for(label in ".{0,100}", name in ".{0,60}") {
            let text = HostText { application: name.clone(), version: name, label, barcode: None, written: String::new() };
            let list = parameter_list(&text);
            prop_assert_eq!(list.len(), 4 + 6 * 5 + 8 + 32 + 8 + 160 + 12 + 1);
            prop_assert!(std::str::from_utf8(attributes(&list)[&0x0803]).is_ok());
        }
    }
}
