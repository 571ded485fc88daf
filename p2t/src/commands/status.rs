//! `p2t status`: how far the job is, also while another process works on it.

use catalogue::balance::Stage;
use catalogue::copies::CopyStanding;
use catalogue::volumes::VolumeRow;
use catalogue::{Reader, SegmentState};
use job::{DecimalBytes, Outcome, SilentDrive};
use serde_json::{Value, json};

use super::export::known_copies;
use super::{lost, pace};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::forecast::Cartridges;
use crate::selection::Choice;

pub fn run(context: &Context) -> Result<Outcome<Value>> {
    let reader = context.reader()?;
    let balance = reader.balance(Stage::Export)?;
    let states = reader.instance_states()?;
    let (segments, segment_bytes) = reader.segments_total(SegmentState::Sealed)?;
    let rate = recent_rates(&reader, "write")?.map(|rates| rates.instances);
    let intake = recent_rates(&reader, "fetch")?.map(|rates| rates.bytes);
    let cartridges = Cartridges::remembered(&context.config, &reader)?;
    let streaming = intake.and_then(|rate| cartridges.outlook(&context.config, rate));
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
    let choice = Choice::read(&reader)?;
    lines.extend(choice.lines());
    let short = reader.shortfall()?;
    lines.extend(short.text().map(|text| format!("IN DOUBT   {text}")));
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
    lines.extend(streaming.as_ref().map(|outlook| format!("drive      {}", outlook.text())));
    let silent = SilentDrive::known(&reader)?;
    lines.extend(silent.iter().map(|silent| format!("WARNING    {}", silent.text())));
    let copies = copies(&reader)?;
    if copies.len() > 1 {
        lines.extend(copies.iter().map(|copy| {
            format!(
                "copy {:>6} {} segments, {} on volumes; {} segments, {} waiting in the spool",
                copy.copy,
                copy.segments,
                DecimalBytes(copy.bytes),
                copy.waiting_segments,
                DecimalBytes(copy.waiting_bytes),
            )
        }));
    }
    let fewer = on_fewer_copies(&reader)?;
    lines.extend(fewer.text());
    let damaged = lost::damaged(&reader)?;
    lines.extend(damaged.iter().map(lost::Damaged::text));
    for row in &volumes {
        let barcode = row.volume.barcode.as_ref().map_or(String::new(), |barcode| format!("{barcode} in "));
        let held = row.held.as_ref().and_then(|held| Some(format!(", full at {}", held.text()?)));
        lines.push(format!(
            "{:<11} {:?} {} on {barcode}{}{}",
            volume_name(row),
            row.state,
            DecimalBytes(row.bytes),
            row.volume.medium,
            held.unwrap_or_default()
        ));
    }
    let document = json!({
        "studies": studies,
        "instances": instances,
        "states": states.iter().map(|(state, count)| json!({ "state": state, "count": count })).collect::<Vec<_>>(),
        "order": choice.order,
        "excluded_studies": choice.excluded,
        "waiting_studies": choice.waiting,
        "short_studies": short,
        "spool": { "sealed_segments": segments, "sealed_bytes": segment_bytes },
        "instances_per_second": rate,
        "pace": pace_document,
        "streaming": streaming,
        "silent_drives": silent,
        "copies": copies,
        "segments_on_fewer_copies": fewer.segments,
        "damaged_volumes": damaged,
        "volumes": self::volumes(&volumes),
    });
    Ok(Outcome::clean(document, lines.join("\n")))
}

/// Volumes for machines.
pub fn volumes(rows: &[VolumeRow]) -> Vec<Value> {
    let row = |row: &VolumeRow| {
        json!({
            "copy": row.volume.copy, "sequence": row.volume.sequence, "id": row.volume.uuid,
            "medium": row.volume.medium, "barcode": row.volume.barcode, "state": row.state, "bytes": row.bytes, "last": row.last,
            "held_bytes": row.held.as_ref().map(|held| held.bytes), "held_percent": row.held.as_ref().and_then(catalogue::volumes::Held::percent),
            "verified_at": row.verified_at, "verified_how": row.verified_how,
        })
    };
    rows.iter().map(row).collect()
}

/// A volume for people; the copy is said of all but the first.
pub fn volume_name(row: &VolumeRow) -> String {
    match row.volume.copy {
        1 => format!("volume {}", row.volume.sequence),
        copy => format!("volume {} of copy {copy}", row.volume.sequence),
    }
}

/// How far each copy is.
pub fn copies(reader: &Reader) -> Result<Vec<CopyStanding>> {
    (1..=known_copies(reader)?).map(|copy| Ok(reader.copy_standing(copy)?)).collect()
}

/// Segments that are on fewer copies than asked for, because one was lost.
struct FewerCopies {
    /// Their numbers, the first thousand.
    segments: Vec<u64>,
}

fn on_fewer_copies(reader: &Reader) -> Result<FewerCopies> {
    const LISTED: usize = 1000;
    Ok(FewerCopies { segments: reader.segments_on_fewer_copies(known_copies(reader)?, LISTED)? })
}

impl FewerCopies {
    fn text(&self) -> Option<String> {
        let numbers = self.segments.iter().take(8).map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let (count, more) = (self.segments.len(), if self.segments.len() > 8 { " …" } else { "" });
        (count > 0).then(|| {
            format!("WARNING    {count} segments are on fewer copies than asked for: {numbers}{more}")
        })
    }
}

/// How fast a stage was lately.
struct Rates {
    /// A second.
    instances: f64,
    /// A second.
    bytes: f64,
}

/// Over the last samples of a stage.
fn recent_rates(reader: &Reader, stage: &str) -> Result<Option<Rates>> {
    const SAMPLES: usize = 15;
    let mut last = std::collections::VecDeque::with_capacity(SAMPLES);
    reader.each_sample(|sample| {
        if sample.stage == stage {
            if last.len() == SAMPLES {
                last.pop_front();
            }
            last.push_back((sample.at, sample.instances, sample.bytes));
        }
        Ok::<_, Error>(())
    })?;
    Ok(last.front().zip(last.back()).and_then(|(first, last)| {
        let seconds = last.0.duration_since(first.0).as_secs_f64();
        let rate = |first: u64, last: u64| last.saturating_sub(first) as f64 / seconds;
        (seconds > 0.0).then(|| Rates { instances: rate(first.1, last.1), bytes: rate(first.2, last.2) })
    }))
}
