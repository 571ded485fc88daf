//! Whether a drive that nobody knows yet does what writing and reading volumes rest on: tried with a scratch cartridge, whatever is on
//! it being overwritten.
//!
//! ```text
//! open, record sizes, filemarks, append after reopening -> files -> spacing, reading back, end of data; speed; end of the tape; close
//! ```

mod bench;
mod files;
mod long;
mod records;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use nix::errno::Errno;
use serde::Serialize;

use crate::tape::TapeDevice;
use crate::{DEFAULT_RECORD_BYTES, Error, st};
use bench::Bench;

/// What a cartridge begins with on which drives were tried: one record with this at its start, and a filemark.
pub const MARK: &[u8] = b"p2t drive test: nothing on this cartridge is of value\n";

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Bytes that are written and read for the speed; 0 leaves it out.
    pub speed_bytes: u64,
    /// Whether the cartridge is filled to its end, which takes hours.
    pub to_end: bool,
}

/// Sizes of records that are tried; the first is what p2t writes unless it is told otherwise.
const RECORD_BYTES: [usize; 3] = [DEFAULT_RECORD_BYTES, 2 * DEFAULT_RECORD_BYTES, 4 * DEFAULT_RECORD_BYTES];

/// Hears how the trial goes.
pub trait Watch {
    /// A check begins.
    fn begins(&self, name: &'static str);

    /// So many bytes more were written or read.
    fn moved(&self, bytes: u64);

    /// A check has ended.
    fn ended(&self, check: &Check);

    /// Whether the trial is to end as soon as it can.
    fn stops(&self) -> bool;
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The drive does it right.
    Passed,
    /// The drive does it wrong.
    Failed,
    /// It was not tried, because an earlier check failed or the trial was stopped.
    NotDone,
}

/// A check and what it came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was tried.
    pub name: &'static str,
    /// What it came to.
    pub verdict: Verdict,
    /// What was found, in words.
    pub detail: String,
}

/// What a trial found.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Trial {
    /// The checks, in their order.
    pub checks: Vec<Check>,
    /// Whether it was stopped before its end.
    pub stopped: bool,
    /// The largest record that drive and host adapter take, of those that were tried.
    pub largest_record_bytes: Option<usize>,
    /// Bytes a second while writing, the last flush included.
    pub write_rate: Option<f64>,
    /// Bytes a second while reading.
    pub read_rate: Option<f64>,
    /// Bytes in front of early warning.
    pub early_warning_bytes: Option<u64>,
    /// Bytes in front of the end of the tape.
    pub end_bytes: Option<u64>,
}

impl Trial {
    /// Whether every check was made and passed.
    pub fn passed(&self) -> bool {
        !self.stopped && self.checks.iter().all(|check| check.verdict == Verdict::Passed)
    }
}

/// Tries the drive at `path`. An error means that it could not even be opened.
pub fn drive(path: &Path, extent: Extent, watch: &dyn Watch) -> Result<Trial, Error> {
    run(&|| st::open(path, true), RECORD_BYTES, extent, watch)
}

/// Opens the drive for writing.
type Open<'a> = dyn Fn() -> Result<Box<dyn TapeDevice>, Error> + 'a;

/// Why a check did not pass.
#[derive(Debug)]
enum Fault {
    /// The operator does not want to go on.
    Stopped,
    /// A call failed that should not have.
    Call { action: &'static str, error: Errno },
    /// The drive is not where it should be, or gives back what was not written.
    Wrong(String),
    /// It cannot be opened or closed any more.
    Node(Error),
    /// An earlier check did not leave what this one needs.
    Unprepared(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped"),
            Self::Call { action, error } => write!(f, "could not {action}: {error}"),
            Self::Wrong(what) => f.write_str(what),
            Self::Node(error) => error.fmt(f),
            Self::Unprepared(why) => f.write_str(why),
        }
    }
}

type Outcome<T = String> = Result<T, Fault>;

/// A check: its name, and what makes it.
type Step = (&'static str, fn(&mut Bench<'_>, &mut Trial) -> Outcome);

const STEPS: [Step; 7] = [
    ("open", records::open),
    ("record sizes", records::sizes),
    ("filemarks", records::filemarks),
    ("append after reopening", files::append),
    ("spacing", files::spacing),
    ("reading back", files::read_back),
    ("end of data", files::end_of_data),
];
const SPEED: Step = ("speed", long::speed);
const END: Step = ("end of the tape", long::end);
const CLOSE: Step = ("rewind and close", files::close);

pub(crate) fn run(
    open: &Open<'_>,
    record_bytes: [usize; 3],
    extent: Extent,
    watch: &dyn Watch,
) -> Result<Trial, Error> {
    let mut bench = Bench::new(open, record_bytes, extent.speed_bytes, watch)?;
    let mut trial = Trial::default();
    let long = [(SPEED, extent.speed_bytes > 0), (END, extent.to_end)];
    let long = long.into_iter().filter_map(|(step, wanted)| wanted.then_some(step));
    for (name, step) in STEPS.into_iter().chain(long).chain([CLOSE]) {
        watch.begins(name);
        let outcome = if watch.stops() { Err(Fault::Stopped) } else { step(&mut bench, &mut trial) };
        let (verdict, detail) = match outcome {
            Ok(detail) => (Verdict::Passed, detail),
            Err(fault @ (Fault::Stopped | Fault::Unprepared(_))) => (Verdict::NotDone, fault.to_string()),
            Err(fault) => (Verdict::Failed, fault.to_string()),
        };
        trial.stopped |= verdict == Verdict::NotDone && watch.stops();
        if verdict != Verdict::Passed {
            bench.leave();
        }
        let check = Check { name, verdict, detail };
        watch.ended(&check);
        trial.checks.push(check);
    }
    Ok(trial)
}
