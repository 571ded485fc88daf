//! `t2p report`: writes the report for each destination.

use catalogue::Reader;
use job::{ExitCode, Outcome};
use manifest::Digest;
use report::filled::{self, Facts};
use report::{Overall, Written};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{Error, Result};

pub fn run(context: &Context) -> Result<Outcome<Value>> {
    let reader = context.reader()?;
    let written = write(context, &reader)?;
    if written.is_empty() {
        return Err(Error::NothingIngested);
    }
    let text: Vec<String> = written.iter().flat_map(lines).collect();
    let code = worst(&written);
    let document = json!({ "reports": written.iter().map(document).collect::<Vec<_>>() });
    Ok(Outcome::clean(document, text.join("\n")).with_exit_code(code))
}

/// What one report comes to, and where it is.
pub fn lines(written: &Written) -> [String; 2] {
    [written.summary.clone(), format!("report: {}", written.html.display())]
}

/// The same for machines, with all its files.
pub fn document(written: &Written) -> Value {
    json!({
        "verdict": written.verdict,
        "summary": written.summary,
        "html": written.html,
        "json": written.json,
        "studies_csv": written.csv_studies,
        "instances_csv": written.csv_instances,
        "changes_csv": written.csv_changes,
    })
}

/// The exit code that the verdicts of all reports come to.
pub fn worst(written: &[Written]) -> ExitCode {
    let code = |written: &Written| match written.verdict {
        Overall::Clean => ExitCode::Clean,
        Overall::Incomplete => ExitCode::Incomplete,
        Overall::Discrepancies | Overall::Failed => ExitCode::Discrepancies,
    };
    let codes: Vec<ExitCode> = written.iter().map(code).collect();
    let worst = [ExitCode::Discrepancies, ExitCode::Incomplete].into_iter().find(|code| codes.contains(code));
    worst.unwrap_or(ExitCode::Clean)
}

/// Writes the report for each destination of the job.
pub fn write(context: &Context, reader: &Reader) -> Result<Vec<Written>> {
    let facts = facts(context)?;
    let dir = context.job.reports();
    let destinations = reader.destinations()?;
    let report =
        |row: &catalogue::deliver::DestinationRow| filled::audit(reader, &facts, row.id, &row.name, &dir);
    Ok(destinations.iter().map(report).collect::<std::result::Result<_, _>>()?)
}

fn facts(context: &Context) -> Result<Facts> {
    let path = context.job.config_file();
    let config = std::fs::read(&path).map_err(Error::file("read", &path))?;
    Ok(Facts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        source: "the volumes of the transfer".to_owned(),
        operator: job::operator(),
        config_digest: Digest::of(&config).to_string(),
        time_zone: jiff::tz::TimeZone::system().iana_name().unwrap_or("UTC").to_owned(),
        ..Facts::default()
    })
}
