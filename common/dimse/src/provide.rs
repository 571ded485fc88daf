//! Query/Retrieve as provider, Study Root (PS3.4 annex C): a request of another's, and the ways to answer it.

use std::io::Read;

use dataset::{Encoding, FlatSet, read_flat, tags};

use crate::association::Association;
use crate::command::{CommandWriter, Response, field};
use crate::elements::{identifier, put};
use crate::message::Message;
use crate::retrieve::FAILED_UIDS;
use crate::{Error, Key, Level, Rejection, Service, Status, StoreEnd, StoreRequest};

/// Answers C-FIND, C-GET and C-MOVE, from several threads. Returning without [`Request::finish`] leaves the user without
/// a final response; an error ends the association.
pub trait QueryRetrieve: Send + Sync {
    /// Whether an association that `_calling` asks for may come about. May block: its user waits.
    fn admit(&self, _calling: &str) -> Result<(), Rejection> {
        Ok(())
    }

    /// Whether there is anybody for this SOP class of Query/Retrieve.
    fn offers(&self, _sop_class: &str) -> bool {
        true
    }

    /// The transfer syntax in which its objects are.
    fn prefers(&self) -> Option<&str> {
        None
    }

    /// A C-ECHO is about to be answered. May block.
    fn verifying(&self) {}

    /// Answers one request. May block: its user waits.
    fn answer(&self, request: Request<'_>) -> Result<(), Error>;
}

/// How far a C-GET or C-MOVE is (PS3.7 tables 9.1-3 and 9.1-4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubOperations {
    /// Number of Remaining Sub-operations (0000,1020).
    pub remaining: u16,
    /// Number of Completed Sub-operations (0000,1021).
    pub completed: u16,
    /// Number of Failed Sub-operations (0000,1022).
    pub failed: u16,
    /// Number of Warning Sub-operations (0000,1023).
    pub warning: u16,
}

/// A request that waits for its responses.
pub struct Request<'a> {
    association: &'a mut Association,
    message: &'a Message,
    service: Service,
    keys: FlatSet,
    cancelled: bool,
}

impl<'a> Request<'a> {
    /// Reads the identifier of `message`; none if it is no request of Query/Retrieve.
    pub(crate) fn read(
        association: &'a mut Association,
        message: &'a Message,
    ) -> Result<Option<Self>, Error> {
        let service = match message.command.field {
            field::FIND => Service::Find,
            field::GET => Service::Get,
            field::MOVE => Service::Move,
            _ => return Ok(None),
        };
        let bytes = association.identifier(message)?.unwrap_or_default();
        let keys =
            read_flat(&bytes, Encoding::ImplicitLe).map_err(|error| Error::Identifier(error.to_string()))?;
        Ok(Some(Self { association, message, service, keys, cancelled: false }))
    }

    /// C-FIND, C-GET or C-MOVE.
    pub fn service(&self) -> Service {
        self.service
    }

    /// Query/Retrieve Level (0008,0052); none if it is absent or none of Study Root's.
    pub fn level(&self) -> Option<Level> {
        let named = self.keys.text(tags::QUERY_RETRIEVE_LEVEL)?;
        [Level::Study, Level::Series, Level::Image].into_iter().find(|level| level.as_str() == named)
    }

    /// The keys.
    pub fn keys(&self) -> &FlatSet {
        &self.keys
    }

    /// The user's AE title.
    pub fn caller(&self) -> &str {
        &self.association.peer_aet
    }

    /// Message ID (0000,0110).
    pub fn message_id(&self) -> u16 {
        self.message.command.message_id
    }

    /// Move Destination (0000,0600) of a C-MOVE.
    pub fn destination(&self) -> &str {
        &self.message.command.move_destination
    }

    /// Whether the user sent C-CANCEL while [`Request::store`] was at work.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    /// Whether a sub-operation of a C-GET can carry an object of this class in this syntax.
    pub fn can_store(&self, sop_class: &str, transfer_syntax: &str) -> bool {
        self.association.accepts(sop_class, transfer_syntax)
    }

    /// A pending response with a row: the values of the keys that are returned.
    pub fn row(&mut self, level: Level, values: &[Key<'_>]) -> Result<(), Error> {
        let response = Response { status: Status::PENDING, data_set: true, ..Response::default() };
        let command = CommandWriter::response(&self.message.command, &response);
        let channel = &mut self.association.channel;
        channel.put(self.message.context, true, &command)?;
        channel.put(self.message.context, false, &identifier(level, values))
    }

    /// A pending response that says how far a C-GET or C-MOVE is.
    pub fn progress(&mut self, counts: SubOperations) -> Result<(), Error> {
        let response = Response { status: Status::PENDING, counts: Some(counts), ..Response::default() };
        self.respond(&response)
    }

    /// A sub-operation of a C-GET: sends an object on this association.
    pub fn store(
        &mut self,
        object: &StoreRequest<'_>,
        data_set: &mut dyn Read,
        length: u64,
    ) -> Result<StoreEnd, Error> {
        let cancelled = &mut self.cancelled;
        self.association.store_unless(object, data_set, length, &mut || {
            *cancelled = true;
            true
        })
    }

    /// The final response.
    pub fn finish(
        mut self,
        status: Status,
        comment: Option<&str>,
        counts: Option<SubOperations>,
    ) -> Result<(), Error> {
        self.respond(&Response { status, comment, counts, data_set: false })
    }

    /// The final response of a C-GET or C-MOVE of which these instances could not be sent.
    pub fn finish_without(
        self,
        status: Status,
        counts: SubOperations,
        failed: &[String],
    ) -> Result<(), Error> {
        if failed.is_empty() {
            return self.finish(status, None, Some(counts));
        }
        let response = Response { status, counts: Some(counts), data_set: true, ..Response::default() };
        let command = CommandWriter::response(&self.message.command, &response);
        let mut list = Vec::new();
        put(&mut list, FAILED_UIDS, failed.join("\\").as_bytes(), 0);
        self.association.send(self.message.context, &command, Some(&list))
    }

    fn respond(&mut self, response: &Response<'_>) -> Result<(), Error> {
        let command = CommandWriter::response(&self.message.command, response);
        self.association.send(self.message.context, &command, None)
    }
}
