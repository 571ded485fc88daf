//! C-STORE as user (PS3.4 annex B): exactly the given data set bytes, in a context of exactly their transfer syntax.

use std::io::Read;

use crate::association::Association;
use crate::channel::Fragment;
use crate::command::{CommandWriter, field, next_message_id};
use crate::message::expect_response;
use crate::{Error, Status, StatusClass};

/// The object to send, by its UIDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreRequest<'a> {
    /// SOP Class UID.
    pub sop_class: &'a str,
    /// SOP Instance UID.
    pub sop_instance: &'a str,
    /// UID of the transfer syntax that the data set bytes are in.
    pub transfer_syntax: &'a str,
    /// Whose C-MOVE makes us send it, if one does.
    pub originator: Option<Originator<'a>>,
}

/// The C-MOVE that a C-STORE is a sub-operation of (PS3.7 table 9.3-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Originator<'a> {
    /// Move Originator Application Entity Title (0000,1030).
    pub aet: &'a str,
    /// Move Originator Message ID (0000,1031).
    pub message_id: u16,
}

/// The peer's answer to a C-STORE. It is a claim, not evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct StoreEnd {
    /// Status, failures included.
    pub status: Status,
    /// Error Comment (0000,0902).
    pub comment: Option<String>,
}

impl StoreEnd {
    /// Whether the peer claims to have the object; with a warning perhaps.
    pub fn is_stored(&self) -> bool {
        matches!(self.status.class(), StatusClass::Success | StatusClass::Warning)
    }
}

impl Association {
    /// C-STORE: sends `length` bytes from `data_set`, which must be the data set alone, without preamble and File
    /// Meta. An odd `length` breaks PS3.5 section 7.1.1 (or A.5, for a deflated stream without its padding byte): it is
    /// sent as it is, and DCMTK-based peers abort the association. If `data_set` ends early or fails, the association is aborted, so that the peer cannot keep a part.
    pub fn store(
        &mut self,
        object: &StoreRequest<'_>,
        data_set: &mut dyn Read,
        length: u64,
    ) -> Result<StoreEnd, Error> {
        self.store_unless(object, data_set, length, &mut || false)
    }

    /// The same, where the peer may send C-CANCEL in between if `on_cancel` takes it.
    pub(crate) fn store_unless(
        &mut self,
        object: &StoreRequest<'_>,
        data_set: &mut dyn Read,
        length: u64,
        on_cancel: &mut dyn FnMut() -> bool,
    ) -> Result<StoreEnd, Error> {
        self.require_open()?;
        let result = self
            .exchange_store(object, data_set, length, on_cancel)
            .map_err(|error| self.explain_loss(error));
        self.conclude(result)
    }

    fn exchange_store(
        &mut self,
        object: &StoreRequest<'_>,
        data_set: &mut dyn Read,
        length: u64,
        on_cancel: &mut dyn FnMut() -> bool,
    ) -> Result<StoreEnd, Error> {
        let context = self.contexts.find(object.sop_class, object.transfer_syntax)?;
        let id = next_message_id();
        self.channel.put(context, true, &CommandWriter::store(id, object))?;
        self.put_data_set(context, data_set, length)?;
        self.channel.stream.flush()?;
        loop {
            let message = self.receive()?.ok_or(Error::ReleasedByPeer)?;
            // The user of our C-GET may cancel it while we send it an object.
            if message.command.field == field::CANCEL && on_cancel() {
                continue;
            }
            let status = expect_response(&message.command, field::STORE, id)?;
            self.data_set(&message, &mut |_| {})?;
            return Ok(StoreEnd { status, comment: message.command.comment });
        }
    }

    fn put_data_set(&mut self, context: u8, data_set: &mut dyn Read, length: u64) -> Result<(), Error> {
        let full = self.channel.fragment_size() as u64;
        let mut left = length;
        loop {
            let size = left.min(full);
            left -= size;
            let fragment = Fragment { context, is_command: false, is_last: left == 0 };
            self.channel.put_fragment(fragment, size as usize, |output| {
                let start = output.len();
                output.resize(start + size as usize, 0);
                let room = output.get_mut(start..).unwrap_or_default();
                data_set.read_exact(room).map_err(Error::Source)
            })?;
            if left == 0 {
                return Ok(());
            }
        }
    }

    /// A peer that aborts while we send makes our write fail: its A-ABORT says why, if it can still be read.
    fn explain_loss(&mut self, error: Error) -> Error {
        if !matches!(error, Error::Wire(wire::Error::Lost { .. })) {
            return error;
        }
        match self.receive() {
            Err(aborted @ Error::Aborted(_)) => aborted,
            _ => error,
        }
    }
}
