//! DIMSE command sets: group 0000 in Implicit VR Little Endian (PS3.7 section 6.3.1, annex E).

use std::sync::atomic::{AtomicU16, Ordering};

use dataset::{Encoding, FlatSet, Tag, read_flat};

use crate::elements::put;
use crate::negotiation::uid;
use crate::{Error, Originator, Status, StoreRequest, SubOperations};

const GROUP_LENGTH: Tag = Tag(0x0000, 0x0000);
const AFFECTED_SOP_CLASS: Tag = Tag(0x0000, 0x0002);
const COMMAND_FIELD: Tag = Tag(0x0000, 0x0100);
const MESSAGE_ID: Tag = Tag(0x0000, 0x0110);
const RESPONDED_TO: Tag = Tag(0x0000, 0x0120);
const MOVE_DESTINATION: Tag = Tag(0x0000, 0x0600);
const PRIORITY: Tag = Tag(0x0000, 0x0700);
const DATA_SET_TYPE: Tag = Tag(0x0000, 0x0800);
const STATUS: Tag = Tag(0x0000, 0x0900);
const ERROR_COMMENT: Tag = Tag(0x0000, 0x0902);
const AFFECTED_SOP_INSTANCE: Tag = Tag(0x0000, 0x1000);
const REMAINING: Tag = Tag(0x0000, 0x1020);
const COMPLETED: Tag = Tag(0x0000, 0x1021);
const FAILED: Tag = Tag(0x0000, 0x1022);
const WARNING: Tag = Tag(0x0000, 0x1023);
const MOVE_ORIGINATOR_AET: Tag = Tag(0x0000, 0x1030);
const MOVE_ORIGINATOR_ID: Tag = Tag(0x0000, 0x1031);

/// Command Data Set Type: this value says that no data set follows, any other that one does.
const NO_DATA_SET: u16 = 0x0101;
const DATA_SET: u16 = 0x0001;
const MEDIUM_PRIORITY: u16 = 0x0000;

/// Longest Error Comment (VR LO).
const MAX_COMMENT: usize = 64;

/// Command Field values (PS3.7 annex E.1); a response has the top bit set.
pub(crate) mod field {
    pub const STORE: u16 = 0x0001;
    pub const GET: u16 = 0x0010;
    pub const FIND: u16 = 0x0020;
    pub const MOVE: u16 = 0x0021;
    pub const ECHO: u16 = 0x0030;
    pub const CANCEL: u16 = 0x0FFF;
    pub const RESPONSE: u16 = 0x8000;
}

/// A message id, unique within this process (but for a wrap after 65,535), so that a C-STORE can be traced to the
/// C-MOVE that caused it even if several associations have one under way.
pub fn next_message_id() -> u16 {
    static LAST: AtomicU16 = AtomicU16::new(0);
    match LAST.fetch_add(1, Ordering::Relaxed).wrapping_add(1) {
        0 => next_message_id(),
        id => id,
    }
}

/// Builds a command set, elements in tag order.
pub(crate) struct CommandWriter(Vec<u8>);

impl CommandWriter {
    fn new(field: u16, sop_class: Option<&str>) -> Self {
        let writer = Self(Vec::with_capacity(256));
        match sop_class {
            Some(class) => writer.text(AFFECTED_SOP_CLASS, class, 0),
            None => writer,
        }
        .number(COMMAND_FIELD, field)
    }

    fn text(mut self, tag: Tag, value: &str, pad: u8) -> Self {
        put(&mut self.0, tag, value.as_bytes(), pad);
        self
    }

    fn number(mut self, tag: Tag, value: u16) -> Self {
        put(&mut self.0, tag, &value.to_le_bytes(), 0);
        self
    }

    fn data_set(self, present: bool) -> Self {
        self.number(DATA_SET_TYPE, if present { DATA_SET } else { NO_DATA_SET })
    }

    fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() + 12);
        put(&mut out, GROUP_LENGTH, &(self.0.len() as u32).to_le_bytes(), 0);
        out.extend(self.0);
        out
    }

    pub fn echo(message_id: u16, sop_class: &str) -> Vec<u8> {
        Self::new(field::ECHO, Some(sop_class)).number(MESSAGE_ID, message_id).data_set(false).finish()
    }

    /// C-FIND-RQ or C-GET-RQ.
    pub fn query(field: u16, message_id: u16, sop_class: &str) -> Vec<u8> {
        Self::new(field, Some(sop_class))
            .number(MESSAGE_ID, message_id)
            .number(PRIORITY, MEDIUM_PRIORITY)
            .data_set(true)
            .finish()
    }

    pub fn c_move(message_id: u16, sop_class: &str, destination: &str) -> Vec<u8> {
        Self::new(field::MOVE, Some(sop_class))
            .number(MESSAGE_ID, message_id)
            .text(MOVE_DESTINATION, destination, b' ')
            .number(PRIORITY, MEDIUM_PRIORITY)
            .data_set(true)
            .finish()
    }

    pub fn store(message_id: u16, object: &StoreRequest<'_>) -> Vec<u8> {
        let writer = Self::new(field::STORE, Some(object.sop_class))
            .number(MESSAGE_ID, message_id)
            .number(PRIORITY, MEDIUM_PRIORITY)
            .data_set(true)
            .text(AFFECTED_SOP_INSTANCE, object.sop_instance, 0);
        match object.originator {
            None => writer,
            Some(Originator { aet, message_id }) => {
                writer.text(MOVE_ORIGINATOR_AET, aet, b' ').number(MOVE_ORIGINATOR_ID, message_id)
            }
        }
        .finish()
    }

    pub fn cancel(message_id: u16) -> Vec<u8> {
        Self::new(field::CANCEL, None).number(RESPONDED_TO, message_id).data_set(false).finish()
    }

    /// The response to `request`.
    pub fn response(request: &Command, response: &Response<'_>) -> Vec<u8> {
        let class = request.sop_class.as_str();
        let writer = Self::new(request.field | field::RESPONSE, (!class.is_empty()).then_some(class))
            .number(RESPONDED_TO, request.message_id)
            .data_set(response.data_set)
            .number(STATUS, response.status.0);
        let writer = match response.comment.map(clean_comment) {
            Some(text) if !text.is_empty() => writer.text(ERROR_COMMENT, &text, b' '),
            _ => writer,
        };
        let writer = match request.sop_instance.as_str() {
            "" => writer,
            instance => writer.text(AFFECTED_SOP_INSTANCE, instance, 0),
        };
        match response.counts {
            None => writer,
            Some(counts) => writer
                .number(REMAINING, counts.remaining)
                .number(COMPLETED, counts.completed)
                .number(FAILED, counts.failed)
                .number(WARNING, counts.warning),
        }
        .finish()
    }
}

/// What a response says besides whom it answers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Response<'a> {
    pub status: Status,
    pub comment: Option<&'a str>,
    pub data_set: bool,
    pub counts: Option<SubOperations>,
}

/// A command set as it came. Texts are the peer's: not validated, only bounded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Command {
    pub field: u16,
    pub message_id: u16,
    pub responded_to: Option<u16>,
    pub status: Option<Status>,
    pub has_data_set: bool,
    pub sop_class: String,
    pub sop_instance: String,
    pub move_destination: String,
    pub move_originator_aet: Option<String>,
    pub move_originator_id: Option<u16>,
    pub remaining: Option<u16>,
    pub completed: Option<u16>,
    pub failed: Option<u16>,
    pub warning: Option<u16>,
    pub comment: Option<String>,
}

impl Command {
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let malformed = |detail: String| Error::Malformed { what: "command set", detail };
        let set = read_flat(bytes, Encoding::ImplicitLe).map_err(|error| malformed(error.to_string()))?;
        let missing = |what: &str| malformed(format!("{what} is missing"));
        Ok(Self {
            field: set.u16(COMMAND_FIELD).ok_or_else(|| missing("the Command Field"))?,
            message_id: set.u16(MESSAGE_ID).unwrap_or(0),
            responded_to: set.u16(RESPONDED_TO),
            status: set.u16(STATUS).map(Status),
            has_data_set: set.u16(DATA_SET_TYPE).ok_or_else(|| missing("the Command Data Set Type"))?
                != NO_DATA_SET,
            sop_class: text(&set, AFFECTED_SOP_CLASS).unwrap_or_default(),
            sop_instance: text(&set, AFFECTED_SOP_INSTANCE).unwrap_or_default(),
            move_destination: text(&set, MOVE_DESTINATION).unwrap_or_default(),
            move_originator_aet: text(&set, MOVE_ORIGINATOR_AET),
            move_originator_id: set.u16(MOVE_ORIGINATOR_ID),
            remaining: set.u16(REMAINING),
            completed: set.u16(COMPLETED),
            failed: set.u16(FAILED),
            warning: set.u16(WARNING),
            comment: set.text(ERROR_COMMENT).map(|text| clean_comment(&text)).filter(|text| !text.is_empty()),
        })
    }

    /// What it is, for messages.
    pub fn name(&self) -> String {
        let kind = match self.field & !field::RESPONSE {
            field::STORE => "C-STORE",
            field::GET => "C-GET",
            field::FIND => "C-FIND",
            field::MOVE => "C-MOVE",
            field::ECHO => "C-ECHO",
            field::CANCEL => "C-CANCEL",
            _ => return format!("a command {:04X}h", self.field),
        };
        format!("{kind}-{}", if self.is_response() { "RSP" } else { "RQ" })
    }

    pub fn is_response(&self) -> bool {
        self.field & field::RESPONSE != 0
    }
}

fn text(set: &FlatSet, tag: Tag) -> Option<String> {
    set.text(tag).map(|value| uid(&value).to_owned())
}

fn clean_comment(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_COMMENT).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OBJECT: StoreRequest<'_> = StoreRequest {
        sop_class: "1.2.3",
        sop_instance: "1.2.3.4",
        transfer_syntax: "1.2",
        originator: None,
    };

    #[test]
    fn a_store_request_reads_back() {
        let command = Command::parse(&CommandWriter::store(7, &OBJECT)).unwrap();
        assert_eq!((command.field, command.message_id, command.has_data_set), (field::STORE, 7, true));
        assert_eq!((command.sop_class.as_str(), command.sop_instance.as_str()), ("1.2.3", "1.2.3.4"));
        assert_eq!((command.move_originator_aet, command.move_originator_id), (None, None));
        let originator = Some(Originator { aet: "US", message_id: 9 });
        let moved = CommandWriter::store(7, &StoreRequest { originator, ..OBJECT });
        let moved = Command::parse(&moved).unwrap();
        assert_eq!((moved.move_originator_aet.as_deref(), moved.move_originator_id), (Some("US"), Some(9)));
    }

    #[test]
    fn a_response_answers_its_request() {
        let request = Command::parse(&CommandWriter::store(9, &OBJECT)).unwrap();
        let (status, comment) = (Status::OUT_OF_RESOURCES, Some("disk\r\n full"));
        let counts = Some(SubOperations { remaining: 3, ..SubOperations::default() });
        let answer = Response { status, comment, counts, data_set: false };
        let response = Command::parse(&CommandWriter::response(&request, &answer)).unwrap();
        assert_eq!(response.name(), "C-STORE-RSP");
        assert_eq!(response.responded_to, Some(9));
        assert_eq!(response.status, Some(Status::OUT_OF_RESOURCES));
        assert_eq!(response.comment.as_deref(), Some("disk full"));
        assert_eq!(response.sop_instance, "1.2.3.4");
        assert_eq!((response.remaining, response.failed), (Some(3), Some(0)));
    }

    #[test]
    fn group_length_counts_what_follows() {
        let bytes = CommandWriter::echo(1, "1.2.840.10008.1.1");
        let claimed = u32::from_le_bytes(bytes[8..12].try_into().unwrap());
        assert_eq!(claimed as usize, bytes.len() - 12);
    }

    #[test]
    fn message_ids_are_never_zero() {
        assert!((0..70_000).map(|_| next_message_id()).all(|id| id != 0));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Command::parse(&bytes);
        }
    }
}
