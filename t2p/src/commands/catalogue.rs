//! `t2p catalogue`: the job's own database.

use catalogue::Catalogue;
use catalogue::balance::Stage;
use job::{ExitCode, Outcome};
use medium::Address;
use serde_json::{Value, json};

use super::arrival::Arrival;
use crate::cli::CatalogueCommand;
use crate::context::{Context, arrived_whole};
use crate::error::Result;
use crate::ingest::rebuild::{self, Rebuilt};

pub fn run(context: &Context, command: &CatalogueCommand) -> Result<Outcome<Value>> {
    match command {
        CatalogueCommand::Rebuild { media } => rebuild(context, media),
    }
}

fn rebuild(context: &Context, media: &[Address]) -> Result<Outcome<Value>> {
    let (_lock, mut catalogue) = context.writer()?;
    // Noted for reports and deliveries; none of them is asked for anything.
    if !context.config.destination.is_empty() {
        context.targets(&mut catalogue)?;
    }
    let (catalogue, rebuilt) = rebuild::run(context, catalogue, media)?;
    summary(context, &catalogue, &rebuilt)
}

fn summary(context: &Context, catalogue: &Catalogue, rebuilt: &Rebuilt) -> Result<Outcome<Value>> {
    let loaded = catalogue.balance(Stage::Load)?;
    let volumes = catalogue.volumes()?;
    let mut arrival = Arrival::of(&volumes, arrived_whole(catalogue)?);
    // Nothing was read back yet, so that none of them can be called whole.
    arrival.damaged.clear();
    let seen = volumes.iter().filter(|row| !row.volume.medium.is_empty()).count();
    let mut lines = rebuilt.remarks.clone();
    lines.extend(rebuilt.unreadable.iter().cloned());
    lines.push(format!(
        "{seen} volumes, {} studies, {} instances are in the catalogue",
        loaded.studies.listed, loaded.instances.listed
    ));
    lines.extend(arrival.lines());
    let stopped = context.stop.requested();
    let sound = rebuilt.unreadable.is_empty() && rebuilt.unsound == 0;
    let code = match (stopped, sound && arrival.is_whole()) {
        (true, _) => ExitCode::Incomplete,
        (false, true) => ExitCode::Clean,
        (false, false) => ExitCode::Discrepancies,
    };
    lines.push(
        match code {
            ExitCode::Incomplete => "stopped as asked; run the same command again to go on",
            ExitCode::Clean => "done; `t2p audit` compares with the destination, `t2p ingest` delivers",
            _ => "done, with discrepancies; with further volumes run the command again",
        }
        .to_owned(),
    );
    let document = json!({
        "studies": loaded.studies.listed,
        "instances": loaded.instances.listed,
        "volumes": seen,
        "remarks": rebuilt.remarks,
        "unreadable_volumes": rebuilt.unreadable,
        "unsound_volumes": rebuilt.unsound,
        "missing_volumes": arrival.missing,
        "more_volumes_follow": arrival.more_follow,
    });
    Ok(Outcome::clean(document, lines.join("\n")).with_exit_code(code))
}
