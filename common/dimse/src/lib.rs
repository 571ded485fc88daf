//! DIMSE services over TCP: C-ECHO, C-FIND, C-GET, C-MOVE and C-STORE as user, storage as provider, and
//! what a provider of Query/Retrieve stands on.
//!
//! Objects stream through in pieces, verbatim; whatever a peer sends, memory stays bounded and nothing is parsed
//! recursively. dicom-ul is the codec of the association PDUs; sockets, the association and P-DATA are our own.

mod association;
mod channel;
mod command;
mod context;
mod echo;
mod elements;
mod error;
mod find;
mod intake;
mod message;
mod negotiation;
mod node;
mod operation;
mod options;
mod provide;
mod query;
mod reason;
mod repair;
mod retrieve;
mod scp;
mod serve;
mod status;
mod store;
mod user;

pub use association::Association;
pub use command::next_message_id;
pub use context::{Context, ContextRefusal, MAX_CONTEXTS, Proposal, context_groups};
pub use error::{Error, Remedy};
pub use find::FindEnd;
pub use intake::{Incoming, Intake, Receiver, Refusal};
pub use node::{AeTitle, Node};
pub use operation::Watch;
pub use options::{Options, Timeouts};
pub use provide::{QueryRetrieve, Request, SubOperations};
pub use query::{Key, Level};
pub use reason::{AbortCause, Rejection};
pub use retrieve::{MoveRequest, RetrieveEnd};
pub use scp::{Route, ScpConfig, SharedReceiver, StorageScp};
pub use status::{Service, Status, StatusClass};
pub use store::{Originator, StoreEnd, StoreRequest};
pub use user::UserIdentity;
