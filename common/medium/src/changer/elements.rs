//! The elements of a library as MODE SENSE and READ ELEMENT STATUS tell them (SMC-3 6.11, 7.3).

use std::time::Duration;

use crate::scsi::bytes::{number, number16, pieces, some_text};
use crate::scsi::{Command, Designator};

/// What an element is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Robot,
    Slot,
    Mail,
    Drive,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Robot => 1,
            Self::Slot => 2,
            Self::Mail => 3,
            Self::Drive => 4,
        }
    }

    fn of_code(code: u8) -> Option<Self> {
        [Self::Robot, Self::Slot, Self::Mail, Self::Drive].into_iter().find(|kind| kind.code() == code)
    }
}

/// Elements that lie side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub first: u16,
    pub count: u16,
}

/// Where the elements of a library are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    pub robots: Range,
    pub slots: Range,
    pub mail: Range,
    pub drives: Range,
}

const ELEMENT_ADDRESSES: u8 = 0x1d;

impl Layout {
    /// The Element Address Assignment page in an answer to MODE SENSE (6).
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let page = bytes.get(4 + usize::from(*bytes.get(3)?)..)?;
        if page.first()? & 0x3f != ELEMENT_ADDRESSES {
            return None;
        }
        let range = |at: usize| Some(Range { first: number16(page, at)?, count: number16(page, at + 2)? });
        Some(Self { robots: range(2)?, slots: range(6)?, mail: range(10)?, drives: range(14)? })
    }

    pub fn command() -> Command {
        const NO_BLOCK_DESCRIPTORS: u8 = 0x08;
        Command::ask("MODE SENSE", &[0x1a, NO_BLOCK_DESCRIPTORS, ELEMENT_ADDRESSES, 0, 252, 0], 252)
    }

    pub fn of(&self, kind: Kind) -> Range {
        match kind {
            Kind::Robot => self.robots,
            Kind::Slot => self.slots,
            Kind::Mail => self.mail,
            Kind::Drive => self.drives,
        }
    }
}

/// An element and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element {
    pub kind: Kind,
    pub address: u16,
    /// A cartridge is in.
    pub full: bool,
    /// Additional sense code and qualifier, if something is wrong with it.
    pub trouble: Option<(u8, u8)>,
    /// The medium type says that the cartridge is a cleaning one.
    pub cleaning: bool,
    /// Where the cartridge came from.
    pub source: Option<u16>,
    pub barcode: Option<String>,
    /// Who the drive is.
    pub designator: Option<Designator>,
}

/// Flags of an element's descriptor.
mod flag {
    pub const FULL: u8 = 0x01;
    pub const EXCEPTION: u8 = 0x04;
}
const VOLUME_TAG: usize = 36;
const CLEANING_MEDIUM: u8 = 2;

/// Elements in an answer to READ ELEMENT STATUS. What is cut off or makes no sense is left out. `identified`: whether descriptors
/// end with the designator of a drive; it was asked for.
pub fn parse(bytes: &[u8], identified: bool) -> Vec<Element> {
    let pages = bytes.get(8..).unwrap_or_default();
    let mut elements = Vec::new();
    // The last page may be cut off by the length that was asked for: its whole descriptors count.
    let length = |rest: &[u8]| {
        let content = number(rest.get(5..8)?) as usize;
        Some((8 + content).min(rest.len()))
    };
    for page in pieces(pages, length) {
        let Some((header, content)) = page.split_at_checked(8) else { break };
        let Some(kind) = Kind::of_code(header[0] & 0x0f) else { continue };
        let tags = (header[1] & 0x80 != 0, header[1] & 0x40 != 0);
        let size = number16(header, 2).map_or(0, usize::from);
        elements.extend(
            pieces(content, |_| Some(size)).filter_map(|piece| element(kind, piece, tags, identified)),
        );
    }
    elements
}

fn element(kind: Kind, bytes: &[u8], tags: (bool, bool), identified: bool) -> Option<Element> {
    let &[_, _, flags, _, asc, ascq, _, _, _, medium, _, _, ref rest @ ..] = bytes else { return None };
    let mut rest = rest;
    let mut tag = |present: bool| {
        let (tag, behind) = rest.split_at_checked(VOLUME_TAG).filter(|_| present)?;
        rest = behind;
        some_text(tag.get(..32)?)
    };
    let full = flags & flag::FULL != 0;
    let barcode = tag(tags.0).filter(|_| full);
    let _alternate = tag(tags.1);
    Some(Element {
        kind,
        address: number16(bytes, 0)?,
        full,
        trouble: (flags & flag::EXCEPTION != 0).then_some((asc, ascq)),
        cleaning: medium & 0x07 == CLEANING_MEDIUM,
        source: number16(bytes, 10).filter(|_| full && medium & 0x80 != 0),
        barcode,
        designator: if identified && kind == Kind::Drive { designator(rest) } else { None },
    })
}

fn designator(bytes: &[u8]) -> Option<Designator> {
    let &[code_set, kind, _, length, ref value @ ..] = bytes else { return None };
    let value = value.get(..usize::from(length)).filter(|value| !value.is_empty())?;
    Some(Designator { code_set: code_set & 0x0f, kind: kind & 0x0f, value: value.to_vec() })
}

/// Bytes for one answer: some host adapters refuse more.
const LENGTH: u32 = 64 * 1024;

/// READ ELEMENT STATUS with barcodes, and with the drives' designators if `identified`.
pub fn read_element_status(kind: Kind, range: Range, identified: bool) -> Command {
    const VOLUME_TAGS: u8 = 0x10;
    let [first_high, first_low] = range.first.to_be_bytes();
    let [count_high, count_low] = range.count.to_be_bytes();
    let [_, length @ ..] = LENGTH.to_be_bytes();
    let cdb = [
        0xb8,
        VOLUME_TAGS | kind.code(),
        first_high,
        first_low,
        count_high,
        count_low,
        u8::from(identified),
        length[0],
        length[1],
        length[2],
        0,
        0,
    ];
    // A library may look into every slot before it answers.
    Command::ask("READ ELEMENT STATUS", &cdb, LENGTH as usize).within(Duration::from_secs(20 * 60))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tag(barcode: &str) -> Vec<u8> {
        let mut tag = format!("{barcode:<32}").into_bytes();
        tag.resize(VOLUME_TAG, 0);
        tag
    }

    /// Two drives, the first with a cartridge from slot 4097, as SMC-3 lays them out.
    fn drives() -> Vec<u8> {
        let mut full = vec![0x01, 0x00, 0x01, 0, 0, 0, 0, 0, 0, 0x81, 0x10, 0x01];
        full.extend(tag("P2T001L8"));
        full.extend([0x02, 0x01, 0, 34]);
        full.extend(b"IBM     ULT3580-HH8     1013000123");
        let mut empty = vec![0x01, 0x01, 0x0c, 0, 0x83, 0x02, 0, 0, 0, 0, 0, 0];
        empty.extend([0; VOLUME_TAG]);
        empty.extend([0; 38]);
        assert_eq!((full.len(), empty.len()), (86, 86));
        let mut bytes = vec![0x01, 0x00, 0, 2, 0, 0, 0, 180];
        bytes.extend([4, 0x80, 0, 86, 0, 0, 0, 172]);
        bytes.extend(full);
        bytes.extend(empty);
        bytes
    }

    #[test]
    fn drives_with_barcode_source_and_serial_number_are_read() {
        let found = parse(&drives(), true);
        let [full, empty] = &found[..] else { panic!("{found:?}") };
        assert_eq!((full.kind, full.address, full.full), (Kind::Drive, 256, true));
        assert_eq!((full.barcode.as_deref(), full.source), (Some("P2T001L8"), Some(4097)));
        assert_eq!(full.designator.as_ref().unwrap().serial().as_deref(), Some("1013000123"));
        assert_eq!((empty.address, empty.full), (257, false));
        assert_eq!(
            (empty.trouble, empty.barcode.as_ref(), empty.designator.as_ref()),
            (Some((0x83, 2)), None, None)
        );
        assert_eq!(parse(&drives(), false)[0].designator, None);
    }

    #[test]
    fn slots_with_both_volume_tags_are_read() {
        let mut bytes = vec![0x10, 0x00, 0, 1, 0, 0, 0, 92];
        bytes.extend([2, 0xc0, 0, 84, 0, 0, 0, 84]);
        bytes.extend([0x10, 0x00, 0x09, 0, 0, 0, 0, 0, 0, 0x02, 0, 0]);
        bytes.extend(tag("CLN001L1"));
        bytes.extend(tag("OTHER"));
        let found = parse(&bytes, false);
        assert_eq!(
            (found[0].kind, found[0].barcode.as_deref(), found[0].cleaning),
            (Kind::Slot, Some("CLN001L1"), true)
        );
        assert_eq!(found[0].source, None);
    }

    #[test]
    fn an_answer_that_is_cut_off_has_what_is_whole() {
        let bytes = drives();
        assert_eq!(parse(&bytes[..bytes.len() - 1], true).len(), 1);
        assert_eq!(parse(&bytes[..16 + 85], true).len(), 0);
        let mut lie = bytes;
        lie[17 + 36 + 12 + 2] = 255;
        assert_eq!(parse(&lie, true).len(), 2);
        lie[10..12].copy_from_slice(&[0, 0]);
        assert_eq!(parse(&lie, true), []);
    }

    #[test]
    fn the_layout_is_read() {
        let mut bytes = vec![23, 0, 0, 0, 0x1d, 18];
        bytes.extend([0, 1, 0, 1, 0x10, 0, 0, 24, 0, 16, 0, 2, 1, 0, 0, 2, 0, 0]);
        let layout = Layout::parse(&bytes).unwrap();
        assert_eq!(layout.slots, Range { first: 4096, count: 24 });
        assert_eq!(layout.mail, Range { first: 16, count: 2 });
        assert_eq!((layout.drives.first, layout.robots.first), (256, 1));
        assert_eq!(Layout::parse(&bytes[..20]), None);
        bytes[3] = 8;
        assert_eq!(Layout::parse(&bytes), None);
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_surprise(bytes in proptest::collection::vec(any::<u8>(), 0..400), kind in 0_u8..6) {
            let _ = (parse(&bytes, true), Layout::parse(&bytes));
            let mut page = vec![0, 0, 0, 0, 0, 0, 0, 0, kind, 0x80, 0, 86, 0, 0xff, 0xff, 0xff];
            page.extend(&bytes);
            prop_assert!(parse(&page, true).len() <= bytes.len() / 12);
        }
    }
}
