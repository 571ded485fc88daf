//! MODE SENSE of a drive: format, write protection and WORM (SPC-4 7.5, SSC-4 8.3).

use serde::{Deserialize, Serialize};

use super::bytes::number16;
use super::command::Command;
use super::density::Format;
use super::device::Device;
use super::failure::Failure;

/// Medium Configuration page (SSC-4 8.3.7): whether the cartridge is WORM.
const MEDIUM_CONFIGURATION: u8 = 0x1d;
const LENGTH: u8 = 252;

/// What the loaded cartridge is, as the drive sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Medium {
    /// The medium type byte, whose meaning is the maker's own.
    pub medium_type: u8,
    /// The density code of what is, or will be, written.
    pub density: Option<u8>,
    /// The LTO format of that code, where it is known.
    pub format: Option<Format>,
    /// Whether the drive refuses to write.
    pub write_protected: bool,
    /// Whether it can be written only once; `None` if the drive does not say.
    pub worm: Option<bool>,
}

/// Reads an answer to MODE SENSE (10).
pub fn medium(bytes: &[u8]) -> Option<Medium> {
    let header = bytes.get(..8)?;
    let descriptors = usize::from(number16(header, 6)?);
    let density = bytes.get(8).copied().filter(|_| descriptors >= 8);
    let page = bytes.get(8 + descriptors..).unwrap_or_default();
    let worm = match *page {
        [code, length, flags, ..] if code & 0x3f == MEDIUM_CONFIGURATION && length >= 1 => {
            Some(flags & 1 == 1)
        }
        _ => None,
    };
    Some(Medium {
        medium_type: *header.get(2)?,
        density,
        format: density.and_then(Format::of_density),
        write_protected: header.get(3)? & 0x80 != 0,
        worm,
    })
}

fn mode_sense(page: u8) -> Command {
    let cdb = [0x5a, 0, page, 0, 0, 0, 0, 0, LENGTH, 0];
    Command::ask("MODE SENSE", &cdb, usize::from(LENGTH))
}

impl Device {
    /// What the loaded cartridge is, as the drive sees it.
    pub fn medium(&mut self) -> Result<Medium, Failure> {
        let answer = match self.run(&mode_sense(MEDIUM_CONFIGURATION)) {
            // Without that page there is still the header with density and write protection.
            Err(failure) if failure.is_unsupported() => self.run(&mode_sense(0)),
            other => other,
        };
        medium(&answer?).ok_or(Failure::Answer("MODE SENSE"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn density_protection_and_worm_are_read() {
        let mut bytes = vec![0, 46, 0x8c, 0x90, 0, 0, 0, 8];
        bytes.extend([0x5e, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([0x1d, 0x1e, 0x01, 0]);
        bytes.resize(48, 0);
        let found = medium(&bytes).unwrap();
        assert_eq!((found.density, found.write_protected, found.worm), (Some(0x5e), true, Some(true)));
        assert_eq!(found.format.unwrap().name, "LTO-8");
        bytes[18] = 0;
        bytes[3] = 0x10;
        let found = medium(&bytes).unwrap();
        assert_eq!((found.write_protected, found.worm), (false, Some(false)));
        assert_eq!(medium(&bytes[..16]).unwrap().worm, None);
        assert_eq!(medium(&bytes[..8]).unwrap().density, None);
        assert_eq!(medium(&bytes[..7]), None);
        bytes[6] = 0xff;
        assert_eq!(medium(&bytes).unwrap().worm, None);
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_surprise(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = medium(&bytes);
        }
    }
}
