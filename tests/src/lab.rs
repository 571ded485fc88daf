//! The tape laboratory: tests that run inside a machine with the real `st`, `sg` and `ch` drivers (see tools/tapelab).
//!
//! ```no_run
//! use e2e::lab::{self, Lab};
//!
//! // In a file tests/lab_*.rs: so the runner knows that it boots a machine.
//! #[test]
//! fn the_drive_rewinds() {
//!     lab::in_guest("the_drive_rewinds", &Lab::default(), || {
//!         lab::shell("mt -f /dev/nst0 rewind");
//!     });
//! }
//! ```

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::corpus;
use crate::program::binary;

/// Set inside the machine.
const INSIDE: &str = "TAPELAB_GUEST";
const SOCKET: &str = "/run/tapeserver";

/// Who answers the kernel's commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// tools/tapeserver.
    Ours,
    /// Debian's tgt: another one's library; of its drives, READ POSITION, LOCATE and the end do not work.
    Tgt,
}

/// A machine: what tools/tapelab takes from its environment. Sizes are in MiB.
#[derive(Debug, Clone)]
pub struct Lab {
    /// Who answers. Faults can only be asked of ours.
    pub backend: Backend,
    /// Tape drives.
    pub drives: usize,
    /// How many of them begin with a cartridge in: drive 0 with the first, drive 1 with the second.
    pub loaded: usize,
    /// Cartridges, with the barcodes `P2T001L8` and so on.
    pub cartridges: usize,
    /// Or their barcodes, for other generations, WORM (`P2T001LY`) and cleaning (`CLN001L1`).
    pub barcodes: Vec<&'static str>,
    /// Room on a cartridge up to the hard end.
    pub size: u64,
    /// Room between early warning and hard end.
    pub early: u64,
    /// Volatile memory of a drive.
    pub buffer: u64,
    /// LTO generation of the drives.
    pub generation: u8,
    /// Memory of the machine, its /tmp included.
    pub memory: u64,
    /// Directory of the cartridges, if they must outlive the machine.
    pub library: Option<PathBuf>,
    /// Directories that the machine may write besides its own /tmp. Everything else of this machine can be read at its path.
    pub writable: Vec<PathBuf>,
}

impl Default for Lab {
    fn default() -> Self {
        Self {
            backend: Backend::Ours,
            drives: 2,
            loaded: 2,
            cartridges: 6,
            barcodes: Vec::new(),
            size: 64,
            early: 2,
            buffer: 4,
            generation: 8,
            memory: 768,
            library: None,
            writable: Vec::new(),
        }
    }
}

impl Lab {
    /// A command that runs in a new machine of this kind.
    pub fn command(&self) -> Command {
        let mut command = Command::new(corpus::tool("tapelab"));
        let writable = self.writable.iter().map(|folder| folder.as_os_str().to_owned());
        command
            .arg("run")
            .env("TAPELAB_SERVER", binary("tapeserver"))
            .env("TAPELAB_BACKEND", if self.backend == Backend::Ours { "tcmu" } else { "tgt" })
            .env("TAPELAB_DRIVES", self.drives.to_string())
            .env("TAPELAB_LOADED", self.loaded.to_string())
            .env("TAPELAB_CARTRIDGES", self.cartridges.to_string())
            .env("TAPELAB_BARCODES", self.barcodes.join(" "))
            .env("TAPELAB_SIZE", self.size.to_string())
            .env("TAPELAB_EARLY", self.early.to_string())
            .env("TAPELAB_BUFFER", self.buffer.to_string())
            .env("TAPELAB_GENERATION", self.generation.to_string())
            .env("TAPELAB_MEMORY", self.memory.to_string())
            .env("TAPELAB_WRITABLE", writable.collect::<Vec<_>>().join(&OsString::from(" ")))
            .env_remove("TAPELAB_STATE");
        match &self.library {
            Some(folder) => command.env("TAPELAB_LIBRARY", folder),
            None => command.env_remove("TAPELAB_LIBRARY"),
        };
        command
    }
}

/// Runs the body of the test `name` inside a machine: this same test program, started there for that one test.
///
/// Inside, the root is this machine's, read-only; the test's exit code and output come back.
#[track_caller]
pub fn in_guest(name: &str, lab: &Lab, body: impl FnOnce()) {
    if is_guest() {
        body();
        return;
    }
    let test = std::env::current_exe().expect("a test knows its own file");
    let mut command = lab.command();
    command.arg(test).args(["--exact", name, "--nocapture"]).env(INSIDE, "1");
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) = texts(&output);
    // A wrong name would run no test, which cargo takes for success.
    let passed = output.status.success() && stdout.contains("test result: ok. 1 passed");
    assert!(passed, "{name} failed in the machine ({}):\n{stdout}\n{stderr}", output.status);
}

/// Whether this is the machine of the laboratory.
pub fn is_guest() -> bool {
    std::env::var_os(INSIDE).is_some()
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// Inside: runs a line of bash, which must succeed, and gives what it printed.
#[track_caller]
pub fn shell(line: &str) -> String {
    let (stdout, stderr, code) = try_shell(line);
    assert_eq!(code, Some(0), "{line}:\n{stdout}\n{stderr}");
    stdout
}

/// Inside: runs a line of bash, and gives stdout, stderr and exit code.
#[track_caller]
pub fn try_shell(line: &str) -> (String, String, Option<i32>) {
    let output = Command::new("/bin/bash").args(["-c", line]).output().expect("bash is installed");
    let (stdout, stderr) = texts(&output);
    (stdout, stderr, output.status.code())
}

/// Inside: asks the device server for something, which must be done; `tapeserver ctl help` lists what there is.
///
/// `lab::ctl("drive 0 fail write 3 0c 0 --nth 5")`
#[track_caller]
pub fn ctl(request: &str) -> String {
    let mut connection = UnixStream::connect(SOCKET).expect("the device server runs in the laboratory");
    writeln!(connection, "{request}").expect("the device server listens");
    connection.shutdown(Shutdown::Write).expect("a socket can be half closed");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("the device server answers");
    let text = answer.strip_prefix("ok\n");
    text.unwrap_or_else(|| panic!("{request}: {answer}")).to_owned()
}

/// Inside: the barcode of the cartridge in the first drive.
pub fn loaded() -> Option<String> {
    ctl("library inventory").lines().find_map(|line| line.strip_prefix("drive 0: ").map(str::to_owned))
}

/// Inside: puts a cartridge into the first drive by hand, whatever is in there and wherever it is.
pub fn put_in(barcode: &str) {
    let inventory = ctl("library inventory");
    let place = inventory.lines().find_map(|line| line.strip_suffix(&format!(": {barcode}")));
    match place {
        Some("drive 0") => return,
        Some(drive) if drive.starts_with("drive ") => drop(ctl(&format!("{drive} eject"))),
        _ => {}
    }
    let action = if loaded().is_some() { "swap" } else { "insert" };
    ctl(&format!("drive 0 {action} {barcode}"));
}
