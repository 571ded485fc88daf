//! A thread that looks after calls to tape drives. Nothing can interrupt one: what it can do is to say that a drive does not answer,
//! and to end the command when it does not for so long that it never will.

mod ages;
mod silent;

use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use catalogue::events::Event;
use catalogue::{Catalogue, Level};
use jiff::Timestamp;
use medium::calls::{self, Call};

use self::ages::{Ages, News};
pub use self::silent::SilentDrive;
use crate::config::DriveConfig;
use crate::{Common, Failure, JobDir, JobError, JobLock, Monitor, Outcome, conclude};

const LONGEST_TICK: Duration = Duration::from_secs(1);
const SHORTEST_TICK: Duration = Duration::from_millis(50);

/// Looks after the calls of this process, until the last clone is dropped.
#[derive(Clone)]
pub struct Watchdog {
    shared: Arc<Shared>,
    _ticker: Arc<Ticker>,
}

struct Shared {
    limits: DriveConfig,
    monitor: Arc<dyn Monitor>,
    /// None where there is no job.
    catalogue: Option<PathBuf>,
    json: bool,
    /// The claim on the job, to be let go of.
    lock: Mutex<Option<File>>,
    threads: Mutex<Threads>,
}

/// Who may be left behind, and who would have to be.
#[derive(Default)]
struct Threads {
    expendable: Vec<ThreadId>,
    stuck: Vec<Call>,
}

struct Ticker {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.end.take());
        // A watchdog that panicked has been reported by the panic itself.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// The thread that made this can be left behind in a call, from now until this is dropped: somebody looks at
/// [`Watchdog::is_stuck`], and calls [`Watchdog::leave`] when everything else has been done.
pub struct Expendable(Arc<Shared>, ThreadId);

impl Drop for Expendable {
    fn drop(&mut self) {
        self.0.threads().expendable.retain(|thread| *thread != self.1);
    }
}

impl Watchdog {
    /// Starts to look. Of a `job`, what happens is recorded in its catalogue.
    #[must_use]
    pub fn start(
        common: &Common,
        limits: DriveConfig,
        monitor: Arc<dyn Monitor>,
        job: Option<&JobDir>,
    ) -> Self {
        let shared = Arc::new(Shared {
            limits,
            monitor,
            catalogue: job.map(JobDir::catalogue_file),
            json: common.json,
            lock: Mutex::default(),
            threads: Mutex::default(),
        });
        let (end, ended) = mpsc::channel();
        let watching = shared.clone();
        let thread = thread::spawn(move || {
            let warn = limits.transfer_warn_seconds.min(limits.motion_warn_seconds);
            let tick = (Duration::from_secs(warn.into()) / 8).clamp(SHORTEST_TICK, LONGEST_TICK);
            let mut ages = Ages::new(limits);
            let mut last = Instant::now();
            while ended.recv_timeout(tick) == Err(RecvTimeoutError::Timeout) {
                // A look that comes late comes late because this process did not run.
                let passed = last.elapsed().min(2 * tick);
                last = Instant::now();
                ages.look(calls::under_way(), passed).into_iter().for_each(|news| watching.hear(news));
            }
        });
        let ticker = Ticker { end: Some(end), thread: Some(thread) };
        Self { shared, _ticker: Arc::new(ticker) }
    }

    /// Takes note of the claim on the job, which a process that cannot end must not keep; and forgets what an earlier run told of
    /// its drives.
    pub fn guard(&self, lock: &JobLock, catalogue: &mut Catalogue) -> Result<(), catalogue::Error> {
        *self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner) = lock.handle();
        SilentDrive::forget_all(catalogue)
    }

    /// Lets the calling thread be left behind.
    #[must_use]
    pub fn expendable(&self) -> Expendable {
        let thread = thread::current().id();
        self.shared.threads().expendable.push(thread);
        Expendable(self.shared.clone(), thread)
    }

    /// Whether this thread is in a call that was given up.
    #[must_use]
    pub fn is_stuck(&self, thread: ThreadId) -> bool {
        self.shared.threads().stuck.iter().any(|call| call.thread == thread)
    }

    /// Ends the process with code 4 because of the first call that was given up; returns if there is none.
    pub fn leave(&self) {
        let first = self.shared.threads().stuck.first().cloned();
        if let Some(call) = first {
            self.shared.leave(&call);
        }
    }
}

impl Shared {
    fn threads(&self) -> MutexGuard<'_, Threads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear(&self, news: News) {
        match news {
            News::Silent(call, age) => {
                let (drive, doing) = (call.drive.display(), call.doing);
                let limit = text(self.limits.patience(call.kind).limit);
                let message = format!(
                    "{drive} does not answer: it was asked to {doing} {} ago, and is given up after {limit}. See that it has \
                     power and that its cable is in; the kernel's log (dmesg) may say more",
                    text(age)
                );
                self.monitor.finding(&message);
                let silent = SilentDrive::new(&call, age);
                self.record(Level::Warning, "drive-silent", &message, |catalogue| silent.remember(catalogue));
            }
            News::Answered(call, age) => {
                self.threads().stuck.retain(|stuck| stuck.number != call.number);
                let message = format!("{} answers again, after {}", call.drive.display(), text(age));
                self.monitor.note(&message);
                self.record(Level::Info, "drive-answers", &message, |catalogue| {
                    SilentDrive::forget(catalogue, &call.drive)
                });
            }
            News::Stuck(call, age) => {
                let message = format!(
                    "{} is given up: it was asked to {} {} ago and has not answered",
                    call.drive.display(),
                    call.doing,
                    text(age)
                );
                self.monitor.finding(&message);
                let silent = SilentDrive::new(&call, age);
                self.record(Level::Error, "drive-stuck", &message, |catalogue| silent.remember(catalogue));
                let mut threads = self.threads();
                threads.stuck.push(call.clone());
                let waits_for_others = threads.expendable.contains(&call.thread);
                drop(threads);
                if !waits_for_others {
                    self.leave(&call);
                }
            }
        }
    }

    /// Through a connection of its own: who has the other one may be the one who is stuck.
    fn record(
        &self,
        level: Level,
        kind: &str,
        message: &str,
        note: impl FnOnce(&mut Catalogue) -> Result<(), catalogue::Error>,
    ) {
        tracing::warn!(kind, message);
        let Some(path) = self.catalogue.as_ref().filter(|path| path.exists()) else { return };
        let event = Event {
            at: Timestamp::now(),
            level,
            kind: kind.to_owned(),
            message: message.to_owned(),
            detail: None,
        };
        let recorded = Catalogue::open(path).and_then(|mut catalogue| {
            catalogue.record_event(&event)?;
            note(&mut catalogue)
        });
        if let Err(error) = recorded {
            tracing::error!(%error, "what the drive does could not be recorded");
        }
    }

    fn leave(&self, call: &Call) -> ! {
        // A call that comes back now must find nobody who would go on: the job is another process's from here on.
        calls::leave_behind();
        if let Some(lock) = self.lock.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = lock.unlock();
        }
        let stuck =
            JobError::DriveStuck { drive: call.drive.clone(), doing: call.doing, pid: std::process::id() };
        let ended: Result<Outcome<serde_json::Value>, Failure> = Err(stuck.into());
        if let Err(error) = medium::bequeath() {
            tracing::error!(%error, "a drive is closed without being flushed first");
        }
        std::process::exit(conclude(self.json, ended).code().into())
    }
}

/// A time for people.
fn text(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} seconds"),
        seconds @ 120..7200 => format!("{} minutes", seconds / 60),
        seconds => format!("{:.1} hours", seconds as f64 / 3600.0),
    }
}
