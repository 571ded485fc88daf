//! Small, made-up transfers for the tests.

use catalogue::capture::{CaptureKey, CaptureOutcome, Captured};
use catalogue::load::LoadedSegment;
use catalogue::pack::{Budget, Member, ObjectCursor, Readiness};
use catalogue::plan::InstanceRow;
use catalogue::register::ObjectRow;
use catalogue::segments::NewSegment;
use catalogue::volumes::NewVolume;
use catalogue::{
    Catalogue, Dataset, Digest, InstanceId, IntakeId, PlanPosition, SegmentId, StudyId, StudyRow, VolumeId,
};
use tempfile::TempDir;
use uuid::Uuid;

/// A catalogue in a directory of its own.
pub struct Lab {
    pub catalogue: Catalogue,
    pub dir: TempDir,
}

impl Lab {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(&dir.path().join("catalogue.sqlite")).unwrap();
        Self { catalogue, dir }
    }

    /// A study with `count` listed instances in one series.
    pub fn study(&mut self, study: u64, count: u64) -> StudyId {
        let id = self.listed(&study_row(study)).0;
        self.catalogue.record_instances(id, (0..count).map(|n| instance_row(study, n))).unwrap();
        id
    }

    /// Lists a study; says whether it is new.
    pub fn listed(&mut self, row: &StudyRow) -> (StudyId, bool) {
        let new = self.catalogue.upsert_studies([row.clone()]).unwrap().new == 1;
        (self.study_id(&row.uid), new)
    }

    pub fn study_id(&self, uid: &str) -> StudyId {
        let studies = self.catalogue.studies(PlanPosition::default(), 1_000).unwrap();
        studies.into_iter().find(|planned| planned.study.uid == uid).unwrap().id
    }

    pub fn pending(&self, study: StudyId) -> Vec<InstanceId> {
        let rows = self.catalogue.pending_instances(study, InstanceId::default(), 1_000).unwrap();
        rows.into_iter().map(|row| row.id).collect()
    }

    pub fn capture(&mut self, captured: Captured) -> (CaptureOutcome, InstanceId) {
        self.catalogue.record_captured(&[captured]).unwrap()[0]
    }

    /// Captures everything that is pending in a study, into a new and closed intake.
    pub fn capture_study(&mut self, study: StudyId) -> IntakeId {
        let intake = self.catalogue.open_intake().unwrap().id;
        let batch: Vec<_> = (self.pending(study).into_iter().zip(0..))
            .map(|(id, n)| captured(CaptureKey::Instance(id), intake, n * 1_000, id.0 as u8))
            .collect();
        self.catalogue.record_captured(&batch).unwrap();
        self.catalogue.close_intake(intake).unwrap();
        intake
    }

    /// Seals all that is captured into one segment.
    pub fn seal_all(&mut self) -> SegmentId {
        let number = self.catalogue.next_segment_number().unwrap();
        let members = members(&self.captured());
        self.catalogue.seal_segment(&segment(number, members.len() as u64), members).unwrap()
    }

    pub fn captured(&self) -> Vec<InstanceId> {
        let budget = Budget { bytes: u64::MAX, objects: usize::MAX };
        let found =
            self.catalogue.captured_objects(&mut ObjectCursor::default(), Readiness::Any, budget).unwrap();
        found.into_iter().map(|captured| captured.object.id).collect()
    }

    /// A volume with its label committed.
    pub fn open_volume(&mut self) -> VolumeId {
        let sequence = self.catalogue.volumes().unwrap().len() as u32 + 1;
        let id = self.catalogue.begin_volume(&volume(sequence, 1)).unwrap();
        self.catalogue.label_committed(id, &["VOLUME.tar".into()], 1).unwrap();
        id
    }

    /// A segment as a volume's manifest describes it, its objects registered.
    pub fn registered_segment(&mut self, number: u64, objects: &[ObjectRow]) -> SegmentId {
        let volume = self.catalogue.register_volume(&volume(1, 1)).unwrap();
        let row = segment(number, objects.len() as u64);
        let id = self.catalogue.register_segment(volume, number, &row).unwrap();
        self.catalogue.register_objects(id, [], objects.iter().cloned()).unwrap();
        id
    }

    pub fn objects(&self, segment: SegmentId) -> Vec<InstanceId> {
        let mut found = Vec::new();
        self.catalogue
            .each_object_of_segment(segment, |packed| {
                found.push(packed.object.id);
                Ok::<_, catalogue::Error>(())
            })
            .unwrap();
        found
    }

    /// Marks all objects of a segment loaded, and the segment too.
    pub fn load(&mut self, segment: SegmentId) -> Vec<InstanceId> {
        let ids = self.objects(segment);
        let loaded: Vec<_> = ids.iter().map(|id| (*id, id.0 as u64 * 10)).collect();
        self.catalogue.load_segment(segment, &LoadedSegment { loaded: &loaded, damaged: &[] }).unwrap();
        ids
    }
}

pub fn study_uid(study: u64) -> String {
    format!("1.2.3.{study}")
}

pub fn series_uid(study: u64) -> String {
    format!("1.2.3.{study}.7")
}

pub fn sop_uid(study: u64, instance: u64) -> String {
    format!("1.2.3.{study}.7.{instance}")
}

pub fn study_row(study: u64) -> StudyRow {
    StudyRow { uid: study_uid(study), patient_name: Some("Nobody^Special".into()), ..StudyRow::default() }
}

pub fn instance_row(study: u64, instance: u64) -> InstanceRow {
    InstanceRow {
        series_uid: series_uid(study),
        modality: Some("CT".into()),
        sop_instance: sop_uid(study, instance),
        ..InstanceRow::default()
    }
}

/// A file of a folder source.
pub fn file_row(study: u64, instance: u64, path: &str) -> (StudyRow, InstanceRow) {
    let row = InstanceRow { source_ref: Some(path.into()), ..instance_row(study, instance) };
    (study_row(study), row)
}

pub fn digest(seed: u8) -> Digest {
    [seed; 32]
}

pub fn captured(key: CaptureKey, intake_id: IntakeId, offset: u64, seed: u8) -> Captured {
    Captured {
        key,
        intake_id,
        offset,
        bytes: 1_000,
        blake3: digest(seed),
        dataset: Some(Dataset { offset: 300, blake3: digest(seed) }),
        transfer_syntax: Some("1.2.840.10008.1.2.1".into()),
        findings: None,
    }
}

pub fn key(study_id: StudyId, study: u64, instance: u64) -> CaptureKey {
    CaptureKey::Uids {
        study_id,
        series_uid: series_uid(study),
        sop_instance: sop_uid(study, instance),
        sop_class: "1.2.840.10008.5.1.4.1.1.2".into(),
    }
}

/// The same, of an object that is in doubt.
pub fn doubtful_key(study_id: StudyId, study: u64, instance: u64) -> CaptureKey {
    CaptureKey::Doubtful {
        study_id,
        series_uid: series_uid(study),
        sop_instance: sop_uid(study, instance),
        sop_class: "1.2.840.10008.5.1.4.1.1.2".into(),
    }
}

pub fn members(ids: &[InstanceId]) -> Vec<Member> {
    ids.iter()
        .zip(0..)
        .map(|(id, n)| Member { instance_id: *id, member: format!("odd/{n}.dcm"), tar_offset: n * 2_048 })
        .collect()
}

pub fn segment(number: u64, objects: u64) -> NewSegment {
    NewSegment {
        number,
        file: format!("segment-{number:06}.tar.zst"),
        bytes: 1_000,
        blake3: digest(number as u8),
        plain_bytes: 2_000,
        plain_blake3: [7; 32],
        objects,
        frames: "[]".into(),
        indexed: true,
    }
}

pub fn volume(sequence: u32, copy: u32) -> NewVolume {
    let uuid = Uuid::from_u128(u128::from(sequence) * 100 + u128::from(copy));
    NewVolume { uuid, sequence, copy, medium: "volume.tap".into(), barcode: None }
}

pub fn object_row(study: u64, instance: u64, tar_offset: u64) -> ObjectRow {
    ObjectRow {
        study_uid: study_uid(study),
        series_uid: series_uid(study),
        modality: Some("CT".into()),
        sop_instance: sop_uid(study, instance),
        sop_class: None,
        source_ref: None,
        transfer_syntax: None,
        bytes: 500,
        blake3: digest(instance as u8),
        dataset: None,
        findings: None,
        member: format!("{}/{}/{}.dcm", study_uid(study), series_uid(study), sop_uid(study, instance)),
        tar_offset,
        listed: true,
    }
}

/// Studies that a query finds from the plan's start, as UIDs.
pub fn uids(
    mut page: impl FnMut(PlanPosition) -> catalogue::Result<Vec<catalogue::PlannedStudy>>,
) -> Vec<String> {
    let mut found = Vec::new();
    let mut after = PlanPosition::default();
    loop {
        let studies = page(after).unwrap();
        let Some(last) = studies.last() else { return found };
        after = last.position;
        found.extend(studies.into_iter().map(|planned| planned.study.uid));
    }
}
