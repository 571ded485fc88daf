//! The two programs under test, run as an operator would run them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde_json::Value;

use crate::corpus;

/// What the exit code says (the operators' contract).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done and clean.
    Clean = 0,
    /// Failed.
    Failed = 1,
    /// Wrong usage or configuration.
    Usage = 2,
    /// Done, with discrepancies.
    Discrepancies = 3,
    /// Incomplete: rerun to continue.
    Incomplete = 4,
}

/// `p2t` or `t2p` with a job directory.
#[derive(Debug, Clone)]
pub struct Program {
    name: &'static str,
    job: PathBuf,
}

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    command: String,
    status: ExitStatus,
    /// What it printed for machines.
    pub stdout: String,
    /// What it printed for people.
    pub stderr: String,
}

impl Program {
    /// The exporting program on a job directory that `init` makes.
    pub fn p2t(job: &Path) -> Self {
        Self { name: "p2t", job: job.to_owned() }
    }

    /// The ingesting program.
    pub fn t2p(job: &Path) -> Self {
        Self { name: "t2p", job: job.to_owned() }
    }

    /// Its job directory.
    pub fn job(&self) -> &Path {
        &self.job
    }

    /// `init DIR` with these options; the job must come out clean.
    pub fn init<S: AsRef<OsStr>>(&self, options: &[S]) {
        let mut command = Command::new(binary(self.name));
        command.arg("init").arg(&self.job).args(options);
        finish(command).expect(Exit::Clean);
    }

    /// A command on the job, with `--json`.
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Finished {
        finish(self.command(arguments))
    }

    /// A command on the job as people run it, without `--json`.
    pub fn run_for_people<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Finished {
        let mut command = Command::new(binary(self.name));
        command.args(arguments).arg("--job").arg(&self.job);
        finish(command)
    }

    /// A command on the job, with `--json`, not started yet.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(binary(self.name));
        command.args(arguments).arg("--json").arg("--job").arg(&self.job);
        command
    }

    /// The same, running.
    pub fn spawn<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Running {
        let mut command = self.command(arguments);
        let text = format!("{command:?}");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running {
            child: Some(command.spawn().unwrap_or_else(|error| panic!("{text}: {error}"))),
            command: text,
        }
    }

    /// Sets `key` in a table of the job's configuration file, such as `pace.limits`.
    pub fn configure(&self, table: &str, key: &str, value: impl Into<toml::Value>) {
        self.change_configuration(|configuration| {
            let mut inner = configuration;
            for name in table.split('.') {
                let entry = inner.entry(name).or_insert_with(|| toml::Table::new().into());
                inner = entry.as_table_mut().expect("a section is a table");
            }
            inner.insert(key.to_owned(), value.into());
        });
    }

    /// Gives the job another destination in place of those that it has.
    pub fn redirect(&self, node: &str) {
        self.redirect_with(node, |_| {});
    }

    /// The same, with more keys than the node.
    pub fn redirect_with(&self, node: &str, more: impl FnOnce(&mut toml::Table)) {
        let mut destination = toml::Table::new();
        destination.insert("node".to_owned(), node.into());
        more(&mut destination);
        self.change_configuration(|configuration| {
            configuration.insert("destination".to_owned(), toml::Value::Array(vec![destination.into()]));
        });
    }

    fn change_configuration(&self, change: impl FnOnce(&mut toml::Table)) {
        let path = self.job.join(format!("{}.toml", self.name));
        let text =
            std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut configuration: toml::Table = text.parse().expect("init writes a valid configuration");
        change(&mut configuration);
        std::fs::write(&path, configuration.to_string()).expect("the configuration can be written");
    }
}

/// A command that runs.
#[derive(Debug)]
pub struct Running {
    child: Option<Child>,
    command: String,
}

impl Running {
    /// Ends it as a power cut would, unless it has ended by itself. Says whether it was still running.
    pub fn kill(mut self) -> bool {
        let mut child = self.child.take().expect("it has not been taken");
        let ended = child.try_wait().expect("a child can be asked").is_some();
        let _ = child.kill();
        let _ = child.wait();
        !ended
    }

    /// Presses Ctrl-C.
    pub fn interrupt(&self) {
        self.signal(Signal::SIGINT);
    }

    /// Sends it a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(self.id().cast_signed());
        signal::kill(id, signal).unwrap_or_else(|error| panic!("{}: {signal}: {error}", self.command));
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child
            .as_mut()
            .expect("it has not been taken")
            .try_wait()
            .expect("a child can be asked")
            .is_none()
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("it has not been taken").id()
    }

    /// Waits until it ends.
    pub fn finish(mut self) -> Finished {
        let child = self.child.take().expect("it has not been taken");
        finished(
            std::mem::take(&mut self.command),
            child.wait_with_output().expect("a child can be waited for"),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs a command to its end, and says how much memory it held at most, in bytes. The system tells that of a child when it
/// is waited for; a small process in between waits, because what its parent held counts for a child, too.
pub fn measure(command: &Command) -> (Finished, u64) {
    const WAIT: &str = "
import os, sys
child = os.posix_spawn(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(child, 0)
with open(sys.argv[1], 'w') as out:
    out.write(str(used.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
";
    let note = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    let mut waiting = Command::new(corpus::python());
    waiting.args(["-c", WAIT]).arg(note.path()).arg(command.get_program()).args(command.get_args());
    let finished = finish(waiting);
    let kibibytes = std::fs::read_to_string(note.path()).expect("the peak is noted");
    (finished, kibibytes.parse::<u64>().expect("the peak is a number") * 1024)
}

impl Finished {
    /// Checks the exit code, and shows everything when it is another.
    #[track_caller]
    pub fn expect(&self, exit: Exit) -> &Self {
        let Self { command, status, stdout, stderr } = self;
        assert_eq!(status.code(), Some(exit as i32), "{command}: {status}\n{stdout}\n{stderr}");
        self
    }

    /// Whether it ended with this exit code.
    pub fn is(&self, exit: Exit) -> bool {
        self.status.code() == Some(exit as i32)
    }

    /// The one JSON document on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{}: stdout is not one JSON document: {error}\n{}", self.command, self.stdout)
        })
    }

    /// Checks that what it told people contains `words`.
    #[track_caller]
    pub fn says(&self, words: &str) -> &Self {
        let all = format!("{}\n{}", self.stderr, self.stdout);
        assert!(all.contains(words), "{} does not say \"{words}\":\n{all}", self.command);
        self
    }
}

/// Runs a command to its end.
pub fn finish(mut command: Command) -> Finished {
    let text = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{text}: {error}"));
    finished(text, output)
}

fn finished(command: String, output: Output) -> Finished {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let done =
        Finished { command, status: output.status, stdout: text(output.stdout), stderr: text(output.stderr) };
    assert!(!done.stderr.contains("panicked at"), "{}:\n{}", done.command, done.stderr);
    done
}

/// A program of this workspace.
///
/// A test of another package gets no `CARGO_BIN_EXE_…`: the programs lie beside the test's own `deps` folder.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    let profile = test.parent().and_then(Path::parent).expect("tests lie in target/PROFILE/deps");
    let binary = profile.join(name);
    assert!(binary.exists(), "{} is missing: cargo build --release", binary.display());
    binary
}
