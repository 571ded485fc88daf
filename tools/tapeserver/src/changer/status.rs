//! READ ELEMENT STATUS (SMC-3 6.11): what is where, with barcodes.

use crate::cartridge::Cartridge;
use crate::cartridge::kind::Kind;
use crate::changer::elements::ROBOT;
use crate::changer::{Library, Place, lock};
use crate::device::{Cdb, length, number, padded, reply};
use crate::sense::{Outcome, Sense};

const ROBOT_TYPE: u8 = 1;
const VOLUME_TAG: usize = 36;
/// Flags of an element: a cartridge is in; it came in by hand; the robot can reach it; it can be put in and taken out by hand.
const FULL: u8 = 0x01;
const BY_HAND: u8 = 0x02;
const ACCESS: u8 = 0x08;
const IN_AND_OUT: u8 = 0x30;

/// What the host wants to have in the descriptors.
#[derive(Clone, Copy)]
struct Wanted {
    tags: bool,
    identifiers: bool,
}

/// An element's state, without its length-giving options.
#[derive(Default)]
struct Element {
    address: u16,
    flags: u8,
    /// Number of the drive, where it is one.
    drive: Option<u8>,
    /// Medium type: 1 data, 2 cleaning.
    medium: u8,
    source: Option<u16>,
    barcode: String,
}

impl Element {
    fn describe(&mut self, cartridge: &Cartridge) {
        self.flags |= FULL;
        self.medium = if cartridge.kind() == Kind::Cleaning { 2 } else { 1 };
        self.source = cartridge.properties.home;
        cartridge.barcode().as_str().clone_into(&mut self.barcode);
    }
}

impl Library {
    fn state(&self, place: Place) -> Element {
        let mut element = Element { address: place.address(), flags: ACCESS, ..Element::default() };
        match place {
            Place::Slot(number) => {
                if let Some(cartridge) = &self.slots[number] {
                    element.describe(cartridge);
                }
            }
            Place::Mail(number) => {
                element.flags |= IN_AND_OUT;
                if let Some(cartridge) = &self.mail[number] {
                    element.describe(cartridge);
                    if cartridge.properties.home.is_none() {
                        element.flags |= BY_HAND;
                    }
                }
            }
            Place::Drive(number) => {
                element.drive = Some(number as u8);
                let drive = lock(&self.drives[number]);
                if let Some(cartridge) = drive.cartridge() {
                    element.describe(cartridge);
                    // The robot reaches it when the drive has let go of it.
                    if drive.is_loaded() {
                        element.flags &= !ACCESS;
                    }
                }
            }
        }
        element
    }

    fn descriptor(&self, element: &Element, wanted: Wanted) -> Vec<u8> {
        let [high, low] = element.address.to_be_bytes();
        let mut bytes = vec![high, low, element.flags, 0, 0, 0, 0, 0, 0];
        if let Some(drive) = element.drive {
            // Target and unit of the drive on the bus that the library is on.
            bytes[6] = 0x20 | 0x10 | (drive & 7);
            bytes[7] = 1;
        }
        bytes.push(element.medium | if element.source.is_some() { 0x80 } else { 0 });
        bytes.extend(element.source.unwrap_or(0).to_be_bytes());
        if wanted.tags {
            let mut tag = if element.barcode.is_empty() { Vec::new() } else { padded(&element.barcode, 32) };
            tag.resize(VOLUME_TAG, 0);
            bytes.extend(tag);
        }
        match element.drive.map(|drive| &self.designators[usize::from(drive)]) {
            Some(designator) if wanted.identifiers => {
                bytes.extend([0x02, 0x01, 0, designator.len() as u8]);
                bytes.extend(designator);
            }
            _ => bytes.extend([0; 4]),
        }
        bytes
    }

    pub(super) fn read_element_status(&self, cdb: &Cdb, data: &mut Vec<u8>) -> Outcome {
        let type_code = cdb[1] & 0x0f;
        let (start, count) = (number(&cdb[2..4]) as u16, length(&cdb[4..6]));
        let wanted = Wanted { tags: cdb[1] & 0x10 != 0, identifiers: cdb[6] & 0x01 != 0 };
        if type_code > 4 {
            return Err(Sense::invalid_field());
        }
        let mut elements = vec![(ROBOT_TYPE, Element { address: ROBOT, ..Element::default() })];
        elements.extend(self.places().map(|place| (place.type_code(), self.state(place))));
        elements.retain(|(code, element)| (type_code == 0 || type_code == *code) && element.address >= start);
        elements.truncate(count);
        let first = elements.first().map_or(0, |(_, element)| element.address);

        let mut pages = Vec::new();
        for page in elements.chunk_by(|left, right| left.0 == right.0) {
            let descriptors: Vec<Vec<u8>> =
                page.iter().map(|(_, element)| self.descriptor(element, wanted)).collect();
            let size = descriptors[0].len();
            pages.extend([page[0].0, if wanted.tags { 0x80 } else { 0 }]);
            pages.extend((size as u16).to_be_bytes());
            pages.extend(((size * descriptors.len()) as u32).to_be_bytes());
            pages.extend(descriptors.concat());
        }
        let mut bytes = first.to_be_bytes().to_vec();
        bytes.extend((elements.len() as u16).to_be_bytes());
        bytes.extend((pages.len() as u32).to_be_bytes());
        bytes.extend(pages);
        reply(data, &bytes, length(&cdb[7..10]));
        Ok(())
    }
}
