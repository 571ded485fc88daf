//! `p2t export`: fetches, packs and writes; verifies each volume that it completes.

use catalogue::balance::Stage;
use catalogue::volumes::VolumeRow;
use catalogue::{Catalogue, PlanPosition, Reader};
use job::{ExitCode, Outcome};
use medium::Address;
use serde_json::{Value, json};

use super::verify;
use crate::cli::Export;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::export::{self, Exported};
use crate::media::Media;
use crate::source;

pub fn run(context: &Context, arguments: &Export) -> Result<Outcome<Value>> {
    let media = Media::new(&arguments.to, &context.config.media.to, &context.job)?;
    let (_lock, mut catalogue) = context.writer()?;
    require_plan(&catalogue)?;
    if arguments.retry_failed {
        catalogue.retry_failed()?;
    }
    let source = source::open(context, true)?;
    let mut exported = export::run(context, catalogue, source, media)?;
    let harmed = verify_sealed(context, &mut exported.catalogue, &exported.sealed)?;
    summary(context, &exported, &harmed)
}

/// SOP Instance UIDs that several objects claim with different bytes, the first thousand.
pub fn conflicts(catalogue: &Reader) -> Result<Vec<Value>> {
    const LISTED: usize = 1000;
    let mut listed = Vec::new();
    catalogue.each_conflict(|conflict| {
        if listed.len() < LISTED {
            listed.push(json!({ "sop_instance": conflict.sop_instance, "objects": conflict.objects }));
        }
        Ok::<_, Error>(())
    })?;
    Ok(listed)
}

fn require_plan(catalogue: &Catalogue) -> Result<()> {
    let left = catalogue.studies_not_enumerated(PlanPosition::default(), 1000)?.len();
    if left > 0 {
        return Err(Error::PlanUnfinished { left });
    }
    if catalogue.balance(Stage::Export)?.instances.listed == 0 {
        return Err(Error::NoPlan);
    }
    Ok(())
}

/// Reads every volume that was completed back, unless the configuration says not to.
fn verify_sealed(context: &Context, catalogue: &mut Catalogue, sealed: &[VolumeRow]) -> Result<Vec<Value>> {
    if !context.config.media.verify {
        return Ok(Vec::new());
    }
    let mut harmed = Vec::new();
    for row in sealed {
        if context.stop.requested() {
            break;
        }
        let outcome = verify::verify(context, catalogue, &row.volume.medium.parse::<Address>()?)?;
        if outcome.exit_code != ExitCode::Clean {
            harmed.push(outcome.document);
        }
    }
    Ok(harmed)
}

fn summary(context: &Context, exported: &Exported, harmed: &[Value]) -> Result<Outcome<Value>> {
    let Exported { catalogue, sealed, wanted_medium } = exported;
    let balance = catalogue.balance(Stage::Export)?;
    let (studies, instances) = (balance.studies, balance.instances);
    let conflicts = conflicts(catalogue)?;
    let code = if instances.pending > 0 || studies.pending > 0 {
        ExitCode::Incomplete
    } else if instances.failed > 0 || studies.failed > 0 || !harmed.is_empty() || !conflicts.is_empty() {
        ExitCode::Discrepancies
    } else {
        ExitCode::Clean
    };
    let volumes: Vec<Value> = catalogue
        .volumes()?
        .iter()
        .map(|row| {
            json!({ "sequence": row.volume.sequence, "id": row.volume.uuid, "medium": row.volume.medium,
                    "state": row.state, "bytes": row.bytes, "last": row.last })
        })
        .collect();
    let mut lines = vec![
        format!(
            "listed {} = written {} + excluded {} + failed {} + pending {}  (instances)",
            instances.listed, instances.done, instances.excluded, instances.failed, instances.pending
        ),
        format!("{} volumes sealed in this run", sealed.len()),
    ];
    if !conflicts.is_empty() {
        let (count, all) = (conflicts.len(), "all of them travel, `p2t report` lists them");
        lines.push(format!("{count} SOP Instance UIDs are claimed by objects that differ; {all}"));
    }
    if !harmed.is_empty() {
        lines.push("A VOLUME IS DAMAGED: see `p2t verify` for it".to_owned());
    }
    let end = match code {
        ExitCode::Incomplete if context.stop.requested() => {
            "stopped as asked; run the same command again to go on"
        }
        ExitCode::Incomplete => "incomplete; run the same command again to go on",
        ExitCode::Discrepancies => "done, with discrepancies; `p2t report` lists them",
        _ => "done",
    };
    lines.push(wanted_medium.clone().unwrap_or_else(|| end.to_owned()));
    let document = json!({ "studies": studies, "instances": instances, "volumes": volumes, "damaged_volumes": harmed,
                "conflicts": conflicts, "wanted_medium": wanted_medium });
    Ok(Outcome::clean(document, lines.join("\n")).with_exit_code(code))
}
