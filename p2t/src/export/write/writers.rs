//! The threads that write, and which of them wait for a drive that was given up.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use job::{Expendable, Watchdog};

/// Threads that write at present.
#[derive(Default)]
pub struct Writers(Mutex<Vec<Writer>>);

struct Writer {
    thread: ThreadId,
    copies: Vec<u32>,
}

impl Writers {
    /// Notes that the calling thread writes these copies, from now until what this returns is dropped: it may be left behind in a call
    /// to a drive.
    pub fn begin(&self, copies: &[u32], watchdog: &Watchdog) -> Writes<'_> {
        let thread = thread::current().id();
        self.all().push(Writer { thread, copies: copies.to_vec() });
        Writes { writers: self, thread, _expendable: watchdog.expendable() }
    }

    /// The copies whose threads wait for a drive that was given up.
    pub fn stuck_copies(&self, watchdog: &Watchdog) -> Vec<u32> {
        let writers = self.all();
        let stuck = writers.iter().filter(|writer| watchdog.is_stuck(writer.thread));
        stuck.flat_map(|writer| writer.copies.iter().copied()).collect()
    }

    /// Whether there are such threads, and no others.
    pub fn are_all_stuck(&self, watchdog: &Watchdog) -> bool {
        let writers = self.all();
        !writers.is_empty() && writers.iter().all(|writer| watchdog.is_stuck(writer.thread))
    }

    fn all(&self) -> MutexGuard<'_, Vec<Writer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Writers::begin`].
pub struct Writes<'a> {
    writers: &'a Writers,
    thread: ThreadId,
    _expendable: Expendable,
}

impl Drop for Writes<'_> {
    fn drop(&mut self) {
        self.writers.all().retain(|writer| writer.thread != self.thread);
    }
}
