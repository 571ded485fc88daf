//! Sense data: why a device did not do what it was asked (SPC-4 4.5).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::bytes::{number, pieces};
use super::meaning;

/// The kind of trouble (SPC-4 table 48).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SenseKey {
    /// Nothing is wrong.
    NoSense,
    /// Done, after the device helped itself.
    RecoveredError,
    /// Not usable now.
    NotReady,
    /// The medium is bad.
    MediumError,
    /// The device is bad.
    HardwareError,
    /// The device does not know this command, or not like this.
    IllegalRequest,
    /// Something happened since the last command: a reset, another cartridge.
    UnitAttention,
    /// Write-protected, or written once already.
    DataProtect,
    /// Nothing is written there.
    BlankCheck,
    /// The maker's own.
    VendorSpecific,
    /// A copy was given up.
    CopyAborted,
    /// The command was given up.
    AbortedCommand,
    /// No room.
    VolumeOverflow,
    /// What was read is not what it was compared with.
    Miscompare,
    /// Ended without trouble, and there is something to say.
    Completed,
    /// Not in the standard.
    Reserved,
}

impl SenseKey {
    const ALL: [Self; 16] = [
        Self::NoSense,
        Self::RecoveredError,
        Self::NotReady,
        Self::MediumError,
        Self::HardwareError,
        Self::IllegalRequest,
        Self::UnitAttention,
        Self::DataProtect,
        Self::BlankCheck,
        Self::VendorSpecific,
        Self::CopyAborted,
        Self::AbortedCommand,
        Self::Reserved,
        Self::VolumeOverflow,
        Self::Miscompare,
        Self::Completed,
    ];

    fn from_bits(byte: u8) -> Self {
        Self::ALL[usize::from(byte & 0x0f)]
    }

    fn number(self) -> u8 {
        Self::ALL.iter().position(|key| *key == self).map_or(0x0c, |number| number as u8)
    }
}

/// Bits that tape drives add to the key (SSC-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TapeMarks {
    /// A filemark was met.
    pub filemark: bool,
    /// The end of the medium is near or reached.
    pub end_of_medium: bool,
    /// The record has another length than was asked for.
    pub incorrect_length: bool,
}

/// Sense data, in either format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sense {
    /// The kind of trouble.
    pub key: SenseKey,
    /// Additional sense code.
    pub asc: u8,
    /// Its qualifier.
    pub ascq: u8,
    /// Whether an earlier command is meant, one that had been called done.
    pub deferred: bool,
    /// The bits of tape drives.
    pub marks: TapeMarks,
    /// The INFORMATION field, where it is valid; for tapes the difference between asked and done.
    pub information: Option<u64>,
}

impl Sense {
    /// Reads sense data of the fixed (70h, 71h) or the descriptor format (72h, 73h). `None` if it is neither.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes.first()? & 0x7f {
            code @ (0x70 | 0x71) => Self::fixed(bytes, code == 0x71),
            code @ (0x72 | 0x73) => Self::descriptors(bytes, code == 0x73),
            _ => None,
        }
    }

    fn fixed(bytes: &[u8], deferred: bool) -> Option<Self> {
        let third = *bytes.get(2)?;
        let valid = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
        // Everything behind byte 7 may be cut off; a device without a code to add sends 00/00.
        let additional = |offset| bytes.get(offset).copied().unwrap_or(0);
        Some(Self {
            key: SenseKey::from_bits(third),
            asc: additional(12),
            ascq: additional(13),
            deferred,
            marks: marks(third),
            information: bytes.get(3..7).filter(|_| valid).map(number),
        })
    }

    fn descriptors(bytes: &[u8], deferred: bool) -> Option<Self> {
        let &[_, key, asc, ascq, ..] = bytes else { return None };
        let mut sense = Self {
            key: SenseKey::from_bits(key),
            asc,
            ascq,
            deferred,
            marks: TapeMarks::default(),
            information: None,
        };
        let whole = bytes.get(7).map_or(0, |length| usize::from(*length));
        let list = bytes.get(8..).unwrap_or_default();
        let list = list.get(..whole).unwrap_or(list);
        for descriptor in pieces(list, |rest| Some(usize::from(*rest.get(1)?) + 2)) {
            match *descriptor {
                [0x00, _, valid, _, ref information @ ..] if valid & 0x80 != 0 => {
                    sense.information = Some(number(information));
                }
                [0x04, _, _, stream, ..] => sense.marks = marks(stream),
                _ => {}
            }
        }
        Some(sense)
    }

    /// Whether this is `asc`/`ascq`.
    pub fn is(&self, asc: u8, ascq: u8) -> bool {
        (self.asc, self.ascq) == (asc, ascq)
    }

    /// What the code means to an operator, in words.
    pub fn meaning(&self) -> &'static str {
        meaning::of(self.key, self.asc, self.ascq)
    }

    /// The numbers, as manuals and logs have them: `key/asc/ascq`.
    pub fn code(&self) -> String {
        format!("{:x}/{:02x}/{:02x}", self.key.number(), self.asc, self.ascq)
    }

    /// Whether the position on the tape, or the cartridge itself, may be another one than before: the device was reset, or the
    /// cartridge changed. Nothing may be written before the position was checked.
    pub fn loses_position(&self) -> bool {
        self.key == SenseKey::UnitAttention && matches!(self.asc, 0x28 | 0x29)
    }
}

fn marks(byte: u8) -> TapeMarks {
    TapeMarks {
        filemark: byte & 0x80 != 0,
        end_of_medium: byte & 0x40 != 0,
        incorrect_length: byte & 0x20 != 0,
    }
}

impl fmt::Display for Sense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let earlier = if self.deferred { ", for an earlier command" } else { "" };
        write!(f, "{} (sense {}{earlier})", self.meaning(), self.code())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Fixed format, as most drives send it.
    pub(crate) fn fixed(key: u8, asc: u8, ascq: u8) -> Vec<u8> {
        vec![0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, asc, ascq, 0, 0, 0, 0]
    }

    #[test]
    fn the_fixed_format_is_read() {
        let mut bytes = fixed(0x02, 0x04, 0x01);
        let sense = Sense::parse(&bytes).unwrap();
        assert_eq!((sense.key, sense.asc, sense.ascq, sense.deferred), (SenseKey::NotReady, 4, 1, false));
        assert_eq!(sense.to_string(), "the drive is loading its cartridge; wait (sense 2/04/01)");
        assert_eq!(sense.information, None);

        bytes[0] = 0xf1;
        bytes[2] = 0xe3;
        bytes[3..7].copy_from_slice(&[0, 0, 1, 2]);
        let sense = Sense::parse(&bytes).unwrap();
        assert_eq!((sense.key, sense.information, sense.deferred), (SenseKey::MediumError, Some(258), true));
        let all = TapeMarks { filemark: true, end_of_medium: true, incorrect_length: true };
        assert_eq!(sense.marks, all);
        assert!(sense.to_string().ends_with("(sense 3/04/01, for an earlier command)"), "{sense}");
    }

    #[test]
    fn the_descriptor_format_is_read() {
        let mut bytes = vec![0x72, 0x03, 0x0c, 0x00, 0, 0, 0, 16];
        bytes.extend([0x00, 0x0a, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x00]);
        bytes.extend([0x04, 0x02, 0x00, 0x40]);
        let sense = Sense::parse(&bytes).unwrap();
        assert_eq!((sense.key, sense.asc, sense.information), (SenseKey::MediumError, 0x0c, Some(256)));
        assert!(sense.marks.end_of_medium && !sense.marks.filemark);
        // A length that lies leads nowhere.
        bytes[9] = 0xff;
        assert_eq!(Sense::parse(&bytes).unwrap().information, None);
    }

    #[test]
    fn a_reset_and_another_cartridge_lose_the_position() {
        let lost = |key, asc| Sense::parse(&fixed(key, asc, 0)).unwrap().loses_position();
        assert!(lost(6, 0x29) && lost(6, 0x28));
        assert!(!lost(6, 0x2a) && !lost(2, 0x29));
    }

    #[test]
    fn short_and_foreign_bytes_are_no_sense() {
        for bytes in [&[][..], &[0x70], &[0x70, 0], &[0x72, 3, 0], &[0x7f; 18], &[0; 18]] {
            assert_eq!(Sense::parse(bytes), None, "{bytes:?}");
        }
        assert_eq!(Sense::parse(&[0x70, 0, 5]).unwrap().key, SenseKey::IllegalRequest);
    }

    proptest! {
        #[test]
        fn no_bytes_are_a_surprise(first in 0x70_u8..0x74, bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut all = vec![first];
            all.extend(bytes);
            if let Some(sense) = Sense::parse(&all) {
                prop_assert!(!sense.to_string().is_empty());
            }
        }
    }
}
