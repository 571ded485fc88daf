//! The LTO formats: density code, capacity, speed.

use serde::{Deserialize, Deserializer, Serialize};

/// A format of LTO cartridges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Format {
    /// As it is sold.
    pub name: &'static str,
    /// Density code (MODE SENSE, medium auxiliary memory, `mt status`).
    pub density: u8,
    /// Native capacity in bytes, as it is sold: 10^12 for a terabyte.
    pub native_bytes: u64,
    /// Lowest native rate in bytes a second that the drives follow without stopping: of full-height and half-height drives the
    /// higher one. `None` where no figure was published.
    pub lowest_rate: Option<u64>,
    /// Highest native rate in bytes a second (full height).
    pub highest_rate: u64,
}

const MEGABYTE: u64 = 1_000_000;
const GIGABYTE: u64 = 1_000_000_000;

const fn format(
    name: &'static str,
    density: u8,
    gigabytes: u64,
    lowest: Option<u64>,
    highest: u64,
) -> Format {
    let lowest_rate = match lowest {
        Some(megabytes) => Some(megabytes * MEGABYTE),
        None => None,
    };
    Format {
        name,
        density,
        native_bytes: gigabytes * GIGABYTE,
        lowest_rate,
        highest_rate: highest * MEGABYTE,
    }
}

/// LTO-5 to LTO-10. Rates: HPE's data rate matching for 5 and 6, IBM's and Quantum's tables of speed matching since. LTO-10 is sold in two
/// lengths with codes of their own.
pub const FORMATS: [Format; 8] = [
    format("LTO-5", 0x58, 1_500, Some(47), 140),
    format("LTO-6", 0x5a, 2_500, Some(54), 160),
    format("LTO-7", 0x5c, 6_000, Some(101), 300),
    format("LTO-7 type M (M8)", 0x5d, 9_000, None, 300),
    format("LTO-8", 0x5e, 12_000, Some(112), 360),
    format("LTO-9", 0x60, 18_000, Some(177), 400),
    format("LTO-10", 0x62, 30_000, None, 400),
    format("LTO-10 40 TB", 0x63, 40_000, None, 400),
];

/// Percent of the native capacity that can be counted on: early warning comes before the end, and bad spots take room.
const DEPENDABLE_PERCENT: u64 = 97;

/// The endings of barcodes, for data and WORM cartridges, in the order of [`FORMATS`]. Type M has no WORM.
const ENDINGS: [(&str, &str); 8] = [
    ("L5", "LV"),
    ("L6", "LW"),
    ("L7", "LX"),
    ("M8", ""),
    ("L8", "LY"),
    ("L9", "LZ"),
    ("LA", ""),
    ("PA", ""),
];

impl Format {
    /// The format with this density code.
    pub fn of_density(density: u8) -> Option<Self> {
        FORMATS.into_iter().find(|format| format.density == density)
    }

    /// The format that the ending of a barcode such as `P2T001L8` stands for, and whether it is WORM.
    pub fn of_barcode(barcode: &str) -> Option<(Self, bool)> {
        let ending = barcode.get(6..).filter(|ending| barcode.is_ascii() && ending.len() == 2)?;
        let both = FORMATS.into_iter().zip(ENDINGS);
        both.into_iter().find_map(|(format, (data, worm))| match ending {
            ending if ending == data => Some((format, false)),
            ending if ending == worm => Some((format, true)),
            _ => None,
        })
    }

    /// The format that a person calls so: by its name, or by the ending of its data cartridges' barcodes.
    pub fn named(name: &str) -> Option<Self> {
        let mut both = FORMATS.into_iter().zip(ENDINGS);
        let is_it = |called: &str| called.eq_ignore_ascii_case(name.trim());
        both.find_map(|(format, (data, _))| (is_it(format.name) || is_it(data)).then_some(format))
    }

    /// Bytes to plan with for a cartridge: 97 % of its native capacity.
    pub fn dependable_bytes(&self) -> u64 {
        self.native_bytes / 100 * DEPENDABLE_PERCENT
    }
}

/// By its density code: everything else follows.
impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Code {
            density: u8,
        }
        let Code { density } = Code::deserialize(deserializer)?;
        Self::of_density(density)
            .ok_or_else(|| serde::de::Error::custom(format!("{density:#04x} is the code of no LTO format")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_code_and_by_barcode() {
        let nine = Format::of_density(0x60).unwrap();
        assert_eq!((nine.name, nine.native_bytes), ("LTO-9", 18_000_000_000_000));
        assert_eq!(nine.dependable_bytes(), 17_460_000_000_000);
        assert_eq!(nine.lowest_rate, Some(177_000_000));
        assert_eq!(Format::of_density(0x46), None);
        let of = |barcode| Format::of_barcode(barcode).map(|(format, worm)| (format.name, worm));
        assert_eq!(of("P2T001L8"), Some(("LTO-8", false)));
        assert_eq!(of("P2T001LZ"), Some(("LTO-9", true)));
        assert_eq!(of("P2T001M8"), Some(("LTO-7 type M (M8)", false)));
        assert_eq!(of("P2T001PA"), Some(("LTO-10 40 TB", false)));
        for none in ["P2T001", "P2T001L4", "P2T001L8X", "", "ÄÖÜL8"] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn formats_are_known_by_what_people_call_them() {
        let named = |name| Format::named(name).map(|format| format.density);
        assert_eq!((named("LTO-8"), named(" lto-9 "), named("m8")), (Some(0x5e), Some(0x60), Some(0x5d)));
        for format in FORMATS {
            assert_eq!(Format::named(format.name), Some(format));
        }
        assert_eq!((named("LTO-4"), named("LY"), named("")), (None, None, None));
    }

    #[test]
    fn codes_differ_and_later_formats_hold_more() {
        for pair in FORMATS.windows(2) {
            assert!(pair[0].density < pair[1].density && pair[0].native_bytes < pair[1].native_bytes);
            assert!(pair[0].lowest_rate.is_none_or(|lowest| lowest < pair[0].highest_rate));
        }
    }

    #[test]
    fn a_format_is_read_back_by_its_code() {
        let text = serde_json::to_string(&FORMATS[4]).unwrap();
        assert_eq!(serde_json::from_str::<Format>(&text).unwrap(), FORMATS[4]);
        assert!(serde_json::from_str::<Format>(r#"{"density":1}"#).is_err());
    }
}
