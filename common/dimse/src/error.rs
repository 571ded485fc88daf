//! What can go wrong between us and a peer, and what helps against it.

use std::io;

use crate::context::ContextRefusal;
use crate::reason::{AbortCause, Rejection};
use crate::status::{Service, Status, StatusClass};

/// What helps against an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// Nothing: the same request will fail again. Count it as failed, with its reason.
    Permanent,
    /// Waiting: ask again later, on a new association.
    Transient,
    /// Somebody must change a configuration or a machine, here or at the peer.
    NeedsOperator,
}

/// Why a DIMSE operation could not be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A node or AE title is not well formed.
    #[error("\"{text}\" is not a DICOM node: {reason}. Write it as AETITLE@host:port.")]
    Node {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An option is out of its range.
    #[error("The maximum PDU length {0} is out of range. Choose 4096 to 1048576 bytes.")]
    PduOption(u32),
    /// A user that cannot be named to a peer.
    #[error("The user identity cannot be used: {0}.")]
    UserIdentity(&'static str),
    /// The connection did not come about, or ended.
    #[error(transparent)]
    Wire(#[from] wire::Error),
    /// The peer speaks TLS, and we do not.
    #[error(
        "The peer speaks TLS on this port, and we do not: set `tls` for it, or use its port without TLS."
    )]
    SpeaksTls,
    /// The peer hung up over the first bytes that we sent.
    #[error(
        "The peer closed the connection without an answer to our association request ({source}): it may speak TLS on \
         this port, or take nobody whom it does not know."
    )]
    NoAnswer {
        /// What the system said.
        source: io::Error,
    },
    /// Our own listener cannot be opened.
    #[error("Cannot listen on {address}: {source}. Is the port taken, or below 1024?")]
    Listen {
        /// Address and port.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// A-ASSOCIATE-RJ.
    #[error("The peer rejected the association ({0}).")]
    Rejected(Rejection),
    /// A client of our listener that we rejected.
    #[error("A caller that names itself {calling:?} was turned away: {}.", rejection.of_ours())]
    TurnedAway {
        /// Its AE title.
        calling: String,
        /// What it was told.
        rejection: Rejection,
    },
    /// A-ABORT from the peer.
    #[error("The peer aborted the association ({0}).")]
    Aborted(AbortCause),
    /// The peer released the association in the middle of an operation.
    #[error("The peer released the association before the operation had ended.")]
    ReleasedByPeer,
    /// The association is over; an earlier error said why.
    #[error("The association is closed already. Open a new one.")]
    Closed,
    /// A PDU claims a length that no sane peer sends.
    #[error(
        "The peer announced a PDU of type {kind:#04x} and {length} bytes, more than the limit of {limit}."
    )]
    PduTooLong {
        /// PDU type (PS3.8 section 9.3.1).
        kind: u8,
        /// Announced length.
        length: u32,
        /// Our limit.
        limit: u32,
    },
    /// A PDU cannot be decoded.
    #[error("The peer sent a malformed {what}: {detail}.")]
    Malformed {
        /// Which structure.
        what: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// A PDU or message that has no place here.
    #[error("The peer sent {got} where {expected} was due.")]
    Unexpected {
        /// What came.
        got: String,
        /// What was due.
        expected: &'static str,
    },
    /// A command set or identifier beyond our limits.
    #[error("The peer sent a {what} of more than {limit} bytes.")]
    MessageTooLong {
        /// Command set or identifier.
        what: &'static str,
        /// Our limit in bytes.
        limit: usize,
    },
    /// An identifier in a response cannot be read.
    #[error("The peer answered with an identifier that cannot be read: {0}.")]
    Identifier(String),
    /// More presentation contexts than an association can have (PS3.8 section 9.3.2.2: odd ids 1 to 255).
    #[error(
        "{0} presentation contexts do not fit into one association (128 at most). Use several associations."
    )]
    TooManyContexts(usize),
    /// The association would carry nothing.
    #[error(
        "The peer accepted none of the {0} presentation contexts: {1}. Check what it supports for our AE title."
    )]
    NoneAccepted(usize, ContextRefusal),
    /// The presentation context that an operation needs was not accepted or not proposed.
    #[error("No presentation context for {abstract_syntax} in transfer syntax {transfer_syntax}: {refusal}.")]
    NoContext {
        /// Abstract syntax (SOP class) UID.
        abstract_syntax: String,
        /// Transfer syntax UID.
        transfer_syntax: String,
        /// The peer's reason.
        refusal: ContextRefusal,
    },
    /// A DIMSE response with a failure status. The message leaves the comment out: a peer may name a patient in it.
    #[error("{service} failed with status {status} ({}).", status.meaning(*service))]
    Failed {
        /// The operation.
        service: Service,
        /// Status (0000,0900).
        status: Status,
        /// Error Comment (0000,0902), control characters removed.
        comment: Option<String>,
    },
    /// Our own object could not be read while it was being sent; the association was aborted.
    #[error("The object that was being sent cannot be read: {0}. The association was aborted.")]
    Source(io::Error),
    /// The caller asked to stop and the peer did not end the operation in time; the association was aborted.
    #[error("Stopped as asked; the peer did not heed C-CANCEL, so the association was aborted.")]
    Stopped,
}

impl Error {
    /// What helps against this error.
    pub fn remedy(&self) -> Remedy {
        match self {
            Self::Wire(error) if error.is_transient() => Remedy::Transient,
            Self::NoAnswer { .. }
            | Self::Aborted(_)
            | Self::ReleasedByPeer
            | Self::Closed
            | Self::Stopped => Remedy::Transient,
            Self::Rejected(rejection) if rejection.is_transient() => Remedy::Transient,
            Self::Failed { status, service, .. } => status.remedy(*service),
            Self::TurnedAway { .. }
            | Self::Rejected(_)
            | Self::Wire(_)
            | Self::SpeaksTls
            | Self::UserIdentity(_)
            | Self::Node { .. }
            | Self::PduOption(_)
            | Self::Listen { .. }
            | Self::NoneAccepted(..)
            | Self::Source(_) => Remedy::NeedsOperator,
            Self::PduTooLong { .. }
            | Self::Malformed { .. }
            | Self::Unexpected { .. }
            | Self::MessageTooLong { .. }
            | Self::Identifier(_)
            | Self::TooManyContexts(_)
            | Self::NoContext { .. } => Remedy::Permanent,
        }
    }

    /// Whether the peer broke the protocol (PS3.7, PS3.8).
    pub fn is_violation(&self) -> bool {
        matches!(
            self,
            Self::PduTooLong { .. }
                | Self::Malformed { .. }
                | Self::Unexpected { .. }
                | Self::MessageTooLong { .. }
                | Self::Identifier(_)
        )
    }

    /// The failure as an error, if `status` is one.
    pub(crate) fn from_status(service: Service, status: Status, comment: Option<String>) -> Result<(), Self> {
        match status.class() {
            StatusClass::Failure => Err(Self::Failed { service, status, comment }),
            _ => Ok(()),
        }
    }
}
