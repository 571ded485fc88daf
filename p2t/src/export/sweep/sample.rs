//! A job that is fetched and packed, and of which nothing is written yet.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use archive::{ObjectIdentity, Source};
use catalogue::plan::InstanceRow;
use catalogue::{Catalogue, PlanPosition, StudyRow};
use job::config::RetryConfig;
use job::{ByteSize, JobDir, Journal, P2tConfig, Program, Stop, Void};
use pace::{Calendar, Limits, Pace, SystemClock};
use tempfile::TempDir;
use volume::SegmentOptions;

use super::super::capture::Capture;
use super::super::fetch::Fetch;
use super::super::pack::Pack;
use super::super::planned::Planned;
use super::super::segment_bytes;
use super::super::spool::Spool;
use crate::context::Ids;

const STUDIES: usize = 3;
const INSTANCES: usize = 11;
/// As `[media]` has it at least.
const RECORD_BYTES: u64 = 4096;

/// Objects by their SOP Instance UID.
pub type Objects = BTreeMap<String, Vec<u8>>;

/// The job, to be copied for each run.
pub struct Sample {
    dir: TempDir,
    pub objects: Objects,
}

impl Sample {
    pub fn prepare() -> Self {
        let dir = scratch();
        let objects: Objects =
            (0..STUDIES * INSTANCES).map(|number| (uid(number), content(number))).collect();
        let job = JobDir::create(&dir.path().join("job"), Program::P2t, "").unwrap();
        let mut catalogue = Catalogue::open(&job.catalogue_file()).unwrap();
        for study in 0..STUDIES {
            let row = StudyRow { uid: format!("1.2.{study}"), ..StudyRow::default() };
            catalogue.upsert_studies([row]).unwrap();
            let id = catalogue.studies(PlanPosition::default(), 1000).unwrap().pop().unwrap().id;
            let numbers = study * INSTANCES..(study + 1) * INSTANCES;
            catalogue.record_instances(id, numbers.map(instance)).unwrap();
        }
        let ids = Ids::of(&mut catalogue).unwrap();
        let config = config();
        let journal = Arc::new(Journal::new(catalogue));
        let segment_bytes = segment_bytes(&config);
        let spool = Arc::new(Spool::recover(job.spool(), u64::MAX, segment_bytes, &journal).unwrap());
        let pace =
            Pace::new(Limits::default(), Calendar::always(), Arc::new(SystemClock::new()), Box::new(|_| ()));
        let capture =
            Capture::new(journal.clone(), spool.clone(), Arc::new(pace), Arc::new(Void), Stop::new());
        capture.give_back(spool.open_intake(&mut journal.lock()).unwrap());
        let fetch = Fetch::new(given(objects.clone()), Arc::new(capture), RetryConfig::default());
        fetch.work(0).unwrap();
        fetch.capture.close().unwrap();
        let options = SegmentOptions {
            frame_bytes: config.segment.frame_bytes.bytes() as usize,
            zstd_level: config.segment.zstd_level,
            workers: 1,
        };
        Pack { shared: journal, spool, ids, segment_bytes, options, stop: Stop::new(), fetched: true.into() }
            .work()
            .unwrap();
        Self { dir, objects }
    }

    /// A copy of the job, in a folder of its own.
    pub fn copy(&self) -> (TempDir, JobDir) {
        let dir = scratch();
        let to = dir.path().join("job");
        copy(&self.dir.path().join("job"), &to);
        (dir, JobDir::open(&to, Program::P2t).unwrap())
    }

    /// The source of the job.
    pub fn source(&self) -> Arc<dyn Source> {
        given(self.objects.clone())
    }
}

/// The configuration of every run.
pub fn config() -> P2tConfig {
    let mut config = P2tConfig::default();
    config.segment.bytes = ByteSize(16 << 10);
    config.segment.frame_bytes = ByteSize(4 << 10);
    config.media.record_bytes = ByteSize(RECORD_BYTES);
    // Two segments: of those on a volume, some are committed and some are not.
    config.media.commit_bytes = ByteSize(36 << 10);
    config
}

/// In memory, where there is such a place: what a power cut takes is modelled, and syncing a disk takes long.
fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn uid(number: usize) -> String {
    format!("1.2.3.{number}")
}

fn instance(number: usize) -> InstanceRow {
    InstanceRow {
        series_uid: "1.2.3".into(),
        modality: None,
        sop_instance: uid(number),
        sop_class: None,
        source_ref: None,
        bytes: None,
    }
}

/// Three to four kilobytes that do not compress.
fn content(number: usize) -> Vec<u8> {
    let mut state = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(3000 + number * 30).collect()
}

/// A source that has these objects.
fn given(objects: Objects) -> Arc<dyn Source> {
    let lists = |study_uid: &str| {
        let study: usize = study_uid.rsplit('.').next().unwrap().parse().unwrap();
        Ok((study * INSTANCES..(study + 1) * INSTANCES).map(instance).collect())
    };
    Planned::listing(lists, move |request, intake| {
        for wanted in request.wanted {
            let mut object = intake.begin(4).unwrap();
            object.write(&objects[&wanted.sop_instance]).unwrap();
            let identity = ObjectIdentity {
                series_uid: Some("1.2.3".into()),
                sop_instance: Some(wanted.sop_instance.clone()),
                ..ObjectIdentity::default()
            };
            object.finish(identity).unwrap();
        }
        Ok(archive::RetrieveEnd::default())
    })
}
