//! The state of the pace, and why it is so, for `p2t status`: also while another process works on the job.

use catalogue::Reader;
use jiff::Timestamp;
use pace::Opening;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::Result;
use crate::export::fetch::{SOURCE_DOWN, SOURCE_UP};
use crate::export::governor::SOURCE;

/// In words, and for machines.
pub fn state(context: &Context, reader: &Reader) -> Result<(String, Value)> {
    let now = Timestamp::now();
    let config = &context.config.pace;
    let opening = config.calendar().at(now);
    let limits = match &opening {
        Opening::Open { window, .. } => {
            let replaced = window.as_ref().and_then(|window| window.limits.as_ref());
            replaced.map_or(config.limits, |window| config.limits.overridden_by(window))
        }
        Opening::Closed { .. } => config.limits,
    };
    let pause = context.job.pause(now);
    let load = reader.last_pace_change(SOURCE, "(load)")?;
    let canary = reader.last_canary(SOURCE)?;
    let down = reader.last_event_of([SOURCE_DOWN, SOURCE_UP])?.filter(|event| event.kind == SOURCE_DOWN);
    let mut words = vec![pause.as_ref().map_or_else(|| window(&opening), ToString::to_string)];
    if let Some(down) = &down {
        words.push(format!("the source went down at {:.0}: {}", down.at, down.message));
    }
    if let Some(load) = &load {
        let (at, allowed) = (load.at, load.new.unwrap_or_default());
        let signal = load.signal.trim_end_matches("(load)").trim_end();
        let seen = load.value.zip(load.baseline);
        let seen = seen.map(|(value, idle)| format!(" ({value:.1} ms, {idle:.1} ms when left alone)"));
        words.push(format!(
            "{allowed:.2} of {} associations at work allowed since {at:.0}: {signal}{}",
            limits.associations,
            seen.unwrap_or_default()
        ));
    } else {
        words.push(format!("ceiling of {} associations", limits.associations));
    }
    for answer in &canary {
        let idle = answer.baseline.map(|idle| format!(", {idle:.1} ms when left alone")).unwrap_or_default();
        words.push(format!(
            "{} answered in {:.1} ms at {:.0}{idle}",
            answer.probe, answer.milliseconds, answer.at
        ));
    }
    let document = json!({
        "paused": pause.as_ref().map(|pause| json!({ "reason": pause.reason, "until": pause.until })),
        "open": matches!(opening, Opening::Open { .. }),
        "limits": limits,
        "source_down_since": down.map(|event| event.at),
        "load": load.map(|load| json!({
            "allowed": load.new, "before": load.old, "since": load.at, "signal": load.signal,
            "milliseconds": load.value, "baseline": load.baseline,
        })),
        "canary": canary.iter().map(|answer| json!({
            "probe": answer.probe, "at": answer.at, "milliseconds": answer.milliseconds, "baseline": answer.baseline,
        })).collect::<Vec<_>>(),
    });
    Ok((words.join("\n           "), document))
}

fn window(opening: &Opening) -> String {
    match opening {
        Opening::Open { window: None, .. } => "open at all times".to_owned(),
        Opening::Open { window: Some(window), until } => {
            let until = until.map(|until| format!(" until {until:.0}")).unwrap_or_default();
            format!("open{until}, window {window}")
        }
        Opening::Closed { opens_at: Some(at) } => format!("closed: the next window opens at {at:.0}"),
        Opening::Closed { opens_at: None } => "closed: no window opens within two weeks".to_owned(),
    }
}
