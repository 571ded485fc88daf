//! `p2t preflight`: what the source can do, before anything is taken from it.

use catalogue::preflight::Preflight;
use job::{ExitCode, Outcome};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::preflight;

pub fn run(context: &Context) -> Result<Outcome<Value>> {
    let (_lock, mut catalogue) = context.writer()?;
    let found = preflight::look(context, &mut catalogue)?;
    if found.nothing_works() {
        return Err(Error::NothingRetrieves { archive: found.archive, reason: found.reason });
    }
    let code = match &found.choice {
        // It was asked for none: a folder, or nothing is planned yet.
        None if found.services.is_empty() => ExitCode::Clean,
        None => ExitCode::Incomplete,
        Some(_) if found.findings().next().is_some() => ExitCode::Discrepancies,
        Some(_) => ExitCode::Clean,
    };
    Ok(Outcome::clean(json!(found), text(&found)).with_exit_code(code))
}

fn text(found: &Preflight) -> String {
    let mut lines = vec![format!("preflight of {}", found.archive)];
    for check in &found.checks {
        lines.push(format!("{:<16} {} {}", check.name, if check.good { "ok " } else { "!! " }, check.found));
    }
    lines.push(found.conclusion());
    lines.join("\n")
}
