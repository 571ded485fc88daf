//! A job that writes to the laboratory's first drive, and what is on the cartridge in it. All of it inside the machine.

use std::path::{Path, PathBuf};

use crate::lab::ctl;
use crate::program::{Exit, Program};
use crate::transfer::{self, Balance, text};
use crate::{synthetic, tree};

/// The laboratory's first drive.
pub const DRIVE: &str = "/dev/nst0";
/// Instances in the job.
pub const INSTANCES: u64 = 48;

/// A planned job to [`DRIVE`] with about 27 MB that do not compress, in segments of so many bytes, each written and
/// committed as soon as it is packed; and its source.
pub fn new_export(folder: &Path, segment: &str) -> (Program, PathBuf) {
    let source = folder.join("source");
    synthetic::write_many(&source, 12, 4, 560_000);
    let p2t = transfer::new_export(&folder.join("export"), &text(&source), Path::new(DRIVE));
    p2t.configure("segment", "frame_bytes", "1 MiB");
    p2t.configure("segment", "bytes", segment);
    p2t.configure("media", "burst_bytes", "0 B");
    p2t.configure("media", "commit_bytes", "1 MiB");
    // A test puts the next cartridge in between two runs, unless it says otherwise.
    p2t.configure("media", "change", "stop");
    p2t.run(&["plan"]).expect(Exit::Clean);
    (p2t, source)
}

/// The last run of such a job, and proof that all of it is on the cartridge.
#[track_caller]
pub fn completed(p2t: &Program, source: &Path, folder: &Path) {
    completed_on(p2t, source, folder, &["export"]);
}

/// The same, with this command.
#[track_caller]
pub fn completed_on(p2t: &Program, source: &Path, folder: &Path, export: &[&str]) {
    p2t.run(export).expect(Exit::Clean);
    assert_eq!(Tape::now().faults, 0);
    assert_eq!(transfer::balance(p2t), Balance::all_done(INSTANCES));
    let t2p = transfer::without_job(folder);
    t2p.run(&["verify", DRIVE]).expect(Exit::Clean);
    let out = folder.join("restored");
    t2p.run(&["extract", DRIVE, "--out", &text(&out)]).expect(Exit::Clean);
    assert_eq!(tree::contents(&out), tree::contents(source));
}

/// What the first drive is about, as the device server sees it: no command reaches the drive for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tape {
    /// Object that the drive stands in front of.
    pub at: u64,
    /// Objects on the cartridge and in memory.
    pub end: u64,
    /// Objects that wait in the drive's memory.
    pub in_memory: u64,
    /// Faults that have not happened yet.
    pub faults: u64,
}

impl Tape {
    /// Asks the device server.
    pub fn now() -> Self {
        let status = ctl("drive 0 status");
        let numbers = status.split(|c: char| !c.is_ascii_digit());
        let mut numbers = numbers.filter_map(|word| word.parse().ok());
        // The barcode's come first, and the bytes in memory are not wanted.
        let mut next = |skipped: usize| {
            numbers.nth(skipped).unwrap_or_else(|| panic!("a cartridge is in the drive: {status}"))
        };
        Self { at: next(3), end: next(0), in_memory: next(0), faults: next(1) }
    }
}
