//! A CA of a hospital's own, with certificates for servers and clients on this host.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tls::testing::{Authority, Pair};

use crate::program::Program;
use crate::transfer::text;

/// The CA and what it has issued.
pub struct Hospital {
    authority: Authority,
    /// For a server on this host.
    pub server: Pair,
    /// For a client.
    pub client: Pair,
}

impl Hospital {
    /// Founds one with its files in `dir`.
    pub fn new(dir: &Path) -> Self {
        std::fs::create_dir_all(dir).expect("the folder of certificates can be made");
        let authority = Authority::new(dir, "hospital");
        let server = authority.issue("server", &["localhost", "127.0.0.1"]);
        let client = authority.issue("client", &["p2t"]);
        Self { authority, server, client }
    }

    /// The CA's certificate.
    pub fn ca(&self) -> PathBuf {
        self.authority.certificate()
    }

    /// Options of an Orthanc that speaks DICOM over TLS and demands certificates.
    pub fn orthanc_options(&self) -> Value {
        json!({
            "DicomTlsEnabled": true,
            "DicomTlsCertificate": text(&self.server.certificate),
            "DicomTlsPrivateKey": text(&self.server.key),
            "DicomTlsTrustedCertificates": text(&self.ca()),
            "DicomTlsRemoteCertificateRequired": true,
        })
    }

    /// Has a job's connections to `table`, such as `source`, run over TLS with our certificate.
    pub fn secure(&self, program: &Program, table: &str) {
        let table = format!("{table}.tls");
        program.configure(&table, "ca", text(&self.ca()));
        program.configure(&table, "certificate", text(&self.client.certificate));
        program.configure(&table, "key", text(&self.client.key));
    }
}
