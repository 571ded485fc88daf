//! `p2t cutover`: whether the last delta fits into the wanted window, from what the catalogue has measured.

use catalogue::delta::Delta;
use catalogue::delta::changes::ClassCount;
use catalogue::{ChangeClass, DeltaScope, Reader};
use jiff::{SignedDuration, Timestamp};
use job::{DecimalBytes, ExitCode, Outcome};
use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::Cutover;
use crate::context::Context;
use crate::cutover::{Basis, Forecast};
use crate::error::{Error, Result};

pub fn run(context: &Context, arguments: &Cutover) -> Result<Outcome<Value>> {
    let reader = context.reader()?;
    let of_source = |delta: &Delta| delta.scope == DeltaScope::Source && delta.ended_at.is_some();
    let (deltas, partial): (Vec<Delta>, Vec<Delta>) = reader.deltas()?.into_iter().partition(of_source);
    let change = Change::measured(&reader, &deltas, &partial)?;
    let export = export_rate(&reader)?.ok_or(Error::NothingMeasured("`p2t export` has not run yet"))?;
    let last =
        deltas.last().ok_or(Error::NothingMeasured("no delta has run to its end: `p2t plan --delta`"))?;
    let carry = arguments
        .carry
        .unwrap_or_else(|| SignedDuration::from_secs_f64(context.config.cutover.carry_hours * 3600.0));
    let deliver = arguments.deliver_rate.map(|rate| rate.bytes() as f64);
    let basis = Basis {
        changed_bytes_per_second: change.bytes_per_hour / 3600.0,
        list_seconds: took(last).as_secs_f64(),
        export_bytes_per_second: export,
        carry_seconds: carry.as_secs_f64(),
        deliver_bytes_per_second: deliver.unwrap_or(export),
    };
    let now = Timestamp::now();
    let waiting = now.duration_since(last.begun_at);
    let forecast = basis.forecast(waiting.as_secs_f64(), arguments.window.as_secs_f64());
    let freeze_at = now + SignedDuration::from_secs_f64(forecast.freeze_in_seconds);
    let lines = text(&change, &basis, &forecast, waiting, arguments.window, deliver.is_none(), freeze_at);
    let document = json!({
        "changes": change,
        "basis": basis,
        "deliver_rate_assumed": deliver.is_none(),
        "waiting_seconds": waiting.as_secs_f64(),
        "window_seconds": arguments.window.as_secs_f64(),
        "forecast": forecast,
        "freeze_at": freeze_at,
    });
    let code = if forecast.holds { ExitCode::Clean } else { ExitCode::Discrepancies };
    Ok(Outcome::clean(document, lines.join("\n")).with_exit_code(code))
}

/// How much changes at the source, over all deltas.
#[derive(Debug, Clone, Copy, Serialize)]
struct Change {
    studies_per_hour: f64,
    instances_per_hour: f64,
    bytes_per_hour: f64,
    /// Over so many hours.
    hours: f64,
}

impl Change {
    /// What was found between two deltas, before a volume was sealed for example, the second of them does not find any more.
    fn measured(reader: &Reader, deltas: &[Delta], partial: &[Delta]) -> Result<Self> {
        let timed = || deltas.iter().filter_map(|delta| Some((delta, delta.since?)));
        let is_between = |at: Timestamp| timed().any(|(delta, since)| since <= at && at < delta.begun_at);
        let between = partial.iter().filter(|partial| is_between(partial.begun_at)).map(|partial| partial.id);
        let seconds: f64 =
            timed().map(|(delta, since)| delta.begun_at.duration_since(since).as_secs_f64()).sum();
        let (mut studies, mut instances) = (0, 0);
        for id in timed().map(|(delta, _)| delta.id).chain(between) {
            for ClassCount { class, studies: of_class, instances: with_them } in
                reader.change_counts(Some(id))?
            {
                studies += of_class;
                if matches!(class, ChangeClass::New | ChangeClass::Grew) {
                    instances += with_them;
                }
            }
        }
        if seconds <= 0.0 {
            return Err(Error::NothingMeasured("no delta has run to its end: `p2t plan --delta`"));
        }
        let hours = seconds / 3600.0;
        let bytes = instances as f64 * reader.mean_object_bytes()?.unwrap_or(0.0);
        Ok(Self {
            studies_per_hour: studies as f64 / hours,
            instances_per_hour: instances as f64 / hours,
            bytes_per_hour: bytes / hours,
            hours,
        })
    }
}

/// How long a delta took to list and compare.
fn took(delta: &Delta) -> SignedDuration {
    delta.ended_at.map_or(SignedDuration::ZERO, |ended| ended.duration_since(delta.begun_at))
}

/// Bytes a second that were fetched while exports were at work, writing included; none if nothing was.
fn export_rate(reader: &Reader) -> Result<Option<f64>> {
    /// Samples come every few seconds: what lies between two that are further apart is the time between two runs.
    const IDLE: SignedDuration = SignedDuration::from_secs(60);
    let (mut bytes, mut fetched, mut seconds) = (0, 0, 0.0);
    let mut last: Option<Timestamp> = None;
    reader.each_sample(|sample| {
        if !matches!(sample.stage.as_str(), "fetch" | "write") {
            return Ok::<_, Error>(());
        }
        if let Some(last) = last {
            let between = sample.at.duration_since(last);
            if between < IDLE {
                seconds += between.as_secs_f64();
            }
        }
        last = Some(sample.at);
        if sample.stage == "fetch" {
            fetched += sample.bytes.saturating_sub(bytes);
            bytes = sample.bytes;
        }
        Ok(())
    })?;
    Ok((fetched > 0 && seconds > 0.0).then(|| fetched as f64 / seconds))
}

fn text(
    change: &Change,
    basis: &Basis,
    forecast: &Forecast,
    waiting: SignedDuration,
    window: SignedDuration,
    deliver_is_assumed: bool,
    freeze_at: Timestamp,
) -> Vec<String> {
    let assumed = if deliver_is_assumed { " (assumed to be that of the export: --deliver-rate)" } else { "" };
    let mut lines = vec![
        format!(
            "changes    {:.1} studies, {:.1} new instances, {} an hour, over {:.1} hours",
            change.studies_per_hour,
            change.instances_per_hour,
            size(change.bytes_per_hour),
            change.hours
        ),
        format!("list       {}, as the last delta took", minutes(basis.list_seconds)),
        format!("export     {} a second", size(basis.export_bytes_per_second)),
        format!("carry      {}", minutes(basis.carry_seconds)),
        format!("deliver    {} a second{assumed}", size(basis.deliver_bytes_per_second)),
        format!("waiting    changes of {}", minutes(waiting.as_secs_f64())),
    ];
    for (number, round) in (1..).zip(&forecast.rounds) {
        lines.push(format!(
            "delta {number:<4} about {}, {} at the source; {} until all is at the destination",
            size(round.bytes),
            minutes(round.source_seconds),
            minutes(round.frozen_seconds)
        ));
    }
    let wanted = minutes(window.as_secs_f64());
    let before = forecast.rounds.len().saturating_sub(1);
    lines.push(if forecast.holds {
        format!(
            "the window of {wanted} HOLDS: run {before} deltas, deliver them, then freeze the source (not before {}) and run the last",
            freeze_at.strftime("%Y-%m-%d %H:%M UTC")
        )
    } else {
        let least = minutes(basis.list_seconds + basis.carry_seconds);
        format!(
            "the window of {wanted} DOES NOT HOLD: list and carry alone take {least}, and what changes meanwhile comes on top"
        )
    });
    lines
}

/// An amount for people.
#[expect(clippy::cast_sign_loss, reason = "no amount is negative")]
fn size(bytes: f64) -> DecimalBytes {
    DecimalBytes(bytes as u64)
}

fn minutes(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 120.0 => format!("{seconds:.0} s"),
        seconds if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Duration;

    use catalogue::{Catalogue, PlanPosition, StudyRow};

    use super::*;

    #[test]
    fn what_was_found_before_a_volume_was_sealed_has_changed_too() {
        let dir = tempfile::tempdir().unwrap();
        let mut catalogue = Catalogue::open(&dir.path().join("catalogue")).unwrap();
        catalogue.planning_begins().unwrap();
        let row = |uid: &str| StudyRow { uid: uid.to_owned(), ..StudyRow::default() };
        catalogue.upsert_studies(["1.1", "1.2", "1.3"].map(row)).unwrap();
        let studies = catalogue.studies(PlanPosition::default(), 3).unwrap();
        let partial = |catalogue: &mut Catalogue, at: usize| {
            sleep(Duration::from_millis(20));
            let id = catalogue.begin_partial_delta(DeltaScope::Volume, None).unwrap();
            catalogue.study_deleted(id, studies[at].id).unwrap();
            catalogue.end_partial_delta(id, 0, 0).unwrap();
            sleep(Duration::from_millis(20));
        };
        partial(&mut catalogue, 0);
        let delta = catalogue.begin_delta().unwrap();
        catalogue.study_deleted(delta.id, studies[1].id).unwrap();
        catalogue.end_delta(delta.id, 1, 0).unwrap();
        // In no time that is reckoned with.
        partial(&mut catalogue, 2);
        let of_source = |delta: &Delta| delta.scope == DeltaScope::Source;
        let (deltas, others): (Vec<Delta>, Vec<Delta>) =
            catalogue.deltas().unwrap().into_iter().partition(of_source);
        let change = Change::measured(&catalogue, &deltas, &others).unwrap();
        let studies = change.studies_per_hour * change.hours;
        assert!((studies - 2.0).abs() < 1e-6, "{change:?}");
    }
}
