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
    /// JSON that is broken or has other fields than the format says.
    #[error("{what} cannot be understood: {source}")]
    Malformed {
        /// Which structure.
        what: &'static str,
        /// The parser's complaint.
        source: serde_json::Error,
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
        move |source| Self::Malformed { what, source }
    }
}

pub(crate) fn check_format(what: &'static str, found: u32) -> Result<(), Error> {
    if found > crate::FORMAT {
        Err(Error::NewerFormat { what, found, newest: crate::FORMAT })
    } else {
        Ok(())
    }
}
