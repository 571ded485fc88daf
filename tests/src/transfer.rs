//! A whole transfer as an operator runs it, step by step; every step must end clean unless a test says otherwise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::part10::Part10;
use crate::program::{Exit, Program};
use crate::tree;

/// One side of law 1: listed = done + excluded + failed + pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Balance {
    /// What the plan lists.
    pub listed: u64,
    /// What is done.
    pub done: u64,
    /// What was left out with a reason.
    pub excluded: u64,
    /// What was given up with a reason.
    pub failed: u64,
    /// What is still to do.
    pub pending: u64,
}

impl Balance {
    /// The balance when `listed` are all done.
    pub fn all_done(listed: u64) -> Self {
        Self { listed, done: listed, excluded: 0, failed: 0, pending: 0 }
    }

    /// Whether both sides are equal.
    pub fn holds(&self) -> bool {
        self.listed == self.done + self.excluded + self.failed + self.pending
    }

    fn read(document: &Value, what: &str) -> Self {
        let term = |name: &str| {
            let pointer = format!("/{what}/{name}");
            let value = document.pointer(&pointer).and_then(Value::as_u64);
            value.unwrap_or_else(|| panic!("status has no number at {pointer}: {document}"))
        };
        let balance = Self {
            listed: term("listed"),
            done: term("done"),
            excluded: term("excluded"),
            failed: term("failed"),
            pending: term("pending"),
        };
        assert!(balance.holds(), "the balance of {what} does not hold: {balance:?}");
        balance
    }
}

/// Balance of the instances of a job, which must hold, as must that of the studies.
pub fn balance(program: &Program) -> Balance {
    let document = program.run(&["status"]).json();
    Balance::read(&document, "studies");
    Balance::read(&document, "instances")
}

/// The JSON of the report that the program writes now.
pub fn report(program: &Program) -> Value {
    let written = program.run(&["report"]).json();
    let path = written.pointer("/json").or_else(|| written.pointer("/reports/0/json"));
    let path = path.and_then(Value::as_str).expect("the report tells where its JSON is");
    let file = std::fs::read(path).expect("it can be read");
    let document: Value = serde_json::from_slice(&file).expect("it is JSON");
    document["report"].clone()
}

/// A new job of `p2t` in `dir`, from `source` to `medium` (`…{seq}…`), with segments small enough to be several.
pub fn new_export(dir: &Path, source: &str, medium: &Path) -> Program {
    let p2t = Program::p2t(dir);
    p2t.init(&["--source", source, "--to", &text(medium)]);
    p2t.configure("segment", "bytes", "16 MiB");
    // Tests bring a source back between two runs.
    p2t.configure("source", "outage_hours", 0);
    // And count what it is asked for.
    p2t.configure("source", "preflight", false);
    p2t
}

/// Plans and exports a job to its clean end.
pub fn export(p2t: &Program) {
    p2t.run(&["plan"]).expect(Exit::Clean);
    p2t.run(&["export"]).expect(Exit::Clean);
}

/// A new job of `t2p` in `dir`, to `destination`.
pub fn new_ingest(dir: &Path, destination: &str) -> Program {
    let t2p = Program::t2p(dir);
    t2p.init(&["--dest", destination]);
    t2p
}

/// `p2t` for what needs no job: drive.
pub fn p2t_without_job(dir: &Path) -> Program {
    Program::p2t(&dir.join("no-job"))
}

/// `t2p` for what needs no job: inspect, verify, extract.
pub fn without_job(dir: &Path) -> Program {
    Program::t2p(&dir.join("no-job"))
}

/// What `medium` named, with numbers for `{seq}`, in order: the volumes that were written.
pub fn volumes(medium: &Path) -> Vec<PathBuf> {
    let name = medium.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (before, after) = name.split_once("{seq}").expect("the medium's name has {seq}");
    let folder = medium.parent().expect("the medium lies in a folder");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder can be read")
        .map(|entry| entry.expect("an entry can be read").path())
        .filter(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            name.starts_with(before) && name.ends_with(after)
        })
        .collect();
    found.sort();
    found
}

/// Runs `verb` on each volume, which must end clean.
pub fn each(program: &Program, verb: &str, volumes: &[PathBuf]) {
    for volume in volumes {
        program.run(&[verb, &text(volume)]).expect(Exit::Clean);
    }
}

/// Takes every volume's objects out into `folder` and returns how many files there are.
pub fn extract(t2p: &Program, volumes: &[PathBuf], folder: &Path) -> usize {
    for volume in volumes {
        t2p.run(&["extract", &text(volume), "--out", &text(folder)]).expect(Exit::Clean);
    }
    tree::files(folder).len()
}

/// `ingest` with all volumes as arguments.
pub fn ingest_arguments(volumes: &[PathBuf]) -> Vec<String> {
    std::iter::once("ingest".to_owned()).chain(volumes.iter().map(|volume| text(volume))).collect()
}

/// Ingests volumes to a destination that is down, until `objects` objects were read, and stops then as Ctrl-C does: they
/// wait in the spool.
pub fn load_only(t2p: &Program, volumes: &[PathBuf], objects: u64) {
    t2p.configure("retry", "attempts", 1000);
    let ingest = t2p.spawn(&ingest_arguments(volumes));
    let read = || {
        let status = t2p.run(&["status"]);
        let document = status.is(Exit::Clean).then(|| status.json());
        document.map_or(0, |status| {
            let term = |name: &str| status["loaded"][name].as_u64().unwrap_or_default();
            term("done") + term("failed")
        })
    };
    while read() < objects {
        std::thread::sleep(Duration::from_millis(50));
    }
    ingest.interrupt();
    ingest.finish().expect(Exit::Incomplete);
}

/// Every object below `folder`, by SOP Instance UID; two files with one UID fail the test.
pub fn objects(folder: &Path) -> BTreeMap<String, Part10> {
    let mut objects = BTreeMap::new();
    for path in tree::files(folder) {
        let object = Part10::read(&path);
        let uid = object.sop_instance.clone();
        assert!(objects.insert(uid, object).is_none(), "{} is there twice", path.display());
    }
    objects
}

/// A path as an argument.
pub fn text(path: &Path) -> String {
    path.to_str().expect("test paths are text").to_owned()
}
