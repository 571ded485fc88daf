//! The laboratory's machine itself: what a command gets, what it gives back, what is left behind.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use e2e::disk::scratch;
use e2e::lab::{self, Lab, ctl, shell};

fn run(lab: &Lab, script: &str) -> Output {
    lab.command().args(["bash", "-c", script]).output().expect("bash is installed")
}

#[test]
fn a_command_has_its_environment_and_gives_back_output_and_exit_code() {
    let mut command = Lab::default().command();
    let awkward = "a \"b\" $c `d` 'e'\nf\\";
    command.args(["bash", "-c", "printf %s \"$AWKWARD\"; echo wrong >&2; pwd >&2; exit 7"]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = command.env("AWKWARD", awkward).current_dir(folder).output().expect("bash is installed");
    assert_eq!(output.status.code(), Some(7));
    assert_eq!(String::from_utf8_lossy(&output.stdout), awkward);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains(&format!("wrong\n{}\n", folder.display())), "{stderr}");
}

#[test]
fn only_what_is_named_can_be_written() {
    let (kept, other) = (scratch(), scratch());
    let lab = Lab { writable: vec![kept.path().to_owned()], ..Lab::default() };
    // What is not named is either forgotten (/tmp) or cannot be written at all (the rest).
    let script = format!(
        "echo kept >{}/file && (echo lost >{}/file || true)",
        kept.path().display(),
        other.path().display()
    );
    let output = run(&lab, &script);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::read_to_string(kept.path().join("file")).expect("it was kept"), "kept\n");
    assert!(!other.path().join("file").exists());
}

#[test]
fn cartridges_outlive_the_machine_and_stay_where_they_are() {
    let library = scratch();
    let lab = Lab { library: Some(library.path().to_owned()), loaded: 0, ..Lab::default() };
    let first = run(
        &lab,
        "set -e; mtx -f /dev/changer load 3 1; echo hello | dd of=/dev/nst1 bs=6 2>/dev/null; tapeserver ctl drive 1 write-protect on",
    );
    assert!(first.status.success(), "{first:?}");
    let tape = std::fs::read(library.path().join("P2T003L8.tap")).expect("it is a file");
    assert_eq!(tape, b"\x06\0\0\0hello\n\x06\0\0\0\0\0\0\0");
    let second = run(&lab, "tapeserver ctl library inventory; dd if=/dev/nst1 bs=6; mt -f /dev/nst1 status");
    let text = String::from_utf8_lossy(&second.stdout).into_owned();
    assert!(
        text.contains("drive 1: P2T003L8") && text.contains("hello") && text.contains("WR_PROT"),
        "{text}"
    );
}

/// Processes whose command line names `state`.
fn processes_of(state: &Path) -> usize {
    let names = |entry: std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).ok()?;
        String::from_utf8_lossy(&line).contains(&*state.to_string_lossy()).then_some(())
    };
    std::fs::read_dir("/proc").expect("/proc is there").flatten().filter_map(names).count()
}

fn wait_until(done: impl Fn() -> bool, what: &str) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < deadline, "in vain: {what}");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn nothing_is_left_of_a_machine_whose_owner_is_killed_but_what_was_durable() {
    let folder = scratch();
    let [state, library, kept] = ["state", "library", "kept"].map(|name| folder.path().join(name));
    std::fs::create_dir(&kept).expect("a folder can be made");
    let lab = Lab { library: Some(library.clone()), writable: vec![kept.clone()], ..Lab::default() };
    // The first close makes two records durable; the three of the second wait in the drive's memory for theirs.
    let script = format!(
        "dd if=/dev/zero of=/dev/nst0 bs=64k count=2; exec 3>/dev/nst0; dd if=/dev/zero bs=64k count=3 >&3
         touch {}/written; sleep 1000",
        kept.display()
    );
    let mut command = lab.command();
    command.env("TAPELAB_STATE", &state).args(["bash", "-c", &script]).stderr(Stdio::null());
    let mut child = command.spawn().expect("tapelab starts");
    wait_until(|| kept.join("written").exists(), "the machine boots and writes");
    assert!(processes_of(&state) > 0);
    child.kill().expect("it runs");
    child.wait().expect("it was started here");
    wait_until(|| processes_of(&state) == 0, "the machine dies with its owner");
    let tape = std::fs::metadata(library.join("P2T001L8.tap")).expect("the cartridge is there");
    assert_eq!(tape.len(), 2 * (65_536 + 8) + 4);
}

#[test]
fn a_machine_that_dies_is_the_laboratorys_failure() {
    let output = run(&Lab::default(), "echo before; sync; echo c >/proc/sysrq-trigger; sleep 100");
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "before\n");
}

#[test]
fn loopback_works_inside() {
    lab::in_guest("loopback_works_inside", &Lab::default(), || {
        let loopback = e2e::corpus::tool("loopback");
        let status = Command::new(loopback).args(["mt", "-f", "/dev/nst0", "status"]).output();
        assert!(status.expect("loopback is there").status.success());
        assert!(ctl("drive 0 status").contains("P2T001L8 loaded"));
        assert_eq!(shell("hostname").trim(), "tapelab");
    });
}
