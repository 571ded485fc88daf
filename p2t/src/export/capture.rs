//! Makes captured objects durable in groups, on a thread of its own: the sender of an object must get its answer
//! however long the disk takes, because Orthanc gives up a whole C-MOVE over one answer that takes 10 s.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use archive::IntakeError;
use catalogue::capture::{CaptureKey, CaptureOutcome, Captured};
use catalogue::{IntakeId, Level};
use job::{Counter, Journal, Monitor, Stop};
use pace::{Admission, Pace};

use super::spool::{INTAKE_BYTES, IntakeFile, Spool};
use crate::error::{Error, Result};

/// A group is made durable when it has this many objects or bytes.
const GROUP_OBJECTS: usize = 256;
const GROUP_BYTES: u64 = 64 << 20;
/// How far arrival may be ahead of the disk. Bounds memory, and what a crash makes us fetch again.
const AHEAD_OBJECTS: usize = 8192;
const AHEAD_BYTES: u64 = 512 << 20;
/// How long an object waits for the disk before it is refused, to be fetched another time.
const PATIENCE: Duration = Duration::from_secs(4);
const TICK: Duration = Duration::from_millis(100);

/// Takes all objects of an export.
pub struct Capture {
    pub shared: Arc<Journal>,
    pub spool: Arc<Spool>,
    pub pace: Arc<Pace>,
    pub monitor: Arc<dyn Monitor>,
    pub stop: Stop,
    /// Objects and bytes that arrived in this run.
    pub objects: AtomicU64,
    pub bytes: AtomicU64,
    state: Mutex<State>,
    /// Held while a group is made durable, so that whoever has it knows that nothing older is still on its way.
    flushing: Mutex<()>,
    /// Something is to do for the thread that keeps the disk up.
    work: Condvar,
    /// An intake came free, or the disk has caught up.
    eased: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<IntakeFile>,
    group: Group,
    /// Of all objects that have arrived and are not durable, those of the group included.
    ahead_objects: usize,
    ahead_bytes: u64,
    /// Why capture cannot go on.
    failure: Option<Error>,
}

/// What is made durable together.
#[derive(Default)]
struct Group {
    objects: Vec<Captured>,
    bytes: u64,
    files: Vec<Arc<File>>,
    /// Intakes that grow no more. Closed only after their objects are recorded: a closed intake without any is deleted.
    full: Vec<IntakeId>,
}

impl Group {
    fn is_full(&self) -> bool {
        self.objects.len() >= GROUP_OBJECTS || self.bytes >= GROUP_BYTES
    }
}

impl Capture {
    pub fn new(
        shared: Arc<Journal>,
        spool: Arc<Spool>,
        pace: Arc<Pace>,
        monitor: Arc<dyn Monitor>,
        stop: Stop,
    ) -> Self {
        let (objects, bytes, state, flushing, work, eased) = Default::default();
        Self { shared, spool, pace, monitor, stop, objects, bytes, state, flushing, work, eased }
    }

    /// Whether fetching must pause or end: asked to stop, outside the windows, or capture failed.
    pub fn must_stop(&self) -> bool {
        self.stop.requested() || self.pace.admission() != Admission::Go || self.state().failure.is_some()
    }

    /// Why capture cannot go on, once.
    pub fn take_failure(&self) -> Option<Error> {
        self.state().failure.take()
    }

    /// Keeps an intake at hand and the disk up with what arrives, until `over`.
    pub fn keep_up(&self, over: &AtomicBool) {
        while !over.load(Ordering::Acquire) {
            let kept =
                self.make_room().and_then(|()| self.open_spare()).and_then(|()| self.flush_full_group());
            if let Err(error) = kept {
                self.fail(error);
                return;
            }
            let room = self.spool.has_room();
            let state = self.state();
            if !state.group.is_full() && (!state.idle.is_empty() || !room) {
                drop(self.work.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner));
            }
        }
    }

    /// Lets go of intakes that are not full, when the spool has no room: what was packed of them still takes some.
    pub(super) fn make_room(&self) -> Result<()> {
        let is_used = |intake: &IntakeFile| intake.end > 0;
        if self.spool.has_room() || !self.state().idle.iter().any(is_used) {
            return Ok(());
        }
        self.close()?;
        self.spool.delete_packed_intakes(&mut self.shared.lock())
    }

    fn open_spare(&self) -> Result<()> {
        if self.state().idle.is_empty() && self.spool.has_room() {
            let intake = self.spool.open_intake(&mut self.shared.lock())?;
            self.give_back(intake);
        }
        Ok(())
    }

    fn flush_full_group(&self) -> Result<()> {
        let full = self.state().group.is_full();
        if full { self.flush() } else { Ok(()) }
    }

    /// Makes every object that has arrived durable, and so captured.
    pub fn flush(&self) -> Result<()> {
        let _only_one = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let Group { objects, bytes, files, full } = std::mem::take(&mut self.state().group);
        for file in files {
            file.sync_data().map_err(Error::file("sync", self.spool.path("intake")))?;
        }
        if !objects.is_empty() {
            let outcomes = self.shared.lock().record_captured(&objects)?;
            objects
                .iter()
                .zip(outcomes)
                .try_for_each(|(captured, (outcome, _))| self.note(captured, outcome))?;
        }
        full.into_iter().try_for_each(|intake| self.shared.lock().close_intake(intake))?;
        let mut state = self.state();
        state.ahead_objects = state.ahead_objects.saturating_sub(objects.len());
        state.ahead_bytes = state.ahead_bytes.saturating_sub(bytes);
        self.eased.notify_all();
        Ok(())
    }

    /// Flushes and closes all intakes, so that they can be deleted once their objects are packed.
    pub fn close(&self) -> Result<()> {
        self.flush()?;
        let idle = std::mem::take(&mut self.state().idle);
        let mut catalogue = self.shared.lock();
        Ok(idle.into_iter().try_for_each(|intake| catalogue.close_intake(intake.id))?)
    }

    fn note(&self, captured: &Captured, outcome: CaptureOutcome) -> Result<()> {
        let (kind, remark) = match outcome {
            CaptureOutcome::Captured | CaptureOutcome::Excluded => return Ok(()),
            CaptureOutcome::Duplicate => {
                let message = format!("instance {} came more than once, with the same bytes", uid(captured));
                return Ok(self.shared.event(Level::Info, "duplicate", message)?);
            }
            CaptureOutcome::Copy => {
                self.monitor.count(Counter::Excluded, 1);
                return Ok(());
            }
            CaptureOutcome::Doubtful => {
                ("doubtful", "came only in a form that is in doubt, which travels too and does not count")
            }
            CaptureOutcome::Unlisted => {
                ("unlisted", "came although the source had not listed it; it travels too")
            }
            CaptureOutcome::Conflict => ("conflict", "came with other bytes than before; both travel"),
        };
        self.monitor.count(Counter::Listed, 1);
        let message = format!("instance {} {remark}", uid(captured));
        Ok(self.shared.event(Level::Warning, kind, message)?)
    }

    /// An intake for one object, once the disk has caught up far enough. Waits no longer than [`PATIENCE`].
    pub(super) fn take_intake(&self) -> Result<IntakeFile, IntakeError> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state();
        loop {
            if let Some(failure) = &state.failure {
                return Err(IntakeError::Spool(failure.to_string().into()));
            }
            let ahead = state.ahead_objects >= AHEAD_OBJECTS || state.ahead_bytes >= AHEAD_BYTES;
            if !ahead && let Some(intake) = state.idle.pop() {
                self.work.notify_one();
                return Ok(intake);
            }
            self.work.notify_one();
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(IntakeError::NotNow("the disk of the spool is too slow"));
            }
            (state, _) = self.eased.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes an intake back, for the next object or, when it has grown enough, for good.
    pub(super) fn give_back(&self, intake: IntakeFile) {
        let mut state = self.state();
        if intake.end < INTAKE_BYTES {
            state.idle.push(intake);
        } else {
            state.group.full.push(intake.id);
        }
        drop(state);
        self.eased.notify_one();
    }

    /// Takes note of an object that lies in `intake` whole.
    pub(super) fn arrived(&self, captured: Captured, intake: IntakeFile) {
        let bytes = captured.bytes;
        self.spool.grow(bytes);
        self.spool.count_captured(bytes);
        self.objects.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let mut state = self.state();
        state.ahead_objects += 1;
        state.ahead_bytes += bytes;
        let group = &mut state.group;
        group.files.retain(|file| !Arc::ptr_eq(file, &intake.file));
        group.files.push(intake.file.clone());
        group.objects.push(captured);
        group.bytes += bytes;
        let full = group.is_full();
        drop(state);
        if full {
            self.work.notify_one();
        }
        self.give_back(intake);
    }

    /// Ends the capture; the first reason counts.
    pub(super) fn fail(&self, error: Error) {
        self.state().failure.get_or_insert(error);
        self.eased.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The SOP Instance UID that an object came with.
fn uid(captured: &Captured) -> &str {
    match &captured.key {
        CaptureKey::Uids { sop_instance, .. } | CaptureKey::Doubtful { sop_instance, .. } => sop_instance,
        CaptureKey::Instance(_) => "",
    }
}
