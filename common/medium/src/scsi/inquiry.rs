//! INQUIRY: who a device is (SPC-4 6.6, 7.8).

use serde::{Deserialize, Serialize};

use super::bytes::{number16, pieces, some_text, text};
use super::command::Command;
use super::device::Device;
use super::failure::Failure;

/// What kind of device answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceType {
    /// A tape drive.
    Tape,
    /// A media changer.
    Changer,
    /// Something else.
    Other(u8),
}

/// Who a device is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// What it is.
    pub device_type: DeviceType,
    /// Its maker.
    pub vendor: String,
    /// Its model.
    pub product: String,
    /// Its firmware.
    pub revision: String,
    /// Its serial number, if it has told one.
    pub serial: Option<String>,
}

/// A name that a device has (SPC-4 7.8.6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Designator {
    /// 1 binary, 2 ASCII, 3 UTF-8.
    pub code_set: u8,
    /// 0 the maker's own, 1 maker and serial number, 2 EUI-64, 3 NAA.
    pub kind: u8,
    /// The name.
    pub value: Vec<u8>,
}

impl Designator {
    /// The serial number in it: all of a maker's own text, or what follows maker and model in a T10 designator.
    pub fn serial(&self) -> Option<String> {
        match (self.code_set, self.kind) {
            (2 | 3, 0) => some_text(&self.value),
            (2 | 3, 1) => some_text(self.value.get(24..)?),
            _ => None,
        }
    }
}

/// Longest answer of 6-byte commands that all devices know.
const SHORT: u8 = 252;

fn inquiry(page: Option<u8>) -> Command {
    let cdb = [0x12, u8::from(page.is_some()), page.unwrap_or(0), 0, SHORT, 0];
    Command::ask("INQUIRY", &cdb, usize::from(SHORT))
}

/// Standard INQUIRY data. `None` if it is cut off before the names end.
pub fn standard(bytes: &[u8]) -> Option<Identity> {
    let device_type = match bytes.first()? & 0x1f {
        0x01 => DeviceType::Tape,
        0x08 => DeviceType::Changer,
        other => DeviceType::Other(other),
    };
    Some(Identity {
        device_type,
        vendor: text(bytes.get(8..16)?),
        product: text(bytes.get(16..32)?),
        revision: text(bytes.get(32..36)?),
        serial: None,
    })
}

/// The content of a vital product data page with this code.
fn vital(bytes: &[u8], page: u8) -> Option<&[u8]> {
    if *bytes.get(1)? != page {
        return None;
    }
    bytes.get(4..)?.get(..usize::from(number16(bytes, 2)?))
}

/// The serial number in VPD page 80h.
pub fn serial(bytes: &[u8]) -> Option<String> {
    some_text(vital(bytes, 0x80)?)
}

/// The names of the device itself in VPD page 83h; those of its ports are left out.
pub fn designators(bytes: &[u8]) -> Vec<Designator> {
    let list = vital(bytes, 0x83).unwrap_or_default();
    pieces(list, |rest| Some(usize::from(*rest.get(3)?) + 4))
        .filter_map(|piece| {
            let &[code_set, kind, _, _, ref value @ ..] = piece else { return None };
            let of_device = kind & 0x30 == 0;
            of_device.then(|| Designator {
                code_set: code_set & 0x0f,
                kind: kind & 0x0f,
                value: value.to_vec(),
            })
        })
        .collect()
}

impl Device {
    /// Who the device is, with its serial number if it tells one.
    pub fn identity(&mut self) -> Result<Identity, Failure> {
        let mut identity = standard(&self.run(&inquiry(None))?).ok_or(Failure::Answer("INQUIRY"))?;
        identity.serial = self.run(&inquiry(Some(0x80))).ok().as_deref().and_then(serial);
        Ok(identity)
    }

    /// The names of the device (VPD page 83h).
    pub fn designators(&mut self) -> Result<Vec<Designator>, Failure> {
        Ok(designators(&self.run(&inquiry(Some(0x83)))?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_drive_says_who_it_is() {
        let mut bytes = vec![0x01, 0x80, 0x06, 0x02, 69, 0, 0, 0x02];
        bytes.extend(b"IBM     ULT3580-HH8     L9F1");
        let identity = standard(&bytes).unwrap();
        assert_eq!(identity.device_type, DeviceType::Tape);
        let names = (identity.vendor.as_str(), identity.product.as_str(), identity.revision.as_str());
        assert_eq!(names, ("IBM", "ULT3580-HH8", "L9F1"));
        assert_eq!(standard(&bytes[..35]), None);
    }

    #[test]
    fn serial_number_and_designators_are_read() {
        assert_eq!(serial(b"\x01\x80\0\x0a1013000123").as_deref(), Some("1013000123"));
        assert_eq!(serial(b"\x01\x80\0\x0b1013000123"), None);
        assert_eq!(serial(b"\x01\x83\0\x0a1013000123"), None);

        let mut bytes = b"\x01\x83\0\x3a".to_vec();
        bytes.extend(b"\x02\x01\0\x22IBM     ULT3580-HH8     1013000123");
        bytes.extend(b"\x01\x03\0\x08\x50\x05\x07\x63\x12\x34\x56\x78");
        bytes.extend(b"\x01\x94\0\x04\0\0\0\x01");
        let names = designators(&bytes);
        assert_eq!(names.len(), 2);
        assert_eq!(names[0].serial().as_deref(), Some("1013000123"));
        assert_eq!((names[1].kind, names[1].value.len(), names[1].serial()), (3, 8, None));
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_surprise(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut page = vec![1, 0x83, 1, 0];
            page.extend(&bytes);
            let found: usize = designators(&page).iter().map(|found| found.value.len() + 4).sum();
            prop_assert!(found <= bytes.len());
            let _ = (standard(&bytes), serial(&bytes), designators(&bytes));
        }
    }
}
