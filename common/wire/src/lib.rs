//! A TCP connection as DIMSE and DICOMweb use it: bare or under TLS, without delayed packets, with buffers and deadlines
//! of its own, so that a peer's silence is noticed and a request to stop is heard.

mod error;
mod stream;

pub use error::Error;
pub use stream::{Peer, Stream, Waits};
