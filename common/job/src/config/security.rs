//! How the two sides of a connection prove who they are: `tls` and `login`. Nothing secret stands in a configuration, only
//! where it is to be found.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tls::{ClientFiles, ServerFiles};

use super::check::Fault;
use crate::JobDir;

/// `tls` of an archive that we connect to. The files are PEM; paths are meant from the job directory.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// Certificates of the CAs that may have issued the archive's; those of the system if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Our certificate, for an archive that demands one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// Its private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// The name that must stand in the archive's certificate, if it is not the host of its node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

impl TlsConfig {
    pub(super) fn check(&self, key: &'static str) -> Result<(), Fault> {
        if self.certificate.is_some() != self.key.is_some() {
            let message = "must have certificate and key together, or neither".to_owned();
            return Err(Fault { key, message });
        }
        Ok(())
    }

    /// The files, seen from the job directory.
    #[must_use]
    pub fn files(&self, job: &JobDir) -> ClientFiles {
        let resolve = |path: &Option<PathBuf>| path.as_ref().map(|path| job.resolve(path));
        ClientFiles {
            ca: resolve(&self.ca),
            identity: resolve(&self.certificate).zip(resolve(&self.key)),
            server_name: self.server_name.clone(),
        }
    }
}

/// `tls` of our own listener. The files are PEM; paths are meant from the job directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListenerTlsConfig {
    /// Our certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// Certificates of the CAs that may have issued those of our callers; if left out, callers need none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
}

impl ListenerTlsConfig {
    /// The files, seen from the job directory.
    #[must_use]
    pub fn files(&self, job: &JobDir) -> ServerFiles {
        ServerFiles {
            certificate: job.resolve(&self.certificate),
            key: job.resolve(&self.key),
            client_ca: self.client_ca.as_ref().map(|path| job.resolve(path)),
        }
    }
}

/// `login`: the user that we are to an archive. Either a name, with a passcode or without, or a token.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoginConfig {
    /// The user's name: User Identity Negotiation with DIMSE, HTTP Basic with DICOMweb.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A file that holds the passcode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passcode_file: Option<PathBuf>,
    /// An environment variable that holds the passcode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passcode_env: Option<String>,
    /// A file that holds a bearer token; read again when the archive no longer takes the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// An environment variable that holds a bearer token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
}

impl LoginConfig {
    pub(super) fn check(&self, key: &'static str) -> Result<(), Fault> {
        let passcodes = usize::from(self.passcode_file.is_some()) + usize::from(self.passcode_env.is_some());
        let tokens = usize::from(self.token_file.is_some()) + usize::from(self.token_env.is_some());
        let message = match (self.user.as_deref(), passcodes, tokens) {
            (Some(""), ..) => "has an empty user",
            (Some(_), 0 | 1, 0) | (None, 0, 1) => return Ok(()),
            (Some(_), _, 0) => "must name one place for the passcode",
            (None, 1.., _) => "has a passcode and no user",
            (None, 0, 0) => "must name a user or a token",
            (None, 0, _) => "must name one place for the token",
            (Some(_), ..) => "must name a user or a token, not both",
        };
        Err(Fault { key, message: message.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(text: &str) -> Result<(), Fault> {
        toml::from_str::<TlsConfig>(text).unwrap().check("source.tls")
    }

    fn login(text: &str) -> Result<(), Fault> {
        toml::from_str::<LoginConfig>(text).unwrap().check("source.login")
    }

    #[test]
    fn certificate_and_key_come_together() {
        assert_eq!(tls(""), Ok(()));
        assert_eq!(tls("certificate = \"a\"\nkey = \"b\""), Ok(()));
        for text in ["certificate = \"a\"", "key = \"b\""] {
            assert!(tls(text).unwrap_err().message.contains("together"), "{text}");
        }
    }

    #[test]
    fn a_login_is_one_thing() {
        for text in [
            "user = \"u\"",
            "user = \"u\"\npasscode_file = \"f\"",
            "user = \"u\"\npasscode_env = \"E\"",
            "token_file = \"f\"",
            "token_env = \"E\"",
        ] {
            assert_eq!(login(text), Ok(()), "{text}");
        }
        for (text, message) in [
            ("", "must name a user or a token"),
            ("user = \"\"", "an empty user"),
            ("passcode_file = \"f\"", "has a passcode and no user"),
            ("user = \"u\"\npasscode_file = \"f\"\npasscode_env = \"E\"", "one place for the passcode"),
            ("token_file = \"f\"\ntoken_env = \"E\"", "one place for the token"),
            ("user = \"u\"\ntoken_env = \"E\"", "not both"),
        ] {
            assert!(login(text).unwrap_err().message.contains(message), "{text}");
        }
    }
}
