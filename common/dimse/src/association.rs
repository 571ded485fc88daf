//! An association: opened, used for messages, released or aborted (PS3.8 section 7), on the requestor's side.

use dicom_ul::pdu::{AbortRQServiceProviderReason as Provider, Pdu};
use std::time::{Duration, Instant};
use wire::{Peer, Stream};

use crate::channel::{Arrival, Channel};
use crate::context::Contexts;
use crate::negotiation;
use crate::options::Timeouts;
use crate::user;
use crate::{AeTitle, Context, ContextRefusal, Error, Node, Options, Proposal};

/// How long saying goodbye may take.
const PARTING: Duration = Duration::from_secs(1);

/// An established association. It does one operation at a time. Dropping it without [`Association::release`] aborts
/// it, as does every error that leaves the protocol in doubt.
pub struct Association {
    pub(crate) channel: Channel,
    pub(crate) contexts: Contexts,
    pub(crate) own_aet: String,
    pub(crate) peer_aet: String,
    pub(crate) timeouts: Timeouts,
    open: bool,
    user_confirmed: Option<bool>,
}

impl Association {
    /// Opens an association with `peer`, proposing `proposals` (128 at most). An association on which nothing was
    /// accepted is aborted and is an error; which contexts were accepted is seen in [`Association::contexts`].
    pub fn open(
        peer: &Node,
        own_aet: &AeTitle,
        proposals: &[Proposal],
        options: &Options,
    ) -> Result<Self, Error> {
        let request = negotiation::request(own_aet, &peer.aet, proposals, options)?;
        let name = peer.to_string();
        let to = Peer { host: &peer.host, port: peer.port, name: &name };
        let mut channel = Channel::new(Stream::connect(to, options.tls(), options.waits())?);
        channel.stream.set_deadline(Some(options.timeouts.associate));
        let sent = channel.send(&Pdu::AssociationRQ(request.clone()));
        let answer = sent.and_then(|()| first_answer(&mut channel, options)).map_err(|error| match error {
            Error::Wire(wire::Error::Lost { source }) if options.tls().is_none() => {
                Error::NoAnswer { source }
            }
            other => other,
        });
        let mut association = Self::established(
            channel,
            own_aet.as_str().to_owned(),
            peer.aet.as_str().to_owned(),
            options.timeouts,
        );
        let negotiated = answer.and_then(|answer| match answer {
            Arrival::Accept(accept) => {
                let confirmed = options.user().map(|_| user::is_confirmed(&accept.user_variables));
                association.user_confirmed = confirmed;
                negotiation::outcome(request, &accept)
            }
            Arrival::Reject(rejection) => Err(Error::Rejected(rejection)),
            other => Err(unexpected(other.name(), "an answer to A-ASSOCIATE-RQ")),
        });
        let (contexts, sent_pdu) = association.conclude(negotiated)?;
        association.channel.set_sent_pdu(sent_pdu);
        association.channel.stream.set_deadline(None);
        association.contexts = contexts;
        association.require_a_context()?;
        Ok(association)
    }

    /// An association whose negotiation is done, or being done, on `channel`.
    pub(crate) fn established(
        channel: Channel,
        own_aet: String,
        peer_aet: String,
        timeouts: Timeouts,
    ) -> Self {
        Self {
            channel,
            contexts: Contexts::default(),
            own_aet,
            peer_aet,
            timeouts,
            open: true,
            user_confirmed: None,
        }
    }

    fn require_a_context(&mut self) -> Result<(), Error> {
        let first_refusal = self.contexts.all().next().and_then(|context| context.refusal);
        if self.contexts.all().any(|context| context.refusal.is_none()) {
            return Ok(());
        }
        let count = self.contexts.all().count();
        Err(Error::NoneAccepted(count, first_refusal.unwrap_or(ContextRefusal::NotProposed)))
    }

    /// The presentation contexts in the order in which they were proposed, accepted or not.
    pub fn contexts(&self) -> impl Iterator<Item = &Context> {
        self.contexts.all()
    }

    /// Whether objects of this SOP class can be sent here in this transfer syntax.
    pub fn accepts(&self, sop_class: &str, transfer_syntax: &str) -> bool {
        self.contexts.find(sop_class, transfer_syntax).is_ok()
    }

    /// Whether the peer confirmed the user that [`Options::with_user`] names; `None` if none was named. Most peers that
    /// know nothing of users accept without a word (PS3.7 annex D.3.3.7).
    pub fn user_confirmed(&self) -> Option<bool> {
        self.user_confirmed
    }

    /// Whether the association can still be used.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// Releases the association (PS3.8 section 7.2). What the peer still sends is ignored.
    pub fn release(mut self) -> Result<(), Error> {
        self.require_open()?;
        self.channel.stream.set_deadline(Some(self.timeouts.associate));
        let result = self.exchange_release();
        self.conclude(result)?;
        self.close();
        Ok(())
    }

    fn exchange_release(&mut self) -> Result<(), Error> {
        self.channel.send(&Pdu::ReleaseRQ)?;
        let started = Instant::now();
        while started.elapsed() < self.timeouts.associate {
            match self.channel.next()? {
                Arrival::ReleaseReply => return Ok(()),
                Arrival::ReleaseRequest => self.channel.send(&Pdu::ReleaseRP)?,
                Arrival::Fragment(_) => {}
                other => return Err(unexpected(other.name(), "A-RELEASE-RP")),
            }
        }
        Err(wire::Error::TimedOut { what: "answer the release", after: self.timeouts.associate }.into())
    }

    /// Aborts the association (PS3.8 section 7.3).
    pub fn abort(mut self) {
        self.abort_with(None);
    }

    pub(crate) fn require_open(&self) -> Result<(), Error> {
        if self.open { Ok(()) } else { Err(Error::Closed) }
    }

    /// Marks the association as over, after a release from either side.
    pub(crate) fn close(&mut self) {
        self.open = false;
        self.channel.stream.close();
    }

    /// Sends A-ABORT if the connection still stands, and closes it.
    pub(crate) fn abort_with(&mut self, provider: Option<Provider>) {
        if !std::mem::replace(&mut self.open, false) {
            return;
        }
        self.channel.stream.set_write_timeout(PARTING);
        if let Err(error) = self.channel.send_abort(provider) {
            tracing::debug!(%error, "A-ABORT could not be sent");
        }
        self.channel.stream.close();
    }

    /// Ends the association if `result` is an error that leaves it unusable, telling the peer why.
    pub(crate) fn conclude<T>(&mut self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result {
            match error {
                Error::NoContext { .. } | Error::Failed { .. } => {}
                Error::Wire(wire::Error::Lost { .. } | wire::Error::Tls { .. })
                | Error::NoAnswer { .. }
                | Error::SpeaksTls
                | Error::Rejected(_)
                | Error::Aborted(_)
                | Error::ReleasedByPeer => self.close(),
                Error::Unexpected { .. } => self.abort_with(Some(Provider::UnexpectedPdu)),
                error if error.is_violation() => self.abort_with(Some(Provider::InvalidPduParameter)),
                _ => self.abort_with(None),
            }
        }
        result
    }
}

impl Drop for Association {
    fn drop(&mut self) {
        self.abort_with(None);
    }
}

/// The answer to A-ASSOCIATE-RQ, for which nobody waits who must stop.
fn first_answer(channel: &mut Channel, options: &Options) -> Result<Arrival, Error> {
    while !channel.stream.poll()? {
        if options.must_stop() {
            return Err(Error::Stopped);
        }
    }
    channel.next()
}

pub(crate) fn unexpected(got: impl Into<String>, expected: &'static str) -> Error {
    Error::Unexpected { got: got.into(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Route, StorageScp};

    #[test]
    fn associations_move_and_the_provider_is_shared_between_threads() {
        fn moves<T: Send>() {}
        fn is_shared<T: Send + Sync>() {}
        moves::<Association>();
        is_shared::<StorageScp>();
        is_shared::<Route>();
    }
}
