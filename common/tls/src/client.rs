//! Our side of a connection that we open.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::ServerName;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, SignatureScheme};

use crate::session::Session;
use crate::{Error, Fault, VERSIONS, files, provider};

/// The files of a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientFiles {
    /// Certificates of the CAs that may have issued the peer's; those of the system if left out.
    pub ca: Option<PathBuf>,
    /// Our certificate and its private key, for peers that demand one.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name that must stand in the peer's certificate, if it is not the host that we connect to.
    pub server_name: Option<String>,
}

/// Whom we trust, and what we show, when we open a connection.
#[derive(Clone)]
pub struct Client {
    config: Arc<ClientConfig>,
    own: Option<Arc<CertifiedKey>>,
    server_name: Option<ServerName<'static>>,
}

impl Client {
    /// Reads the files.
    pub fn load(files: &ClientFiles) -> Result<Self, Error> {
        let provider = provider();
        let store = files::store(files.ca.as_ref())?;
        let read = |(certificate, key): &(PathBuf, PathBuf)| files::identity(certificate, key, &provider);
        let own = files.identity.as_ref().map(read).transpose()?;
        let server_name = files.server_name.as_deref().map(name).transpose()?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&VERSIONS)?
            .with_root_certificates(store)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self { config: Arc::new(config), own, server_name })
    }

    /// Begins a connection to `host`.
    pub fn session(&self, host: &str) -> Result<Session, Fault> {
        let expected = match &self.server_name {
            Some(name) => name.clone(),
            None => name(host).map_err(|error| Fault::Other(error.to_string()))?,
        };
        let demand = Arc::new(Demand { own: self.own.clone(), met: AtomicBool::new(false) });
        let mut config = ClientConfig::clone(&self.config);
        config.client_auth_cert_resolver = demand.clone();
        let connection = ClientConnection::new(Arc::new(config), expected).map_err(|e| Fault::of(&e))?;
        Ok(Session::new(connection.into(), Some(demand)))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

fn name(text: &str) -> Result<ServerName<'static>, Error> {
    ServerName::try_from(text.to_owned()).map_err(|_| Error::ServerName(text.to_owned()))
}

/// Knows whether the peer asked for our certificate: its alert alone does not tell what it is that it missed.
#[derive(Debug)]
pub(crate) struct Demand {
    own: Option<Arc<CertifiedKey>>,
    met: AtomicBool,
}

impl Demand {
    /// Whether a certificate was asked for that we do not have.
    pub(crate) fn is_unmet(&self) -> bool {
        self.own.is_none() && self.met.load(Ordering::Relaxed)
    }
}

impl ResolvesClientCert for Demand {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.met.store(true, Ordering::Relaxed);
        self.own.clone()
    }

    fn has_certs(&self) -> bool {
        true
    }
}
