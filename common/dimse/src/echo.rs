//! C-ECHO as user (PS3.4 annex A).

use dicom_dictionary_std::uids::{IMPLICIT_VR_LITTLE_ENDIAN, VERIFICATION};

use crate::association::Association;
use crate::command::{CommandWriter, field, next_message_id};
use crate::{Error, Proposal, Service};

impl Proposal {
    /// The context for [`Association::echo`].
    pub fn echo() -> Self {
        Self::scu(VERIFICATION, IMPLICIT_VR_LITTLE_ENDIAN)
    }
}

impl Association {
    /// C-ECHO: whether the peer answers.
    pub fn echo(&mut self) -> Result<(), Error> {
        self.require_open()?;
        let result = self.exchange_echo();
        self.conclude(result)
    }

    fn exchange_echo(&mut self) -> Result<(), Error> {
        let context = self.contexts.find(VERIFICATION, IMPLICIT_VR_LITTLE_ENDIAN)?;
        let id = next_message_id();
        self.send(context, &CommandWriter::echo(id, VERIFICATION), None)?;
        let (message, status) = self.receive_response(field::ECHO, id)?;
        Error::from_status(Service::Echo, status, message.command.comment)
    }
}
