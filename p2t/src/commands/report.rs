//! `p2t report`: writes the audit report of the export.

use catalogue::Reader;
use job::{ExitCode, NodeOrPath, Outcome};
use manifest::Digest;
use report::Overall;
use report::filled::{self, Facts};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::selection::{self, SELECTION};

pub fn run(context: &Context) -> Result<Outcome<Value>> {
    let reader = context.reader()?;
    let written = filled::export(&reader, &facts(context, &reader)?, &context.job.reports())?;
    let code = match written.verdict {
        Overall::Clean => ExitCode::Clean,
        Overall::Discrepancies | Overall::Failed => ExitCode::Discrepancies,
        Overall::Incomplete => ExitCode::Incomplete,
    };
    let mut text = format!(
        "report: {}\n  also {}\n  and  {}\n  and  {}",
        written.html.display(),
        written.json.display(),
        written.csv_studies.display(),
        written.csv_instances.display()
    );
    if let Some(changes) = &written.csv_changes {
        text = format!("{text}\n  and  {}", changes.display());
    }
    let document = json!({
        "verdict": written.verdict,
        "html": written.html,
        "json": written.json,
        "studies_csv": written.csv_studies,
        "instances_csv": written.csv_instances,
        "changes_csv": written.csv_changes,
        "conflicts": super::export::conflicts(&reader)?,
        "excluded_files": excluded_files(&reader)?,
    });
    Ok(Outcome::clean(document, text).with_exit_code(code))
}

/// Listed files that are no DICOM objects, with the reason, the first ten thousand; the report's CSV has all.
fn excluded_files(reader: &Reader) -> Result<Vec<Value>> {
    const LISTED: usize = 10_000;
    let listed = reader.oddities(0, LISTED)?;
    Ok(listed
        .iter()
        .map(|file| json!({ "path": String::from_utf8_lossy(&file.source_ref), "reason": file.reason }))
        .collect())
}

fn facts(context: &Context, reader: &Reader) -> Result<Facts> {
    let path = context.job.config_file();
    let config = std::fs::read(&path).map_err(Error::file("read", &path))?;
    Ok(Facts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        source: context.config.source.node.as_ref().map(NodeOrPath::to_string).unwrap_or_default(),
        destinations: Vec::new(),
        operator: job::operator(),
        config_digest: Digest::of(&config).to_string(),
        time_zone: jiff::tz::TimeZone::system().iana_name().unwrap_or("UTC").to_owned(),
        selection: reader.job(SELECTION)?.unwrap_or_else(|| selection::words(&context.config.selection)),
    })
}
