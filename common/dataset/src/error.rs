//! What can go wrong where tolerance would be wrong: command sets, identifiers and directories.

use crate::tag::Tag;

/// Why a dataset could not be read at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes end within an element.
    #[error("the dataset ends within an element, {offset} bytes from its start; the sender cut it short")]
    Truncated {
        /// Bytes from the start of the dataset to the element that is cut short.
        offset: u64,
    },
    /// More elements than any honest dataset of this kind has.
    #[error(
        "reading stopped {offset} bytes into the dataset: it has more elements or bytes than are allowed"
    )]
    TooLarge {
        /// Bytes from the start of the dataset to where reading stopped.
        offset: u64,
    },
    /// The file is no DICOMDIR.
    #[error("this file is no DICOMDIR: it has no directory record sequence {}", Tag(0x0004, 0x1220))]
    NoDirectoryRecords,
    /// Reading from the file or stream failed.
    #[error("reading failed: {0}; check the device that holds the file")]
    Io(#[from] std::io::Error),
}
