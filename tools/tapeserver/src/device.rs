//! What the kernel's target core sees of a drive or a library: commands in, data and status out.

use std::time::Duration;

use crate::sense::Outcome;

/// A command descriptor block; shorter ones are padded with zeros.
pub type Cdb = [u8; 16];

/// A logical unit.
pub trait Device: Send {
    /// Executes a command: `out` is what the host sends with it; what the host gets is appended to `data`.
    ///
    /// Data and CHECK CONDITION may come together: a read that ends at a filemark has both.
    fn execute(&mut self, cdb: &Cdb, out: &[u8], data: &mut Vec<u8>) -> Outcome;

    /// How long the unit stalls before it executes this command. Asked first, so that the wait locks nobody out.
    fn stall(&mut self, cdb: &Cdb) -> Option<Duration>;
}

/// An unsigned big-endian number.
pub fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// A length of the host's memory: at most 32 bits wide in every command.
pub fn length(bytes: &[u8]) -> usize {
    number(bytes) as usize
}

/// A signed big-endian number.
pub fn signed(bytes: &[u8]) -> i64 {
    let unused = 64 - 8 * bytes.len() as u32;
    (number(bytes) << unused).cast_signed() >> unused
}

/// A length or a count as INFORMATION has it.
pub fn information(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Answers with `bytes`, cut to what the host has room for.
pub fn reply(data: &mut Vec<u8>, bytes: &[u8], allocation: usize) {
    data.extend_from_slice(&bytes[..bytes.len().min(allocation)]);
}

/// Answers MODE SENSE (6) or (10): header, block descriptors and pages, whose length goes into the header (SPC-4 7.5.5).
pub fn reply_mode(data: &mut Vec<u8>, cdb: &Cdb, mut bytes: Vec<u8>) {
    if cdb[0] == crate::operation::MODE_SENSE_10 {
        let size = (bytes.len() - 2) as u16;
        bytes[..2].copy_from_slice(&size.to_be_bytes());
        reply(data, &bytes, length(&cdb[7..9]));
    } else {
        bytes[0] = (bytes.len() - 1) as u8;
        reply(data, &bytes, usize::from(cdb[4]));
    }
}

/// Text as SCSI has it: padded with blanks, cut to its length.
pub fn padded(text: &str, length: usize) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(length, b' ');
    bytes
}

/// Whether the host sends data with this command (else it only receives).
pub fn sends(operation: u8) -> bool {
    use crate::operation as op;
    matches!(operation, op::WRITE | op::MODE_SELECT_6 | op::MODE_SELECT_10 | op::WRITE_ATTRIBUTE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_big_endian_and_counts_can_be_negative() {
        assert_eq!(number(&[0x01, 0x02, 0x03]), 0x0001_0203);
        assert_eq!(signed(&[0xff, 0xff, 0xfe]), -2);
        assert_eq!(signed(&[0x7f, 0xff, 0xff]), 0x7f_ffff);
        assert_eq!(signed(&[0xff; 8]), -1);
    }

    #[test]
    fn replies_are_cut_to_the_allocation() {
        let mut data = Vec::new();
        reply(&mut data, b"abcdef", 4);
        assert_eq!(data, b"abcd");
        assert_eq!(padded("ab", 4), b"ab  ");
        assert_eq!(padded("abcdef", 4), b"abcd");
    }
}
