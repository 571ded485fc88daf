//! The log of a job: JSON lines in its `logs` directory, for us and not for patients' data.

use std::{io, path::Path, sync::Mutex};

use tracing::{Level, Subscriber, subscriber::set_global_default};
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, registry::Registry};

use crate::{JobDir, JobError, Program, rotating::RotatingFile};

/// Our own crates; others are heard only from warnings on, because at finer levels a DICOM library may log what
/// is inside of messages.
const OURS: [&str; 13] = [
    "p2t",
    "t2p",
    "report",
    "archive",
    "job",
    "dimse",
    "tls",
    "dataset",
    "pace",
    "catalogue",
    "volume",
    "medium",
    "manifest",
];
const LIMIT_BYTES: u64 = 32 << 20;
const FILES_KEPT: u32 = 4;

/// Starts logging to `logs/p2t.jsonl` (or `t2p.jsonl`), at most 160 MiB in five files. With `verbose` at 1 what is
/// logged also goes to stderr, with 2 and more in greater detail. Call it once, early.
pub fn start_log(job: &JobDir, verbose: u8) -> Result<(), JobError> {
    let path = log_file(&job.logs(), job.program());
    let subscriber = subscriber(&path, verbose).map_err(|source| unopened(&path, source))?;
    set_global_default(subscriber)
        .map_err(|error| JobError::io("start the log", path)(io::Error::other(error)))
}

fn unopened(path: &Path, source: io::Error) -> JobError {
    match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            JobError::ReadOnly { path: path.to_owned(), source }
        }
        _ => JobError::io("open the log", path)(source),
    }
}

fn log_file(logs: &Path, program: Program) -> std::path::PathBuf {
    logs.join(format!("{program}.jsonl"))
}

fn subscriber(path: &Path, verbose: u8) -> io::Result<impl Subscriber + Send + Sync> {
    let file = Mutex::new(RotatingFile::open(path, LIMIT_BYTES, FILES_KEPT)?);
    let level = if verbose >= 2 { Level::DEBUG } else { Level::INFO };
    let to_file = fmt::layer().json().with_writer(file).with_filter(targets(level));
    let to_stderr = fmt::layer().compact().with_writer(io::stderr).with_filter(targets(level));
    Ok(Registry::default().with(to_file).with((verbose > 0).then_some(to_stderr)))
}

fn targets(level: Level) -> Targets {
    Targets::new().with_default(Level::WARN).with_targets(OURS.map(|name| (name, level)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn logged(verbose: u8) -> Vec<serde_json::Value> {
        let dir = tempfile::tempdir().unwrap();
        let path = log_file(dir.path(), Program::P2t);
        tracing::subscriber::with_default(subscriber(&path, verbose).unwrap(), || {
            tracing::info!(target: "dimse::store", uid = "1.2.3", "stored");
            tracing::debug!(target: "p2t", "detail");
            tracing::info!(target: "dicom_ul", "what is inside of a PDU");
            tracing::warn!(target: "dicom_ul", "odd");
        });
        let text = fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn records_are_json_lines() {
        let records = logged(0);
        assert_eq!(records.len(), 2);
        assert_eq!(records[0]["fields"]["uid"], "1.2.3");
        assert_eq!(records[0]["fields"]["message"], "stored");
        assert!(records[0]["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn a_job_that_cannot_be_written_says_what_to_do() {
        for (errno, helps) in [(30, true), (13, true), (24, false)] {
            let error = unopened(Path::new("logs/p2t.jsonl"), io::Error::from_raw_os_error(errno));
            assert_eq!(error.to_string().contains("copied"), helps, "{error}");
        }
    }

    #[test]
    fn others_are_heard_only_from_warnings_on_even_in_detail() {
        let messages: Vec<_> = logged(2).iter().map(|record| record["fields"]["message"].clone()).collect();
        assert_eq!(messages, ["stored", "detail", "odd"]);
    }
}
