//! A spool of sealed segments, one object in each, and media that count and can be told to fail.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use archive::{Intake, ObjectIdentity};
use catalogue::balance::{Stage, Tally};
use catalogue::plan::InstanceRow;
use catalogue::{Catalogue, InstanceId, Level, PlanPosition, StudyRow};
use job::config::{DriveConfig, Verify};
use job::{Common, Journal, Stop, Void, Watchdog};
use medium::{Address, CommittedFile, Medium, MediumReader, MediumWriter, Reopened, Settings};
use pace::{Calendar, Limits, Pace, SystemClock};
use tempfile::TempDir;
use uuid::Uuid;
use volume::SegmentOptions;

use super::super::{CommitInterval, Handout, Leg, Pacing, Told, Write, Writers, Written};
use crate::context::Ids;
use crate::error::Result;
use crate::export::capture::Capture;
use crate::export::object::StudyIntake;
use crate::export::pack::Pack;
use crate::export::spool::Spool;
use crate::media::Media;

/// The tape image that is a drive and not a cartridge.
pub const DRIVE: &str = "nst0.tap";
const OBJECT_BYTES: usize = 9_000;
const IDS: Ids = Ids { transfer: Uuid::from_u128(1), volume_set: Uuid::from_u128(2) };

pub struct Lab {
    dir: TempDir,
    pub shared: Arc<Journal>,
    limit_bytes: u64,
    object_bytes: usize,
}

impl Lab {
    /// A job of which `sealed` instances are in the spool, each in a segment, and `pending` are still to be fetched.
    pub fn new(sealed: u64, pending: u64) -> Self {
        Self::with_objects(sealed, pending, OBJECT_BYTES)
    }

    /// The same, each instance of so many bytes.
    pub fn with_objects(sealed: u64, pending: u64, object_bytes: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("spool")).unwrap();
        let mut catalogue = Catalogue::open(&dir.path().join("catalogue.sqlite")).unwrap();
        catalogue.upsert_studies([StudyRow { uid: "1.2".to_owned(), ..StudyRow::default() }]).unwrap();
        let study = catalogue.studies(PlanPosition::default(), 1).unwrap().remove(0).id;
        catalogue.record_instances(study, (0..sealed + pending).map(instance)).unwrap();
        let lab =
            Self { dir, shared: Arc::new(Journal::new(catalogue)), limit_bytes: u64::MAX, object_bytes };
        lab.seal(0..sealed);
        lab
    }

    /// Captures and packs these instances.
    pub fn seal(&self, numbers: std::ops::Range<u64>) {
        let spool = self.spool();
        let limits = Limits { associations: 1, ..Limits::default() };
        let pace = Pace::new(limits, Calendar::always(), Arc::new(SystemClock::new()), Box::new(|_| ()));
        let stop = Stop::new();
        let (shared, monitor) = (self.shared.clone(), Arc::new(Void));
        let capture = Capture::new(shared.clone(), spool.clone(), Arc::new(pace), monitor, stop.clone());
        let capture = Arc::new(capture);
        let study = self.shared.lock().studies(PlanPosition::default(), 1).unwrap().remove(0).id;
        capture.give_back(capture.spool.open_intake(&mut self.shared.lock()).unwrap());
        let intake = StudyIntake::new(capture.clone(), study);
        for number in numbers {
            let mut object = intake.begin(0).unwrap();
            object.write(&noise(number, self.object_bytes)).unwrap();
            object.finish(identity(number)).unwrap();
        }
        drop(intake);
        capture.close().unwrap();
        let options = SegmentOptions { frame_bytes: 4096, zstd_level: 1, workers: 1 };
        // The first object is more than enough.
        let pack = Pack { shared, spool, ids: IDS, segment_bytes: 10, options, stop, fetched: true.into() };
        pack.work().unwrap();
    }

    /// The same spool with less room.
    pub fn with_limit(self, limit_bytes: u64) -> Self {
        Self { limit_bytes, ..self }
    }

    /// A path beside the spool.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn tape(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn spool(&self) -> Arc<Spool> {
        Arc::new(Spool::recover(self.path("spool"), self.limit_bytes, 0, &self.shared).unwrap())
    }

    /// The writing stage of a new run, with these media for each copy. Everything is packed.
    pub fn stage(&self, copies: &[&[String]], faults: &Arc<Faults>) -> Write {
        let (shared, spool, monitor) = (self.shared.clone(), self.spool(), Arc::new(Void));
        let faults = faults.clone();
        let find = move |name: &str| -> Result<Box<dyn Medium>> {
            Ok(Box::new(Watched { address: name.parse()?, faults: faults.clone() }))
        };
        Write {
            handout: Handout::new(shared.clone(), spool.clone(), monitor.clone()),
            shared,
            spool,
            monitor,
            ids: IDS,
            media: Arc::new(Media::found_by(
                copies.iter().map(|specs| specs.to_vec()).collect(),
                Arc::new(find),
            )),
            settings: Settings { record_bytes: 4096, capacity_bytes: None },
            pacing: Pacing {
                commit: CommitInterval { bytes: u64::MAX, time: Duration::MAX },
                burst_bytes: vec![0; copies.len()],
            },
            verify: Verify::Full,
            stop: Stop::new(),
            packed: true.into(),
            objects: 0.into(),
            bytes: 0.into(),
            down: Mutex::default(),
            told: Told::default(),
            watchdog: watchdog(),
            writers: Writers::default(),
            relist: None,
        }
    }

    pub fn instances(&self) -> Tally {
        let balance = self.shared.lock().balance(Stage::Export).unwrap();
        assert!(balance.holds());
        balance.instances
    }

    /// Instances to be fetched.
    pub fn to_fetch(&self) -> usize {
        let catalogue = self.shared.lock();
        let study = catalogue.studies(PlanPosition::default(), 1).unwrap().remove(0).id;
        catalogue.pending_instances(study, InstanceId::default(), 1_000).unwrap().len()
    }

    /// Files in the spool.
    pub fn spooled(&self) -> usize {
        std::fs::read_dir(self.path("spool")).unwrap().count()
    }

    /// What went wrong, newest first.
    pub fn events(&self) -> Vec<String> {
        let events = self.shared.lock().last_events(Level::Warning, 100).unwrap();
        events.into_iter().map(|event| event.message).collect()
    }
}

/// Runs a stage on its own.
pub fn run(stage: &Write) -> Result<Written> {
    stage.work()
}

/// Numbers of the segments on a volume that reads back whole.
pub fn segments_on(medium: &str) -> Vec<u32> {
    let address: Address = medium.parse().unwrap();
    let mut volume = volume::Volume::open(&address).unwrap();
    let summary = volume::check(&mut volume, volume::Extent::Whole, &mut |_| true).unwrap().unwrap();
    let harmed: Vec<_> = summary.segments.iter().filter(|segment| segment.harmed > 0).collect();
    assert!(harmed.is_empty() && summary.findings.is_empty(), "{}", summary.text());
    summary.segments.iter().map(|segment| segment.number).collect()
}

/// The only leg of a stage, opened.
pub fn leg(stage: &Write) -> Leg<'_> {
    let mut leg = Leg::new(stage, 1);
    leg.open().unwrap();
    leg
}

fn instance(number: u64) -> InstanceRow {
    InstanceRow {
        series_uid: "1.2.3".into(),
        sop_instance: format!("1.2.3.{number}"),
        ..InstanceRow::default()
    }
}

fn identity(number: u64) -> ObjectIdentity {
    ObjectIdentity {
        series_uid: Some("1.2.3".into()),
        sop_instance: Some(format!("1.2.3.{number}")),
        ..ObjectIdentity::default()
    }
}

/// Bytes that do not compress.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(bytes).collect()
}

/// What goes wrong on media whose name contains `on`, and what was counted on all.
#[derive(Default)]
pub struct Faults {
    pub on: String,
    /// The record, counted from 1 over all such media, at which the drive fails; 0: none.
    pub fail_record: AtomicU32,
    /// How many cartridges of a drive take nothing more from then on, the one in it first.
    pub bad_cartridges: AtomicU32,
    /// As well for commits.
    pub fail_commit: AtomicU32,
    pub commits: AtomicU32,
    /// The longest record that the way to the drive takes; 0: any.
    pub longest_record: usize,
    /// Whether the next cartridge that is looked at is protected.
    pub write_protected: AtomicBool,
    /// What the operator puts in when the drive gives a cartridge out, the last one first.
    pub shelf: Mutex<Vec<PathBuf>>,
    /// Cartridges that were given out.
    pub ejected: AtomicU32,
    /// Whether the drive has failed.
    pub failed: AtomicBool,
}

impl Faults {
    /// Whether the drive fails at this record: once, or at each on a cartridge that is bad.
    fn fails_at_record(&self, medium: &Address) -> bool {
        let is_hit = self.is_hit(medium, &self.fail_record);
        let failed = self.failed.fetch_or(is_hit, Ordering::Relaxed);
        let is_bad = || self.bad_cartridges.load(Ordering::Relaxed) > 0 && self.is_on(medium);
        is_hit || failed && is_bad()
    }

    fn is_on(&self, medium: &Address) -> bool {
        medium.to_string().contains(&self.on)
    }

    fn is_hit(&self, medium: &Address, countdown: &AtomicU32) -> bool {
        let counted = |left: u32| (left > 0).then(|| left - 1);
        self.is_on(medium) && countdown.fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted) == Ok(1)
    }
}

/// A medium that counts and fails.
struct Watched {
    address: Address,
    faults: Arc<Faults>,
}

impl Watched {
    fn writer(&self, inner: Box<dyn MediumWriter>) -> Box<dyn MediumWriter> {
        Box::new(WatchedWriter { inner, address: self.address.clone(), faults: self.faults.clone() })
    }
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

impl Medium for Watched {
    fn is_blank(&self) -> Result<bool, medium::Error> {
        if self.is_drive() && !self.address.path().exists() {
            return Err(medium::Error::NoCartridge { path: self.address.path().into() });
        }
        self.address.is_blank()
    }

    /// What has this name is what is in a drive, as long as it is there.
    fn is_drive(&self) -> bool {
        self.address.path().ends_with(DRIVE)
    }

    fn is_write_protected(&self) -> Result<bool, medium::Error> {
        Ok(self.faults.write_protected.swap(false, Ordering::Relaxed))
    }

    fn eject(&self) -> Result<(), medium::Error> {
        let number = self.faults.ejected.fetch_add(1, Ordering::Relaxed);
        let one_less = |bad: u32| bad.checked_sub(1);
        if self.faults.failed.load(Ordering::Relaxed) {
            let _ = self.faults.bad_cartridges.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        }
        exchange(self.address.path(), &self.address.path().with_file_name(format!("out-{number}.tap")), None);
        let mut shelf = self.faults.shelf.lock().unwrap();
        if let Some(next) = shelf.pop() {
            std::fs::rename(next, self.address.path()).unwrap();
        }
        Ok(())
    }

    fn free_bytes(&self) -> Option<u64> {
        self.address.free_bytes()
    }

    fn has_room(&self, volume_bytes: u64, file_bytes: u64) -> bool {
        self.address.has_room(volume_bytes, file_bytes)
    }

    fn create(&self, settings: &Settings) -> Result<Box<dyn MediumWriter>, medium::Error> {
        Ok(self.writer(self.address.create(settings)?))
    }

    fn reopen(&self, settings: &Settings) -> Result<Box<dyn Reopened>, medium::Error> {
        let (address, faults) = (self.address.clone(), self.faults.clone());
        let inner = self.address.reopen(settings)?;
        Ok(Box::new(WatchedReopened { inner, medium: Self { address, faults } }))
    }

    fn open(&self) -> Result<Box<dyn MediumReader>, medium::Error> {
        self.address.open()
    }
}

struct WatchedReopened {
    inner: Box<dyn Reopened>,
    medium: Watched,
}

impl Reopened for WatchedReopened {
    fn reader(&mut self) -> &mut dyn MediumReader {
        self.inner.reader()
    }

    fn overwrites_nothing(&self) -> Result<bool, medium::Error> {
        self.inner.overwrites_nothing()
    }

    fn set_record_bytes(&mut self, record_bytes: usize) {
        self.inner.set_record_bytes(record_bytes);
    }

    fn append(self: Box<Self>, committed: &[CommittedFile]) -> Result<Box<dyn MediumWriter>, medium::Error> {
        let Self { inner, medium } = *self;
        Ok(medium.writer(inner.append(committed)?))
    }
}

struct WatchedWriter {
    inner: Box<dyn MediumWriter>,
    address: Address,
    faults: Arc<Faults>,
}

impl WatchedWriter {
    fn fail_if(&self, hit: bool, action: &'static str) -> Result<(), medium::Error> {
        if hit { Err(medium::Error::Drive { path: self.address.path().into(), action }) } else { Ok(()) }
    }
}

impl MediumWriter for WatchedWriter {
    fn record_bytes(&self) -> usize {
        self.inner.record_bytes()
    }

    fn used_bytes(&self) -> u64 {
        self.inner.used_bytes()
    }

    fn remaining_bytes(&self) -> Option<u64> {
        self.inner.remaining_bytes()
    }

    fn largest_file_bytes(&self) -> Option<u64> {
        self.inner.largest_file_bytes()
    }

    fn file_bytes(&self, content_bytes: u64) -> u64 {
        self.inner.file_bytes(content_bytes)
    }

    fn next_file(&self) -> u32 {
        self.inner.next_file()
    }

    fn begin_file(&mut self, name: &str) -> Result<(), medium::Error> {
        self.inner.begin_file(name)
    }

    fn write_record(&mut self, record: &[u8]) -> Result<(), medium::Error> {
        self.fail_if(self.faults.fails_at_record(&self.address), "write")?;
        if self.faults.longest_record > 0 && record.len() > self.faults.longest_record {
            return Err(medium::Error::RecordTooLarge { path: self.address.path().into() });
        }
        self.inner.write_record(record)
    }

    fn end_file(&mut self) -> Result<(), medium::Error> {
        self.inner.end_file()
    }

    fn abandon_file(&mut self) -> Result<(), medium::Error> {
        self.inner.abandon_file()
    }

    fn commit(&mut self) -> Result<u32, medium::Error> {
        self.fail_if(self.faults.is_hit(&self.address, &self.faults.fail_commit), "flush")?;
        self.faults.commits.fetch_add(1, Ordering::Relaxed);
        self.inner.commit()
    }

    fn close(self: Box<Self>) -> Result<(), medium::Error> {
        self.inner.close()
    }
}

/// Exchanges what is in a drive: what was in it goes to `away`, and what was put to `there` before comes in.
pub fn exchange(drive: &Path, away: &Path, there: Option<&Path>) {
    std::fs::rename(drive, away).unwrap();
    if let Some(there) = there {
        std::fs::rename(there, drive).unwrap();
    }
}

fn watchdog() -> Watchdog {
    let common = Common { job: PathBuf::new(), json: false, quiet: true, verbose: 0 };
    Watchdog::start(&common, DriveConfig::default(), Arc::new(Void), None)
}
