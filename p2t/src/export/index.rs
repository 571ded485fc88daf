//! Gives a volume's index everything that the catalogue knows of the volume.

use std::io::Write;
use std::sync::Arc;

use catalogue::segments::{NewSegment, SegmentRow};
use catalogue::{PackedObject, Reader, StudyId, VolumeId};
use manifest::{Digest, Frame, Segment, Study};
use volume::{Entry, IndexWriter};

use super::describe;
use crate::error::{Error, Result};

/// The frame table of a segment, as the catalogue keeps it.
pub fn frames(segment: &NewSegment) -> Result<Vec<Frame>> {
    serde_json::from_str(&segment.frames)
        .map_err(|source| Error::FrameTable { segment: segment.number, source })
}

/// Writes all segments of a volume with their frames and objects, holding one object at a time.
pub fn write(
    reader: &Reader,
    volume: VolumeId,
    out: &mut IndexWriter<&mut dyn Write>,
) -> std::result::Result<(), volume::Error> {
    write_all(reader, volume, out).map_err(|error| match error {
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
