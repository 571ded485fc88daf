//! Taking in objects: C-STORE as provider, for C-GET and for the storage listener. Data set bytes are handed on verbatim,
//! piece by piece; nothing here looks into them.

use std::io;
use std::net::SocketAddr;

use crate::association::Association;
use crate::message::Message;
use crate::{Error, Status};

/// What a C-STORE request says about the object that follows. All texts are the peer's: UIDs are without padding, but
/// not validated, and may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// Affected SOP Class UID (0000,0002).
    pub sop_class: String,
    /// Affected SOP Instance UID (0000,1000).
    pub sop_instance: String,
    /// Transfer syntax of the presentation context: the data set bytes are in it.
    pub transfer_syntax: String,
    /// AE title of the node that sends the object.
    pub sender_aet: String,
    /// AE title under which we receive it.
    pub receiver_aet: String,
    /// Message ID (0000,0110) of the C-STORE.
    pub message_id: u16,
    /// Move Originator Application Entity Title (0000,1030), if given.
    pub move_originator_aet: Option<String>,
    /// Move Originator Message ID (0000,1031), if given.
    pub move_originator_id: Option<u16>,
}

/// Why an object was not taken; becomes the C-STORE response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A failure status (PS3.4 table B.2-1).
    pub status: Status,
    /// Error Comment, cut to 64 characters. It goes over the wire: no patient data.
    pub comment: String,
}

impl Refusal {
    /// A refusal because there is no room: the peer may try again.
    pub fn out_of_resources(comment: impl Into<String>) -> Self {
        Self { status: Status::OUT_OF_RESOURCES, comment: comment.into() }
    }
}

/// Takes objects. Methods may block, for pacing; but a sender waits for the answer to each object, Orthanc 10 s.
pub trait Receiver {
    /// Starts an object, or refuses it; what is refused is read and thrown away.
    fn begin(&self, incoming: &Incoming) -> Result<Box<dyn Intake + '_>, Refusal>;

    /// Whether it waits for this instance. Tells apart the C-MOVEs whose objects do not say which of them they belong to.
    fn expects(&self, _sop_instance: &str) -> bool {
        false
    }

    /// Somebody was not let in by the listener whose fallback this is: for want of TLS or a certificate, or because
    /// of its AE title.
    fn turned_away(&self, _peer: SocketAddr, _error: &Error) {}
}

/// One object that is being received. Dropped without [`Intake::finish`], the object has not arrived.
pub trait Intake {
    /// Takes the next bytes of the data set. After an error nothing more is offered and the object is answered
    /// with "out of resources".
    fn write(&mut self, data_set: &[u8]) -> io::Result<()>;

    /// The data set is complete. Success is answered after this returns.
    fn finish(self: Box<Self>) -> Result<(), Refusal>;
}

impl Association {
    /// Receives the object that `request` announces, answers it, and says whether it was taken. `progress` is told
    /// the length of each piece.
    pub(crate) fn take_object(
        &mut self,
        request: &Message,
        receiver: &dyn Receiver,
        progress: &dyn Fn(u64),
    ) -> Result<(), Error> {
        let outcome = self.take_data_set(request, receiver, progress)?;
        match outcome {
            Ok(()) => self.respond(request, Status::SUCCESS, None),
            Err(refusal) => self.respond(request, refusal.status, Some(&refusal.comment)),
        }
    }

    fn take_data_set(
        &mut self,
        request: &Message,
        receiver: &dyn Receiver,
        progress: &dyn Fn(u64),
    ) -> Result<Result<(), Refusal>, Error> {
        if !request.command.has_data_set {
            let comment = "no data set follows".to_owned();
            return Ok(Err(Refusal { status: Status::CANNOT_UNDERSTAND, comment }));
        }
        let mut intake = match receiver.begin(&self.incoming(request)) {
            Ok(intake) => intake,
            Err(refusal) => {
                self.data_set(request, &mut |chunk| progress(chunk.len() as u64))?;
                return Ok(Err(refusal));
            }
        };
        let mut written = Ok(());
        self.data_set(request, &mut |chunk| {
            if written.is_ok() {
                written = intake.write(chunk);
            }
            progress(chunk.len() as u64);
        })?;
        Ok(match written {
            Ok(()) => intake.finish(),
            Err(error) => Err(Refusal::out_of_resources(error.kind().to_string())),
        })
    }

    fn incoming(&self, request: &Message) -> Incoming {
        let command = &request.command;
        let context = self.contexts.get(request.context);
        Incoming {
            sop_class: command.sop_class.clone(),
            sop_instance: command.sop_instance.clone(),
            transfer_syntax: context.map(|context| context.transfer_syntax.clone()).unwrap_or_default(),
            sender_aet: self.peer_aet.clone(),
            receiver_aet: self.own_aet.clone(),
            message_id: command.message_id,
            move_originator_aet: command.move_originator_aet.clone(),
            move_originator_id: command.move_originator_id,
        }
    }
}
