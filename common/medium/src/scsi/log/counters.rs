//! Error counters for writing and for reading (log pages 02h and 03h, SPC-4 7.3.7).

use serde::{Deserialize, Serialize};

use super::LogPage;
use crate::scsi::{Device, Failure};

const WRITING: u8 = 0x02;
const READING: u8 = 0x03;

/// Errors since the cartridge was loaded, or since power-on: drives differ. What is not told is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ErrorCounters {
    /// Corrected at once.
    pub corrected_at_once: Option<u64>,
    /// Corrected with some delay.
    pub corrected_with_delay: Option<u64>,
    /// Written or read again.
    pub retried: Option<u64>,
    /// Corrected in all.
    pub corrected: Option<u64>,
    /// Bytes that were processed, in the maker's unit.
    pub processed: Option<u64>,
    /// Not corrected: each is data that was not written, or not read.
    pub uncorrected: Option<u64>,
}

impl ErrorCounters {
    pub(super) fn of(page: &LogPage<'_>) -> Self {
        Self {
            corrected_at_once: page.number(0x0000),
            corrected_with_delay: page.number(0x0001),
            retried: page.number(0x0002),
            corrected: page.number(0x0003),
            processed: page.number(0x0005),
            uncorrected: page.number(0x0006),
        }
    }
}

impl Device {
    /// Errors while writing.
    pub fn write_errors(&mut self) -> Result<ErrorCounters, Failure> {
        self.log(WRITING, ErrorCounters::of)
    }

    /// Errors while reading.
    pub fn read_errors(&mut self) -> Result<ErrorCounters, Failure> {
        self.log(READING, ErrorCounters::of)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::page;
    use super::*;

    #[test]
    fn counters_stand_by_their_codes() {
        let bytes = page(WRITING, &[(2, &[0, 3]), (3, &[4]), (5, &[1, 0, 0, 0, 0]), (6, &[2])]);
        let found = ErrorCounters::of(&LogPage::parse(&bytes, WRITING).unwrap());
        assert_eq!((found.retried, found.corrected), (Some(3), Some(4)));
        assert_eq!((found.processed, found.uncorrected), (Some(1 << 32), Some(2)));
        assert_eq!(found.corrected_at_once, None);
    }
}
