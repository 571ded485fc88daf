//! C-FIND as user, Study Root (PS3.4 section C.4.1).

use std::ops::ControlFlow;

use dataset::{Encoding, FlatSet, read_flat};
use dicom_dictionary_std::uids::{
    IMPLICIT_VR_LITTLE_ENDIAN, STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_FIND as STUDY_ROOT_FIND,
};

use crate::association::Association;
use crate::command::{CommandWriter, field, next_message_id};
use crate::elements::identifier;
use crate::message::expect_response;
use crate::operation::{Operation, Watch};
use crate::{Error, Key, Level, Proposal, Service, Status};

/// How a C-FIND ended. Only `0000` says that the peer has sent all it has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct FindEnd {
    /// Final status. `FE00` without a cancel of ours means that the peer limits its answers.
    pub status: Status,
    /// Rows handed to the caller.
    pub rows: u64,
    /// Whether the caller ended it.
    pub cancelled: bool,
    /// Error Comment (0000,0902).
    pub comment: Option<String>,
}

impl FindEnd {
    /// Whether the peer claims that these were all rows.
    pub fn is_complete(&self) -> bool {
        self.status.is_success() && !self.cancelled
    }
}

impl Proposal {
    /// The context for [`Association::find`].
    pub fn find() -> Self {
        Self::scu(STUDY_ROOT_FIND, IMPLICIT_VR_LITTLE_ENDIAN)
    }
}

impl Association {
    /// C-FIND: hands each matching row to `on_row` as it comes. If that breaks, the query is cancelled and later rows
    /// are dropped. A failure status is an error; success, warning and cancel are in the [`FindEnd`].
    pub fn find(
        &mut self,
        level: Level,
        keys: &[Key<'_>],
        on_row: &mut dyn FnMut(FlatSet) -> ControlFlow<()>,
    ) -> Result<FindEnd, Error> {
        self.require_open()?;
        let result = self.run_find(level, keys, on_row);
        self.conclude(result)
    }

    fn run_find(
        &mut self,
        level: Level,
        keys: &[Key<'_>],
        on_row: &mut dyn FnMut(FlatSet) -> ControlFlow<()>,
    ) -> Result<FindEnd, Error> {
        let context = self.contexts.find(STUDY_ROOT_FIND, IMPLICIT_VR_LITTLE_ENDIAN)?;
        let mut operation = Operation::new(context, next_message_id());
        let command = CommandWriter::query(field::FIND, operation.id, STUDY_ROOT_FIND);
        self.send(context, &command, Some(&identifier(level, keys)))?;
        let mut rows = 0;
        loop {
            let message = self.await_message(&mut operation, &Watch::default())?;
            let status = expect_response(&message.command, field::FIND, operation.id)?;
            let row = self.identifier(&message)?;
            if !status.is_pending() {
                let comment = message.command.comment;
                Error::from_status(Service::Find, status, comment.clone())?;
                return Ok(FindEnd { status, rows, cancelled: operation.is_cancelled(), comment });
            }
            if operation.is_cancelled() {
                continue;
            }
            let row = row.ok_or_else(|| Error::Identifier("a pending response without one".to_owned()))?;
            let row = read_flat(&row, Encoding::ImplicitLe)
                .map_err(|error| Error::Identifier(error.to_string()))?;
            rows += 1;
            if on_row(row).is_break() {
                self.cancel(&mut operation)?;
            }
        }
    }
}
