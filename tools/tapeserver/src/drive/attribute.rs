//! READ ATTRIBUTE and WRITE ATTRIBUTE: the memory chip of the cartridge (SPC-4 6.16, 6.41, 7.4).

use crate::cartridge::Cartridge;
use crate::cartridge::kind::Kind;
use crate::cartridge::mam::{Attribute, HostAttribute};
use crate::device::{Cdb, length, number, reply};
use crate::drive::Drive;
use crate::sense::{Outcome, Sense};

const MEBIBYTE: u64 = 1 << 20;

impl Drive {
    /// All attributes of the cartridge, ascending.
    fn attributes(&mut self) -> Result<Vec<Attribute>, Sense> {
        let early = self.specification.early;
        let (written, read) = self.tally.since_load();
        let serial = format!("TAPELAB {}", self.identity.serial);
        let cartridge = Self::loaded(&mut self.seat)?;
        let (Kind::Data(generation) | Kind::Worm(generation)) = cartridge.kind() else {
            return Err(Sense::no_medium());
        };
        let density = generation.density().code;
        let properties = &cartridge.properties;
        let end = cartridge.medium.capacity() - early;
        let remaining = end.saturating_sub(cartridge.medium.used(cartridge.medium.end()));
        let number = Attribute::number;
        let mut attributes = vec![
            number(0x0000, 8, remaining / MEBIBYTE),
            number(0x0001, 8, end / MEBIBYTE),
            number(0x0002, 8, (1..=64).fold(0, |bits, flag| bits << 1 | u64::from(self.tally.alert(flag)))),
            number(0x0003, 8, properties.loads),
            number(0x0004, 8, 4096),
            Attribute::ascii(0x0005, 8, "LTO-CVE"),
            number(0x0006, 1, u64::from(density)),
            Attribute::ascii(0x020a, 40, &serial),
            number(0x0220, 8, properties.written / MEBIBYTE),
            number(0x0221, 8, properties.read / MEBIBYTE),
            number(0x0222, 8, written / MEBIBYTE),
            number(0x0223, 8, read / MEBIBYTE),
            Attribute::ascii(0x0400, 8, "TAPELAB"),
            Attribute::ascii(0x0401, 32, &cartridge.serial()),
            number(0x0402, 4, 960),
            number(0x0403, 4, 127),
            Attribute::ascii(0x0404, 8, "LTO-CVE"),
            number(0x0405, 1, u64::from(density)),
            Attribute::ascii(0x0406, 8, "20260101"),
            number(0x0407, 8, 16_384),
            number(0x0408, 1, if cartridge.is_worm() { 0x80 } else { 0 }),
            number(0x0409, 2, 0),
        ];
        attributes.extend(properties.attributes.iter().map(|(id, written)| written.attribute(*id)));
        Ok(attributes)
    }

    pub(super) fn read_attribute(&mut self, cdb: &Cdb, data: &mut Vec<u8>) -> Outcome {
        let (action, volume, partition) = (cdb[1] & 0x1f, cdb[5], cdb[7]);
        let attributes = self.attributes()?;
        if volume != 0 || partition != 0 {
            return Err(Sense::invalid_field());
        }
        let mut bytes = vec![0; 4];
        match action {
            // Values, from the first one asked for, which must exist.
            0x00 => {
                let first = number(&cdb[8..10]) as u16;
                let from = attributes.iter().position(|attribute| attribute.id == first);
                let from = from.ok_or(Sense::invalid_field())?;
                attributes[from..].iter().for_each(|attribute| attribute.encode(&mut bytes));
            }
            // The list of those that exist; that of all that could is the same and the host's own.
            0x01 => attributes.iter().for_each(|attribute| bytes.extend(attribute.id.to_be_bytes())),
            // Logical volumes and partitions: one of each.
            0x02 | 0x03 => {
                bytes = vec![0, 2, 0, 1];
                reply(data, &bytes, length(&cdb[10..14]));
                return Ok(());
            }
            _ => return Err(Sense::invalid_field()),
        }
        let size = (bytes.len() - 4) as u32;
        bytes[..4].copy_from_slice(&size.to_be_bytes());
        reply(data, &bytes, length(&cdb[10..14]));
        Ok(())
    }

    pub(super) fn write_attribute(&mut self, cdb: &Cdb, out: &[u8]) -> Outcome {
        let cartridge = Self::loaded(&mut self.seat)?;
        if cdb[5] != 0 || cdb[7] != 0 {
            return Err(Sense::invalid_field());
        }
        let Some((header, list)) = out.split_at_checked(4) else {
            return Err(Sense::parameter_length());
        };
        let size = length(header);
        if size > list.len() {
            return Err(Sense::parameter_length());
        }
        // All or nothing: a list with one bad attribute changes none.
        let mut attributes = cartridge.properties.attributes.clone();
        let mut list = &list[..size];
        while !list.is_empty() {
            let Some((head, rest)) = list.split_at_checked(5) else {
                return Err(Sense::parameter_length());
            };
            let (id, format, size) = (number(&head[..2]) as u16, head[2] & 0x03, length(&head[3..5]));
            let Some((value, rest)) = rest.split_at_checked(size) else {
                return Err(Sense::parameter_length());
            };
            if value.is_empty() && HostAttribute::known(id) {
                attributes.remove(&id);
            } else {
                let attribute = HostAttribute::new(id, format, value).ok_or(Sense::invalid_parameter())?;
                attributes.insert(id, attribute);
            }
            list = rest;
        }
        keep(cartridge, attributes)
    }
}

fn keep(cartridge: &mut Cartridge, attributes: std::collections::BTreeMap<u16, HostAttribute>) -> Outcome {
    cartridge.properties.attributes = attributes;
    cartridge.save().map_err(|_| Sense::internal())
}
