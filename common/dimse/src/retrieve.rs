//! C-GET and C-MOVE as user, Study Root (PS3.4 sections C.4.2 and C.4.3).

use dataset::{Encoding, Tag, read_flat};
use dicom_dictionary_std::uids::{
    IMPLICIT_VR_LITTLE_ENDIAN, STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_GET as STUDY_ROOT_GET,
    STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_MOVE as STUDY_ROOT_MOVE,
};

use crate::association::{Association, unexpected};
use crate::command::{Command, CommandWriter, field, next_message_id};
use crate::elements::identifier;
use crate::message::{Message, expect_response};
use crate::negotiation::uid;
use crate::operation::{Operation, Watch};
use crate::{AeTitle, Error, Key, Level, Proposal, Receiver, Status};

pub(crate) const FAILED_UIDS: Tag = Tag(0x0008, 0x0058);

/// How a C-GET or C-MOVE ended, as the peer tells it. None of it is evidence: what arrived is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct RetrieveEnd {
    /// Final status, failures included.
    pub status: Status,
    /// Number of Completed Sub-operations (0000,1021), if the peer says so in its last response that has it.
    pub completed: Option<u16>,
    /// Number of Failed Sub-operations (0000,1022).
    pub failed: Option<u16>,
    /// Number of Warning Sub-operations (0000,1023).
    pub warning: Option<u16>,
    /// Number of Remaining Sub-operations (0000,1020) in the final response, where only a cancel has it.
    pub remaining: Option<u16>,
    /// Failed SOP Instance UID List (0008,0058).
    pub failed_uids: Vec<String>,
    /// Error Comment (0000,0902).
    pub comment: Option<String>,
    /// Whether the caller ended it.
    pub cancelled: bool,
}

/// What to move where.
#[derive(Debug, Clone, Copy)]
pub struct MoveRequest<'a> {
    /// Query/Retrieve level of the keys.
    pub level: Level,
    /// Unique keys, down to `level`.
    pub keys: &'a [Key<'a>],
    /// AE title under which the peer knows the destination.
    pub destination: &'a AeTitle,
    /// Message id: of the [`crate::Route`] that waits for the objects, or [`next_message_id`].
    pub message_id: u16,
}

impl Proposal {
    /// The context for [`Association::get`]; propose storage contexts besides, with [`Proposal::scp`].
    pub fn get() -> Self {
        Self::scu(STUDY_ROOT_GET, IMPLICIT_VR_LITTLE_ENDIAN)
    }

    /// The context for [`Association::move_to`].
    pub fn c_move() -> Self {
        Self::scu(STUDY_ROOT_MOVE, IMPLICIT_VR_LITTLE_ENDIAN)
    }
}

impl Association {
    /// C-GET: hands the objects that match `keys` to `receiver`, in the storage contexts of this association.
    pub fn get(
        &mut self,
        level: Level,
        keys: &[Key<'_>],
        receiver: &dyn Receiver,
        watch: &Watch<'_>,
    ) -> Result<RetrieveEnd, Error> {
        self.require_open()?;
        let result = self.start_get(level, keys).and_then(|operation| {
            self.run_retrieve(operation, field::GET, watch, &mut |association, message| match message
                .command
                .field
            {
                field::STORE => association.take_object(message, receiver, &|_| {}),
                _ => association.decline(message),
            })
        });
        self.conclude(result)
    }

    /// C-MOVE: has the peer send the objects that match to `destination`.
    pub fn move_to(&mut self, request: &MoveRequest<'_>, watch: &Watch<'_>) -> Result<RetrieveEnd, Error> {
        self.require_open()?;
        let result = self.start_move(request).and_then(|operation| {
            self.run_retrieve(operation, field::MOVE, watch, &mut |association, message| {
                association.decline(message)
            })
        });
        self.conclude(result)
    }

    fn start_get(&mut self, level: Level, keys: &[Key<'_>]) -> Result<Operation, Error> {
        let context = self.contexts.find(STUDY_ROOT_GET, IMPLICIT_VR_LITTLE_ENDIAN)?;
        let operation = Operation::new(context, next_message_id());
        let command = CommandWriter::query(field::GET, operation.id, STUDY_ROOT_GET);
        self.send(context, &command, Some(&identifier(level, keys)))?;
        Ok(operation)
    }

    fn start_move(&mut self, request: &MoveRequest<'_>) -> Result<Operation, Error> {
        let context = self.contexts.find(STUDY_ROOT_MOVE, IMPLICIT_VR_LITTLE_ENDIAN)?;
        let command =
            CommandWriter::c_move(request.message_id, STUDY_ROOT_MOVE, request.destination.as_str());
        self.send(context, &command, Some(&identifier(request.level, request.keys)))?;
        Ok(Operation::new(context, request.message_id))
    }

    /// Reads responses, and requests of the peer in between, up to the final response.
    fn run_retrieve(
        &mut self,
        mut operation: Operation,
        field: u16,
        watch: &Watch<'_>,
        on_request: &mut dyn FnMut(&mut Self, &Message) -> Result<(), Error>,
    ) -> Result<RetrieveEnd, Error> {
        let mut last_counts = Counts::default();
        loop {
            let message = self.await_message(&mut operation, watch)?;
            if !message.command.is_response() {
                if message.command.field == field::CANCEL {
                    return Err(unexpected(message.command.name(), "a response or a C-STORE"));
                }
                on_request(self, &message)?;
                continue;
            }
            let status = expect_response(&message.command, field, operation.id)?;
            let list = self.identifier(&message)?;
            last_counts.update(&message.command);
            if !status.is_pending() {
                return Ok(RetrieveEnd {
                    status,
                    completed: last_counts.completed,
                    failed: last_counts.failed,
                    warning: last_counts.warning,
                    remaining: message.command.remaining,
                    failed_uids: list.map(|list| failed_uids(&list)).unwrap_or_default(),
                    comment: message.command.comment,
                    cancelled: operation.is_cancelled(),
                });
            }
        }
    }
}

/// Sub-operation counts that are done; a final response need not repeat them.
#[derive(Default)]
struct Counts {
    completed: Option<u16>,
    failed: Option<u16>,
    warning: Option<u16>,
}

impl Counts {
    fn update(&mut self, command: &Command) {
        self.completed = command.completed.or(self.completed);
        self.failed = command.failed.or(self.failed);
        self.warning = command.warning.or(self.warning);
    }
}

/// The list is a courtesy of the peer: one that cannot be read is not worth failing for.
fn failed_uids(list: &[u8]) -> Vec<String> {
    let text = match read_flat(list, Encoding::ImplicitLe) {
        Ok(set) => set.text(FAILED_UIDS).unwrap_or_default(),
        Err(error) => {
            tracing::warn!(%error, "the list of failed instances cannot be read");
            String::new()
        }
    };
    text.split('\\').map(uid).filter(|uid| !uid.is_empty()).map(str::to_owned).collect()
}
