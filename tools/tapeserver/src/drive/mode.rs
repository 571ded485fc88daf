//! MODE SENSE and MODE SELECT (SPC-4 7.5, SSC-4 8.3).

use crate::cartridge::kind::Kind;
use crate::device::{Cdb, number, reply_mode};
use crate::drive::{Drive, LONGEST};
use crate::sense::{Outcome, Sense};

/// What a host can set, until the drive is reset.
#[derive(Debug, Clone, Copy)]
pub struct Mode {
    /// Bytes of a block in fixed mode; 0 is variable mode.
    pub block_size: u32,
    /// Whether a write is good when it is in the drive's memory.
    pub buffered: bool,
    /// Whether the host wants compression; capacities here are always of what it sends.
    pub compression: bool,
}

impl Default for Mode {
    fn default() -> Self {
        Self { block_size: 0, buffered: true, compression: true }
    }
}

/// Which values MODE SENSE asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Control {
    Current,
    Changeable,
    Default,
}

const COMPRESSION: u8 = 0x0f;
const DEVICE_CONFIGURATION: u8 = 0x10;
const MEDIUM_CONFIGURATION: u8 = 0x1d;
const ALL: u8 = 0x3f;
/// Pages in the order in which "all" has them: device-specific ones in the middle, ascending (SPC-4 6.13).
const PAGES: [u8; 8] =
    [0x01, 0x02, 0x0a, COMPRESSION, DEVICE_CONFIGURATION, 0x11, 0x1c, MEDIUM_CONFIGURATION];

impl Mode {
    /// A page, or nothing if there is none of this number.
    fn page(self, page: u8, control: Control, worm: bool) -> Option<Vec<u8>> {
        let size = match page {
            0x01 | 0x0a | 0x1c => 12,
            0x02 | COMPRESSION | DEVICE_CONFIGURATION => 16,
            0x11 => 10,
            MEDIUM_CONFIGURATION => 32,
            _ => return None,
        };
        let mut bytes = vec![0; size];
        bytes[0] = page;
        bytes[1] = (size - 2) as u8;
        let mode = if control == Control::Default { Self::default() } else { self };
        match (page, control) {
            (COMPRESSION, Control::Changeable) => bytes[2] = 0x80,
            (DEVICE_CONFIGURATION, Control::Changeable) => bytes[14] = 0xff,
            (_, Control::Changeable) => {}
            (COMPRESSION, _) => {
                bytes[2] = 0x40 | if mode.compression { 0x80 } else { 0 };
                bytes[3] = 0x80;
                bytes[7] = 1;
                bytes[11] = 1;
            }
            (DEVICE_CONFIGURATION, _) => {
                // Block identifiers are supported; a filemark is written behind data when the end comes.
                bytes[8] = 0x40;
                bytes[10] = 0x18;
                bytes[14] = u8::from(mode.compression);
            }
            (MEDIUM_CONFIGURATION, _) => {
                bytes[2] = u8::from(worm);
                // No labels can be overwritten; filemarks at the end of data can, but for the first.
                bytes[5] = 0x02;
            }
            (0x11, _) => bytes[5] = 0x03,
            (0x01, _) => (bytes[3], bytes[8]) = (20, 20),
            _ => {}
        }
        Some(bytes)
    }

    /// What a page of MODE SELECT asks for.
    fn take(&mut self, page: u8, bytes: &[u8]) -> Outcome {
        match page {
            COMPRESSION => self.compression = bytes[2] & 0x80 != 0,
            DEVICE_CONFIGURATION => self.compression = bytes[14] != 0,
            0x01 | 0x02 | 0x0a | 0x1c => {}
            _ => return Err(Sense::invalid_parameter()),
        }
        Ok(())
    }
}

/// The lengths of the headers of MODE SENSE and SELECT (6) and (10), and where their fields are.
struct Header {
    size: usize,
    medium_type: usize,
    specific: usize,
    descriptors: usize,
}

fn header(ten: bool) -> Header {
    if ten {
        Header { size: 8, medium_type: 2, specific: 3, descriptors: 7 }
    } else {
        Header { size: 4, medium_type: 1, specific: 2, descriptors: 3 }
    }
}

impl Drive {
    pub(super) fn mode_sense(&mut self, cdb: &Cdb, ten: bool, data: &mut Vec<u8>) -> Outcome {
        let (page, subpage, no_descriptor) = (cdb[2] & 0x3f, cdb[3], cdb[1] & 0x08 != 0);
        let control = match cdb[2] >> 6 {
            0 => Control::Current,
            1 => Control::Changeable,
            2 => Control::Default,
            _ => return Err(Sense::saving_parameters()),
        };
        if subpage != 0 && !(page == ALL && subpage == 0xff) {
            return Err(Sense::invalid_field());
        }
        let generation = self.specification.generation;
        let kind = self.seat.as_mut().and_then(|seat| {
            let cartridge = seat.loaded().ok()?;
            Some((cartridge.kind(), cartridge.properties.write_protect))
        });
        let layout = header(ten);
        let mut bytes = vec![0; layout.size];
        bytes[layout.specific] = if self.mode.buffered { 0x10 } else { 0 };
        let mut density = 0;
        let mut worm = false;
        if let Some((Kind::Data(other) | Kind::Worm(other), protected)) = kind {
            worm = matches!(kind, Some((Kind::Worm(_), _)));
            density = other.density().code;
            // 58h is LTO-5, 5Ch LTO-5 WORM, 68h LTO-6 and so on.
            bytes[layout.medium_type] = (other.number() << 4) | if worm { 0x0c } else { 0x08 };
            if protected || !generation.writes(other) {
                bytes[layout.specific] |= 0x80;
            }
        }
        if !no_descriptor {
            bytes[layout.descriptors] = 8;
            let [_, high, middle, low] = self.mode.block_size.to_be_bytes();
            bytes.extend([density, 0, 0, 0, 0, high, middle, low]);
        }
        let pages: Vec<u8> = PAGES.into_iter().filter(|known| page == ALL || page == *known).collect();
        if pages.is_empty() && page != 0 {
            return Err(Sense::invalid_field());
        }
        for page in pages {
            bytes.extend(self.mode.page(page, control, worm).unwrap_or_default());
        }
        reply_mode(data, cdb, bytes);
        Ok(())
    }

    pub(super) fn mode_select(&mut self, cdb: &Cdb, out: &[u8], ten: bool) -> Outcome {
        if cdb[1] & 1 != 0 {
            return Err(Sense::invalid_field());
        }
        if out.is_empty() {
            return Ok(());
        }
        let layout = header(ten);
        if out.len() < layout.size {
            return Err(Sense::parameter_length());
        }
        let mut mode = self.mode;
        mode.buffered = match out[layout.specific] >> 4 & 7 {
            0 => false,
            1 => true,
            _ => return Err(Sense::invalid_parameter()),
        };
        let descriptors = usize::from(out[layout.descriptors]);
        let rest = &out[layout.size..];
        if rest.len() < descriptors || !matches!(descriptors, 0 | 8) {
            return Err(Sense::parameter_length());
        }
        let (descriptor, mut pages) = rest.split_at(descriptors);
        if descriptors == 8 {
            self.check_density(descriptor[0])?;
            mode.block_size = number(&descriptor[5..8]) as u32;
            if mode.block_size > LONGEST {
                return Err(Sense::invalid_parameter());
            }
        }
        while let [page, size, ..] = pages {
            let whole = usize::from(*size) + 2;
            let known = mode.page(page & 0x3f, Control::Current, false);
            if known.is_none_or(|known| known.len() != whole) {
                return Err(Sense::invalid_parameter());
            }
            if pages.len() < whole {
                return Err(Sense::parameter_length());
            }
            mode.take(page & 0x3f, &pages[..whole])?;
            pages = &pages[whole..];
        }
        // What was accepted under the old mode is under its rules.
        self.settle()?;
        self.mode = mode;
        Ok(())
    }

    /// The density can only be what the cartridge has: 00h is the default, 7Fh no change.
    fn check_density(&mut self, code: u8) -> Outcome {
        let own = self.specification.generation;
        let current = match self.seat.as_mut().and_then(|seat| seat.loaded().ok()).map(|loaded| loaded.kind())
        {
            Some(Kind::Data(other) | Kind::Worm(other)) => other,
            _ => own,
        };
        if code == 0 || code == 0x7f || code == current.density().code {
            Ok(())
        } else {
            Err(Sense::invalid_parameter())
        }
    }
}
