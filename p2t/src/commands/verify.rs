//! `p2t verify`: reads a volume back and checks every digest, on the volume and against the catalogue.

use catalogue::volumes::{SAMPLE, VolumeRow};
use catalogue::{Catalogue, VolumeState};
use job::{Counter, ExitCode, Outcome};
use manifest::Digest;
use medium::Medium;
use serde_json::{Value, json};
use volume::{Extent, SegmentHealth, SegmentSummary, Summary, Volume};

use crate::cli::Verify;
use crate::context::{Context, Ids};
use crate::error::Result;

pub fn run(context: &Context, arguments: &Verify) -> Result<Outcome<Value>> {
    let (_lock, mut catalogue) = context.writer()?;
    let extent = if arguments.sample { Extent::Sample } else { Extent::Whole };
    verify(context, &mut catalogue, &arguments.medium, extent)
}

/// Checks one volume and records the result.
pub fn verify(
    context: &Context,
    catalogue: &mut Catalogue,
    medium: &dyn Medium,
    extent: Extent,
) -> Result<Outcome<Value>> {
    let mut volume = Volume::open(medium)?;
    volume.copy_index_below(context.job.spool());
    let known = catalogue.volume(volume.identity.volume)?;
    let mut problems = strangeness(catalogue, &volume, known.as_ref())?;
    context.monitor.phase(&format!("verify {medium}"));
    let summary = volume::check(&mut volume, extent, &mut |segment| {
        context.monitor.count(Counter::Listed, segment.objects as u64);
        context.monitor.count(Counter::Done, (segment.objects - segment.harmed) as u64);
        context.monitor.count(Counter::Failed, segment.harmed as u64);
        context.monitor.count(Counter::Bytes, segment.bytes);
        !context.stop.requested()
    })?;
    let Some(mut summary) = summary else { return Err(archive::Error::Stopped.into()) };
    summary.findings.append(&mut problems);
    let unsound = summary.findings.join("; ");
    let mut harmed: Vec<u64> = Vec::new();
    for segment in &summary.segments {
        let differs = if known.is_some() { compare(catalogue, segment)? } else { None };
        if differs.is_some() || segment.health != SegmentHealth::Intact {
            harmed.push(u64::from(segment.number));
        }
        summary.findings.extend(differs);
    }
    if let Some(row) = &known {
        summary.findings.extend(known_damage(catalogue, row, extent)?);
    }
    summary.intact &= summary.findings.is_empty();
    match known {
        Some(row) if summary.intact => catalogue.volume_verified(row.id, &how(&summary))?,
        Some(row) if row.state == VolumeState::Sealed => {
            let unsound = (!unsound.is_empty()).then_some(unsound.as_str());
            catalogue.volume_damaged(row.id, unsound, &harmed)?;
        }
        _ => {}
    }
    let code = if summary.intact { ExitCode::Clean } else { ExitCode::Discrepancies };
    let text = summary.text();
    Ok(Outcome::clean(json!(summary), text).with_exit_code(code))
}

/// How a volume was checked, as the report says it.
fn how(summary: &Summary) -> String {
    match summary.passed_over {
        0 => "every digest, read back from the medium".to_owned(),
        others => format!(
            "{SAMPLE}label, index, trailer and {} of {} segments, read back from the medium",
            summary.segments.len(),
            summary.segments.len() + others
        ),
    }
}

/// What makes the volume another one than the catalogue knows.
fn strangeness(catalogue: &Catalogue, volume: &Volume, known: Option<&VolumeRow>) -> Result<Vec<String>> {
    let ours = Ids::known(catalogue)?.map(|ids| ids.transfer);
    let transfer = volume.identity.transfer;
    if ours.is_some_and(|ours| ours != transfer) {
        return Ok(vec![format!(
            "the volume belongs to transfer {transfer}, this job is transfer {}: its digests were checked, but not \
             against this job's catalogue",
            ours.unwrap_or_default()
        )]);
    }
    let Some(known) = known else {
        return Ok(vec!["this job's catalogue does not know the volume".to_owned()]);
    };
    let found = volume.trailer.as_ref().map(|trailer| trailer.index.blake3);
    match (known.index_blake3.map(Digest), found) {
        (Some(expected), Some(found)) if expected != found => {
            Ok(vec![format!("the volume's index has digest {found}, the catalogue says {expected}")])
        }
        (Some(_), None) => {
            Ok(vec!["the volume was sealed, and now its trailer is missing or damaged".to_owned()])
        }
        (None, _) => Ok(vec!["the volume is not sealed yet; `p2t export` goes on with it".to_owned()]),
        _ => Ok(Vec::new()),
    }
}

/// A sample that is sound says nothing against damage that was found before.
fn known_damage(catalogue: &Catalogue, row: &VolumeRow, extent: Extent) -> Result<Option<String>> {
    if extent == Extent::Whole {
        return Ok(None);
    }
    let harmed = catalogue.harmed_placements()?.iter().filter(|placement| placement.volume == row.id).count();
    let known = harmed > 0 || row.unsound.is_some();
    Ok(known.then(|| {
        format!("an earlier check found damage ({harmed} segments); only a check of the whole volume can take that back")
    }))
}

fn compare(catalogue: &Catalogue, segment: &SegmentSummary) -> Result<Option<String>> {
    let Some(row) = catalogue.segment(u64::from(segment.number))? else {
        return Ok(Some(format!("{}: the catalogue does not know this segment", segment.name)));
    };
    let expected = Digest(row.segment.blake3);
    Ok(match segment.blake3 {
        Some(found) if found != expected => {
            Some(format!("{}: digest {found}, the catalogue says {expected}", segment.name))
        }
        _ => None,
    })
}
