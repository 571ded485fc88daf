//! Reads a volume back and checks every digest, on the volume and against the catalogue.

use std::collections::BTreeSet;
use std::path::PathBuf;

use catalogue::volumes::{NewVolume, SAMPLE, VolumeRow};
use catalogue::{Catalogue, Reader, VolumeState};
use job::config::Verify;
use manifest::Digest;
use medium::Medium;
use volume::{Extent, SegmentHealth, SegmentSummary, Summary, Volume};

use crate::context::Ids;
use crate::error::{Error, Result};

/// What reading a volume back came to.
pub struct ReadBack {
    pub summary: Summary,
    /// The volume, if the catalogue knows it.
    known: Option<VolumeRow>,
    /// What is wrong outside its segments.
    unsound: String,
    /// Numbers of the segments that are not as they were written.
    harmed: Vec<u64>,
}

/// How much is read back of a volume that is complete; none for nothing.
pub fn extent(verify: Verify) -> Option<Extent> {
    match verify {
        Verify::Full => Some(Extent::Whole),
        Verify::Sample => Some(Extent::Sample),
        Verify::None => None,
    }
}

/// Reads the volume on a medium, its index copied to the folder `local`; none when `go_on` said, after a segment, not to. One that
/// was given up is always read whole: what it lost has no place among what it holds, and no sample finds that.
pub fn read_back(
    reader: &Reader,
    medium: &dyn Medium,
    extent: Extent,
    local: PathBuf,
    go_on: &mut dyn FnMut(&SegmentSummary) -> bool,
) -> Result<Option<ReadBack>> {
    let mut volume = Volume::open(medium)?;
    volume.copy_index_below(local);
    let known = reader.volume(volume.identity.volume)?;
    let extent = if known.as_ref().is_some_and(is_given_up) { Extent::Whole } else { extent };
    let mut problems = strangeness(reader, &volume, known.as_ref())?;
    let Some(mut summary) = volume::check(&mut volume, extent, go_on)? else { return Ok(None) };
    summary.findings.append(&mut problems);
    let unsound = summary.findings.join("; ");
    let mut harmed = Vec::new();
    for segment in &summary.segments {
        let differs = if known.is_some() { compare(reader, segment)? } else { None };
        if differs.is_some() || segment.health != SegmentHealth::Intact {
            harmed.push(u64::from(segment.number));
        }
        summary.findings.extend(differs);
    }
    if let Some(row) = &known {
        summary.findings.extend(known_damage(reader, row, extent)?);
    }
    if let Some(row) = known.as_ref().filter(|row| is_given_up(row)) {
        let mut placed = numbers(reader, row)?;
        // What it lost before counts as written elsewhere, or is still to be.
        harmed.retain(|number| placed.contains(number));
        for segment in &summary.segments {
            placed.remove(&u64::from(segment.number));
        }
        let gone = placed.iter().map(|number| format!("segment {number} of those committed is not there"));
        summary.findings.extend(gone);
        harmed.extend(placed);
    }
    summary.intact &= summary.findings.is_empty();
    Ok(Some(ReadBack { summary, known, unsound, harmed }))
}

fn is_given_up(row: &VolumeRow) -> bool {
    row.state == VolumeState::Abandoned
}

/// Volumes of which something counts as written and that were not read back and found right: sealed ones, and those that were
/// given up with segments on them.
pub fn unread(reader: &Reader) -> Result<Vec<VolumeRow>> {
    let mut unread = Vec::new();
    for row in reader.volumes()?.into_iter().filter(|row| row.verified_at.is_none()) {
        if row.state == VolumeState::Sealed || (is_given_up(&row) && holds_segments(reader, &row)?) {
            unread.push(row);
        }
    }
    Ok(unread)
}

/// Whether any segment counts as written on the volume.
pub fn holds_segments(reader: &Reader, row: &VolumeRow) -> Result<bool> {
    Ok(!numbers(reader, row)?.is_empty())
}

/// The volume with segments of which the catalogue says so.
pub fn holder(reader: &Reader, is_meant: impl Fn(&NewVolume) -> bool) -> Result<Option<VolumeRow>> {
    for row in reader.volumes()?.into_iter().filter(|row| is_meant(&row.volume)) {
        if holds_segments(reader, &row)? {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// Numbers of the segments that count as written on the volume.
fn numbers(reader: &Reader, row: &VolumeRow) -> Result<BTreeSet<u64>> {
    let mut numbers = BTreeSet::new();
    reader.each_segment_of_volume(row.id, |_, segment| {
        numbers.insert(segment.segment.number);
        Ok::<_, Error>(())
    })?;
    Ok(numbers)
}

impl ReadBack {
    /// Whether everything is as the catalogue has it: of a volume that was given up, its segments.
    pub fn is_as_recorded(&self) -> bool {
        let given_up = self.known.as_ref().is_some_and(is_given_up);
        self.summary.intact || (given_up && self.harmed.is_empty())
    }

    /// Notes in the catalogue what was found.
    pub fn record(&self, catalogue: &mut Catalogue) -> Result<()> {
        match &self.known {
            Some(row) if self.is_as_recorded() => catalogue.volume_verified(row.id, &how(&self.summary))?,
            Some(row) if row.state == VolumeState::Sealed => {
                let unsound = (!self.unsound.is_empty()).then_some(self.unsound.as_str());
                catalogue.volume_damaged(row.id, unsound, &self.harmed)?;
            }
            Some(row) if is_given_up(row) => catalogue.volume_damaged(row.id, None, &self.harmed)?,
            _ => {}
        }
        Ok(())
    }
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
fn strangeness(reader: &Reader, volume: &Volume, known: Option<&VolumeRow>) -> Result<Vec<String>> {
    let ours = Ids::known(reader)?.map(|ids| ids.transfer);
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
        (None, _) if is_given_up(known) => {
            Ok(vec!["the volume was given up: it has no index and trailer".to_owned()])
        }
        (None, _) => Ok(vec!["the volume is not sealed yet; `p2t export` goes on with it".to_owned()]),
        _ => Ok(Vec::new()),
    }
}

/// A sample that is sound says nothing against damage that was found before.
fn known_damage(reader: &Reader, row: &VolumeRow, extent: Extent) -> Result<Option<String>> {
    if extent == Extent::Whole {
        return Ok(None);
    }
    let harmed = reader.harmed_placements()?.iter().filter(|placement| placement.volume == row.id).count();
    let known = harmed > 0 || row.unsound.is_some();
    Ok(known.then(|| {
        format!("an earlier check found damage ({harmed} segments); only a check of the whole volume can take that back")
    }))
}

fn compare(reader: &Reader, segment: &SegmentSummary) -> Result<Option<String>> {
    let Some(row) = reader.segment(u64::from(segment.number))? else {
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
