//! A PACS that misbehaves on purpose: `tools/dicom/peer.py`, on pynetdicom.

use std::path::Path;
use std::process::Command;

use crate::corpus;
use crate::process::{Server, free_port};

const AET: &str = "PEER";

/// A running peer. Dropping it stops it.
#[derive(Debug)]
pub struct Peer {
    server: Server,
    port: u16,
}

impl Peer {
    /// Starts a peer that offers the files below `folder` and behaves as `behaviour` says (`peer.py --help`).
    pub fn start(dir: &Path, folder: &Path, behaviour: &[&str]) -> Self {
        let port = free_port();
        let mut command = Command::new(corpus::python());
        command.arg(corpus::tool("dicom/peer.py")).args([AET, &port.to_string()]).arg(folder).args(behaviour);
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        Self { server: Server::start(command, port, &dir.join("peer.log")), port }
    }

    /// How the programs name this node.
    pub fn node(&self) -> String {
        format!("{AET}@127.0.0.1:{}", self.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How often it has printed a line that starts with `word`.
    pub fn count(&self, word: &str) -> usize {
        self.server.log().lines().filter(|line| line.starts_with(word)).count()
    }
}
