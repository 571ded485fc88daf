//! `p2t export`: fetches, packs and writes; verifies each volume that it completes.

use std::sync::Arc;

use archive::Doorkeeper;
use catalogue::balance::Stage;
use catalogue::events::Event;
use catalogue::{Catalogue, Level, PlanPosition, Reader, VolumeState};
use job::config::Verify;
use job::{ExitCode, Outcome};
use medium::{Address, Medium};
use serde_json::{Value, json};

use super::{lost, status};
use crate::cli::Export;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::export::{self, Exported};
use crate::media::{Change, Media};
use crate::preflight;
use crate::readback;
use crate::selection::Choice;
use crate::source;

/// Where the catalogue keeps the number of copies.
const COPIES: &str = "copies";

pub fn run(context: &Context, arguments: &Export) -> Result<Outcome<Value>> {
    let copies = arguments.copies.unwrap_or(context.config.media.copies);
    let media = Media::new(&arguments.to, &context.config.media.to, copies, &context.job)?;
    let media = if (1..=copies).any(|copy| media.streams(copy)) {
        let mut change = Change::new(&context.config)?;
        change.any_barcode = arguments.any_barcode;
        media.changed_by(change)
    } else {
        media
    };
    let (_lock, mut catalogue) = context.writer()?;
    require_plan(&catalogue)?;
    settle_copies(&mut catalogue, copies)?;
    if arguments.retry_failed {
        catalogue.retry_failed()?;
    }
    for which in &arguments.give_up {
        lost::give_up(context, &mut catalogue, *which)?;
    }
    if arguments.rewrite_damaged {
        lost::rewrite_damaged(context, &mut catalogue)?;
    }
    let door = Arc::new(Doorkeeper::new(context.monitor.clone()));
    preflight::first(context, &mut catalogue)?;
    let source = source::open(context, Some(&door))?;
    preflight::apply(context, &catalogue, source.as_ref())?;
    let verify = arguments.verify.unwrap_or(context.config.media.verify);
    let mut exported = export::run(context, catalogue, source, media, verify)?;
    record_turned_away(&mut exported.catalogue, &door)?;
    verify_sealed(context, &mut exported, verify)?;
    match exported.failure.take() {
        Some(failure) => Err(failure),
        None => summary(context, &exported),
    }
}

/// Holds a job to the number of copies with which it began: what an earlier copy has is in no spool any more.
pub fn settle_copies(catalogue: &mut Catalogue, asked: u32) -> Result<()> {
    let begun = known_copies(catalogue)?;
    if begun != asked && !catalogue.volumes()?.is_empty() {
        return Err(Error::OtherCopies { begun, asked });
    }
    Ok(catalogue.set_job(COPIES, &asked.to_string())?)
}

/// How many copies the job writes; 1 before its first export.
pub fn known_copies(reader: &Reader) -> Result<u32> {
    Ok(reader.job(COPIES)?.and_then(|text| text.parse().ok()).unwrap_or(1))
}

/// Callers that our listener did not let in, for the report.
fn record_turned_away(catalogue: &mut Catalogue, door: &Doorkeeper) -> Result<()> {
    let (level, kind) = (Level::Warning, "turned-away");
    for message in door.findings() {
        let event = Event { at: jiff::Timestamp::now(), level, kind: kind.to_owned(), message, detail: None };
        catalogue.record_event(&event)?;
    }
    Ok(())
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

/// Reads the volumes that were completed back, as much of them as was asked for, but for those that were read back before their
/// cartridges left the drive.
fn verify_sealed(context: &Context, exported: &mut Exported, verify: Verify) -> Result<()> {
    let Some(extent) = readback::extent(verify) else { return Ok(()) };
    let Exported { catalogue, sealed, read_back, .. } = exported;
    let given_up = readback::unread(catalogue)?.into_iter().filter(|row| row.state == VolumeState::Abandoned);
    let within_reach = given_up.filter(|row| {
        let medium = row.volume.medium.parse::<Address>().ok();
        let label = medium.and_then(|medium| volume::label_on(&medium).ok().flatten());
        label.is_some_and(|label| label.volume == row.volume.uuid)
    });
    let volumes = sealed.iter().cloned().chain(within_reach);
    for row in volumes.filter(|row| !read_back.contains(&row.volume.uuid)) {
        if context.stop.requested() {
            break;
        }
        let medium = row.volume.medium.parse::<Address>()?;
        if medium.is_drive()
            && volume::label_on(&medium)?.is_some_and(|label| label.volume != row.volume.uuid)
        {
            // Its cartridge has left unread, because nobody could tell whose it was: it stays among those not read back.
            continue;
        }
        super::verify::verify(context, catalogue, &medium, extent)?;
    }
    Ok(())
}

fn summary(context: &Context, exported: &Exported) -> Result<Outcome<Value>> {
    let Exported { catalogue, sealed, wanted_medium, .. } = exported;
    let balance = catalogue.balance(Stage::Export)?;
    let (studies, instances) = (balance.studies, balance.instances);
    let conflicts = conflicts(catalogue)?;
    let damaged = lost::damaged(catalogue)?;
    let short = catalogue.shortfall()?;
    let is_odd = !damaged.is_empty() || !conflicts.is_empty() || short.studies > 0;
    let code = if instances.pending > 0 || studies.pending > 0 {
        ExitCode::Incomplete
    } else if instances.failed > 0 || studies.failed > 0 || is_odd {
        ExitCode::Discrepancies
    } else {
        ExitCode::Clean
    };
    let rows = catalogue.volumes()?;
    let not_read_back = readback::unread(catalogue)?;
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
    if !not_read_back.is_empty() {
        let names = not_read_back.iter().map(status::volume_name).collect::<Vec<_>>().join(", ");
        lines.push(format!(
            "not read back and found right: {names}; run `p2t verify MEDIUM` before they leave"
        ));
    }
    lines.extend(damaged.iter().map(lost::Damaged::text));
    lines.extend(short.text().map(|text| format!("IN DOUBT: {text}")));
    let choice = Choice::read(catalogue)?;
    lines.extend(choice.lines());
    let end = match code {
        ExitCode::Incomplete if context.stop.requested() => {
            "stopped as asked; run the same command again to go on"
        }
        ExitCode::Incomplete => "incomplete; run the same command again to go on",
        ExitCode::Discrepancies => "done, with discrepancies; `p2t report` lists them",
        _ => "done",
    };
    lines.push(wanted_medium.clone().unwrap_or_else(|| end.to_owned()));
    let document = json!({ "studies": studies, "instances": instances, "volumes": status::volumes(&rows),
                "copies": status::copies(catalogue)?, "damaged_volumes": damaged,
                "conflicts": conflicts, "wanted_medium": wanted_medium,
                "excluded_studies": choice.excluded, "waiting_studies": choice.waiting, "short_studies": short });
    Ok(Outcome::clean(document, lines.join("\n")).with_exit_code(code))
}
