//! `p2t pause` and `p2t resume`: ask a running export, and every later one, to leave the source alone.

use jiff::Timestamp;
use job::Outcome;
use pace::Pause as Asked;
use serde_json::{Value, json};

use crate::cli::Pause;
use crate::context::Context;
use crate::error::{Error, Result};

pub fn pause(context: &Context, arguments: Pause) -> Result<Outcome<Value>> {
    let now = Timestamp::now();
    let zone = &context.config.pace.time_zone;
    let until = arguments.until.map(|text| zone.next_moment(&text, now)).transpose().map_err(Error::Until)?;
    let asked = Asked { reason: arguments.reason.unwrap_or_default(), until };
    context.job.set_pause(&asked)?;
    // As it will be read.
    let pause = context.job.pause(now).unwrap_or(asked);
    tracing::info!(%pause, "asked for a pause");
    let ends = pause
        .until
        .map_or_else(|| "`p2t resume` ends it".to_owned(), |until| format!("it ends at {until:.0}"));
    let text = format!(
        "{pause}\na running export asks the source for nothing more within seconds; packing and writing go on; {ends}"
    );
    Ok(Outcome::clean(json!({ "paused": true, "reason": pause.reason, "until": pause.until }), text))
}

pub fn resume(context: &Context) -> Result<Outcome<Value>> {
    let was_paused = context.job.end_pause()?;
    tracing::info!(was_paused, "asked to resume");
    let text = if was_paused { "resumed" } else { "there was no pause" };
    Ok(Outcome::clean(json!({ "paused": false, "was_paused": was_paused }), text.to_owned()))
}
