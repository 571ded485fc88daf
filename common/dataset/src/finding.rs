//! What is odd about an object, in words that may be shown and logged: never a value of the dataset but its UIDs' tags.

use crate::{syntax::Encoding, tag::Tag};

/// Something odd about an object that does not stop it from travelling.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Finding {
    /// The file starts without the 128 bytes and "DICM" of PS3.10 section 7.1.
    #[error("no preamble with DICM prefix")]
    NoPreamble,
    /// The file has no File Meta Information; the dataset was recognised by its elements.
    #[error("no File Meta Information; the dataset reads as {}", .0.name())]
    NoFileMeta(Encoding),
    /// File Meta Information without a transfer syntax; the encoding was told from the elements.
    #[error("the File Meta Information names no transfer syntax; the dataset reads as {}", .0.name())]
    NoTransferSyntax(Encoding),
    /// (0002,0000) disagrees with where group 0002 really ends.
    #[error("File Meta group length says {declared} bytes, but the group has {actual}")]
    MetaLengthWrong {
        /// What (0002,0000) says.
        declared: u64,
        /// Bytes from after (0002,0000) to the first element of another group.
        actual: u64,
    },
    /// The File Meta Information has another SOP class or instance UID than the dataset.
    #[error("the File Meta Information and {0} of the dataset name different UIDs")]
    MetaDiffers(Tag),
    /// The dataset is not in the declared transfer syntax.
    #[error("the transfer syntax is declared as {}, but the dataset reads as {}", declared.escape_debug(), found.name())]
    SyntaxContradicted {
        /// The declared transfer syntax UID.
        declared: String,
        /// What the elements look like.
        found: Encoding,
    },
    /// Pixel data in the form that the declared transfer syntax has not (PS3.5 annex A).
    #[error("the transfer syntax is declared as {}, but the pixel data is {}", declared.escape_debug(), if *encapsulated { "encapsulated" } else { "not encapsulated" })]
    PixelsContradict {
        /// The declared transfer syntax UID.
        declared: String,
        /// Whether it is encapsulated.
        encapsulated: bool,
    },
    /// The object ends within an element.
    #[error("the object ends within the element at byte {offset} of its dataset")]
    Truncated {
        /// Bytes from the start of the (inflated) dataset to the element cut short.
        offset: u64,
    },
    /// The header is larger than any that is worth reading; what was read is kept.
    #[error(
        "reading the header stopped at byte {offset} of the dataset: too many elements or bytes before its end"
    )]
    ScanLimit {
        /// Bytes from the start of the (inflated) dataset.
        offset: u64,
    },
    /// A deflated dataset that does not inflate.
    #[error("the deflated dataset is damaged after {offset} inflated bytes")]
    DeflateDamaged {
        /// Bytes that inflated well.
        offset: u64,
    },
    /// Reading from the stream failed.
    #[error("reading the object failed ({0})")]
    ReadFailed(std::io::ErrorKind),
    /// Elements are not in ascending order.
    #[error("{0} comes after an element with a higher tag")]
    OutOfOrder(Tag),
    /// An element occurs twice; the first one counts.
    #[error("{0} occurs more than once; the first one counts")]
    Duplicate(Tag),
    /// A value of odd length.
    #[error("{0} has a value of odd length")]
    OddLength(Tag),
    /// A VR that PS3.5 does not know.
    #[error("{0} has an unknown VR")]
    UnknownVr(Tag),
    /// A value that is too long to be an identifier; only its start is kept for the catalogue.
    #[error("{0} is too long; the catalogue keeps its start")]
    ValueTooLong(Tag),
    /// A character set that is not known; text was decoded as well as could be.
    #[error("the dataset's character set (0008,0005) is not known")]
    UnknownCharacterSet,
    /// An identifying UID is absent or empty.
    #[error("{0} is absent or empty")]
    MissingUid(Tag),
    /// An identifying UID breaks PS3.5 section 9.1.
    #[error("{0} is no valid UID")]
    InvalidUid(Tag),
}

/// Findings of one object: each once, and few, whatever the object holds.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    const MOST: usize = 32;

    pub(crate) fn add(&mut self, finding: Finding) {
        if self.0.len() < Self::MOST && !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    /// Adds a finding of a kind of which one example is enough.
    pub(crate) fn add_first_of_kind(&mut self, finding: Finding) {
        let kind = std::mem::discriminant(&finding);
        if !self.0.iter().any(|known| std::mem::discriminant(known) == kind) {
            self.add(finding);
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Finding> {
        self.0
    }
}
