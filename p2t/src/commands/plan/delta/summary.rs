//! What a delta says at its end.

use catalogue::balance::Stage;
use catalogue::delta::changes::ClassCount;
use catalogue::events::Event;
use catalogue::{Catalogue, ChangeClass, Level, Reader};
use job::{ExitCode, Outcome};
use serde_json::{Value, json};

use super::Outlined;
use crate::error::Result;
use crate::selection::Choice;

/// Puts what was found on record, for the report.
pub fn record(catalogue: &mut Catalogue, delta: u32, unchanged: u64) -> Result<()> {
    let counts = catalogue.change_counts(Some(delta))?;
    let found = counts.iter().map(|count| words(count).trim().to_owned()).collect::<Vec<_>>();
    let found = if found.is_empty() { "nothing has changed".to_owned() } else { found.join("; ") };
    let message = format!("delta {delta}: {unchanged} studies UNCHANGED; {found}");
    let (at, level, kind) = (jiff::Timestamp::now(), Level::Warning, "delta".to_owned());
    Ok(catalogue.record_event(&Event { at, level, kind, message, detail: None })?)
}

pub fn outcome(catalogue: &Reader, delta: u32, outlined: &Outlined) -> Result<Outcome<Value>> {
    let counts = catalogue.change_counts(Some(delta))?;
    let problems = outlined.problems();
    let balance = catalogue.balance(Stage::Export)?;
    let instances = balance.instances;
    let mut lines = vec![format!("delta {delta}: {} studies UNCHANGED", outlined.unchanged)];
    lines.extend(counts.iter().map(words));
    let choice = Choice::read(catalogue)?;
    lines.extend(choice.lines());
    lines.push(format!(
        "{} instances to export; listed {} = written {} + excluded {} + failed {} + pending {}",
        instances.pending,
        instances.listed,
        instances.done,
        instances.excluded,
        instances.failed,
        instances.pending
    ));
    lines.extend(problems.iter().map(|problem| format!("IN DOUBT: {problem}")));
    let short = catalogue.shortfall()?;
    lines.extend(short.text().map(|text| format!("IN DOUBT: {text}")));
    lines.push(next(&counts, instances.pending).to_owned());
    let document = json!({
        "delta": delta,
        "unchanged": outlined.unchanged,
        "changes": counts,
        "studies": balance.studies,
        "instances": instances,
        "not_compared": outlined.not_compared,
        "problems": problems,
        "order": choice.order,
        "excluded_studies": choice.excluded,
        "waiting_studies": choice.waiting,
        "short_studies": short,
    });
    let is_clean = problems.is_empty() && short.studies == 0;
    let code = if is_clean { ExitCode::Clean } else { ExitCode::Discrepancies };
    Ok(Outcome::clean(document, lines.join("\n")).with_exit_code(code))
}

fn words(count: &ClassCount) -> String {
    let ClassCount { class, studies, instances } = count;
    let word = report::class_word(*class);
    match class {
        ChangeClass::Reidentified => format!("  {studies} studies {word}"),
        _ => format!("  {studies} studies {word}, {instances} instances"),
    }
}

fn next(counts: &[ClassCount], pending: u64) -> &'static str {
    if pending > 0 {
        "`p2t export` writes them to the next volumes of the set"
    } else if counts.is_empty() {
        "nothing has changed"
    } else {
        "`p2t export` writes a volume that tells of it"
    }
}
