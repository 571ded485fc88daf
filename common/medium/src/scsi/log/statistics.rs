//! What the cartridge has been through (Volume Statistics, log page 17h, SSC-4 8.2.9; LTO-5 and later).

use serde::{Deserialize, Serialize};

use super::LogPage;
use crate::scsi::{Device, Failure};

const PAGE: u8 = 0x17;
/// The page counts in 10^6 bytes.
const MEGABYTE: u64 = 1_000_000;

/// Life and last mount of the loaded cartridge. What the drive does not tell is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VolumeStatistics {
    /// Times that it was loaded.
    pub loads: Option<u64>,
    /// Data sets that were written again, in its life.
    pub write_retries: Option<u64>,
    /// Writes that failed, in its life.
    pub write_failures: Option<u64>,
    /// Times that the drive had to stop while writing, in its life.
    pub suspended_writes: Option<u64>,
    /// Data sets that were read again, in its life.
    pub read_retries: Option<u64>,
    /// Reads that failed, in its life.
    pub read_failures: Option<u64>,
    /// Writes that failed since it was loaded.
    pub write_failures_since_load: Option<u64>,
    /// Reads that failed since it was loaded.
    pub read_failures_since_load: Option<u64>,
    /// Bytes written since it was loaded.
    pub bytes_written_since_load: Option<u64>,
    /// Bytes written in its life.
    pub bytes_written: Option<u64>,
    /// Bytes read in its life.
    pub bytes_read: Option<u64>,
    /// Native capacity in bytes.
    pub native_bytes: Option<u64>,
    /// Bytes of it that are used.
    pub used_bytes: Option<u64>,
    /// Serial number of the cartridge.
    pub serial: Option<String>,
    /// Its maker.
    pub manufacturer: Option<String>,
    /// Its barcode, if the library told the drive.
    pub barcode: Option<String>,
    /// Whether it is write-protected.
    pub write_protected: Option<bool>,
    /// Whether it is WORM.
    pub worm: Option<bool>,
    /// Times that the tape's beginning passed the heads.
    pub beginning_passes: Option<u64>,
    /// Times that the tape's middle passed the heads: the measure of wear.
    pub middle_passes: Option<u64>,
}

impl VolumeStatistics {
    pub(super) fn of(page: &LogPage<'_>) -> Self {
        let number = |code| page.number(code);
        let bytes = |code| page.number(code)?.checked_mul(MEGABYTE);
        Self {
            loads: number(0x0001),
            write_retries: number(0x0003),
            write_failures: number(0x0004),
            suspended_writes: number(0x0005),
            read_retries: number(0x0008),
            read_failures: number(0x0009),
            write_failures_since_load: number(0x000c),
            read_failures_since_load: number(0x000d),
            bytes_written_since_load: bytes(0x000e),
            bytes_written: bytes(0x0010),
            bytes_read: bytes(0x0011),
            native_bytes: bytes(0x0016),
            used_bytes: bytes(0x0017),
            serial: page.text(0x0040),
            manufacturer: page.text(0x0043),
            barcode: page.text(0x0042),
            write_protected: page.flag(0x0080),
            worm: page.flag(0x0081),
            beginning_passes: number(0x0101),
            middle_passes: number(0x0102),
        }
    }
}

impl Device {
    /// What the loaded cartridge has been through.
    pub fn volume_statistics(&mut self) -> Result<VolumeStatistics, Failure> {
        self.log(PAGE, VolumeStatistics::of)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::page;
    use super::*;

    #[test]
    fn statistics_stand_by_their_codes() {
        let bytes = page(
            PAGE,
            &[
                (0x0000, &[1]),
                (0x0001, &[0, 0, 0, 42]),
                (0x0005, &[9]),
                (0x0010, &[0, 3]),
                (0x0016, &[0x00, 0xb7, 0x1b, 0x00]),
                (0x0040, b"HB00000001                      "),
                (0x0042, &[0; 32]),
                (0x0080, &[0]),
                (0x0081, &[1]),
                (0x0102, &[0, 0, 0x10, 0]),
            ],
        );
        let found = VolumeStatistics::of(&LogPage::parse(&bytes, PAGE).unwrap());
        assert_eq!(
            (found.loads, found.suspended_writes, found.middle_passes),
            (Some(42), Some(9), Some(4096))
        );
        assert_eq!((found.bytes_written, found.native_bytes), (Some(3_000_000), Some(12_000_000_000_000)));
        assert_eq!((found.serial.as_deref(), found.barcode), (Some("HB00000001"), None));
        assert_eq!((found.write_protected, found.worm), (Some(false), Some(true)));
        assert_eq!(found.bytes_read, None);
    }
}
