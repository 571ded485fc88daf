//! `t2p ingest`: loads volumes and delivers them.

use catalogue::Catalogue;
use catalogue::balance::Stage;
use job::{ExitCode, Outcome};
use serde_json::{Value, json};

use super::changed::Told;
use super::gap;
use crate::cli::Ingest;
use crate::context::{Context, Target, arrived_whole};
use crate::error::Result;
use crate::ingest::{self, Ingested};

pub fn run(context: &Context, arguments: &Ingest) -> Result<Outcome<Value>> {
    let (_lock, mut catalogue) = context.writer()?;
    let targets = context.targets(&mut catalogue)?;
    let (mut catalogue, ingested) = ingest::run(context, catalogue, &targets, arguments)?;
    if arguments.accept_gap {
        gap::accept(&mut catalogue)?;
    }
    summary(context, &catalogue, &targets, &ingested)
}

fn summary(
    context: &Context,
    catalogue: &Catalogue,
    targets: &[Target],
    ingested: &Ingested,
) -> Result<Outcome<Value>> {
    let loaded = catalogue.balance(Stage::Load)?.instances;
    let mut lines = ingested.remarks.clone();
    lines.extend(ingested.unreadable.iter().chain(&ingested.not_there).cloned());
    let (mut pending, mut failed) = (0, loaded.failed);
    let mut destinations = Vec::new();
    for target in targets {
        let balance = catalogue.balance(Stage::Deliver(target.id))?;
        let (studies, instances) = (balance.studies, balance.instances);
        pending += instances.pending;
        failed += instances.failed;
        lines.push(format!(
            "{}: listed {} = accepted {} + excluded {} + failed {} + pending {}  (instances)",
            target.name,
            instances.listed,
            instances.done,
            instances.excluded,
            instances.failed,
            instances.pending
        ));
        let reasons = catalogue.delivery_reasons(target.id, 20)?;
        lines.extend(reasons.iter().map(|reason| format!("  {} × {}", reason.count, reason.reason)));
        destinations.push(json!({ "name": target.name, "node": target.archive.describe(),
                                  "studies": studies, "instances": instances }));
    }
    let missed = gap::missed(catalogue, arrived_whole(catalogue)?)?;
    lines.extend(gap::line(&missed));
    let told = Told::by(catalogue)?;
    lines.extend(told.line());
    let code = if pending > 0 || !ingested.not_there.is_empty() {
        ExitCode::Incomplete
    } else if failed > 0 || ingested.unsound > 0 || !ingested.unreadable.is_empty() {
        ExitCode::Discrepancies
    } else if !missed.is_empty() {
        ExitCode::Incomplete
    } else {
        ExitCode::Clean
    };
    lines.push(
        match code {
            ExitCode::Incomplete if context.stop.requested() => {
                "stopped as asked; run the same command again to go on"
            }
            ExitCode::Incomplete => "incomplete; run the same command again to go on",
            ExitCode::Discrepancies => "done, with discrepancies; `t2p report` lists them",
            _ => "done; `t2p audit` proves it",
        }
        .to_owned(),
    );
    let document = json!({
        "studies": destinations.first().map(|first| first["studies"].clone()),
        "instances": destinations.first().map(|first| first["instances"].clone()),
        "loaded": loaded,
        "destinations": destinations,
        "remarks": ingested.remarks,
        "unreadable_volumes": ingested.unreadable,
        "media_not_there": ingested.not_there,
        "unsound_volumes": ingested.unsound,
        "missing_volumes": missed,
        "source_changes": told,
    });
    Ok(Outcome::clean(document, lines.join("\n")).with_exit_code(code))
}
