//! What can go wrong with a connection.

use std::io;
use std::time::Duration;

/// Why a connection did not come about, or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host name has no address.
    #[error("The host {host} cannot be resolved: {source}. Check the name and the DNS.")]
    Resolve {
        /// Host as configured.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// No TCP connection.
    #[error("No connection to {peer}: {source}. Is the server running, and does a firewall let us through?")]
    Connect {
        /// The peer.
        peer: String,
        /// What the system said.
        source: io::Error,
    },
    /// No TLS connection to a peer, or one that broke.
    #[error("No secure connection to {peer}: {fault}.")]
    Tls {
        /// The peer, as it is configured; a client of our listener by its address.
        peer: String,
        /// What is wrong.
        fault: tls::Fault,
    },
    /// The peer was silent, or took nothing, for too long.
    #[error("The peer did not {what} within {} s. It may be overloaded; a longer timeout may help.", after.as_secs_f32())]
    TimedOut {
        /// What we waited for, as a verb.
        what: &'static str,
        /// How long we waited.
        after: Duration,
    },
    /// The TCP connection broke.
    #[error("The connection to the peer was lost: {source}.")]
    Lost {
        /// What the system said.
        source: io::Error,
    },
}

impl Error {
    /// Whether waiting helps; else somebody must change something.
    pub fn is_transient(&self) -> bool {
        use tls::Fault;
        match self {
            Self::Tls { fault: Fault::Closed | Fault::Other(_), .. }
            | Self::Connect { .. }
            | Self::TimedOut { .. }
            | Self::Lost { .. } => true,
            Self::Tls { .. } | Self::Resolve { .. } => false,
        }
    }
}
