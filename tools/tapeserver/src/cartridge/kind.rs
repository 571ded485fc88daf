//! What a barcode says about a cartridge, and what each LTO generation is.

use std::fmt;

/// A generation of LTO drives and cartridges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Generation(u8);

/// The format of a generation.
#[derive(Debug, Clone, Copy)]
pub struct Density {
    /// The density code.
    pub code: u8,
    /// Its name.
    pub name: &'static str,
}

impl Generation {
    /// LTO-5 to LTO-9.
    pub fn new(number: u8) -> Option<Self> {
        (5..=9).contains(&number).then_some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Its format.
    pub fn density(self) -> Density {
        let (code, name) = match self.0 {
            5 => (0x58, "U-516"),
            6 => (0x5a, "U-616"),
            7 => (0x5c, "U-732"),
            8 => (0x5e, "U-832"),
            _ => (0x60, "U-932"),
        };
        Density { code, name }
    }

    /// Whether a drive of this generation reads cartridges of `other`: two back up to LTO-7, one since.
    pub fn reads(self, other: Self) -> bool {
        let back = if self.0 <= 7 { 2 } else { 1 };
        other.0 <= self.0 && self.0 - other.0 <= back
    }

    /// Whether it writes them: one back.
    pub fn writes(self, other: Self) -> bool {
        other.0 <= self.0 && self.0 - other.0 <= 1
    }
}

/// What a cartridge is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Data, rewritable.
    Data(Generation),
    /// Data, written once.
    Worm(Generation),
    /// Cleans a drive.
    Cleaning,
}

/// A barcode of the LTO form: six characters and the two of the medium identifier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Barcode(String);

/// The endings of rewritable and of WORM cartridges, by generation (IBM and HPE label specifications).
const ENDINGS: [(&str, &str, u8); 5] =
    [("L5", "LV", 5), ("L6", "LW", 6), ("L7", "LX", 7), ("L8", "LY", 8), ("L9", "LZ", 9)];

impl Barcode {
    /// A barcode whose ending names a cartridge that exists.
    pub fn new(text: &str) -> Option<Self> {
        let plain = text.len() == 8 && text.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        let barcode = Self(text.to_owned());
        (plain && barcode.find_kind().is_some()).then_some(barcode)
    }

    /// The barcode that the laboratory gives its `number`th cartridge, from 1.
    pub fn numbered(number: usize, generation: Generation) -> Self {
        Self(format!("P2T{number:03}L{}", generation.number()))
    }

    fn find_kind(&self) -> Option<Kind> {
        if self.0.starts_with("CLN") {
            return Some(Kind::Cleaning);
        }
        ENDINGS.iter().find_map(|(data, worm, number)| match &self.0[6..] {
            ending if ending == *data => Some(Kind::Data(Generation(*number))),
            ending if ending == *worm => Some(Kind::Worm(Generation(*number))),
            _ => None,
        })
    }

    /// What the cartridge is.
    pub fn kind(&self) -> Kind {
        self.find_kind().unwrap_or(Kind::Cleaning)
    }

    /// Its characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Barcode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lto(number: u8) -> Generation {
        Generation::new(number).unwrap()
    }

    #[test]
    fn the_ending_tells_generation_worm_and_cleaning() {
        assert_eq!(Barcode::new("P2T001L8").unwrap().kind(), Kind::Data(lto(8)));
        assert_eq!(Barcode::new("P2T001LZ").unwrap().kind(), Kind::Worm(lto(9)));
        assert_eq!(Barcode::new("CLN001L1").unwrap().kind(), Kind::Cleaning);
        for wrong in ["P2T001L4", "P2T001", "p2t001L8", "../../L8", "P2T0001L8"] {
            assert_eq!(Barcode::new(wrong), None, "{wrong}");
        }
        assert_eq!(Barcode::new(Barcode::numbered(7, lto(9)).as_str()).unwrap().as_str(), "P2T007L9");
    }

    #[test]
    fn drives_read_and_write_older_cartridges_as_far_as_lto_says() {
        assert!(lto(7).reads(lto(5)) && !lto(8).reads(lto(6)) && lto(9).reads(lto(8)));
        assert!(lto(7).writes(lto(6)) && !lto(7).writes(lto(5)) && !lto(8).reads(lto(9)));
        assert_eq!(Generation::new(4), None);
    }
}
