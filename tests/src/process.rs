//! Server processes: started on free ports, waited for until they answer, stopped by their own id.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a server may take to listen; a busy machine with two cores needs some of it.
const START: Duration = Duration::from_secs(60);

/// A port that nothing listens on. Under `tools/loopback` each test has all ports to itself.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts `command` with its output in `log`, and waits until something listens on `port`.
    pub fn start(mut command: Command, port: u16, log: &Path) -> Self {
        let output = File::options().create(true).append(true).open(log).expect("the log can be opened");
        let errors = output.try_clone().expect("the log can be shared");
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let mut server = Self { child, log: log.to_owned() };
        server.wait_for(port);
        server
    }

    fn wait_for(&mut self, port: u16) {
        let deadline = Instant::now() + START;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let ended = self.child.try_wait().expect("a child can be asked");
            assert!(ended.is_none(), "the server ended while starting:\n{}", self.log());
            assert!(Instant::now() < deadline, "nothing listens on port {port}:\n{}", self.log());
            sleep(Duration::from_millis(20));
        }
    }

    /// Everything the server has printed so far.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).expect("the log can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that it has ended by itself, which is what we want.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
