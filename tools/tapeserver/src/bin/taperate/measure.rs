//! What one program does with the drive.

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};
use serde::Serialize;

use crate::Outcome;
use crate::drive::Drive;

const TICK: Duration = Duration::from_millis(5);

/// Which way the bytes go.
#[derive(Clone, Copy)]
pub enum Direction {
    Write,
    Read,
}

/// What a turn came to.
#[derive(Serialize)]
pub struct Turn {
    /// Bytes a second in its middle.
    pub rate: f64,
    /// Seconds of the processor in the program's own code.
    pub user: f64,
    /// Likewise in the kernel for it.
    pub system: f64,
    /// Seconds from its start to its end.
    pub wall: f64,
}

/// Runs a program that moves `bytes` and at most little more.
pub fn timed(drive: &Drive, direction: Direction, bytes: u64, mut command: Command) -> Outcome<Turn> {
    let (from, to) = (bytes / 10 * 3, bytes - bytes / 20);
    let before = drive.moved(direction)?;
    let used = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let begun = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    let (mut first, mut last) = (None, None);
    while child.try_wait()?.is_none() {
        let (moved, now) = (drive.moved(direction)?.saturating_sub(before), begun.elapsed());
        if moved >= from && first.is_none() {
            first = Some((moved, now));
        }
        if moved <= to {
            last = Some((moved, now));
        }
        sleep(TICK);
    }
    let wall = begun.elapsed().as_secs_f64();
    let ended = child.wait_with_output()?;
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        return Err(format!("{command:?} failed ({}): {said}", ended.status).into());
    }
    let (Some((from, begun)), Some((to, ended))) = (first, last) else {
        return Err(format!("{command:?} did not move {bytes} bytes").into());
    };
    let seconds = ended.saturating_sub(begun).as_secs_f64();
    if seconds <= 0.0 || to <= from {
        return Err(format!("{command:?} was too fast to be measured: take more bytes").into());
    }
    let now = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let spent = |time: fn(&Usage) -> TimeVal| (time(&now) - time(&used)).num_microseconds();
    Ok(Turn {
        rate: (to - from) as f64 / seconds,
        user: micro(spent(Usage::user_time)),
        system: micro(spent(Usage::system_time)),
        wall,
    })
}

fn micro(microseconds: i64) -> f64 {
    microseconds as f64 / 1e6
}

/// The middle one of some figures.
pub fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
