//! Sizes in bytes as people write them: `5 MB`, `4 GiB`, `1073741824`.
//!
//! Our own and not a crate's, because the arithmetic must be exact (the usual crates go through floating point)
//! and because `M` and `Mb`, which mean bits to half of the readers, must be refused.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::PaceError;

/// A number of bytes, written as an integer or with a decimal (`MB`) or binary (`MiB`) unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u64); 11] = [
    ("PiB", 1 << 50),
    ("PB", 1_000_000_000_000_000),
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// More decimals than any unit has digits would only hide a mistake.
const MAX_DECIMALS: usize = 15;

impl ByteSize {
    /// The number of bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.0
    }
}

impl From<u64> for ByteSize {
    fn from(bytes: u64) -> Self {
        Self(bytes)
    }
}

impl FromStr for ByteSize {
    type Err = PaceError;

    fn from_str(text: &str) -> Result<Self, PaceError> {
        let not_a_size = || PaceError::NotASize { text: text.to_owned() };
        let too_large = || PaceError::SizeTooLarge { text: text.to_owned() };
        let trimmed = text.trim();
        let end = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(end);
        let factor = factor(unit.trim()).ok_or_else(not_a_size)?;
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        if whole.is_empty() || decimals.is_empty() || decimals.len() > MAX_DECIMALS || decimals.contains('.')
        {
            return Err(not_a_size());
        }
        let whole: u64 = whole.parse().map_err(|_| too_large())?;
        let fraction: u128 = decimals.parse().map_err(|_| not_a_size())?;
        let scale = 10_u128.pow(decimals.len() as u32);
        let bytes = u128::from(whole) * u128::from(factor) + fraction * u128::from(factor) / scale;
        u64::try_from(bytes).map(Self).map_err(|_| too_large())
    }
}

fn factor(unit: &str) -> Option<u64> {
    if unit.is_empty() {
        return Some(1);
    }
    // A lower-case b means bits; everything else about case is taken kindly.
    if !unit.ends_with('B') {
        return None;
    }
    UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|&(_, factor)| factor)
}

impl fmt::Display for ByteSize {
    /// The largest unit that is exact, so that the text reads back as the same number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS.iter().find(|&&(_, factor)| self.0 >= factor && self.0.is_multiple_of(factor));
        let (name, factor) = exact.copied().unwrap_or(("B", 1));
        write!(f, "{} {name}", self.0 / factor)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SizeVisitor)
    }
}

struct SizeVisitor;

impl de::Visitor<'_> for SizeVisitor {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size: bytes, or text such as \"5 MB\" or \"4 GiB\"")
    }

    fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<ByteSize, E> {
        Ok(ByteSize(bytes))
    }

    fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<ByteSize, E> {
        u64::try_from(bytes).map(ByteSize).map_err(|_| E::invalid_value(de::Unexpected::Signed(bytes), &self))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> u64 {
        text.parse::<ByteSize>().unwrap().0
    }

    #[test]
    fn decimal_and_binary_units_differ() {
        assert_eq!(parse("5 MB"), 5_000_000);
        assert_eq!(parse("5MiB"), 5 << 20);
        assert_eq!(parse(" 4 GiB "), 4 << 30);
        assert_eq!(parse("18 TB"), 18_000_000_000_000);
        assert_eq!(parse("1 kB"), 1000);
        assert_eq!(parse("1 KB"), 1000);
        assert_eq!(parse("512"), 512);
        assert_eq!(parse("0 B"), 0);
    }

    #[test]
    fn fractions_are_exact() {
        assert_eq!(parse("1.5 GiB"), 1_610_612_736);
        assert_eq!(parse("0.1 GB"), 100_000_000);
        assert_eq!(parse("9007199254740.993 MB"), 9_007_199_254_740_993_000);
    }

    #[test]
    fn what_is_not_a_size_is_refused_with_a_hint() {
        for text in ["", "MB", "-5 MB", "5 M", "5 Mb", "5 MB/s", "1e9", "1.", ".5 MB", "1.2.3", "5 XB", "5 é"]
        {
            let error = text.parse::<ByteSize>().unwrap_err();
            assert_eq!(error, PaceError::NotASize { text: text.to_owned() });
        }
        assert!("5 M".parse::<ByteSize>().unwrap_err().to_string().contains("such as \"5 MB\""));
    }

    #[test]
    fn too_much_is_no_overflow() {
        for text in ["18446744073709551616", "99999 PiB", "18446744073709551615 kB"] {
            assert_eq!(text.parse::<ByteSize>(), Err(PaceError::SizeTooLarge { text: text.to_owned() }));
        }
        assert_eq!(parse("18446744073709551615"), u64::MAX);
    }

    #[test]
    fn integers_and_text_deserialize() {
        let sizes: Vec<ByteSize> = serde_json::from_str(r#"[4096, "4 KiB", "0.5 MB"]"#).unwrap();
        assert_eq!(sizes, [ByteSize(4096), ByteSize(4096), ByteSize(500_000)]);
        assert!(serde_json::from_str::<ByteSize>("-1").is_err());
        assert!(serde_json::from_str::<ByteSize>("1.5").is_err());
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_back(bytes in any::<u64>(), shift in 0_u32..64) {
            let size = ByteSize(bytes >> shift << (shift / 2));
            prop_assert_eq!(size.to_string().parse::<ByteSize>(), Ok(size));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,24}") {
            let _ = text.parse::<ByteSize>();
        }
    }
}
