//! What only shows between processes: signals and the lock. Each test starts this test program again as a child,
//! which plays the part that the environment names.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use job::{ExitCode, JobDir, JobError, Program, Stop};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

const PART: &str = "JOB_TEST_PART";
const DIR: &str = "JOB_TEST_DIR";

/// A child that is killed when the test ends in whatever way.
struct Part {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Part {
    /// Starts the child and waits until it is ready.
    fn start(name: &str, dir: &Path) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "plays_a_part", "--nocapture"])
            .env(PART, name)
            .env(DIR, dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut part = Self { child, stdin, lines };
        part.await_line("ready");
        part
    }

    fn await_line(&mut self, wanted: &str) {
        let found = self.lines.by_ref().any(|line| line.unwrap().ends_with(wanted));
        assert!(found, "the child never said {wanted:?}");
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child's side; nothing when the test program runs as itself.
#[test]
fn plays_a_part() {
    let Ok(part) = env::var(PART) else { return };
    match part.as_str() {
        "stop" => wait_for_stop(),
        "lock" => hold_lock(Path::new(&env::var_os(DIR).unwrap())),
        other => panic!("there is no part {other}"),
    }
}

fn say(line: &str) {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{line}").unwrap();
    stdout.flush().unwrap();
}

/// Sees the first signal, and then goes on as a program does that hangs in its clean end.
fn wait_for_stop() {
    let stop = Stop::on_signals().unwrap();
    say("ready");
    while !stop.requested() {
        thread::sleep(Duration::from_millis(1));
    }
    say("stopping");
    wait_for_the_end();
}

fn hold_lock(dir: &Path) {
    let _lock = JobDir::open(dir, Program::P2t).unwrap().lock().unwrap();
    say("ready");
    wait_for_the_end();
}

/// Until the parent closes stdin.
fn wait_for_the_end() {
    let _ = std::io::stdin().lines().next();
}

#[test]
fn the_first_signal_stops_cleanly_and_the_second_at_once() {
    let dir = tempfile::tempdir().unwrap();
    for (first, second) in [(Signal::SIGINT, Signal::SIGINT), (Signal::SIGTERM, Signal::SIGINT)] {
        let mut child = Part::start("stop", dir.path());
        child.signal(first);
        child.await_line("stopping");
        child.signal(second);
        assert_eq!(child.exit_code(), Some(i32::from(ExitCode::Incomplete.code())));
    }
}

#[test]
fn after_the_first_signal_the_program_ends_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Part::start("stop", dir.path());
    child.signal(Signal::SIGTERM);
    child.await_line("stopping");
    drop(child.stdin.take());
    assert_eq!(child.exit_code(), Some(0));
}

#[test]
fn a_lock_names_its_holder_and_dies_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let job = JobDir::create(dir.path(), Program::P2t, "").unwrap();
    let mut child = Part::start("lock", dir.path());
    let error = job.lock().unwrap_err();
    assert!(matches!(error, JobError::Locked { pid: Some(pid), .. } if pid == child.child.id()), "{error}");
    child.signal(Signal::SIGKILL);
    assert_eq!(child.exit_code(), None);
    job.lock().unwrap();
}
