//! Small transfers, made through the catalogue's own steps.

use std::fs;
use std::path::PathBuf;

use catalogue::capture::{CaptureKey, Captured};
use catalogue::delta::changes::Untold;
use catalogue::events::Sample;
use catalogue::load::LoadedSegment;
use catalogue::pack::{Budget, Member, ObjectCursor, Readiness};
use catalogue::plan::{InstanceRow, QueryRow};
use catalogue::register::{ObjectRow, VolumeContents};
use catalogue::segments::NewSegment;
use catalogue::volumes::NewVolume;
use catalogue::write::Commit;
use catalogue::{
    Catalogue, Dataset, DestinationId, InstanceId, PlanPosition, SegmentId, StudyId, StudyRow, VolumeId,
};
use jiff::Timestamp;
use report::Written;
use report::filled::Facts;
use serde_json::Value;
use tempfile::TempDir;
use uuid::Uuid;

pub const BYTES: u64 = 1_000;

pub struct Lab {
    pub catalogue: Catalogue,
    pub dir: TempDir,
}

pub fn facts() -> Facts {
    Facts {
        version: "0.1.0".into(),
        source: "PACS-A@a:104".into(),
        operator: "mayer@desk".into(),
        time_zone: "UTC".into(),
        ..Facts::default()
    }
}

impl Lab {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(&dir.path().join("catalogue.sqlite")).unwrap();
        Self { catalogue, dir }
    }

    pub fn reports(&self) -> PathBuf {
        self.dir.path().join("reports")
    }

    /// A listed study of a patient whose name must not get into a report.
    pub fn study(&mut self, study: &str, instances: u64) -> StudyId {
        self.claimed_study(study, instances, instances)
    }

    /// The same, of which the source claims to have so many instances.
    pub fn claimed_study(&mut self, study: &str, instances: u64, claimed: u64) -> StudyId {
        let row = StudyRow {
            study_date: Some("20240131".into()),
            modalities: Some("CT\\SR".into()),
            claimed_instances: Some(claimed),
            ..study_row(study)
        };
        let id = self.listed(row);
        let rows = (0..instances).map(|n| InstanceRow {
            series_uid: format!("{study}.7"),
            modality: Some("CT".into()),
            sop_instance: format!("{study}.7.{n}"),
            ..InstanceRow::default()
        });
        self.catalogue.record_instances(id, rows).unwrap();
        id
    }

    /// A listed study whose instances are still to be listed.
    pub fn listed(&mut self, row: StudyRow) -> StudyId {
        let uid = row.uid.clone();
        self.catalogue.upsert_studies([row]).unwrap();
        let studies = self.catalogue.studies(PlanPosition::default(), 10_000).unwrap();
        studies.into_iter().find(|planned| planned.study.uid == uid).unwrap().id
    }

    pub fn query(&mut self, level: &str, rows: u64, status: u16) {
        let query = QueryRow {
            at: Timestamp::now(),
            level: level.into(),
            keys: "(0008,0020)=2024".into(),
            rows,
            status,
        };
        self.catalogue.record_query(&query).unwrap();
    }

    pub fn pending(&self, study: StudyId) -> Vec<InstanceId> {
        let rows = self.catalogue.pending_instances(study, InstanceId::default(), 100_000).unwrap();
        rows.into_iter().map(|row| row.id).collect()
    }

    /// Captures these instances; each has bytes of its own.
    pub fn capture(&mut self, keys: impl IntoIterator<Item = (CaptureKey, u64)>) {
        let intake_id = self.catalogue.open_intake().unwrap().id;
        let batch: Vec<_> = keys
            .into_iter()
            .enumerate()
            .map(|(n, (key, seed))| Captured {
                key,
                intake_id,
                offset: n as u64 * BYTES,
                bytes: BYTES,
                blake3: digest(seed),
                dataset: Some(Dataset { offset: 300, blake3: digest(seed) }),
                transfer_syntax: Some("1.2.840.10008.1.2.1".into()),
                findings: None,
            })
            .collect();
        self.catalogue.record_captured(&batch).unwrap();
        self.catalogue.close_intake(intake_id).unwrap();
    }

    pub fn capture_study(&mut self, study: StudyId) {
        let ids = self.pending(study);
        self.capture(ids.into_iter().map(|id| (CaptureKey::Instance(id), id.0.unsigned_abs())));
    }

    /// Packs what is captured into one segment and writes it to a new volume, sealed as the last.
    pub fn write_all(&mut self) -> VolumeId {
        let volume = self.write_open();
        self.catalogue
            .seal_volume(volume, &digest(99), &["VOLUME.tar".into()], 9_000, true, Untold::default())
            .unwrap();
        volume
    }

    /// As [`Self::write_all`], but the volume is not sealed.
    pub fn write_open(&mut self) -> VolumeId {
        let number = self.catalogue.next_segment_number().unwrap();
        let budget = Budget { bytes: u64::MAX, objects: usize::MAX };
        let mut cursor = ObjectCursor::default();
        let captured = self.catalogue.captured_objects(&mut cursor, Readiness::Any, budget).unwrap();
        let members: Vec<_> = captured
            .iter()
            .enumerate()
            .map(|(n, captured)| Member {
                instance_id: captured.object.id,
                member: format!("{n}.dcm"),
                tar_offset: n as u64 * 2_048,
            })
            .collect();
        let segment = self.catalogue.seal_segment(&segment(number, members.len() as u64), members).unwrap();
        let sequence = self.catalogue.volumes().unwrap().len() as u32 + 1;
        let volume = self.catalogue.begin_volume(&volume(sequence)).unwrap();
        self.catalogue.label_committed(volume, &["VOLUME.tar".into()], 1).unwrap();
        let commit = Commit { segments: &[(segment, 1)], files: &["VOLUME.tar".into()], bytes: 8_000 };
        self.catalogue.segments_written(volume, &commit, 1).unwrap();
        volume
    }

    pub fn export(&self) -> (Written, Value) {
        read(report::filled::export(&self.catalogue, &facts(), &self.reports()).unwrap())
    }

    /// A volume that arrived, with one segment that holds these objects of a study.
    pub fn arrive(
        &mut self,
        sequence: u32,
        last: bool,
        study: &str,
        objects: std::ops::Range<u64>,
    ) -> SegmentId {
        let volume = self.catalogue.register_volume(&volume(sequence)).unwrap();
        let contents = VolumeContents {
            files: &[],
            index_blake3: Some(&digest(sequence.into())),
            bytes: 9_000,
            last,
            sealed_at: None,
        };
        self.catalogue.describe_volume(volume, &contents).unwrap();
        let row = segment(sequence.into(), objects.end - objects.start);
        let id = self.catalogue.register_segment(volume, 1, &row).unwrap();
        let rows: Vec<_> =
            objects.enumerate().map(|(n, object)| object_row(study, object, n as u64 * 2_048)).collect();
        self.catalogue.register_objects(id, [study_row(study)], rows).unwrap();
        id
    }

    pub fn objects(&self, segment: SegmentId) -> Vec<InstanceId> {
        let mut ids = Vec::new();
        self.catalogue
            .each_object_of_segment(segment, |packed| {
                ids.push(packed.object.id);
                Ok::<_, catalogue::Error>(())
            })
            .unwrap();
        ids
    }

    /// Loads a segment of which the last `damaged` objects could not be read.
    pub fn load(&mut self, segment: SegmentId, damaged: usize) -> Vec<InstanceId> {
        let ids = self.objects(segment);
        let (good, bad) = ids.split_at(ids.len() - damaged);
        let loaded: Vec<_> = good.iter().map(|id| (*id, 0)).collect();
        let damaged: Vec<_> =
            bad.iter().map(|id| (*id, "damaged on the volume: digest".to_owned())).collect();
        let found = LoadedSegment { loaded: &loaded, damaged: &damaged };
        self.catalogue.load_segment(segment, &found).unwrap();
        good.to_vec()
    }

    pub fn sample(&mut self, stage: &str, second: i64, instances: u64) {
        let at = Timestamp::from_second(1_700_000_000 + second).unwrap();
        let sample = Sample { at, stage: stage.into(), instances, bytes: instances * BYTES };
        self.catalogue.record_sample(&sample).unwrap();
    }

    pub fn audit(&self, destination: DestinationId, name: &str) -> (Written, Value) {
        read(report::filled::audit(&self.catalogue, &facts(), destination, name, &self.reports()).unwrap())
    }
}

/// Looks through the files for patient data and for sums that do not add up.
pub fn read(written: Written) -> (Written, Value) {
    for file in [&written.html, &written.json, &written.csv_studies, &written.csv_instances] {
        let text = fs::read_to_string(file).unwrap();
        assert!(!text.contains("Quagga") && !text.contains("PID-7"), "patient data in {}", file.display());
        assert!(!text.contains("other numbers"), "{} does not foot", file.display());
    }
    let json: Value = serde_json::from_slice(&fs::read(&written.json).unwrap()).unwrap();
    let (stated, footing) = (&json["report"]["balance"], &json["footing"]);
    for part in ["studies", "instances", "bytes"] {
        assert_eq!(stated[part], footing[part], "{part} do not add up");
    }
    let verdicts = json["report"]["verdicts"].as_array().unwrap().iter();
    let in_balance = verdicts.filter(|row| row["verdict"] != "EXTRA");
    let counted: u64 = in_balance.map(|row| row["instances"].as_u64().unwrap()).sum();
    assert_eq!(stated["instances"]["listed"], counted, "verdicts do not add up");
    (written, json)
}

/// Verdict and reason of each row in the file of instances, by its SOP Instance UID.
pub fn instance_rows(written: &Written) -> std::collections::BTreeMap<String, (String, String)> {
    let mut reader = csv::Reader::from_path(&written.csv_instances).unwrap();
    let cell = |record: &csv::StringRecord, n| record.get(n).unwrap().to_owned();
    let rows = reader.records().map(Result::unwrap);
    rows.map(|row| (cell(&row, 2), (cell(&row, 9), cell(&row, 10)))).collect()
}

pub fn study_row(study: &str) -> StudyRow {
    StudyRow {
        uid: study.into(),
        patient_id: Some("PID-7".into()),
        patient_name: Some("Zebra^Quagga".into()),
        ..StudyRow::default()
    }
}

pub fn object_row(study: &str, object: u64, tar_offset: u64) -> ObjectRow {
    ObjectRow {
        study_uid: study.into(),
        series_uid: format!("{study}.7"),
        modality: Some("MR".into()),
        sop_instance: format!("{study}.7.{object}"),
        sop_class: None,
        source_ref: None,
        transfer_syntax: None,
        bytes: BYTES,
        blake3: digest(object),
        dataset: None,
        findings: None,
        member: format!("{object}.dcm"),
        tar_offset,
        listed: true,
    }
}

pub fn digest(seed: u64) -> [u8; 32] {
    manifest::Digest::of(&seed.to_le_bytes()).0
}

pub fn segment(number: u64, objects: u64) -> NewSegment {
    NewSegment {
        number,
        file: format!("segment-{number:06}.tar.zst"),
        bytes: 1_000,
        blake3: digest(number),
        plain_bytes: 2_000,
        plain_blake3: digest(number),
        objects,
        frames: "[]".into(),
        indexed: true,
    }
}

pub fn volume(sequence: u32) -> NewVolume {
    let uuid = Uuid::from_u128(u128::from(sequence));
    NewVolume { uuid, sequence, copy: 1, medium: format!("/media/vol-{sequence}.tap"), barcode: None }
}
