//! Room on the tape (log page 31h of LTO drives).

use serde::{Deserialize, Serialize};

use super::LogPage;
use crate::scsi::{Device, Failure};

const PAGE: u8 = 0x31;
/// The page counts in 2^20 bytes.
const MEBIBYTE: u64 = 1 << 20;

/// Room in the first partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TapeCapacity {
    /// Bytes that remain before early warning, without compression.
    pub remaining_bytes: Option<u64>,
    /// Bytes in all.
    pub maximum_bytes: Option<u64>,
}

impl TapeCapacity {
    pub(super) fn of(page: &LogPage<'_>) -> Self {
        let bytes = |code| page.number(code)?.checked_mul(MEBIBYTE);
        Self { remaining_bytes: bytes(0x0001), maximum_bytes: bytes(0x0003) }
    }
}

impl Device {
    /// Room on the tape.
    pub fn tape_capacity(&mut self) -> Result<TapeCapacity, Failure> {
        self.log(PAGE, TapeCapacity::of)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::page;
    use super::*;

    #[test]
    fn room_is_counted_in_mebibytes() {
        let bytes = page(PAGE, &[(1, &[0, 0, 0, 5]), (2, &[0; 4]), (3, &[0, 0, 1, 0])]);
        let found = TapeCapacity::of(&LogPage::parse(&bytes, PAGE).unwrap());
        assert_eq!((found.remaining_bytes, found.maximum_bytes), (Some(5 << 20), Some(256 << 20)));
        let huge = page(PAGE, &[(1, &[0x7f; 8])]);
        assert_eq!(TapeCapacity::of(&LogPage::parse(&huge, PAGE).unwrap()).remaining_bytes, None);
    }
}
