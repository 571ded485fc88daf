//! What bursts are worth: a terabyte written to the modelled LTO-9 drive by the writer for tapes, from a source of 60 MB/s; as it
//! comes, and in bursts. Virtual time; prints a table.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::time::Duration;

use medium::model::{Cartridge, ModelDrive, Statistics, Timing};
use medium::{Error, Medium, Settings};

const TERABYTE: u64 = 1_000_000_000_000;
const GIGABYTE: u64 = 1_000_000_000;
/// A source of that many bytes a second.
const INTAKE: f64 = 60e6;
const SEGMENT: u64 = GIGABYTE;

/// What a way of writing came to.
struct Outcome {
    statistics: Statistics,
    /// Virtual seconds in which the writer had something to write, commits included.
    writing: f64,
}

fn main() -> Result<(), Error> {
    println!(
        "{:28} {:>12} {:>14} {:>18}",
        "1 TB from 60 MB/s", "under-runs", "commit stops", "share of 408 MB/s"
    );
    row("as it comes", &write(None, 32 * GIGABYTE)?, false);
    for (burst, commit) in [(10, 32), (32, 32), (96, 32), (100, 32), (100, 4), (96, 48), (100, 50)] {
        let outcome = write(Some(burst * GIGABYTE), commit * GIGABYTE)?;
        row(&format!("bursts of {burst} GB, commit {commit} GB"), &outcome, true);
    }
    Ok(())
}

fn row(name: &str, outcome: &Outcome, bursts: bool) {
    let Outcome { statistics, writing } = outcome;
    let share = statistics.bytes as f64 / writing / Timing::LTO9.highest * 100.0;
    let share = if bursts { format!("{share:.1} %") } else { format!("{share:.1} % (waiting)") };
    println!("{name:28} {:>12} {:>14} {share:>18}", statistics.under_runs, statistics.commit_stops);
}

/// Segments of a gigabyte, each one file; committed after as many bytes as are given, and at the end of each burst.
fn write(burst: Option<u64>, commit: u64) -> Result<Outcome, Error> {
    let drive = ModelDrive::timed(Cartridge::blank().without_content(), Timing::LTO9);
    let mut writer = drive.create(&Settings::default())?;
    let record = vec![0; writer.record_bytes()];
    let bytes = record.len() as u64;
    let of_record = |rate: f64| Duration::from_secs_f64(bytes as f64 / rate);
    // What the link takes of a record's time is no waiting for the source.
    let gap = of_record(INTAKE).saturating_sub(of_record(Timing::LTO9.link));
    let (mut uncommitted, mut in_burst, mut writing) = (0, 0, 0.0);
    let mut since = drive.statistics().elapsed.as_secs_f64();
    for segment in 1..=TERABYTE / SEGMENT {
        writer.begin_file(&format!("segment-{segment:06}.tar.zst"))?;
        for _ in 0..SEGMENT / bytes {
            if burst.is_none() {
                drive.wait(gap);
            }
            writer.write_record(&record)?;
        }
        writer.end_file()?;
        (uncommitted, in_burst) = (uncommitted + SEGMENT, in_burst + SEGMENT);
        let ends = burst.is_some_and(|burst| in_burst >= burst);
        if uncommitted >= commit || ends {
            writer.commit()?;
            uncommitted = 0;
        }
        if ends {
            // The spool is empty, and fills again.
            let now = drive.statistics().elapsed.as_secs_f64();
            writing += now - since;
            drive.wait(Duration::from_secs_f64(in_burst as f64 / INTAKE));
            (since, in_burst) = (drive.statistics().elapsed.as_secs_f64(), 0);
        }
    }
    if in_burst > 0 {
        writer.commit()?;
        writing += drive.statistics().elapsed.as_secs_f64() - since;
    }
    Ok(Outcome { statistics: drive.statistics(), writing })
}
