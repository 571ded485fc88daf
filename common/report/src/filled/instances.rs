//! The rows of the file of instances: what is not cleanly done, what is too much, and what is not DICOM.

use std::iter;

use catalogue::standing::{InstanceStanding, OddityRow, StandingCursor};
use catalogue::{Error, OddityState, Reader};
use manifest::Digest;

use super::findings::is_clean;
use super::subject::Subject;
use super::{outside_studies, pages, shown_uid};
use crate::{InstanceRow, Verdict};

type Rows<'a> = Box<dyn Iterator<Item = Result<InstanceRow, Error>> + 'a>;

/// All rows, study by study, then extra ones, then files that are no DICOM objects.
pub fn rows(reader: &Reader, subject: Subject) -> impl Iterator<Item = Result<InstanceRow, Error>> {
    let of_studies = pages::studies(reader, subject).flat_map(move |study| -> Rows<'_> {
        match study {
            Err(error) => Box::new(iter::once(Err(error))),
            Ok(study) if is_clean(&study) => Box::new(iter::empty()),
            Ok(study) => {
                let instances = pages::instances(reader, subject, study.id, StandingCursor::default());
                Box::new(instances.filter_map(move |instance| row(subject, instance).transpose()))
            }
        }
    });
    let extras = pages::extras(reader, subject).map(|extra| extra.map(extra_row));
    let oddities = (subject == Subject::Export).then(|| pages::oddities(reader)).into_iter().flatten();
    of_studies.chain(extras).chain(oddities.map(|oddity| oddity.map(oddity_row)))
}

fn row(subject: Subject, instance: Result<InstanceStanding, Error>) -> Result<Option<InstanceRow>, Error> {
    let instance = instance?;
    let (verdict, reason) = subject.verdict(&instance);
    if verdict == subject.done() {
        return Ok(None);
    }
    let reason = reason.to_owned();
    Ok(Some(InstanceRow {
        sop_instance_uid: name(&instance),
        study_instance_uid: shown_uid(&instance.study_uid, "Study"),
        series_instance_uid: instance.series_uid,
        sop_class_uid: instance.sop_class.unwrap_or_default(),
        transfer_syntax_uid: instance.transfer_syntax.unwrap_or_default(),
        bytes: instance.bytes,
        blake3: instance.blake3.map(|blake3| Digest(blake3).to_string()).unwrap_or_default(),
        volume: instance.volume.map(|volume| volume.to_string()).unwrap_or_default(),
        segment: instance.segment.and_then(|number| u32::try_from(number).ok()),
        verdict,
        reason,
    }))
}

/// The SOP Instance UID, or where there is none, the file's path within the source.
fn name(instance: &InstanceStanding) -> String {
    match &instance.source_ref {
        Some(path) if instance.sop_instance.is_empty() => String::from_utf8_lossy(path).into_owned(),
        _ => shown_uid(&instance.sop_instance, "SOP"),
    }
}

fn extra_row((study, sop): (String, String)) -> InstanceRow {
    let reason = "the destination lists it, and no volume carries it".to_owned();
    InstanceRow { study_instance_uid: study, sop_instance_uid: sop, ..bare(Verdict::Extra, reason) }
}

fn oddity_row(oddity: OddityRow) -> InstanceRow {
    InstanceRow {
        study_instance_uid: outside_studies().study_instance_uid,
        sop_instance_uid: String::from_utf8_lossy(&oddity.source_ref).into_owned(),
        bytes: oddity.bytes,
        ..bare(oddity_verdict(oddity.state), oddity.reason)
    }
}

/// The verdict on a file that is no DICOM object.
pub fn oddity_verdict(state: OddityState) -> Verdict {
    match state {
        OddityState::Excluded => Verdict::Excluded,
        OddityState::Failed => Verdict::Failed,
    }
}

fn bare(verdict: Verdict, reason: String) -> InstanceRow {
    InstanceRow {
        study_instance_uid: String::new(),
        series_instance_uid: String::new(),
        sop_instance_uid: String::new(),
        sop_class_uid: String::new(),
        transfer_syntax_uid: String::new(),
        bytes: None,
        blake3: String::new(),
        volume: String::new(),
        segment: None,
        verdict,
        reason,
    }
}
