//! Our side of connections that others open.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::sign::SingleCertAndKey;
use rustls::{ServerConfig, ServerConnection};

use crate::session::Session;
use crate::{Error, Fault, VERSIONS, files, provider};

/// The files of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFiles {
    /// Our certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Certificates of the CAs that may have issued those of our clients; if left out, clients need none.
    pub client_ca: Option<PathBuf>,
}

/// What we show, and whom we let in, when others connect.
#[derive(Clone)]
pub struct Server(Arc<ServerConfig>);

impl Server {
    /// Reads the files.
    pub fn load(files: &ServerFiles) -> Result<Self, Error> {
        let provider = provider();
        let own = files::identity(&files.certificate, &files.key, &provider)?;
        let builder =
            ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(&VERSIONS)?;
        let builder = match &files.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let roots = files::store(Some(path))?;
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                    .build()
                    .map_err(|error| Error::Setup(error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self(Arc::new(config)))
    }

    /// Begins the connection of a client.
    pub fn session(&self) -> Result<Session, Fault> {
        let connection = ServerConnection::new(self.0.clone()).map_err(|error| Fault::of(&error))?;
        Ok(Session::new(connection.into(), None))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Server").finish()
    }
}
