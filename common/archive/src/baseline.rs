//! A small workload that is the same for every archive, timed: how the source answers before a transfer, and how what
//! follows it does.

mod keep;
mod store;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use catalogue::capture::PendingInstance;
use jiff::Timestamp;
use job::{BaselineSize, DecimalBytes};
use manifest::{Baseline, Operation};
use pace::Probe;

use crate::error::Error;
use crate::source::{Canary, Intake, Retrieve, Source};
use keep::{Came, Kept};

/// Larger studies are not retrieved: they would tell no more, and take the archive's time.
const MOST_INSTANCES: usize = 1000;
/// An archive that fails so often in a row will fail again.
const MOST_FAILURES: u32 = 3;

/// Asks for these studies, one request at a time, and says what each kind of request took. Kinds that the archive does not
/// take from us are left out. With `size.store` what is to be sent back lies in `spool` meanwhile, under no name.
pub fn measure(
    source: &dyn Source,
    studies: Vec<String>,
    size: BaselineSize,
    spool: &Path,
    stop: &dyn Fn() -> bool,
) -> Result<Baseline, Error> {
    let at = Timestamp::now();
    let destination = source.destination().filter(|_| size.store);
    if size.store && destination.is_none() {
        return Err(Error::TakesNothing(source.describe()));
    }
    let mut operations = Vec::new();
    if let Some(mut canary) = source.canary() {
        for probe in Probe::ALL {
            // Without a study to ask for, a query would be one for all.
            let asked_for = if probe == Probe::Echo { &[String::new()][..] } else { &studies };
            let asked_for = asked_for.iter().cycle().take(size.requests);
            operations.extend(small(canary.as_mut(), probe, asked_for, stop)?);
        }
    }
    let came = Arc::new(Came::new(destination.map(|_| spool.to_owned())));
    operations.extend(retrieve(source, &studies, size, &came, stop)?);
    if let Some(destination) = destination {
        operations.extend(store::store(destination, &came.kept(), stop)?);
    }
    if operations.is_empty() {
        return Err(Error::NothingToTime(source.describe()));
    }
    Ok(Baseline { at, archive: source.describe(), studies, operations })
}

/// A measurement for people: a line for each kind of request.
pub fn text(baseline: &Baseline) -> String {
    let line = |operation: &Operation| {
        let Operation { name, answered, failed, median_us, p95_us, .. } = operation;
        let milliseconds = |us: u64| us as f64 / 1000.0;
        let mut line = format!(
            "{name:<9} {answered} answered: median {:.1} ms, 95 % within {:.1} ms",
            milliseconds(*median_us),
            milliseconds(*p95_us)
        );
        if let Some(rate) = operation.bytes_per_second() {
            line = format!("{line}, {}/s", DecimalBytes(rate));
        }
        if *failed > 0 { format!("{line}; {failed} FAILED") } else { line }
    };
    let lines = baseline.operations.iter().map(line);
    std::iter::once(format!("baseline of {}", baseline.archive)).chain(lines).collect::<Vec<_>>().join("\n")
}

/// Times requests of one kind until too many in a row failed.
#[derive(Default)]
struct Timed {
    took_us: Vec<u64>,
    failed: u32,
    in_a_row: u32,
    bytes: u64,
}

impl Timed {
    fn took(&mut self, took: Duration) {
        self.took_us.push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        self.in_a_row = 0;
    }

    /// Counts a failure; hands the error back when it is one too many.
    fn failed(&mut self, error: Error) -> Result<(), Error> {
        tracing::info!(%error, "a request of the baseline failed");
        (self.failed, self.in_a_row) = (self.failed + 1, self.in_a_row + 1);
        if self.in_a_row >= MOST_FAILURES { Err(error) } else { Ok(()) }
    }

    fn operation(self, name: &str) -> Option<Operation> {
        let any = !self.took_us.is_empty() || self.failed > 0;
        any.then(|| Operation::of(name, self.took_us, self.failed, self.bytes))
    }
}

fn small<'a>(
    canary: &mut dyn Canary,
    probe: Probe,
    studies: impl Iterator<Item = &'a String>,
    stop: &dyn Fn() -> bool,
) -> Result<Option<Operation>, Error> {
    let mut timed = Timed::default();
    for study in studies {
        if stop() {
            return Err(Error::Stopped);
        }
        match canary.ask(probe, study) {
            Ok(Some(took)) => timed.took(took),
            Ok(None) => return Ok(None),
            Err(error) => timed.failed(error)?,
        }
    }
    Ok(timed.operation(probe.name()))
}

fn retrieve(
    source: &dyn Source,
    studies: &[String],
    size: BaselineSize,
    came: &Arc<Came>,
    stop: &dyn Fn() -> bool,
) -> Result<Option<Operation>, Error> {
    let intake: Arc<dyn Intake> = came.clone();
    let mut timed = Timed::default();
    for study_uid in studies {
        if timed.took_us.len() >= size.retrievals || timed.bytes >= size.bytes.bytes() {
            break;
        }
        if stop() {
            return Err(Error::Stopped);
        }
        let listed = match source.list_study(study_uid) {
            Ok(listing) => listing.instances,
            Err(error) => {
                timed.failed(error)?;
                continue;
            }
        };
        if listed.is_empty() || listed.len() > MOST_INSTANCES {
            continue;
        }
        let wanted: Vec<PendingInstance> = listed.into_iter().map(PendingInstance::from).collect();
        let before = came.so_far();
        let started = Instant::now();
        let end = source.retrieve(Retrieve { study_uid, wanted: &wanted, whole: true }, &intake, stop);
        let took = started.elapsed();
        let (objects, bytes) = came.since(before);
        match end {
            Ok(_) if objects >= wanted.len() as u64 => {
                timed.took(took);
                timed.bytes += bytes;
            }
            Ok(end) => {
                timed
                    .failed(Error::CameShort { archive: source.describe(), said: end.remarks.join("; ") })?;
            }
            Err(error) => timed.failed(error)?,
        }
    }
    Ok(timed.operation("retrieve"))
}
