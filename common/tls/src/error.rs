//! What can be wrong with the files that the operator names.

use std::io;
use std::path::PathBuf;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("The {what} {} cannot be read: {source}.", path.display())]
    Unreadable {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file holds nothing of what it should.
    #[error(
        "The {what} {} is not one in PEM form ({detail}): it must have lines that begin with -----BEGIN.",
        path.display()
    )]
    NotPem {
        /// What it should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What the reader said.
        detail: String,
    },
    /// A certificate of a CA that cannot be used.
    #[error("A certificate in {} cannot be trusted: {detail}.", path.display())]
    Untrustworthy {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// Certificate and key do not fit, or are of a kind that cannot be used.
    #[error(
        "The certificate {} and the key {} cannot be used together: {detail}.",
        certificate.display(), key.display()
    )]
    Identity {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        detail: String,
    },
    /// The system trusts nobody.
    #[error("This system has no CA certificates: name a file of them as `ca`.")]
    NoSystemRoots,
    /// A name that no certificate can have.
    #[error("\"{0}\" is neither a host name nor an IP address, so no certificate can be for it.")]
    ServerName(String),
    /// rustls does not take the configuration.
    #[error("TLS cannot be set up: {0}.")]
    Setup(String),
}

impl From<rustls::Error> for Error {
    fn from(error: rustls::Error) -> Self {
        Self::Setup(error.to_string())
    }
}
