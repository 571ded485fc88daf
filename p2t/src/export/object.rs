//! One object on its way from the source's hands into an intake, digests computed on the way.

use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use archive::{Exclusions, Intake, IntakeError, IntakeObject, ObjectIdentity};
use catalogue::capture::{CaptureKey, Captured};
use catalogue::{Dataset, StudyId};
use job::Counter;
use manifest::{Digester, IN_DOUBT};
use pace::{Admission, Prepaid, Respite};

use super::capture::Capture;
use super::expected::Expected;
use super::spool::IntakeFile;
use crate::error::Error;

/// Small pieces are gathered up to this many bytes, ...
const BUFFER_BYTES: usize = 256 << 10;
/// ... and those of at least this many are written from where they lie.
const LARGE_BYTES: usize = 64 << 10;
/// Rest is granted to the source in pieces of at least this, between the parts of an object: it keeps an association for us
/// meanwhile, and perhaps one of few threads, so that what a small study earns comes when it is over, ...
const LEAST_REST: Duration = Duration::from_secs(1);
/// ... of at most this before one answer, because a PACS gives up on one that takes 10 s, ...
const MOST_REST: Duration = Duration::from_secs(2);
/// ... and of at most this between two studies.
const MOST_REST_BETWEEN: Duration = Duration::from_secs(10);
/// Doubts told of one retrieval; a source that is wrong is wrong many times.
const MOST_DOUBTS: usize = 10;

/// Takes the objects that one study's retrieval brings.
pub struct StudyIntake {
    capture: Arc<Capture>,
    study_id: StudyId,
    refused: AtomicBool,
    begun: AtomicBool,
    respite: Mutex<Respite>,
    prepaid: Prepaid,
    expected: Expected,
    exclusions: Arc<Exclusions>,
    noticed: Mutex<Noticed>,
}

/// What was noticed of the objects that came.
#[derive(Debug, Default)]
struct Noticed {
    /// Why objects were not taken, the first few.
    doubts: Vec<String>,
    of_another_patient: u64,
    /// What is left out whatever the plan says of its study, and why.
    excluded: Vec<(CaptureKey, &'static str)>,
}

impl StudyIntake {
    pub fn new(capture: Arc<Capture>, study_id: StudyId) -> Self {
        let respite = Mutex::new(Respite::new(capture.pace.clock().monotonic()));
        let (refused, begun, prepaid, expected, exclusions, noticed) = Default::default();
        Self { capture, study_id, refused, begun, respite, prepaid, expected, exclusions, noticed }
    }

    /// The same, for objects of which this much is known.
    pub fn expecting(self, expected: Expected) -> Self {
        Self { expected, ..self }
    }

    /// The same, without the objects that these leave out.
    pub fn excluding(self, exclusions: Arc<Exclusions>) -> Self {
        Self { exclusions, ..self }
    }

    /// The same, let begin with this.
    pub fn begun_with(self, prepaid: Prepaid) -> Self {
        Self { prepaid, ..self }
    }

    /// Why objects were not taken for what was asked for, the first few.
    pub fn doubts(&self) -> Vec<String> {
        self.noticed().doubts.clone()
    }

    /// How many objects name another patient than the list.
    pub fn of_another_patient(&self) -> u64 {
        self.noticed().of_another_patient
    }

    /// The objects that were left out since this was asked last, and why.
    pub fn take_excluded(&self) -> Vec<(CaptureKey, &'static str)> {
        std::mem::take(&mut self.noticed().excluded)
    }

    fn noticed(&self) -> MutexGuard<'_, Noticed> {
        self.noticed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn doubt(&self, identity: &ObjectIdentity, why: &str) {
        let doubts = &mut self.noticed().doubts;
        let uid = identity.sop_instance.as_deref().unwrap_or_default();
        let doubt = format!("what came as instance {uid} was not taken: {why}");
        if doubts.len() < MOST_DOUBTS && !doubts.contains(&doubt) {
            doubts.push(doubt);
        }
    }

    /// Whether anything has come.
    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Relaxed)
    }

    /// Gives back what was prepaid and not needed, as soon as the retrieval has ended.
    pub fn ended(&self) {
        self.capture.pace.settle(&self.prepaid);
    }

    /// Grants the source what it still has a right to, when the retrieval has ended.
    pub fn settle(&self) {
        self.rest(Duration::ZERO, MOST_REST_BETWEEN);
    }

    /// The source has worked until now, for which it may be granted a rest: its next part or answer comes later
    /// (receiver-side pacing). It also waits here while the source is left alone.
    fn rest(&self, least: Duration, most: Duration) {
        let pace = &self.capture.pace;
        let due = {
            let mut respite = self.respite.lock().unwrap_or_else(PoisonError::into_inner);
            respite.worked(pace.clock().monotonic(), pace.share());
            respite.due(least, most)
        };
        pace.rest(due.unwrap_or_default(), &|| self.capture.stop.requested());
    }

    /// Whatever time passed since the last part came was ours.
    fn resume(&self) {
        let now = self.capture.pace.clock().monotonic();
        self.respite.lock().unwrap_or_else(PoisonError::into_inner).resume(now);
    }

    /// Whether an object was refused for a reason of ours: then it is not the source's fault that it is missing.
    pub fn has_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    fn admit(&self) -> Result<IntakeFile, IntakeError> {
        let capture = &self.capture;
        if !capture.spool.has_room() {
            return Err(IntakeError::NotNow("the spool is full"));
        }
        match capture.pace.admit_prepaid_instance(&self.prepaid, &|| capture.stop.requested()) {
            Admission::Go => capture.take_intake(),
            Admission::Closed { .. } | Admission::Paused { .. } => {
                Err(IntakeError::NotNow("outside the allowed times"))
            }
            Admission::Stopped => Err(IntakeError::NotNow("asked to stop")),
        }
    }
}

impl Intake for StudyIntake {
    fn begin(&self, dataset_offset: u64) -> Result<Box<dyn IntakeObject + '_>, IntakeError> {
        self.begun.store(true, Ordering::Relaxed);
        self.rest(LEAST_REST, MOST_REST);
        let intake = self.admit().inspect_err(|_| self.refused.store(true, Ordering::Relaxed))?;
        self.resume();
        Ok(Box::new(Object {
            study: self,
            capture: &self.capture,
            start: intake.end,
            intake: Some(intake),
            buffer: Vec::new(),
            dataset_offset,
            file: Digester::default(),
            dataset: Digester::default(),
        }))
    }
}

struct Object<'a> {
    study: &'a StudyIntake,
    capture: &'a Capture,
    /// `None` once the object is finished.
    intake: Option<IntakeFile>,
    start: u64,
    buffer: Vec<u8>,
    dataset_offset: u64,
    file: Digester,
    dataset: Digester,
}

impl Object<'_> {
    /// Puts the next bytes into the intake, or with others that go there together.
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES || bytes.len() >= LARGE_BYTES {
            self.write_out()?;
        }
        if bytes.len() >= LARGE_BYTES {
            return self.append(bytes);
        }
        if self.buffer.is_empty() {
            self.buffer.reserve_exact(BUFFER_BYTES);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes what was gathered.
    fn write_out(&mut self) -> io::Result<()> {
        let mut gathered = std::mem::take(&mut self.buffer);
        self.append(&gathered)?;
        gathered.clear();
        self.buffer = gathered;
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(intake) = &mut self.intake else { return Ok(()) };
        let written = intake.file.write_all_at(bytes, intake.end);
        if let Err(error) = written {
            let path = self.capture.spool.path("intake");
            self.capture.fail(Error::file("write", path)(io::Error::new(error.kind(), error.to_string())));
            return Err(error);
        }
        intake.end += bytes.len() as u64;
        Ok(())
    }
}

impl IntakeObject for Object<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let capture = self.capture;
        self.study.rest(LEAST_REST, MOST_REST);
        let (length, stop) = (bytes.len() as u64, || capture.stop.requested());
        if capture.pace.take_prepaid_bytes(length, &self.study.prepaid, &stop) == Admission::Stopped {
            return Err(io::Error::other("asked to stop"));
        }
        let meta = self.dataset_offset.saturating_sub(self.file.bytes()).min(bytes.len() as u64) as usize;
        self.file.update(bytes);
        self.dataset.update(bytes.get(meta..).unwrap_or_default());
        capture.monitor.count(Counter::Bytes, bytes.len() as u64);
        self.put(bytes)?;
        self.study.resume();
        Ok(())
    }

    fn finish(mut self: Box<Self>, mut identity: ObjectIdentity) -> Result<(), IntakeError> {
        self.study.rest(LEAST_REST, MOST_REST);
        if let Some(reason) = self.study.exclusions.reason_of_object(&identity) {
            let key = key(self.study.study_id, &identity);
            self.study.noticed().excluded.push((key, reason));
            // It was sent in good faith: nothing of it stays, and it is not asked for again.
            return Ok(());
        }
        let expected = &self.study.expected;
        if expected.is_of_another_patient(&identity) {
            self.study.noticed().of_another_patient += 1;
            identity.findings.push("the dataset names another patient than the source's list".to_owned());
        }
        let doubts = expected.doubts(&identity);
        if doubts.is_empty() {
            let key = key(self.study.study_id, &identity);
            return self.keep(key, identity);
        }
        let why = doubts.join("; ");
        self.study.doubt(&identity, &why);
        if expected.is_last_chance(&identity) {
            // In front, where whoever reads the manifest looks for it.
            identity.findings.insert(0, format!("{IN_DOUBT}{why}"));
            let key = doubtful(self.study.study_id, &identity);
            self.keep(key, identity)?;
        }
        Err(IntakeError::Doubtful(why))
    }
}

impl Object<'_> {
    /// Hands all bytes to the capture.
    fn keep(&mut self, key: CaptureKey, identity: ObjectIdentity) -> Result<(), IntakeError> {
        self.write_out().map_err(|error| IntakeError::Spool(error.into()))?;
        let Some(intake) = self.intake.take() else { return Ok(()) };
        let captured = Captured {
            key,
            intake_id: intake.id,
            offset: self.start,
            bytes: self.file.bytes(),
            blake3: self.file.digest().0,
            dataset: Some(Dataset { offset: self.dataset_offset, blake3: self.dataset.digest().0 }),
            transfer_syntax: identity.transfer_syntax,
            findings: (!identity.findings.is_empty()).then(|| identity.findings.join("; ")),
        };
        self.capture.arrived(captured, intake);
        self.study.resume();
        Ok(())
    }
}

impl Drop for Object<'_> {
    /// An object that did not arrive whole leaves its intake as it found it.
    fn drop(&mut self) {
        if let Some(mut intake) = self.intake.take() {
            intake.end = self.start;
            self.capture.give_back(intake);
        }
    }
}

fn key(study_id: StudyId, identity: &ObjectIdentity) -> CaptureKey {
    match identity.requested {
        Some(id) => CaptureKey::Instance(id),
        None => CaptureKey::Uids {
            study_id,
            series_uid: identity.series_uid.clone().unwrap_or_default(),
            sop_instance: identity.sop_instance.clone().unwrap_or_default(),
            sop_class: identity.sop_class.clone().unwrap_or_default(),
        },
    }
}

fn doubtful(study_id: StudyId, identity: &ObjectIdentity) -> CaptureKey {
    CaptureKey::Doubtful {
        study_id,
        series_uid: identity.series_uid.clone().unwrap_or_default(),
        sop_instance: identity.sop_instance.clone().unwrap_or_default(),
        sop_class: identity.sop_class.clone().unwrap_or_default(),
    }
}
