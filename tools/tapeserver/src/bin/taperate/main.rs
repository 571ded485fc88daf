//! `taperate`: how fast p2t writes and t2p reads a tape, against `dd bs=256k` with the same bytes on the same drive, by turns in one run;
//! inside the laboratory (see `tools/bench tape`). The rate is the driver's own count, from three tenths to nineteen twentieths of the
//! bytes, so that programs that start, label and commit are not compared with one that does nothing of it; and because pages that are
//! touched for the first time, as those of p2t's ring, are dear in the laboratory's machine and nowhere else.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is all this program is for")]

mod drive;
mod measure;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::Parser;
use serde_json::json;

use drive::Drive;
use measure::{Direction, Turn, median, timed};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Measures p2t and t2p against dd
#[derive(Parser)]
struct Arguments {
    /// A job directory in whose spool all segments wait for copy 2; it is copied for each turn
    #[arg(long)]
    job: PathBuf,
    /// The volume that has all of them as copy 1
    #[arg(long)]
    copy1: PathBuf,
    /// Where the copies are made, in memory
    #[arg(long, default_value = "/tmp/taperate")]
    work: PathBuf,
    /// The exporting program
    #[arg(long)]
    p2t: PathBuf,
    /// The ingesting program
    #[arg(long)]
    t2p: PathBuf,
    /// The drive
    #[arg(long, default_value = "/dev/nst0")]
    drive: PathBuf,
    /// How often each has its turn
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Where the figures go, as JSON
    #[arg(long)]
    out: PathBuf,
}

/// A contender's turns.
struct Row {
    name: &'static str,
    /// The contender that it is held against.
    against: usize,
    turns: Vec<Turn>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("taperate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Outcome<()> {
    let drive = Drive::new(&arguments.drive)?;
    let bytes = segment(&arguments.job)?.metadata()?.len();
    let mut rows: Vec<Row> = [("dd write", 0), ("p2t export", 0), ("dd read", 2), ("t2p verify", 2)]
        .map(|(name, against)| Row { name, against, turns: Vec::new() })
        .into();
    for round in 0..=arguments.rounds {
        let measured = turn(arguments, &drive, bytes)?;
        // The first goes through memory that nobody has touched yet.
        if round > 0 {
            for (row, rate) in rows.iter_mut().zip(measured) {
                row.turns.push(rate);
            }
        }
    }
    print(&rows, bytes);
    let document: Vec<_> = rows.iter().map(|row| json!({ "name": row.name, "turns": row.turns })).collect();
    std::fs::write(
        &arguments.out,
        serde_json::to_string_pretty(&json!({ "bytes": bytes, "rows": document }))?,
    )?;
    Ok(())
}

/// Every contender once.
fn turn(arguments: &Arguments, drive: &Drive, bytes: u64) -> Outcome<[Turn; 4]> {
    let node = arguments.drive.display();
    let dd = |input: &str, output: &str| {
        let mut command = Command::new("dd");
        command.args([format!("if={input}"), format!("of={output}"), "bs=256k".to_owned()]);
        command
    };
    let job = copy(&arguments.job, &arguments.work)?;
    let spooled = segment(&job)?;
    drive.erase()?;
    let dd_write =
        timed(drive, Direction::Write, bytes, dd(&spooled.display().to_string(), &node.to_string()))?;
    drive.rewind()?;
    let dd_read = timed(drive, Direction::Read, bytes, dd(&node.to_string(), "/dev/null"))?;
    drive.erase()?;
    let mut export = Command::new(&arguments.p2t);
    export.args(["export", "--copies", "2", "--verify", "none", "--quiet"]);
    export.args(["--to", &format!("copy1={}", arguments.copy1.display()), "--to", &format!("copy2={node}")]);
    export.arg("--job").arg(&job);
    let export = timed(drive, Direction::Write, bytes, export)?;
    let mut verify = Command::new(&arguments.t2p);
    verify.arg("verify").arg(&arguments.drive).args(["--quiet", "--job"]).arg(&arguments.work);
    let verify = timed(drive, Direction::Read, bytes, verify)?;
    Ok([dd_write, export, dd_read, verify])
}

/// The one segment in a job's spool.
fn segment(job: &Path) -> Outcome<PathBuf> {
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(job.join("spool"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "zst") {
            segments.push(path);
        }
    }
    match segments.as_slice() {
        [only] => Ok(only.clone()),
        others => {
            Err(format!("{} segments are in the spool of {}, and not one", others.len(), job.display())
                .into())
        }
    }
}

/// A copy of the job in memory, in place of the one before.
fn copy(job: &Path, work: &Path) -> Outcome<PathBuf> {
    let target = work.join("job");
    if target.exists() {
        std::fs::remove_dir_all(&target)?;
    }
    std::fs::create_dir_all(work)?;
    let copied = Command::new("cp").arg("-a").arg(job).arg(&target).status()?;
    if copied.success() { Ok(target) } else { Err(format!("{} cannot be copied", job.display()).into()) }
}

fn print(rows: &[Row], bytes: u64) {
    println!(
        "one segment of {} MB, {} turns each, medians",
        bytes / 1_000_000,
        rows.first().map_or(0, |row| row.turns.len())
    );
    println!(
        "{:12} {:>6} {:>8} {:>15} {:>14} {:>12}",
        "", "ratio", "MB/s", "slowest-fastest", "CPU s per GB", "of it user"
    );
    for row in rows {
        let of = |figure: fn(&Turn) -> f64| median(row.turns.iter().map(figure));
        let base =
            rows.get(row.against).map_or(f64::NAN, |base| median(base.turns.iter().map(|rate| rate.rate)));
        let all = || row.turns.iter().map(|rate| rate.rate / 1e6);
        let (slowest, fastest) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
        let per_gigabyte = 1e9 / bytes as f64;
        println!(
            "{:12} {:>6.2} {:>8.0} {:>15} {:>14.2} {:>12.2}",
            row.name,
            of(|rate| rate.rate) / base,
            of(|rate| rate.rate) / 1e6,
            format!("{slowest:.0}-{fastest:.0}"),
            (of(|rate| rate.user) + of(|rate| rate.system)) * per_gigabyte,
            of(|rate| rate.user) * per_gigabyte,
        );
    }
}
