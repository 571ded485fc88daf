//! DCMTK's `storescp`: takes whatever it is sent and writes the dataset bytes exactly as they came.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::part10::Part10;
use crate::process::{Server, free_port};
use crate::tree;

const AET: &str = "STORESCP";
/// What `storescp -v` prints for each C-STORE request.
const REQUEST: &str = "Received Store Request";

/// A running receiver. Dropping it stops it.
#[derive(Debug)]
pub struct Storescp {
    server: Server,
    port: u16,
    received: PathBuf,
}

impl Storescp {
    /// Starts a receiver that keeps its files in `dir` and accepts every SOP class and transfer syntax DCMTK knows.
    pub fn start(dir: &Path) -> Self {
        Self::start_with(dir, &[])
    }

    /// The same with further options, such as `--refuse` or `--abort-during`.
    pub fn start_with(dir: &Path, options: &[&str]) -> Self {
        let received = dir.join("received");
        std::fs::create_dir_all(&received).expect("a folder can be made");
        let port = free_port();
        let mut command = Command::new("storescp");
        command.args(["-v", "+B", "+xa", "-pm", "--fork", "-aet", AET, "-od"]).arg(&received);
        command.args(options).arg(port.to_string()).env_remove("TCP_NODELAY");
        Self { server: Server::start(command, port, &dir.join("storescp.log")), port, received }
    }

    /// How the programs name this node.
    pub fn node(&self) -> String {
        format!("{AET}@127.0.0.1:{}", self.port)
    }

    /// Its AE title.
    pub fn aet(&self) -> &'static str {
        AET
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it keeps what it receives, one file an object.
    pub fn folder(&self) -> &Path {
        &self.received
    }

    /// What it holds, by SOP Instance UID.
    pub fn objects(&self) -> BTreeMap<String, Part10> {
        let objects = tree::files(&self.received).into_iter().map(|path| Part10::read(&path));
        objects.map(|object| (object.sop_instance.clone(), object)).collect()
    }

    /// How many C-STORE requests it has seen, repeated ones included.
    pub fn requests(&self) -> usize {
        self.server.log().matches(REQUEST).count()
    }
}
