//! What a reader found wrong with a medium and could read past.

use std::fmt;

/// A place where a volume is damaged, or where its framing had to be repaired while reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// File in which the place lies, from 0.
    pub file_number: u32,
    /// Offset of the place: bytes in the tape image or in the directory volume's file, blocks on a tape.
    pub byte_offset: u64,
    /// What is wrong there.
    pub what: Damage,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "file {}, at {}: {}", self.file_number, self.byte_offset, self.what)
    }
}

/// Kinds of damage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The length word before a record was wrong; the one behind it was used.
    #[error("a record's leading length word is damaged; its data were read by the trailing one")]
    LeadingLength,
    /// The length word behind a record was wrong; the one before it was used.
    #[error("a record's trailing length word is damaged; its data were read by the leading one")]
    TrailingLength,
    /// A filemark was not zero.
    #[error("a filemark is damaged; the file was ended there")]
    Filemark,
    /// The byte that pads a record of odd length was not zero.
    #[error("a record's padding byte is damaged; its data are not touched")]
    Padding,
    /// The image's writer flagged the record as read with an error.
    #[error("a record is flagged as read with an error when the image was made")]
    FlaggedRecord,
    /// Framing was lost; the bytes up to the next sound place were given as they are.
    #[error("the framing of {bytes} bytes is lost; they were read as they are, up to the next sound record")]
    FramingLost {
        /// Bytes up to the next sound place.
        bytes: u64,
    },
    /// The image ends inside a record or without a filemark.
    #[error("the volume ends inside this file; it was cut short or never finished")]
    CutShort,
    /// Nothing that follows can be read as records.
    #[error("the last {bytes} bytes are not readable as records")]
    Unreadable {
        /// Bytes up to the end of the image.
        bytes: u64,
    },
    /// A name of a volume's file belongs to a link, directory or device; it was left alone.
    #[error("{name} is not a regular file and was not read")]
    NotARegularFile {
        /// The name.
        name: String,
    },
    /// A record could not be read, and so nothing behind it in its file was.
    #[error("a record cannot be read, after several attempts; the rest of this file was passed over")]
    UnreadableRecord,
    /// The drive does not find where the data end.
    #[error(
        "the drive does not find the end of the data, which a power cut or a damaged cartridge may have cost; what it reaches by \
         its filemarks was read, and whether anything follows is not known"
    )]
    EndNotFound,
    /// There were more findings than are kept between two calls.
    #[error("further damage follows that is not listed")]
    MoreNotListed,
}
