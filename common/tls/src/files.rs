//! Certificates and keys from PEM files (RFC 7468).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::Error;

/// Our certificate, with those of the CAs between it and the root, and its private key; they must belong together.
pub(crate) fn identity(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, Error> {
    CertifiedKey::from_der(certificates("certificate", certificate)?, private_key(key)?, provider)
        .and_then(|pair| pair.keys_match().map(|()| pair))
        .map(Arc::new)
        .map_err(|error| Error::Identity {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            detail: error.to_string(),
        })
}

/// The CAs in a file, or else those that the system trusts. One of the operator's that cannot be used is an error; the
/// system has some odd ones.
pub(crate) fn store(file: Option<&PathBuf>) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    let Some(path) = file else {
        store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return if store.is_empty() { Err(Error::NoSystemRoots) } else { Ok(store) };
    };
    for certificate in certificates("CA file", path)? {
        store
            .add(certificate)
            .map_err(|error| Error::Untrustworthy { path: path.clone(), detail: error.to_string() })?;
    }
    Ok(store)
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let refused = |error| refused(what, path, error);
    let found: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, PemError>>)
        .map_err(refused)?;
    if found.is_empty() { Err(refused(PemError::NoItemsFound)) } else { Ok(found) }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| refused("private key", path, error))
}

fn refused(what: &'static str, path: &Path, error: PemError) -> Error {
    match error {
        PemError::Io(source) => Error::Unreadable { what, path: path.to_owned(), source },
        // The other messages may quote the file, which may be a key.
        PemError::NoItemsFound => {
            Error::NotPem { what, path: path.to_owned(), detail: "nothing was found".to_owned() }
        }
        _ => Error::NotPem { what, path: path.to_owned(), detail: "it is damaged".to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::Authority;
    use crate::{Client, ClientFiles, Server, ServerFiles};

    fn client(ca: &Path, identity: Option<(PathBuf, PathBuf)>) -> Result<Client, String> {
        let files = ClientFiles { ca: Some(ca.to_owned()), identity, server_name: None };
        Client::load(&files).map_err(|error| error.to_string())
    }

    #[test]
    fn files_that_cannot_be_used_are_named_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let (missing, garbage) = (dir.path().join("missing"), dir.path().join("garbage"));
        fs::write(&garbage, "-----BEGIN CERTIFICATE-----\nsecret!\n-----END CERTIFICATE-----\n").unwrap();
        let error = client(&missing, None).unwrap_err();
        assert!(error.starts_with(&format!("The CA file {} cannot be read", missing.display())), "{error}");
        let error = client(&garbage, None).unwrap_err();
        assert!(error.contains("not one in PEM form") && !error.contains("secret"), "{error}");
        let authority = Authority::new(dir.path(), "ca");
        let (one, other) = (authority.issue("one", &["a"]), authority.issue("other", &["b"]));
        let error = client(&authority.certificate(), Some((one.certificate.clone(), other.key))).unwrap_err();
        assert!(error.contains("cannot be used together"), "{error}");
        let error =
            client(&authority.certificate(), Some((one.certificate.clone(), one.certificate.clone())));
        assert!(error.unwrap_err().contains("The private key"), "a certificate is no key");
        let files = ServerFiles { certificate: one.certificate, key: one.key, client_ca: Some(missing) };
        assert!(Server::load(&files).unwrap_err().to_string().contains("The CA file"));
    }

    #[test]
    fn a_name_that_cannot_stand_in_a_certificate_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let ca = Some(Authority::new(dir.path(), "ca").certificate());
        let files = ClientFiles { ca, identity: None, server_name: Some("no such name".to_owned()) };
        let error = Client::load(&files).unwrap_err().to_string();
        assert!(error.contains("\"no such name\" is neither a host name nor an IP address"), "{error}");
    }
}
