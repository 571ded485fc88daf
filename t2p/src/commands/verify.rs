//! `t2p verify`: every digest of a volume, without any PACS and without a job.

use std::sync::Arc;

use job::config::DriveConfig;
use job::{Common, Counter, ExitCode, Monitor, Outcome, Progress, Stop, Watchdog};
use serde_json::{Value, json};
use volume::{Extent, Volume};

use crate::cli::OneMedium;
use crate::error::Result;

pub fn run(common: &Common, arguments: &OneMedium) -> Result<Outcome<Value>> {
    let stop = Stop::on_signals()?;
    let progress = Arc::new(Progress::start(common));
    let watchdog = Watchdog::start(common, DriveConfig::default(), progress.clone(), None);
    let mut volume = Volume::open(&arguments.medium)?;
    progress.phase(&format!("verify {}", arguments.medium));
    let summary = volume::check(&mut volume, Extent::Whole, &mut |segment| {
        progress.count(Counter::Listed, segment.objects as u64);
        progress.count(Counter::Done, (segment.objects - segment.harmed) as u64);
        progress.count(Counter::Failed, segment.harmed as u64);
        progress.count(Counter::Bytes, segment.bytes);
        !stop.requested()
    })?;
    drop((watchdog, progress));
    let Some(summary) = summary else { return Err(archive::Error::Stopped.into()) };
    let code = if summary.intact { ExitCode::Clean } else { ExitCode::Discrepancies };
    let text = summary.text();
    Ok(Outcome::clean(json!(summary), text).with_exit_code(code))
}
