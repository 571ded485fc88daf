//! What can be wrong with a manifest.

/// A structure of the format that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not 64 hexadecimal digits.
    #[error("`{text}` is not a BLAKE3 digest (64 hexadecimal digits)")]
    NotADigest {
        /// The beginning of what stood there.
        text: String,
    },
    /// JSON that is broken or has other fields than the format says. What stands there is not quoted: it may be a
    /// patient's name.
    #[error("{what} cannot be understood: {why}, at line {line}, column {column}")]
    Malformed {
        /// Which structure.
        what: &'static str,
        /// The kind of fault.
        why: &'static str,
        /// Line in the structure, from 1.
        line: usize,
        /// Column in the line, in bytes.
        column: usize,
    },
    /// A line that no reader would take.
    #[error(
        "a line of {bytes} bytes is longer than the format allows ({}): an attribute that identifies the study, series or \
         object, or its path, is far too long",
        crate::MAX_LINE_BYTES
    )]
    LineTooLong {
        /// Its length with its line feed.
        bytes: usize,
    },
    /// Written by a newer program.
    #[error(
        "{what} is of format version {found}; this program reads versions up to {newest}: use a newer one"
    )]
    NewerFormat {
        /// Which structure.
        what: &'static str,
        /// The version found.
        found: u32,
        /// The newest version that this program reads.
        newest: u32,
    },
    /// The trailer's own digest does not match its bytes.
    #[error("the trailer is damaged: its bytes have digest {found}, it states {stated}")]
    TrailerDamaged {
        /// Digest of the bytes found.
        found: crate::Digest,
        /// Digest that the trailer states.
        stated: crate::Digest,
    },
}

impl Error {
    pub(crate) fn malformed(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        use serde_json::error::Category;
        move |error| {
            let why = match error.classify() {
                Category::Io => "it cannot be written",
                Category::Syntax => "it is not JSON",
                Category::Data => "a value is missing or not what the format says",
                Category::Eof => "it ends too soon",
            };
            Self::Malformed { what, why, line: error.line(), column: error.column() }
        }
    }
}

pub(crate) fn check_format(what: &'static str, found: u32) -> Result<(), Error> {
    if found > crate::FORMAT {
        Err(Error::NewerFormat { what, found, newest: crate::FORMAT })
    } else {
        Ok(())
    }
}
