//! MODE SENSE of a library: where its elements are (SMC-3 7.3).

use crate::changer::Library;
use crate::device::{Cdb, reply_mode};
use crate::sense::{Outcome, Sense};

const ELEMENT_ADDRESSES: u8 = 0x1d;
const TRANSPORT_GEOMETRY: u8 = 0x1e;
const CAPABILITIES: u8 = 0x1f;
const ALL: u8 = 0x3f;
/// From everywhere but the robot to everywhere but the robot.
const ANYWHERE: u8 = 0x0e;

impl Library {
    fn page(&self, page: u8) -> Vec<u8> {
        let content = match page {
            ELEMENT_ADDRESSES => {
                let mut content = Vec::new();
                for (first, count) in self.ranges() {
                    content.extend(first.to_be_bytes());
                    content.extend(count.to_be_bytes());
                }
                content.extend([0, 0]);
                content
            }
            TRANSPORT_GEOMETRY => vec![0, 0],
            _ => {
                let mut content = vec![0; 18];
                content[0] = ANYWHERE;
                content[3..6].fill(ANYWHERE);
                content[11..14].fill(ANYWHERE);
                content
            }
        };
        let mut bytes = vec![page, content.len() as u8];
        bytes.extend(content);
        bytes
    }

    pub(super) fn mode_sense(&self, cdb: &Cdb, ten: bool, data: &mut Vec<u8>) -> Outcome {
        let (control, page) = (cdb[2] >> 6, cdb[2] & 0x3f);
        if control == 3 {
            return Err(Sense::saving_parameters());
        }
        let mut pages = Vec::new();
        for known in [ELEMENT_ADDRESSES, TRANSPORT_GEOMETRY, CAPABILITIES] {
            if page == ALL || page == known {
                let mut bytes = self.page(known);
                if control == 1 {
                    // Nothing can be changed.
                    bytes[2..].fill(0);
                }
                pages.extend(bytes);
            }
        }
        if pages.is_empty() {
            return Err(Sense::invalid_field());
        }
        let mut bytes = if ten { vec![0; 8] } else { vec![0; 4] };
        bytes.extend(pages);
        reply_mode(data, cdb, bytes);
        Ok(())
    }
}
