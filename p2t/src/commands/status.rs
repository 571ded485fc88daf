//! `p2t status`: how far the job is, also while another process works on it.

use catalogue::SegmentState;
use catalogue::balance::Stage;
use job::{DecimalBytes, Outcome};
use serde_json::{Value, json};

use super::pace;
use crate::context::Context;
use crate::error::{Error, Result};

pub fn run(context: &Context) -> Result<Outcome<Value>> {
    let reader = context.reader()?;
    let balance = reader.balance(Stage::Export)?;
    let states = reader.instance_states()?;
    let (segments, segment_bytes) = reader.segments_total(SegmentState::Sealed)?;
    let rate = recent_rate(&reader)?;
    let volumes = reader.volumes()?;
    let (studies, instances) = (balance.studies, balance.instances);
    let mut lines = vec![format!(
        "studies    listed {} = done {} + excluded {} + failed {} + pending {}\n\
         instances  listed {} = written {} + excluded {} + failed {} + pending {}\n\
         spool      {segments} sealed segments, {}",
        studies.listed,
        studies.done,
        studies.excluded,
        studies.failed,
        studies.pending,
        instances.listed,
        instances.done,
        instances.excluded,
        instances.failed,
        instances.pending,
        DecimalBytes(segment_bytes),
    )];
    if let Some(rate) = rate {
        let left = if rate > 0.0 { instances.pending as f64 / rate } else { f64::INFINITY };
        let about = if left.is_finite() && instances.pending > 0 {
            format!(", about {:.1} hours left", left / 3600.0)
        } else {
            String::new()
        };
        lines.push(format!("rate       {rate:.1} instances/s{about}"));
    }
    let (pace, pace_document) = pace::state(context, &reader)?;
    lines.push(format!("pace       {pace}"));
    for row in &volumes {
        lines.push(format!(
            "volume {:>4} {:?} {} on {}",
            row.volume.sequence,
            row.state,
            DecimalBytes(row.bytes),
            row.volume.medium
        ));
    }
    let document = json!({
        "studies": studies,
        "instances": instances,
        "states": states.iter().map(|(state, count)| json!({ "state": state, "count": count })).collect::<Vec<_>>(),
        "spool": { "sealed_segments": segments, "sealed_bytes": segment_bytes },
        "instances_per_second": rate,
        "pace": pace_document,
        "volumes": volumes.iter().map(|row| json!({
            "sequence": row.volume.sequence, "id": row.volume.uuid, "medium": row.volume.medium,
            "state": row.state, "bytes": row.bytes, "last": row.last,
        })).collect::<Vec<_>>(),
    });
    Ok(Outcome::clean(document, lines.join("\n")))
}

/// Instances a second over the last samples of writing.
fn recent_rate(reader: &catalogue::Reader) -> Result<Option<f64>> {
    const SAMPLES: usize = 15;
    let mut last = std::collections::VecDeque::with_capacity(SAMPLES);
    reader.each_sample(|sample| {
        if sample.stage == "write" {
            if last.len() == SAMPLES {
                last.pop_front();
            }
            last.push_back((sample.at, sample.instances));
        }
        Ok::<_, Error>(())
    })?;
    Ok(last.front().zip(last.back()).and_then(|(first, last)| {
        let seconds = last.0.duration_since(first.0).as_secs_f64();
        (seconds > 0.0).then(|| last.1.saturating_sub(first.1) as f64 / seconds)
    }))
}
