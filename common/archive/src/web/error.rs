//! What can go wrong with a DICOMweb server.

use std::io;
use std::time::Duration;

use pace::Loss;

use crate::error::Outlook;

/// Why a DICOMweb server did not do what it was asked. Addresses are shown without their query, which may name a patient, and
/// nothing of what the server says is shown.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The connection.
    #[error(transparent)]
    Wire(#[from] wire::Error),
    /// Our passcode or token cannot be read any more.
    #[error(transparent)]
    Login(job::JobError),
    /// It speaks TLS, and we do not.
    #[error("The server speaks TLS on this port: write https:// in its address.")]
    SpeaksTls,
    /// It hung up over our request, which was not under TLS.
    #[error(
        "The server closed the connection without an answer ({source}): it may speak TLS on this port; then write \
         https:// in its address."
    )]
    NoAnswer {
        /// What the system said.
        source: io::Error,
    },
    /// What came is not what HTTP, multipart or DICOM JSON is.
    #[error("The server sent {what} that cannot be read: {detail}.")]
    Malformed {
        /// Which structure.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// It does not let us in.
    #[error(
        "The server does not let us in (status {status}): set `login`, or have our user or token admitted there."
    )]
    NoEntry {
        /// 401, 403 or 407.
        status: u16,
    },
    /// It wants to be left alone for a while.
    #[error("The server has too much to do (status {status} to GET {resource}).")]
    Busy {
        /// 429 or 503.
        status: u16,
        /// What was asked for.
        resource: String,
        /// How long it asks to be left alone.
        retry_after: Duration,
    },
    /// Any other status that is no success.
    #[error("The server answered GET {resource} with status {status}{}.", meaning(*status))]
    Status {
        /// The status.
        status: u16,
        /// What was asked for.
        resource: String,
    },
    /// There is no such service there.
    #[error(
        "The server answered GET {resource} with status 404 (not found), and so a search for any study: see whether the path in \
         `node` is that of its DICOMweb service (such as /dicom-web), and whether that is switched on for searches (QIDO-RS)."
    )]
    NoService {
        /// What was asked for.
        resource: String,
    },
    /// It sends us to another server.
    #[error(
        "The server sends us on to {origin}: p2t asks nobody but the source. If that is where the archive is, name it \
         in `node`."
    )]
    Redirected {
        /// Scheme, host and port.
        origin: String,
    },
    /// It sends something else than was asked for.
    #[error("The server answered GET {resource} with {got} where {wanted} was due.")]
    MediaType {
        /// What was asked for.
        resource: String,
        /// What came.
        got: String,
        /// What should have come.
        wanted: &'static str,
    },
    /// A multipart body that ends without its closing boundary.
    #[error("The server's answer ends in the middle: its closing boundary is missing.")]
    CutShort,
    /// A list that may not be whole.
    #[error("The server's list of {resource} is not whole, or cannot be shown to be: {why}")]
    NotWhole {
        /// What was listed.
        resource: String,
        /// How that was noticed, and what to do.
        why: String,
    },
    /// The calendar allows no query.
    #[error("no window opens within two weeks: see [[pace.window]] in the configuration; rerun to continue")]
    NoWindow,
    /// Asked to stop.
    #[error("stopped as asked; rerun to continue")]
    Stopped,
}

/// What a status says that operators meet now and then.
fn meaning(status: u16) -> &'static str {
    match status {
        400 => " (bad request)",
        403 => " (forbidden)",
        404 => " (not found)",
        405 => " (method not allowed)",
        406 => " (not acceptable: it does not give objects as they are stored)",
        410 => " (gone)",
        500 => " (internal error)",
        501 => " (not implemented)",
        502 => " (bad gateway)",
        504 => " (gateway timeout)",
        _ => "",
    }
}

impl Error {
    pub(super) fn malformed(what: &'static str, detail: impl Into<String>) -> Self {
        Self::Malformed { what, detail: detail.into() }
    }

    /// What it means for trying again.
    pub fn outlook(&self) -> Outlook {
        match self {
            Self::Wire(error) if error.is_transient() => Outlook::Transient,
            Self::Busy { .. }
            | Self::NoAnswer { .. }
            | Self::Status { status: 500.., .. }
            | Self::CutShort
            | Self::Stopped => Outlook::Transient,
            Self::Wire(_)
            | Self::Login(_)
            | Self::SpeaksTls
            | Self::NoEntry { .. }
            | Self::NoService { .. }
            | Self::NoWindow
            | Self::Redirected { .. }
            | Self::MediaType { .. } => Outlook::NeedsOperator,
            Self::Malformed { .. } | Self::Status { .. } | Self::NotWhole { .. } => Outlook::Permanent,
        }
    }

    /// Whether a server that has too much to do behaves like this. `begun` says whether anything had come.
    pub fn loss(&self, begun: bool) -> Option<Loss> {
        match self {
            Self::Busy { .. } => Some(Loss::TooBusy),
            Self::Wire(wire::Error::Lost { .. }) | Self::NoAnswer { .. } | Self::CutShort => {
                Some(Loss::Aborted)
            }
            Self::Wire(wire::Error::TimedOut { .. }) if begun => Some(Loss::TimedOut),
            Self::Wire(wire::Error::TimedOut { .. }) => Some(Loss::SilentFirst),
            _ => None,
        }
    }

    /// Whether the connection, or the server as a whole, is to blame, and not the request: another would meet the same.
    pub(super) fn is_of_connection(&self) -> bool {
        let gateway = matches!(self, Self::Status { status: 502 | 504, .. });
        gateway
            || !matches!(
                self,
                Self::Status { .. } | Self::MediaType { .. } | Self::Malformed { .. } | Self::NotWhole { .. }
            )
    }

    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Self::Wire(wire::Error::Lost { .. }))
    }
}

/// For readers that know errors of the system only; [`Error::from`] gets it out again.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(ours) => ours,
            Err(source) => Self::Wire(wire::Error::Lost { source }),
        }
    }
}
