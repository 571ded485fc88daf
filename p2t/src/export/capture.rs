//! Captures objects: from the source's hands into an intake, digests computed on the way, durable in groups.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use archive::{Intake, IntakeError, IntakeObject, ObjectIdentity};
use catalogue::capture::{CaptureKey, CaptureOutcome, Captured};
use catalogue::{Dataset, Level, StudyId};
use job::{Counter, Journal, Monitor, Stop};
use manifest::Digester;
use pace::{Admission, Pace};

use super::spool::{INTAKE_BYTES, IntakeFile, Spool};
use crate::error::{Error, Result};

/// A group is made durable when it has this many objects or bytes.
const GROUP_OBJECTS: usize = 256;
const GROUP_BYTES: u64 = 64 << 20;
const BUFFER_BYTES: usize = 256 << 10;

/// Takes all objects of an export.
pub struct Capture {
    pub shared: Arc<Journal>,
    pub spool: Arc<Spool>,
    pub pace: Arc<Pace>,
    pub monitor: Arc<dyn Monitor>,
    pub stop: Stop,
    /// Objects and bytes captured in this run.
    pub objects: AtomicU64,
    pub bytes: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    idle: Vec<IntakeFile>,
    group: Vec<Captured>,
    group_bytes: u64,
    dirty: Vec<Arc<File>>,
    /// Why capture cannot go on.
    failure: Option<Error>,
}

impl Capture {
    pub fn new(
        shared: Arc<Journal>,
        spool: Arc<Spool>,
        pace: Arc<Pace>,
        monitor: Arc<dyn Monitor>,
        stop: Stop,
    ) -> Self {
        let (objects, bytes, state) = Default::default();
        Self { shared, spool, pace, monitor, stop, objects, bytes, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether fetching must pause or end: asked to stop, outside the windows, spool full, or capture failed.
    pub fn must_stop(&self) -> bool {
        self.stop.requested() || self.pace.admission() != Admission::Go || self.state().failure.is_some()
    }

    /// Why capture cannot go on, once.
    pub fn take_failure(&self) -> Option<Error> {
        self.state().failure.take()
    }

    /// Makes every object that has arrived durable, and so captured.
    pub fn flush(&self) -> Result<()> {
        let mut state = self.state();
        self.flush_group(&mut state)
    }

    /// Flushes and closes all intakes, so that they can be deleted once their objects are packed.
    pub fn close(&self) -> Result<()> {
        let mut state = self.state();
        self.flush_group(&mut state)?;
        let mut catalogue = self.shared.lock();
        state.idle.drain(..).try_for_each(|intake| catalogue.close_intake(intake.id))?;
        Ok(())
    }

    fn flush_group(&self, state: &mut State) -> Result<()> {
        for file in state.dirty.drain(..) {
            file.sync_data().map_err(Error::file("sync", self.spool.path("intake")))?;
        }
        let group = std::mem::take(&mut state.group);
        state.group_bytes = 0;
        if group.is_empty() {
            return Ok(());
        }
        let outcomes = self.shared.lock().record_captured(&group)?;
        for (captured, (outcome, _)) in group.iter().zip(outcomes) {
            self.note(captured, outcome)?;
        }
        Ok(())
    }

    fn note(&self, captured: &Captured, outcome: CaptureOutcome) -> Result<()> {
        let uid = match &captured.key {
            CaptureKey::Uids { sop_instance, .. } => sop_instance.as_str(),
            CaptureKey::Instance(_) => "",
        };
        let remark = match outcome {
            CaptureOutcome::Captured => {
                self.monitor.count(Counter::Done, 1);
                return Ok(());
            }
            CaptureOutcome::Duplicate | CaptureOutcome::Excluded => return Ok(()),
            CaptureOutcome::Copy => {
                self.monitor.count(Counter::Excluded, 1);
                return Ok(());
            }
            CaptureOutcome::Unlisted => {
                self.monitor.count(Counter::Listed, 1);
                self.monitor.count(Counter::Done, 1);
                "came although the source had not listed it; it travels too"
            }
            CaptureOutcome::Conflict => {
                self.monitor.count(Counter::Listed, 1);
                self.monitor.count(Counter::Done, 1);
                "came with other bytes than before; both travel"
            }
        };
        let kind = if outcome == CaptureOutcome::Conflict { "conflict" } else { "unlisted" };
        Ok(self.shared.event(Level::Warning, kind, format!("instance {uid} {remark}"))?)
    }

    /// An intake with room, and an end to it when it has grown enough.
    fn take_intake(&self) -> Result<IntakeFile> {
        if let Some(intake) = self.state().idle.pop() {
            return Ok(intake);
        }
        self.spool.open_intake(&mut self.shared.lock())
    }

    fn give_back(&self, intake: IntakeFile) {
        if intake.end < INTAKE_BYTES {
            self.state().idle.push(intake);
            return;
        }
        if let Err(error) = self.shared.lock().close_intake(intake.id) {
            self.state().failure.get_or_insert(error.into());
        }
    }

    fn fail(&self, error: Error) -> IntakeError {
        let message = error.to_string();
        self.state().failure.get_or_insert(error);
        IntakeError::Spool(message.into())
    }
}

/// Takes the objects that one study's retrieval brings.
pub struct StudyIntake {
    pub capture: Arc<Capture>,
    pub study_id: StudyId,
}

impl Intake for StudyIntake {
    fn begin(&self, dataset_offset: u64) -> Result<Box<dyn IntakeObject + '_>, IntakeError> {
        let capture = &self.capture;
        if !capture.spool.has_room() {
            return Err(IntakeError::NotNow("the spool is full"));
        }
        match capture.pace.admit_instance(&|| capture.stop.requested()) {
            Admission::Go => {}
            Admission::Closed { .. } => return Err(IntakeError::NotNow("outside the allowed times")),
            Admission::Stopped => return Err(IntakeError::NotNow("asked to stop")),
        }
        let intake = capture.take_intake().map_err(|error| capture.fail(error))?;
        Ok(Box::new(Object {
            capture,
            study_id: self.study_id,
            start: intake.end,
            intake: Some(intake),
            buffer: Vec::with_capacity(BUFFER_BYTES),
            dataset_offset,
            file: Digester::default(),
            dataset: Digester::default(),
        }))
    }
}

struct Object<'a> {
    capture: &'a Capture,
    study_id: StudyId,
    /// `None` once the object is finished.
    intake: Option<IntakeFile>,
    start: u64,
    buffer: Vec<u8>,
    dataset_offset: u64,
    file: Digester,
    dataset: Digester,
}

impl Object<'_> {
    fn write_out(&mut self) -> io::Result<()> {
        let Some(intake) = &mut self.intake else { return Ok(()) };
        let written = intake.file.write_all_at(&self.buffer, intake.end);
        if let Err(error) = written {
            let path = self.capture.spool.path("intake");
            self.capture.fail(Error::file("write", path)(io::Error::new(error.kind(), error.to_string())));
            return Err(error);
        }
        intake.end += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

impl IntakeObject for Object<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let capture = self.capture;
        if capture.pace.take_bytes(bytes.len() as u64, &|| capture.stop.requested()) == Admission::Stopped {
            return Err(io::Error::other("asked to stop"));
        }
        let meta = self.dataset_offset.saturating_sub(self.file.bytes()).min(bytes.len() as u64) as usize;
        self.file.update(bytes);
        self.dataset.update(bytes.get(meta..).unwrap_or_default());
        capture.monitor.count(Counter::Bytes, bytes.len() as u64);
        for part in bytes.chunks(BUFFER_BYTES) {
            if self.buffer.len() + part.len() > BUFFER_BYTES {
                self.write_out()?;
            }
            self.buffer.extend_from_slice(part);
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, identity: ObjectIdentity) -> Result<(), IntakeError> {
        self.write_out().map_err(|error| IntakeError::Spool(error.into()))?;
        let Some(intake) = self.intake.take() else { return Ok(()) };
        let bytes = self.file.bytes();
        let captured = Captured {
            key: key(self.study_id, &identity),
            intake_id: intake.id,
            offset: self.start,
            bytes,
            blake3: self.file.digest().0,
            dataset: Some(Dataset { offset: self.dataset_offset, blake3: self.dataset.digest().0 }),
            transfer_syntax: identity.transfer_syntax,
            findings: (!identity.findings.is_empty()).then(|| identity.findings.join("; ")),
        };
        let capture = self.capture;
        capture.spool.grow(bytes);
        capture.spool.count_captured(bytes);
        capture.objects.fetch_add(1, Ordering::Relaxed);
        capture.bytes.fetch_add(bytes, Ordering::Relaxed);
        let mut state = capture.state();
        state.dirty.retain(|file| !Arc::ptr_eq(file, &intake.file));
        state.dirty.push(intake.file.clone());
        state.group.push(captured);
        state.group_bytes += bytes;
        let full = state.group.len() >= GROUP_OBJECTS || state.group_bytes >= GROUP_BYTES;
        let flushed = if full { capture.flush_group(&mut state) } else { Ok(()) };
        drop(state);
        capture.give_back(intake);
        flushed.map_err(|error| capture.fail(error))
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
