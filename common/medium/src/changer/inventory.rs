//! What is where in a library.

use std::path::PathBuf;

use serde::Serialize;

use super::elements::{Element, Kind};
use crate::scsi::{Format, SenseKey, meaning};

/// A cartridge in a library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cartridge {
    /// Its barcode, if it has one that the robot can read.
    pub barcode: Option<String>,
    /// Whether it cleans a drive.
    pub cleaning: bool,
    /// The LTO format that its barcode says.
    pub format: Option<Format>,
    /// The slot that it came from, by number.
    pub home: Option<usize>,
}

impl Cartridge {
    /// The barcode, or words for one that has none.
    pub fn name(&self) -> &str {
        self.barcode.as_deref().unwrap_or("a cartridge without barcode")
    }
}

/// A storage element or an import and export element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Slot {
    /// Its number, from 1; mail slots follow the others.
    pub number: usize,
    /// Whether it is a mail slot, which an operator can open.
    pub mail: bool,
    /// Its element address.
    pub address: u16,
    /// What is wrong with it.
    pub trouble: Option<String>,
    /// What is in it.
    pub cartridge: Option<Cartridge>,
}

/// A data transfer element.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drive {
    /// Its number, from 0.
    pub number: usize,
    /// Its element address.
    pub address: u16,
    /// What is wrong with it.
    pub trouble: Option<String>,
    /// What is in it.
    pub cartridge: Option<Cartridge>,
    /// Its serial number, if the library tells it.
    pub serial: Option<String>,
    /// The tape node of this machine that is this drive, if one is known to be.
    pub node: Option<PathBuf>,
}

/// A library and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inventory {
    /// Drives by number.
    pub drives: Vec<Drive>,
    /// Slots by number, mail slots last.
    pub slots: Vec<Slot>,
}

/// By what cleaning cartridges begin, on the labels of all makers.
const CLEANING_PREFIX: &str = "CLN";

impl Inventory {
    /// From elements in ascending order. `node` tells which of this machine's drives an element is.
    pub(super) fn of(elements: &[Element], node: impl Fn(usize, &Element) -> Option<PathBuf>) -> Self {
        let of_kind = |kind| elements.iter().filter(move |element| element.kind == kind);
        let places = || of_kind(Kind::Slot).chain(of_kind(Kind::Mail));
        let home =
            |address: u16| places().position(|element| element.address == address).map(|index| index + 1);
        let cartridge =
            |element: &Element| element.full.then(|| cartridge(element, element.source.and_then(home)));
        let slots = places().enumerate().map(|(index, element)| Slot {
            number: index + 1,
            mail: element.kind == Kind::Mail,
            address: element.address,
            trouble: trouble(element),
            cartridge: cartridge(element),
        });
        let drives = of_kind(Kind::Drive).enumerate().map(|(number, element)| Drive {
            number,
            address: element.address,
            trouble: trouble(element),
            cartridge: cartridge(element),
            serial: element.designator.as_ref().and_then(crate::scsi::Designator::serial),
            node: node(number, element),
        });
        Self { slots: slots.collect(), drives: drives.collect() }
    }

    /// Data cartridges in slots with which nothing is wrong, by slot: what an export may ask for next. That the robot can reach them is
    /// not looked at, because some libraries never say so.
    pub fn available(&self) -> impl Iterator<Item = (&Slot, &Cartridge)> {
        self.slots.iter().filter(|slot| slot.trouble.is_none()).filter_map(|slot| {
            let cartridge = slot.cartridge.as_ref().filter(|cartridge| !cartridge.cleaning)?;
            Some((slot, cartridge))
        })
    }

    /// The drive behind this tape node.
    pub fn drive_of(&self, node: &std::path::Path) -> Option<&Drive> {
        self.drives.iter().find(|drive| drive.node.as_deref() == Some(node))
    }
}

fn cartridge(element: &Element, home: Option<usize>) -> Cartridge {
    let barcode = element.barcode.clone();
    let cleaning = element.cleaning || barcode.as_ref().is_some_and(|code| code.starts_with(CLEANING_PREFIX));
    let format = barcode.as_deref().and_then(Format::of_barcode).map(|(format, _)| format);
    Cartridge { format: format.filter(|_| !cleaning), barcode, cleaning, home }
}

/// An element has a code, and no sense key.
fn trouble(element: &Element) -> Option<String> {
    Some(match element.trouble? {
        (0, _) => "something is wrong with it; look into the library".to_owned(),
        (asc, ascq) => format!("{} (code {asc:02x}/{ascq:02x})", meaning::of(SenseKey::NotReady, asc, ascq)),
    })
}
