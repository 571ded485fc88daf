//! TLS as DIMSE uses it, on rustls: whom we trust and what we show, from files that the operator names, and
//! what goes wrong, in words.
//!
//! The profile is BCP 195 (RFC 9325; PS3.15 annex B): TLS 1.2 and 1.3, ephemeral key exchange and authenticated
//! encryption only, no renegotiation, no compression, no early data.

mod client;
mod error;
mod fault;
mod files;
mod server;
mod session;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use client::{Client, ClientFiles};
pub use error::Error;
pub use fault::Fault;
pub use server::{Server, ServerFiles};
pub use session::{Progress, Session, fault_in};

use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;

/// TLS 1.2 and 1.3 (RFC 9325 section 3.1.1: nothing older).
const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

/// The cryptography: ring. Its cipher suites all have ephemeral key exchange and authenticated encryption.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}
