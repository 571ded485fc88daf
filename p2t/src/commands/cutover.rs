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
    let deltas: Vec<Delta> = reader.deltas()?.into_iter().filter(of_source).collect();
    let change = Change::measured(&reader, &deltas)?;
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
    fn measured(reader: &Reader, deltas: &[Delta]) -> Result<Self> {
        let timed =
            deltas.iter().filter_map(|delta| Some((delta.id, delta.begun_at.duration_since(delta.since?))));
        let (mut seconds, mut studies, mut instances) = (0.0, 0, 0);
        for (id, time) in timed {
            seconds += time.as_secs_f64();
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
