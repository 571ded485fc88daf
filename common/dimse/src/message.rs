//! DIMSE messages on an association: a command set, perhaps a data set, each in fragments (PS3.7 section 6.3).

use dicom_ul::pdu::Pdu;

use crate::association::{Association, unexpected};
use crate::channel::{Arrival, Fragment};
use crate::command::{Command, CommandWriter, Response};
use crate::{Error, Status};

/// No command set comes near this: the longest have a list of a few elements.
const MAX_COMMAND: usize = 64 * 1024;

/// Room for a list of more than 15,000 UIDs.
const MAX_IDENTIFIER: usize = 1024 * 1024;

/// A command set whose data set, if there is one, is still to be read.
pub(crate) struct Message {
    pub context: u8,
    pub command: Command,
}

impl Association {
    /// Sends a command set and a small data set in one write.
    pub(crate) fn send(&mut self, context: u8, command: &[u8], data_set: Option<&[u8]>) -> Result<(), Error> {
        self.channel.put(context, true, command)?;
        if let Some(data_set) = data_set {
            self.channel.put(context, false, data_set)?;
        }
        Ok(self.channel.stream.flush()?)
    }

    /// Answers `message`, whose data set must have been read.
    pub(crate) fn respond(
        &mut self,
        message: &Message,
        status: Status,
        comment: Option<&str>,
    ) -> Result<(), Error> {
        let response = Response { status, comment, ..Response::default() };
        self.send(message.context, &CommandWriter::response(&message.command, &response), None)
    }

    /// The next command set; None if the peer has released the association (which is answered).
    pub(crate) fn receive(&mut self) -> Result<Option<Message>, Error> {
        let first = match self.channel.next()? {
            Arrival::Fragment(fragment) => fragment,
            Arrival::ReleaseRequest => {
                self.channel.send(&Pdu::ReleaseRP)?;
                self.close();
                return Ok(None);
            }
            other => return Err(unexpected(other.name(), "a DIMSE message")),
        };
        self.require_context(first)?;
        let bytes = self.collect(first, true, "command set", MAX_COMMAND)?;
        Ok(Some(Message { context: first.context, command: Command::parse(&bytes)? }))
    }

    /// The response to request `id`: for services whose responses alone may come now.
    pub(crate) fn receive_response(&mut self, field: u16, id: u16) -> Result<(Message, Status), Error> {
        let message = self.receive()?.ok_or(Error::ReleasedByPeer)?;
        let status = expect_response(&message.command, field, id)?;
        Ok((message, status))
    }

    /// The data set of `message`, as an identifier of at most 1 MiB; None if it has none.
    pub(crate) fn identifier(&mut self, message: &Message) -> Result<Option<Vec<u8>>, Error> {
        if !message.command.has_data_set {
            return Ok(None);
        }
        let first = self.next_fragment(message.context, false)?;
        self.collect(first, false, "identifier", MAX_IDENTIFIER).map(Some)
    }

    /// Passes the data set of `message` to `sink` piece by piece, verbatim.
    pub(crate) fn data_set(&mut self, message: &Message, sink: &mut dyn FnMut(&[u8])) -> Result<(), Error> {
        if !message.command.has_data_set {
            return Ok(());
        }
        loop {
            let fragment = self.next_fragment(message.context, false)?;
            while let Some(chunk) = self.channel.chunk()? {
                sink(chunk);
            }
            if fragment.is_last {
                return Ok(());
            }
        }
    }

    fn collect(
        &mut self,
        first: Fragment,
        is_command: bool,
        what: &'static str,
        limit: usize,
    ) -> Result<Vec<u8>, Error> {
        if first.is_command != is_command {
            return Err(unexpected("a fragment of a data set", "a command set"));
        }
        let mut bytes = Vec::new();
        let mut fragment = first;
        for _ in 0..limit {
            while let Some(chunk) = self.channel.chunk()? {
                if bytes.len() + chunk.len() > limit {
                    return Err(Error::MessageTooLong { what, limit });
                }
                bytes.extend_from_slice(chunk);
            }
            if fragment.is_last {
                return Ok(bytes);
            }
            fragment = self.next_fragment(first.context, is_command)?;
        }
        Err(Error::MessageTooLong { what, limit })
    }

    fn next_fragment(&mut self, context: u8, is_command: bool) -> Result<Fragment, Error> {
        match self.channel.next()? {
            Arrival::Fragment(fragment)
                if fragment.context == context && fragment.is_command == is_command =>
            {
                Ok(fragment)
            }
            Arrival::Fragment(_) => {
                Err(unexpected("a fragment of another message", "the rest of the message"))
            }
            other => Err(unexpected(other.name(), "the rest of the message")),
        }
    }

    fn require_context(&self, fragment: Fragment) -> Result<(), Error> {
        match self.contexts.get(fragment.context) {
            Some(_) => Ok(()),
            None => Err(unexpected(
                format!("a message in presentation context {}", fragment.context),
                "one in an accepted presentation context",
            )),
        }
    }
}

/// The status of `command` if it is the response to request `id`.
pub(crate) fn expect_response(command: &Command, field: u16, id: u16) -> Result<Status, Error> {
    let is_due = command.is_response() && command.field & 0x7FFF == field;
    match command.status {
        Some(status) if is_due && command.responded_to.is_none_or(|to| to == id) => Ok(status),
        _ => Err(unexpected(command.name(), "the response to our request")),
    }
}
