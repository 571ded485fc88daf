//! One association with the storage provider, from A-ASSOCIATE-RQ to its end.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::Ordering;
use std::time::Instant;

use dicom_ul::pdu::{AssociationRQ, Pdu};
use wire::Stream;

use crate::association::{Association, unexpected};
use crate::channel::{Arrival, Channel};
use crate::command::field;
use crate::message::Message;
use crate::negotiation::{self, uid};
use crate::reason::Rejection;
use crate::scp::{ScpConfig, Shared};
use crate::{AeTitle, Error, QueryRetrieve, Request, Status};

/// Counts itself among the running associations.
struct Slot<'a> {
    shared: &'a Shared,
    fits: bool,
}

impl<'a> Slot<'a> {
    fn take(shared: &'a Shared) -> Self {
        let before = shared.serving.fetch_add(1, Ordering::AcqRel);
        Self { shared, fits: before < shared.config.max_associations }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.shared.serving.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Serves the association that the peer opens on `tcp`.
pub(crate) fn serve(tcp: TcpStream, peer: SocketAddr, shared: &Shared) -> Result<(), Error> {
    let slot = Slot::take(shared);
    let ScpConfig { options, tls, .. } = &shared.config;
    let stream = Stream::accepted(tcp, peer, tls.as_ref(), options.waits())
        .map_err(Error::from)
        .inspect_err(|error| shared.turn_away(peer, error))?;
    let channel = Channel::new(stream);
    let own_aet = shared.config.aet.as_str().to_owned();
    let mut association = Association::established(channel, own_aet, String::new(), options.timeouts);
    let admitted = admit(&mut association, &slot, peer);
    let result = admitted.and_then(|()| answer_all(&mut association, shared));
    association.conclude(result)
}

fn admit(association: &mut Association, slot: &Slot<'_>, peer: SocketAddr) -> Result<(), Error> {
    let config = &slot.shared.config;
    association.channel.stream.set_deadline(Some(config.options.timeouts.associate));
    let request = match association.channel.next() {
        Ok(Arrival::Request(request)) => request,
        Ok(other) => return Err(unexpected(other.name(), "A-ASSOCIATE-RQ")),
        // What TLS has to say about the client's certificate comes with its first data.
        Err(error @ (Error::Wire(wire::Error::Tls { .. }) | Error::SpeaksTls)) => {
            slot.shared.turn_away(peer, &error);
            return Err(error);
        }
        Err(error) => return Err(error),
    };
    let provider = slot.shared.query_retrieve.as_deref();
    if let Some(rejection) = objection(&request, slot, provider) {
        association.channel.send_rejection(rejection)?;
        let error = Error::TurnedAway { calling: uid(&request.calling_ae_title).to_owned(), rejection };
        slot.shared.turn_away(peer, &error);
        return Err(error);
    }
    let (accept, contexts, sent_pdu) = negotiation::accept(&request, &config.options, provider)?;
    association.channel.send(&Pdu::AssociationAC(accept))?;
    association.channel.stream.set_deadline(None);
    association.channel.set_sent_pdu(sent_pdu);
    association.contexts = contexts;
    uid(&request.calling_ae_title).clone_into(&mut association.peer_aet);
    uid(&request.called_ae_title).clone_into(&mut association.own_aet);
    Ok(())
}

fn objection(
    request: &AssociationRQ,
    slot: &Slot<'_>,
    provider: Option<&dyn QueryRetrieve>,
) -> Option<Rejection> {
    let config = &slot.shared.config;
    if request.protocol_version & 1 == 0 {
        Some(Rejection::PROTOCOL_VERSION)
    } else if !negotiation::is_dicom(request) {
        Some(Rejection::APPLICATION_CONTEXT)
    } else if config.check_called_aet && uid(&request.called_ae_title) != config.aet.as_str() {
        Some(Rejection::CALLED_AE_TITLE)
    } else if !is_allowed(&request.calling_ae_title, config.allowed.as_ref()) {
        Some(Rejection::CALLING_AE_TITLE)
    } else if !slot.fits {
        Some(Rejection::LOCAL_LIMIT)
    } else {
        provider.and_then(|provider| provider.admit(uid(&request.calling_ae_title)).err())
    }
}

fn is_allowed(calling_aet: &str, allowed: Option<&BTreeSet<AeTitle>>) -> bool {
    allowed.is_none_or(|allowed| allowed.iter().any(|title| title.as_str() == uid(calling_aet)))
}

/// Answers requests until the peer releases or the listener stops.
fn answer_all(association: &mut Association, shared: &Shared) -> Result<(), Error> {
    let idle = association.channel.stream.idle();
    let mut quiet_since = Instant::now();
    while !shared.is_stopping() {
        if !association.channel.stream.poll()? {
            if quiet_since.elapsed() >= idle {
                return Err(wire::Error::TimedOut { what: "send anything", after: idle }.into());
            }
            continue;
        }
        let Some(message) = association.receive()? else { return Ok(()) };
        answer(association, &message, shared)?;
        quiet_since = Instant::now();
    }
    association.abort_with(None);
    Ok(())
}

fn answer(association: &mut Association, message: &Message, shared: &Shared) -> Result<(), Error> {
    match message.command.field {
        field::STORE => {
            let destination =
                shared.destination(message.command.move_originator_id, &message.command.sop_instance);
            association.take_object(message, destination.receiver.as_ref(), &|bytes| {
                destination.arrived.fetch_add(bytes, Ordering::Relaxed);
            })
        }
        field::ECHO => {
            if let Some(provider) = &shared.query_retrieve {
                provider.verifying();
            }
            association.respond(message, Status::SUCCESS, None)
        }
        field::CANCEL => Ok(()),
        field::FIND | field::GET | field::MOVE if shared.query_retrieve.is_some() => {
            provide(association, message, shared)
        }
        _ if message.command.is_response() => Err(unexpected(message.command.name(), "a request")),
        _ => association.decline(message),
    }
}

fn provide(association: &mut Association, message: &Message, shared: &Shared) -> Result<(), Error> {
    let request = Request::read(association, message)?;
    match (&shared.query_retrieve, request) {
        (Some(provider), Some(request)) => provider.answer(request),
        _ => Ok(()),
    }
}
