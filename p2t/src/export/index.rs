//! Gives a volume's index everything that the catalogue knows of the volume.

use std::io::Write;
use std::sync::Arc;

use catalogue::baseline::SOURCE;
use catalogue::delta::changes::{ChangeRow, Untold};
use catalogue::segments::{NewSegment, SegmentRow};
use catalogue::{ChangeClass, PackedObject, Reader, StudyId, VolumeId};
use manifest::{Change, Digest, Frame, Presence, Reidentified, Segment, Study};
use volume::{Entry, IndexWriter};

use super::describe;
use crate::error::{Error, Result};

/// The frame table of a segment, as the catalogue keeps it.
pub fn frames(segment: &NewSegment) -> Result<Vec<Frame>> {
    serde_json::from_str(&segment.frames)
        .map_err(|source| Error::FrameTable { segment: segment.number, source })
}

/// Writes how the source answered a small workload, and its changes that no earlier volume tells; then all segments of a
/// volume with their frames and objects, holding one object at a time.
pub fn write(
    reader: &Reader,
    volume: VolumeId,
    untold: Untold,
    out: &mut IndexWriter<&mut dyn Write>,
) -> std::result::Result<(), volume::Error> {
    let written = write_baselines(reader, out)
        .and_then(|()| write_changes(reader, untold, out))
        .and_then(|()| write_all(reader, volume, out));
    written.map_err(|error| match error {
        Error::Volume(error) => error,
        other => volume::Error::Sink(other.into()),
    })
}

fn write_all(reader: &Reader, volume: VolumeId, out: &mut IndexWriter<&mut dyn Write>) -> Result<()> {
    let mut segments = Vec::new();
    reader.each_segment_of_volume(volume, |file, row| {
        segments.push((file, row));
        Ok::<_, Error>(())
    })?;
    for (file, row) in segments {
        out.segment(segment(file, &row), &frames(&row.segment)?)?;
        let mut last: Option<(StudyId, Arc<Study>)> = None;
        reader.each_object_of_segment(row.id, |packed| {
            let study_id = packed.object.study_id;
            let study = match &last {
                Some((id, study)) if *id == study_id => study.clone(),
                _ => describe::study(reader.study(study_id)?),
            };
            last = Some((study_id, study.clone()));
            let PackedObject { object, member, tar_offset, .. } = packed;
            let series = describe::series(&object);
            let object = describe::object(&object, member, tar_offset);
            out.object(Entry { study, series, object }).map_err(Error::from)
        })?;
    }
    Ok(())
}

fn write_baselines(reader: &Reader, out: &mut IndexWriter<&mut dyn Write>) -> Result<()> {
    // Room on the volume is budgeted for few.
    const LATEST: usize = 4;
    let baselines = reader.baselines(SOURCE)?;
    let earlier = baselines.len().saturating_sub(LATEST);
    baselines.into_iter().skip(earlier).try_for_each(|baseline| Ok(out.baseline(baseline)?))
}

fn write_changes(reader: &Reader, untold: Untold, out: &mut IndexWriter<&mut dyn Write>) -> Result<()> {
    reader.each_told_change(untold.after, untold.last, |row| match change(row)? {
        Some(change) => Ok(out.change(change)?),
        None => Ok(()),
    })
}

/// A change as the index tells it; none for those that show by themselves, in objects.
fn change(row: ChangeRow) -> Result<Option<Change>> {
    let ChangeRow { number, delta, at, class, study_uid, sop_instance, old, new, .. } = row;
    let keys = |text: Option<String>| {
        text.map_or(Ok(Study::default()), |text| serde_json::from_str(&text)).map_err(Error::Keys)
    };
    let (change, seen_at, study) = (number, at, study_uid.clone());
    let presence = Presence { change, delta, seen_at, study, sop_instance };
    Ok(match class {
        ChangeClass::Deleted => Some(Change::Deleted(presence)),
        ChangeClass::Restored => Some(Change::Restored(presence)),
        ChangeClass::Reidentified => {
            let (old, new) = (keys(old)?, keys(new)?);
            let reidentified = Reidentified { change, delta, seen_at, study: study_uid, old, new };
            Some(Change::Reidentified(Box::new(reidentified)))
        }
        ChangeClass::New | ChangeClass::Grew | ChangeClass::Shrank => None,
    })
}

fn segment(file: u64, row: &SegmentRow) -> Segment {
    let NewSegment { number, file: name, bytes, blake3, plain_bytes, plain_blake3, objects, .. } =
        &row.segment;
    Segment {
        number: *number as u32,
        file: file as u32,
        name: name.clone(),
        bytes: *bytes,
        blake3: Digest(*blake3),
        tar_bytes: *plain_bytes,
        tar_blake3: Digest(*plain_blake3),
        objects: *objects as u32,
    }
}
