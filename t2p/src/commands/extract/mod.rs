//! `t2p extract`: the objects of a volume as files, each complete or not there at all. What a run that ended well says is
//! there outlives a power cut.

mod settle;
mod sink;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use job::config::DriveConfig;
use job::{Common, Counter, ExitCode, Monitor, Outcome, Progress, Stop, Watchdog};
use serde_json::{Value, json};
use volume::{SegmentSummary, Summary, Volume};

use self::sink::FileSink;
use crate::cli::Extract;
use crate::error::{Error, Result};

pub fn run(common: &Common, arguments: &Extract) -> Result<Outcome<Value>> {
    let stop = Stop::on_signals()?;
    let progress = Arc::new(Progress::start(common));
    let watchdog = Watchdog::start(common, DriveConfig::default(), progress.clone(), None);
    let mut volume = Volume::open(&arguments.medium)?;
    let mut sink = FileSink::new(&arguments.out, progress.as_ref())?;
    progress.phase(&format!("extract {}", arguments.medium));
    let mut index = volume.index()?;
    let mut segments = Vec::new();
    while let Some(plan) = volume.next_plan(index.as_mut(), segments.len())? {
        let summary = SegmentSummary::from(volume.read_segment(plan, &mut sink).map_err(own)?);
        sink.settle()?;
        progress.count(Counter::Failed, summary.harmed as u64);
        segments.push(summary);
        if stop.requested() {
            return Err(archive::Error::Stopped.into());
        }
    }
    volume.finish()?;
    let (files, kept, left_out) = (sink.files, sink.kept, sink.left_out);
    drop((watchdog, progress));
    let summary = Summary::new(&volume, segments);
    let whole = summary.intact && left_out == 0;
    let code = if whole { ExitCode::Clean } else { ExitCode::Discrepancies };
    let not_written = match left_out {
        0 => String::new(),
        left_out => format!(", {left_out} NOT WRITTEN because other files have their names"),
    };
    let text = format!(
        "{}\n{files} files written below {}, {kept} were there already{not_written}",
        summary.text(),
        arguments.out.display()
    );
    let document = json!({ "out": arguments.out, "files": files, "present_before": kept, "left_out": left_out,
                           "volume": summary });
    Ok(Outcome::clean(document, text).with_exit_code(code))
}

/// An error of our own that comes back through the volume.
fn own(error: volume::Error) -> Error {
    match error {
        volume::Error::Sink(cause) => {
            cause.downcast().map_or_else(|cause| volume::Error::Sink(cause).into(), |own| *own)
        }
        other => other.into(),
    }
}

/// An error with a file below the output folder.
fn file_error(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
    let path = path.into();
    move |source| match Error::file(action, path)(source) {
        Error::SpoolFull { path, source } => Error::OutputFull { path, source },
        other => other,
    }
}
