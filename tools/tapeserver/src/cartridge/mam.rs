//! Medium auxiliary memory: the cartridge's chip (SPC-4 7.4). Host attributes are kept, the others are computed by the drive.

use serde::{Deserialize, Serialize};

/// An attribute as READ ATTRIBUTE sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its identifier.
    pub id: u16,
    /// Whether a host cannot write it.
    pub read_only: bool,
    /// 0 binary, 1 ASCII, 2 text.
    pub format: u8,
    /// Its value.
    pub value: Vec<u8>,
}

impl Attribute {
    /// A number of this many bytes that only the drive writes.
    pub fn number(id: u16, length: usize, value: u64) -> Self {
        let value = value.to_be_bytes()[8 - length..].to_vec();
        Self { id, read_only: true, format: 0, value }
    }

    /// Text that only the drive or the manufacturer writes.
    pub fn ascii(id: u16, length: usize, value: &str) -> Self {
        Self { id, read_only: true, format: 1, value: crate::device::padded(value, length) }
    }

    /// Appends it in the layout of SPC-4 7.4.1.
    pub fn encode(&self, into: &mut Vec<u8>) {
        into.extend(self.id.to_be_bytes());
        into.push(if self.read_only { 0x80 } else { 0 } | self.format);
        into.extend((self.value.len() as u16).to_be_bytes());
        into.extend(&self.value);
    }
}

/// An attribute that a host wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostAttribute {
    format: u8,
    value: Vec<u8>,
}

/// Host attributes: identifier, format, length, whether it must have exactly this length.
const HOST: [(u16, u8, usize, bool); 14] = [
    (0x0800, 1, 8, true),     // application vendor
    (0x0801, 1, 32, true),    // application name
    (0x0802, 1, 8, true),     // application version
    (0x0803, 2, 160, true),   // user medium text label
    (0x0804, 1, 12, true),    // date and time last written
    (0x0805, 0, 1, true),     // text localization identifier
    (0x0806, 1, 32, true),    // barcode
    (0x0807, 2, 80, true),    // owning host textual name
    (0x0808, 2, 160, true),   // media pool
    (0x0809, 1, 16, true),    // partition user text label
    (0x080b, 1, 16, true),    // application format version
    (0x080c, 0, 1023, false), // volume coherency information
    (0x0820, 0, 36, true),    // medium globally unique identifier
    (0x0821, 0, 36, true),    // media pool globally unique identifier
];

impl HostAttribute {
    /// What a host wants to write, if the attribute can be written by one and has this format and length (SPC-4 table 383).
    ///
    /// Text and ASCII that are shorter are refused, as drives do: the host pads them.
    pub fn new(id: u16, format: u8, value: &[u8]) -> Option<Self> {
        let (_, expected, length, exact) = HOST.iter().find(|known| known.0 == id)?;
        let right = if *exact { value.len() == *length } else { value.len() <= *length };
        (format == *expected && right).then(|| Self { format, value: value.to_vec() })
    }

    /// Whether a host may write, and so remove, this attribute.
    pub fn known(id: u16) -> bool {
        HOST.iter().any(|known| known.0 == id)
    }

    /// As the drive sends it back.
    pub fn attribute(&self, id: u16) -> Attribute {
        Attribute { id, read_only: false, format: self.format, value: self.value.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_their_exact_layout() {
        let mut bytes = Vec::new();
        Attribute::number(0x0003, 8, 0x0102).encode(&mut bytes);
        assert_eq!(bytes, [0, 3, 0x80, 0, 8, 0, 0, 0, 0, 0, 0, 1, 2]);
        bytes.clear();
        HostAttribute::new(0x0800, 1, b"P2T     ").unwrap().attribute(0x0800).encode(&mut bytes);
        assert_eq!(bytes, *b"\x08\x00\x01\x00\x08P2T     ");
    }

    #[test]
    fn a_host_writes_only_what_is_its_own_in_the_right_format_and_length() {
        assert!(HostAttribute::new(0x0400, 1, b"ME      ").is_none());
        assert!(HostAttribute::new(0x0800, 2, b"P2T     ").is_none());
        assert!(HostAttribute::new(0x0800, 1, b"P2T").is_none());
        assert!(HostAttribute::new(0x080c, 0, &[0; 70]).is_some());
        assert!(HostAttribute::new(0x080c, 0, &[0; 1024]).is_none());
    }
}
