//! What a volume says of its segments and objects, as rows of the catalogue.

use std::sync::Arc;

use catalogue::register::ObjectRow;
use catalogue::segments::NewSegment;
use catalogue::{Catalogue, Dataset, StudyRow};
use manifest::{Frame, Study};
use volume::{Entry, SegmentCheck};

use crate::error::{Error, Result};

/// A segment as the index lists it.
pub fn segment(segment: &manifest::Segment, frames: &[Frame]) -> Result<NewSegment> {
    Ok(NewSegment {
        number: u64::from(segment.number),
        file: segment.name.clone(),
        bytes: segment.bytes,
        blake3: segment.blake3.0,
        plain_bytes: segment.tar_bytes,
        plain_blake3: segment.tar_blake3.0,
        objects: u64::from(segment.objects),
        frames: serde_json::to_string(frames).map_err(Error::FrameTable)?,
        indexed: true,
    })
}

/// A segment that no index lists, as it was found; none when it could not be made out. Its objects are as they were
/// captured, for the frames that list them carry checksums; the file around them may be damaged.
pub fn found_segment(check: &SegmentCheck) -> Option<NewSegment> {
    let found = check.blake3?.0;
    Some(NewSegment {
        number: u64::from(check.number),
        file: manifest::segment_name(check.number),
        bytes: check.bytes,
        blake3: found,
        plain_bytes: check.entries.iter().map(|entry| entry.object.bytes).sum(),
        plain_blake3: found,
        objects: check.entries.len() as u64,
        frames: "[]".to_owned(),
        indexed: false,
    })
}

/// Registers the objects of a segment; those that are known already must be the same.
pub fn register_objects(
    catalogue: &mut Catalogue,
    id: catalogue::SegmentId,
    entries: &[Entry],
) -> Result<catalogue::plan::Listed> {
    let studies = entries
        .chunk_by(|a, b| Arc::ptr_eq(&a.study, &b.study))
        .filter_map(|chunk| chunk.first().map(|first| study_row(&first.study)));
    Ok(catalogue.register_objects(id, studies, entries.iter().map(object_row))?)
}

fn study_row(study: &Study) -> StudyRow {
    let Study { uid, patient_id, issuer, patient_name, date, time, accession, description } = study.clone();
    StudyRow {
        uid: uid.unwrap_or_default(),
        patient_id,
        issuer,
        patient_name,
        study_date: date,
        study_time: time,
        accession,
        description,
        ..StudyRow::default()
    }
}

fn object_row(entry: &Entry) -> ObjectRow {
    let Entry { study, series, object } = entry;
    ObjectRow {
        study_uid: study.uid.clone().unwrap_or_default(),
        series_uid: series.uid.clone().unwrap_or_default(),
        modality: series.modality.clone(),
        sop_instance: object.sop_instance.clone().unwrap_or_default(),
        sop_class: object.sop_class.clone(),
        source_ref: object.source.clone().map(String::into_bytes),
        transfer_syntax: object.transfer_syntax.clone(),
        bytes: object.bytes,
        blake3: object.blake3.0,
        dataset: Some(Dataset { offset: object.dataset_offset, blake3: object.dataset_blake3.0 }),
        findings: (!object.findings.is_empty()).then(|| object.findings.join("; ")),
        member: object.member.clone(),
        tar_offset: object.tar_offset,
        listed: true,
    }
}
