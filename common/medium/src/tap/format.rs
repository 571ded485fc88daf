//! The SIMH magnetic tape image format: `length, data, padding to even, length` for a record, a zero for a filemark,
//! all words 32 bits little-endian ("SIMH Magtape Representation and Handling", R. Supnik).

/// Bytes in a length word or marker.
pub(super) const WORD_BYTES: u64 = 4;
/// A filemark.
pub(super) const FILEMARK: u32 = 0;
/// Ends the medium before the end of the image.
pub(super) const END_OF_MEDIUM: u32 = 0xFFFF_FFFF;
/// An erased stretch of one word.
pub(super) const ERASE_GAP: u32 = 0xFFFF_FFFE;
/// Set in a record's length words if it was read with an error when the image was made.
const ERROR_FLAG: u32 = 0x8000_0000;
/// Largest record: 24 bits of length.
pub(super) const LARGEST_RECORD: u64 = 0x00FF_FFFF;

/// What a word at the start of an object says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Filemark,
    EndOfMedium,
    EraseGap,
    /// A record's length in bytes, at least 1.
    Length {
        bytes: u64,
        flagged: bool,
    },
    /// Nothing that a writer of images writes.
    Nonsense,
}

/// Reads a word.
pub(super) fn classify(word: u32) -> Word {
    match word {
        FILEMARK => Word::Filemark,
        END_OF_MEDIUM => Word::EndOfMedium,
        ERASE_GAP => Word::EraseGap,
        _ => {
            let bytes = u64::from(word & !ERROR_FLAG);
            if (1..=LARGEST_RECORD).contains(&bytes) {
                Word::Length { bytes, flagged: word & ERROR_FLAG != 0 }
            } else {
                Word::Nonsense
            }
        }
    }
}

/// Bytes of data and padding of a record of `bytes`.
pub(super) fn padded(bytes: u64) -> u64 {
    bytes + bytes % 2
}

/// Bytes that a record takes in the image.
pub(super) fn framed(bytes: u64) -> u64 {
    padded(bytes) + 2 * WORD_BYTES
}

/// Puts a record with its framing into `image`, which it empties first. `data` holds 1 to 2^24 - 1 bytes.
pub(super) fn frame(data: &[u8], image: &mut Vec<u8>) {
    let length = (data.len() as u32).to_le_bytes();
    image.clear();
    image.extend_from_slice(&length);
    image.extend_from_slice(data);
    if data.len() % 2 == 1 {
        image.push(0);
    }
    image.extend_from_slice(&length);
}
