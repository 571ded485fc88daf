//! Studies, series and objects of the catalogue as the manifest has them.

use std::sync::Arc;

use catalogue::{Object, StudyRow};
use manifest::{Digest, Member, Series, Study};

/// A study; what is unknown is absent.
pub fn study(row: StudyRow) -> Arc<Study> {
    let StudyRow {
        uid,
        patient_id,
        issuer,
        patient_name,
        study_date,
        study_time,
        accession,
        description,
        ..
    } = row;
    Arc::new(Study {
        uid: known(&uid),
        patient_id,
        issuer,
        patient_name,
        date: study_date,
        time: study_time,
        accession,
        description,
    })
}

/// The series of an object.
pub fn series(object: &Object) -> Arc<Series> {
    Arc::new(Series { uid: known(&object.series_uid), modality: object.modality.clone() })
}

/// An object under the name `member`, its data at `tar_offset` of the tar stream.
pub fn object(object: &Object, member: String, tar_offset: u64) -> manifest::Object {
    let blake3 = Digest(object.blake3);
    manifest::Object {
        member,
        tar_offset,
        sop_instance: known(&object.sop_instance),
        sop_class: object.sop_class.as_deref().and_then(known),
        transfer_syntax: object.transfer_syntax.clone(),
        bytes: object.bytes,
        blake3,
        dataset_offset: object.dataset.map_or(0, |dataset| dataset.offset),
        dataset_blake3: object.dataset.map_or(blake3, |dataset| Digest(dataset.blake3)),
        source: object.source_ref.as_ref().map(|path| String::from_utf8_lossy(path).into_owned()),
        findings: object.findings.iter().cloned().collect(),
    }
}

/// An object's name in the tar. Objects without SOP Instance UID would all have the same plain name, and so would
/// those that claim the same UIDs: of these, the first has it.
pub fn member(object: &Object, first_of_its_name: bool) -> String {
    let (study, series) = (Some(object.study_uid.as_str()), Some(object.series_uid.as_str()));
    let sop = Some(object.sop_instance.as_str());
    if first_of_its_name && !object.sop_instance.is_empty() {
        Member::name(study, series, sop)
    } else {
        Member::clashing_name(study, series, sop, &Digest(object.blake3))
    }
}

fn known(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}
