//! A CA of a hospital's own, with certificates for servers and clients on this host.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tls::testing::{Authority, Pair};

use crate::process::{Server, free_port};
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

    /// Another CA, which nobody here trusts.
    pub fn stranger(dir: &Path) -> PathBuf {
        Authority::new(dir, "stranger").certificate()
    }

    /// A server's certificate that ran out years ago.
    pub fn expired(&self) -> Pair {
        self.authority.issue_expired("expired", &["127.0.0.1"])
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

    /// Puts a stunnel with this certificate in front of `port`, and says on which port. It demands certificates of clients if
    /// told so. (Orthanc 1.10 of Debian 12 has HTTPS of its own, and crashes at the first request over it.)
    pub fn terminator(&self, pair: &Pair, demands: bool, port: u16, dir: &Path) -> (Server, u16) {
        let front = free_port();
        let mut lines = vec![
            "foreground = yes".to_owned(),
            "pid =".to_owned(),
            "[web]".to_owned(),
            format!("accept = 127.0.0.1:{front}"),
            format!("connect = 127.0.0.1:{port}"),
            format!("cert = {}", text(&pair.certificate)),
            format!("key = {}", text(&pair.key)),
        ];
        if demands {
            lines.extend([format!("CAfile = {}", text(&self.ca())), "verifyChain = yes".to_owned()]);
        }
        let file = dir.join(format!("stunnel-{front}.conf"));
        std::fs::write(&file, lines.join("\n")).expect("its configuration can be written");
        let mut command = Command::new("stunnel4");
        command.arg(&file);
        (Server::start(command, front, &dir.join("stunnel.log")), front)
    }

    /// Has a job's connections to `table`, such as `source`, run over TLS with our certificate.
    pub fn secure(&self, program: &Program, table: &str) {
        let table = format!("{table}.tls");
        program.configure(&table, "ca", text(&self.ca()));
        program.configure(&table, "certificate", text(&self.client.certificate));
        program.configure(&table, "key", text(&self.client.key));
    }
}
