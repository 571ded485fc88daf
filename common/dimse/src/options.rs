//! Settings of an association: waiting times, PDU sizes, and how the two sides prove who they are.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::{Error, UserIdentity};

/// Largest P-DATA-TF PDU that we send, whatever the peer would take: larger ones gain nothing and cost memory.
pub(crate) const MAX_SENT_PDU: u32 = 256 * 1024;

const ADVERTISED: RangeInclusive<u32> = 4096..=1024 * 1024;

/// How long to wait for a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a TCP connection, per address of the host.
    pub connect: Duration,
    /// For the whole answer to A-ASSOCIATE-RQ, and to A-RELEASE-RQ.
    pub associate: Duration,
    /// For the next byte, in or out, while an operation runs.
    pub idle: Duration,
    /// For the end of an operation after C-CANCEL, before the association is aborted.
    pub cancel: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            associate: Duration::from_secs(30),
            idle: Duration::from_secs(180),
            cancel: Duration::from_secs(5),
        }
    }
}

/// Settings of an association.
#[derive(Debug, Clone)]
pub struct Options {
    /// Waiting times.
    pub timeouts: Timeouts,
    max_pdu: u32,
    tls: Option<tls::Client>,
    user: Option<UserIdentity>,
    stop: Option<Stop>,
}

/// Whether our user wants to wait no more.
#[derive(Clone)]
struct Stop(Arc<dyn Fn() -> bool + Send + Sync>);

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stop").finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { timeouts: Timeouts::default(), max_pdu: 128 * 1024, tls: None, user: None, stop: None }
    }
}

impl Options {
    /// The maximum PDU length that we advertise, in bytes; 128 KiB unless set.
    pub fn max_pdu(&self) -> u32 {
        self.max_pdu
    }

    /// Sets the maximum PDU length that we advertise: 4096 to 1048576 bytes.
    pub fn with_max_pdu(self, max_pdu: u32) -> Result<Self, Error> {
        if ADVERTISED.contains(&max_pdu) {
            Ok(Self { max_pdu, ..self })
        } else {
            Err(Error::PduOption(max_pdu))
        }
    }

    /// Sets the waiting times.
    #[must_use]
    pub fn with_timeouts(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// Has associations that we open run over TLS.
    #[must_use]
    pub fn with_tls(self, tls: tls::Client) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Has associations that we open say who the user is.
    #[must_use]
    pub fn with_user(self, user: UserIdentity) -> Self {
        Self { user: Some(user), ..self }
    }

    /// Has us wait for an answer to A-ASSOCIATE-RQ only until `stop` says so.
    #[must_use]
    pub fn with_stop(self, stop: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { stop: Some(Stop(Arc::new(stop))), ..self }
    }

    pub(crate) fn must_stop(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| (stop.0)())
    }

    /// The waiting times of the connection below.
    pub(crate) fn waits(&self) -> wire::Waits {
        let Timeouts { connect, associate, idle, .. } = self.timeouts;
        wire::Waits { connect, handshake: associate, idle }
    }

    pub(crate) fn tls(&self) -> Option<&tls::Client> {
        self.tls.as_ref()
    }

    pub(crate) fn user(&self) -> Option<&UserIdentity> {
        self.user.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sane_pdu_lengths() {
        assert_eq!(Options::default().max_pdu(), 131_072);
        assert_eq!(Options::default().with_max_pdu(1 << 20).unwrap().max_pdu(), 1 << 20);
        assert!(Options::default().with_max_pdu(0).is_err());
        assert!(Options::default().with_max_pdu((1 << 20) + 1).is_err());
    }
}
