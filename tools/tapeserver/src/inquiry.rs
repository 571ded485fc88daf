//! INQUIRY (SPC-4 6.6) of a drive and of a library.

use crate::device::{length, padded, reply};
use crate::sense::{Outcome, Sense};

/// Who a unit is.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Peripheral device type: 1 a tape drive, 8 a library.
    pub device_type: u8,
    /// Product identification, up to 16 characters.
    pub product: String,
    /// Serial number.
    pub serial: String,
    /// Whether cartridges in it can be written only once.
    pub worm: bool,
}

const VENDOR: &str = "TAPELAB";
const REVISION: &str = "0100";
/// SPC-4, SSC-4 and SMC-3, as version descriptors say it.
const SPC_4: [u8; 2] = [0x04, 0x60];
const SSC_4: [u8; 2] = [0x05, 0x20];
const SMC_3: [u8; 2] = [0x04, 0x80];

impl Identity {
    /// Executes INQUIRY.
    pub fn inquiry(&self, cdb: &crate::device::Cdb, data: &mut Vec<u8>) -> Outcome {
        let bytes = match (cdb[1] & 1, cdb[2]) {
            (0, 0) => self.standard(),
            (1, page) => self.vital(page)?,
            _ => return Err(Sense::invalid_field()),
        };
        reply(data, &bytes, length(&cdb[3..5]));
        Ok(())
    }

    fn standard(&self) -> Vec<u8> {
        let mut bytes = vec![self.device_type, 0x80, 0x06, 0x02, 0, 0, 0, 0x02];
        bytes.extend(padded(VENDOR, 8));
        bytes.extend(padded(&self.product, 16));
        bytes.extend(padded(REVISION, 4));
        bytes.resize(58, 0);
        bytes.extend(SPC_4);
        bytes.extend(if self.device_type == 1 { SSC_4 } else { SMC_3 });
        bytes.resize(74, 0);
        bytes[4] = (bytes.len() - 5) as u8;
        bytes
    }

    /// The T10 vendor identification designator, which a library also reports for its drives (SMC-3 6.11.4).
    pub fn designator(&self) -> Vec<u8> {
        let mut bytes = padded(VENDOR, 8);
        bytes.extend(padded(&self.product, 16));
        bytes.extend(self.serial.as_bytes());
        bytes
    }

    fn vital(&self, page: u8) -> Result<Vec<u8>, Sense> {
        let content = match (page, self.device_type) {
            (0x00, 1) => vec![0x00, 0x80, 0x83, 0xb0, 0xb1],
            (0x00, _) => vec![0x00, 0x80, 0x83],
            (0x80, _) | (0xb1, 1) => self.serial.as_bytes().to_vec(),
            (0x83, _) => {
                let designator = self.designator();
                let mut content = vec![0x02, 0x01, 0x00, designator.len() as u8];
                content.extend(designator);
                content
            }
            (0xb0, 1) => vec![u8::from(self.worm), 0],
            _ => return Err(Sense::invalid_field()),
        };
        let mut bytes = vec![self.device_type, page, 0, content.len() as u8];
        bytes.extend(content);
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(cdb: &[u8]) -> Result<Vec<u8>, Sense> {
        let identity = Identity {
            device_type: 1,
            product: "VIRTUAL-LTO8".into(),
            serial: "TLD00001".into(),
            worm: true,
        };
        let mut whole = [0; 16];
        whole[..cdb.len()].copy_from_slice(cdb);
        let mut data = Vec::new();
        identity.inquiry(&whole, &mut data).map(|()| data)
    }

    #[test]
    fn the_standard_answer_says_what_it_is_and_how_long() {
        let data = ask(&[0x12, 0, 0, 0, 255, 0]).unwrap();
        assert_eq!((data[0], data[1], data[4] as usize + 5), (1, 0x80, data.len()));
        assert_eq!(data[8..36], *b"TAPELAB VIRTUAL-LTO8    0100");
        assert_eq!(ask(&[0x12, 0, 0, 0, 5, 0]).unwrap().len(), 5);
    }

    #[test]
    fn vital_product_data_has_serial_designator_and_worm() {
        assert_eq!(ask(&[0x12, 1, 0x80, 0, 255, 0]).unwrap(), *b"\x01\x80\x00\x08TLD00001");
        let designation = ask(&[0x12, 1, 0x83, 0, 255, 0]).unwrap();
        assert_eq!(designation[3] as usize + 4, designation.len());
        assert!(designation.ends_with(b"TLD00001"));
        assert_eq!(ask(&[0x12, 1, 0xb0, 0, 255, 0]).unwrap()[4], 1);
        assert_eq!(ask(&[0x12, 1, 0x99, 0, 255, 0]), Err(Sense::invalid_field()));
        assert_eq!(ask(&[0x12, 0, 0x80, 0, 255, 0]), Err(Sense::invalid_field()));
    }
}
