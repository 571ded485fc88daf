//! Real servers as child processes on free loopback ports, ended by their process id.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dimse::{AeTitle, Node, Options, Timeouts};
use tempfile::TempDir;

pub const PATIENCE: Duration = Duration::from_secs(30);

/// A port that is free now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn ae(title: &str) -> AeTitle {
    title.parse().unwrap()
}

pub fn local(title: &str, port: u16) -> Node {
    format!("{title}@127.0.0.1:{port}").parse().unwrap()
}

/// Options that make a test fail soon instead of hanging.
pub fn options() -> Options {
    Options::default().with_timeouts(Timeouts { idle: PATIENCE, ..Timeouts::default() })
}

/// A running server with its directory; killed on drop.
pub struct Server {
    child: Child,
    pub node: Node,
    pub dir: TempDir,
}

impl Server {
    fn start(title: &str, port: u16, dir: TempDir, command: &mut Command) -> Self {
        let log = fs::File::create(dir.path().join("log")).unwrap();
        let program = command.get_program().to_owned();
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()));
        let server = Self { child, node: local(title, port), dir };
        wait_for_port(port);
        server
    }

    /// DCMTK's receiver; `+B` writes the data set as it came.
    pub fn storescp(extra: &[&str]) -> Self {
        let (dir, port) = (TempDir::new().unwrap(), free_port());
        let mut command = Command::new("storescp");
        command.args(["-aet", "STORESCP", "+B", "+xa", "-pm", "--fork", "-od"]).arg(dir.path());
        command.args(extra).arg(port.to_string());
        Self::start("STORESCP", port, dir, &mut command)
    }

    /// DCMTK's archive, which knows `OURS` at `our_port` as a move destination.
    pub fn dcmqrscp(our_port: u16) -> Self {
        let (dir, port) = (TempDir::new().unwrap(), free_port());
        let storage = dir.path().join("DCMQR");
        fs::create_dir(&storage).unwrap();
        let config = format!(
            "NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n\
             HostTable BEGIN\nours = (OURS, 127.0.0.1, {our_port})\nHostTable END\n\
             VendorTable BEGIN\nVendorTable END\n\
             AETable BEGIN\nDCMQR {} RW (100, 1gb) ANY\nAETable END\n",
            storage.display()
        );
        let path = dir.path().join("dcmqrscp.cfg");
        fs::write(&path, config).unwrap();
        Self::start("DCMQR", port, dir, Command::new("dcmqrscp").arg("-c").arg(path))
    }

    /// Orthanc as it comes, which knows `OURS` at `our_port`.
    pub fn orthanc(our_port: u16, extra: &str) -> Self {
        Self::orthanc_with(extra, &format!(r#"["OURS","127.0.0.1",{our_port}]"#))
    }

    /// The same, with `ours` as it stands in the list of modalities.
    pub fn orthanc_with(extra: &str, ours: &str) -> Self {
        let (dir, port) = (TempDir::new().unwrap(), free_port());
        let storage = dir.path().display();
        let config = format!(
            r#"{{"Name":"TEST","StorageDirectory":"{storage}/db","IndexDirectory":"{storage}/db","Plugins":[],
                "HttpServerEnabled":false,"DicomAet":"ORTHANC","DicomPort":{port},
                "DicomAlwaysAllowEcho":true,"DicomAlwaysAllowStore":true,"DicomAlwaysAllowFind":true,
                "DicomAlwaysAllowGet":true,"DicomAlwaysAllowMove":true,{extra}
                "DicomModalities":{{"ours":{ours}}}}}"#
        );
        let path = dir.path().join("orthanc.json");
        fs::write(&path, config).unwrap();
        Self::start("ORTHANC", port, dir, Command::new("Orthanc").arg(path))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_for_port(port: u16) {
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(started.elapsed() < PATIENCE, "nothing listens on port {port}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs a DCMTK client to its end; panics with its output if it fails.
pub fn run(program: &str, args: &[&str], dir: &Path) -> String {
    let output = Command::new(program)
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {args:?}: {text}");
    text
}
