//! Every fault of a tape drive at every operation of an export, the power cut at every commit of the catalogue, and what
//! must hold after each: nothing acknowledged is lost, nothing is called written that is not, the run ends with an error
//! that says so, and run again it completes with the source's content.
//!
//! The short form takes every seventh place; `tools/sweep` takes all.

mod bench;
mod judge;
pub mod library;
mod sample;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};
use std::thread;

use medium::model::FaultKind;

use self::bench::{Bench, Ended};
use self::library::Handling;
use self::sample::Sample;

/// Set to anything, it makes the sweep a full one.
const FULL: &str = "P2T_SWEEP_FULL";
/// Of so many places the short form takes one. A prime, so that it meets each kind of place.
const STRIDE: usize = 7;
/// Runs mostly wait: for threads that look at something now and then.
const THREADS: usize = 24;

/// What goes wrong, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// With the drive, at its operation of this number.
    Drive(FaultKind, u64),
    /// The power is cut just before the writer's commit of this number is durable.
    CutBeforeCommit(u64),
    /// And just after.
    CutAfterCommit(u64),
}

impl Trouble {
    fn name(self) -> String {
        match self {
            Self::Drive(kind, _) => format!("{kind:?}"),
            Self::CutBeforeCommit(_) => "power cut before a commit".to_owned(),
            Self::CutAfterCommit(_) => "power cut after a commit".to_owned(),
        }
    }
}

/// One export with one fault.
type Case = (Handling, Trouble);

#[test]
fn no_fault_at_any_operation_of_an_export_loses_what_was_acknowledged() {
    let sample = Sample::prepare();
    let full = std::env::var_os(FULL).is_some();
    let cases: VecDeque<Case> = Handling::ALL
        .into_iter()
        .flat_map(|handling| cases(&sample, handling, if full { 1 } else { STRIDE }))
        .collect();
    let table = Mutex::new(Table::default());
    let cases = Mutex::new(cases);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(case) = next(&cases) {
                    let result = run(&sample, case);
                    table.lock().unwrap().enter(case, result);
                }
            });
        }
    });
    let table = table.into_inner().unwrap();
    println!("{}", table.text());
    assert!(table.failures.is_empty(), "{} of {} runs failed", table.failures.len(), table.runs);
}

fn next(cases: &Mutex<VecDeque<Case>>) -> Option<Case> {
    cases.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

/// The places of every kind of trouble, as an export without any tells them.
fn cases(sample: &Sample, handling: Handling, stride: usize) -> Vec<Case> {
    let bench = Bench::new(sample, handling, None);
    let ended = bench.to_the_end().expect("an export without trouble");
    assert_eq!(ended.replaced, 0);
    let drive = bench.drive();
    let of_kind = |kind| (0..drive.operations(kind)).map(move |at| Trouble::Drive(kind, at)).collect();
    let mut places: Vec<Vec<Trouble>> = FaultKind::ALL.iter().map(|kind| of_kind(*kind)).collect();
    places.push((0..bench.commits()).map(Trouble::CutBeforeCommit).collect());
    places.push((0..bench.commits()).map(Trouble::CutAfterCommit).collect());
    let chosen = places.into_iter().enumerate().flat_map(|(number, places)| {
        // Each kind begins at another place.
        let first = number % stride.min(places.len()).max(1);
        places.into_iter().skip(first).step_by(stride)
    });
    chosen.map(|trouble| (handling, trouble)).collect()
}

fn run(sample: &Sample, (handling, trouble): Case) -> Result<Ended, String> {
    let bench = Bench::new(sample, handling, Some(trouble));
    catch_unwind(AssertUnwindSafe(|| bench.to_the_end()))
        .unwrap_or_else(|panic| Err(format!("panic: {:?}", panic.downcast_ref::<String>())))
}

/// What came of the cases.
#[derive(Default)]
struct Table {
    runs: u64,
    by_handling: BTreeMap<Handling, u64>,
    exports: u64,
    replaced: u64,
    harmed: u64,
    rows: BTreeMap<String, BTreeMap<String, u64>>,
    failures: Vec<String>,
}

impl Table {
    fn enter(&mut self, case: Case, result: Result<Ended, String>) {
        self.runs += 1;
        *self.by_handling.entry(case.0).or_default() += 1;
        let row = self.rows.entry(case.1.name()).or_default();
        match result {
            Ok(ended) => {
                self.exports += ended.exports;
                self.replaced += ended.replaced;
                self.harmed += u64::from(ended.harmed);
                if ended.harmed {
                    *row.entry("(harm done)".to_owned()).or_default() += 1;
                }
                *row.entry(ended.first).or_default() += 1;
            }
            Err(why) => {
                *row.entry("FAILED".to_owned()).or_default() += 1;
                self.failures.push(format!("{case:?}: {why}"));
            }
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (name, outcomes) in &self.rows {
            let runs: u64 = outcomes
                .iter()
                .filter(|(outcome, _)| !outcome.starts_with('('))
                .map(|(_, count)| count)
                .sum();
            let _ = write!(text, "{name:28}{runs:6}");
            for (outcome, count) in outcomes {
                let _ = write!(text, "  {outcome} {count}");
            }
            text.push('\n');
        }
        let Self { runs, by_handling, exports, replaced, failures, .. } = self;
        let _ = writeln!(
            text,
            "{runs} runs with one fault each ({by_handling:?}), {exports} exports until all were complete, {replaced} cartridges replaced"
        );
        for failure in failures {
            let _ = writeln!(text, "{failure}");
        }
        text
    }
}
