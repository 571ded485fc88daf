//! The threads that write, and which of them wait for a drive that was given up.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use job::{Expendable, Watchdog};

/// Threads that write at present.
#[derive(Default)]
pub struct Writers {
    all: Mutex<Vec<Writer>>,
    /// How many have opened what they go on with, or have ended.
    opened: AtomicUsize,
}

struct Writer {
    thread: ThreadId,
    copies: Vec<u32>,
    opened: bool,
}

impl Writers {
    /// Notes that the calling thread writes these copies, from now until what this returns is dropped: it may be left behind in a call
    /// to a drive.
    pub fn begin(&self, copies: &[u32], watchdog: &Watchdog) -> Writes<'_> {
        let thread = thread::current().id();
        self.all().push(Writer { thread, copies: copies.to_vec(), opened: false });
        Writes { writers: self, thread, _expendable: watchdog.expendable() }
    }

    /// The copies whose threads wait for a drive that was given up.
    pub fn stuck_copies(&self, watchdog: &Watchdog) -> Vec<u32> {
        let writers = self.all();
        let stuck = writers.iter().filter(|writer| watchdog.is_stuck(writer.thread));
        stuck.flat_map(|writer| writer.copies.iter().copied()).collect()
    }

    /// Whether any of so many threads is still about to open what it goes on with, and its drive was not given up.
    pub fn are_opening(&self, threads: usize, watchdog: &Watchdog) -> bool {
        let writers = self.all();
        let stuck = writers.iter().filter(|writer| !writer.opened && watchdog.is_stuck(writer.thread));
        self.opened.load(Ordering::Acquire) + stuck.count() < threads
    }

    /// Whether there are threads that wait for a drive that was given up, and no others.
    pub fn are_all_stuck(&self, watchdog: &Watchdog) -> bool {
        let writers = self.all();
        !writers.is_empty() && writers.iter().all(|writer| watchdog.is_stuck(writer.thread))
    }

    fn all(&self) -> MutexGuard<'_, Vec<Writer>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&self, thread: ThreadId) {
        let mut writers = self.all();
        if let Some(writer) = writers.iter_mut().find(|writer| writer.thread == thread && !writer.opened) {
            writer.opened = true;
            self.opened.fetch_add(1, Ordering::Release);
        }
    }
}

/// See [`Writers::begin`].
pub struct Writes<'a> {
    writers: &'a Writers,
    thread: ThreadId,
    _expendable: Expendable,
}

impl Writes<'_> {
    /// Notes that the thread has opened what it goes on with.
    pub fn opened(&self) {
        self.writers.opened(self.thread);
    }
}

impl Drop for Writes<'_> {
    fn drop(&mut self) {
        self.opened();
        self.writers.all().retain(|writer| writer.thread != self.thread);
    }
}
