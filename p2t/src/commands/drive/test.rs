//! `p2t drive test`: whether a drive does what writing and reading volumes rest on.

use std::path::Path;
use std::sync::Arc;

use job::config::DriveConfig;
use job::{Common, Counter, ExitCode, Monitor, Outcome, Progress, Stop, Watchdog};
use medium::Address;
use medium::scsi::{Format, Health};
use medium::trial::{self, Check, Extent, Trial, Verdict, Watch};
use serde_json::{Value, json};
use volume::Found;

use super::status::{drive_line, finding_line};
use crate::cli::DriveTest;
use crate::error::{Error, Result};

pub fn run(common: &Common, arguments: &DriveTest) -> Result<Outcome<Value>> {
    let Address::Tape(drive) = &arguments.drive else {
        return Err(Error::NotADrive(arguments.drive.to_string()));
    };
    let stop = Stop::on_signals()?;
    let progress = Arc::new(Progress::start(common));
    let watchdog = Watchdog::start(common, DriveConfig::default(), progress.clone(), None);
    let before = Health::of_idle(drive);
    if before.cartridge.as_ref().is_some_and(|cartridge| cartridge.worm() == Some(true)) {
        return Err(Error::Worm(arguments.drive.to_string()));
    }
    if !arguments.force {
        require_worthless(&arguments.drive)?;
    }
    let format = arguments.drive.loaded_format();
    let watching = Watching { progress, stop };
    let extent = Extent { speed_bytes: arguments.speed.bytes(), to_end: arguments.to_end };
    let trial = trial::drive(drive, extent, &watching)?;
    let after = Health::of_idle(drive);
    drop((watching, watchdog));
    Ok(outcome(drive, &before, &trial, &after, format))
}

fn require_worthless(medium: &Address) -> Result<()> {
    let found = Found::on(medium)?;
    if found.is_worthless() {
        return Ok(());
    }
    Err(Error::NotOverwritten { medium: medium.to_string(), found })
}

fn outcome(
    drive: &Path,
    before: &Health,
    trial: &Trial,
    after: &Health,
    format: Option<Format>,
) -> Outcome<Value> {
    let worn = worn(trial, format);
    let mut lines = vec![drive_line(&before.drive)];
    lines.extend(trial.checks.iter().map(line));
    lines.extend(worn.clone());
    lines.extend(after.findings().iter().map(finding_line));
    lines.push("the cartridge is not blank now: nothing on it is of value".to_owned());
    let failed = trial.checks.iter().filter(|check| check.verdict == Verdict::Failed).count();
    let (code, end) = match (failed, trial.passed()) {
        (0, true) => (ExitCode::Clean, "the drive does all that p2t wants of it".to_owned()),
        (0, false) if trial.stopped => (ExitCode::Incomplete, "stopped as asked, before the end".to_owned()),
        _ => {
            let all = trial.checks.len();
            (ExitCode::Discrepancies, format!("DO NOT USE THIS DRIVE: {failed} of {all} checks failed"))
        }
    };
    lines.push(end);
    let document = json!({ "drive": drive, "passed": trial.passed(), "trial": trial, "format": format, "worn": worn,
        "before": before, "after": after, "findings": after.findings() });
    Outcome::clean(document, lines.join("\n")).with_exit_code(code)
}

fn line(check: &Check) -> String {
    let verdict = match check.verdict {
        Verdict::Passed => "passed  ",
        Verdict::Failed => "FAILED  ",
        Verdict::NotDone => "not done",
    };
    format!("{verdict} {}: {}", check.name, check.detail)
}

/// How much a drive brings onto a cartridge tells how well it writes: what it has to write again takes room.
fn worn(trial: &Trial, format: Option<Format>) -> Option<String> {
    Health::of_capacity(&format?, trial.early_warning_bytes?).map(|finding| finding.text)
}

struct Watching {
    progress: Arc<Progress>,
    stop: Stop,
}

impl Watch for Watching {
    fn begins(&self, name: &'static str) {
        self.progress.phase(name);
    }

    fn moved(&self, bytes: u64) {
        self.progress.count(Counter::Bytes, bytes);
    }

    fn ended(&self, check: &Check) {
        if check.verdict == Verdict::Failed {
            self.progress.finding(&line(check));
        }
    }

    fn stops(&self) -> bool {
        self.stop.requested()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cartridge_that_ends_too_early_is_worn() {
        let ends_at = |early_warning_bytes| Trial { early_warning_bytes, ..Trial::default() };
        let format = Format::named("LTO-8");
        assert_eq!(worn(&ends_at(Some(11_900_000_000_000)), format), None);
        assert!(worn(&ends_at(Some(9_000_000_000_000)), format).unwrap().contains("after 75 %"));
        assert_eq!((worn(&ends_at(None), format), worn(&ends_at(Some(1)), None)), (None, None));
    }
}
