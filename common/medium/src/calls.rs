//! Calls to drives that have not come back yet. A call of `st` cannot be interrupted: when a drive or its host adapter does not
//! answer, the thread that made it is the kernel's, and only another thread can say so.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// What a call asks of a drive, by how long that may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// A record, a filemark, a question: what a healthy drive answers within seconds.
    Transfer,
    /// Winding the tape, loading, unloading.
    Motion,
}

/// A call that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// No other call of this process has it.
    pub number: u64,
    /// The drive's node.
    pub drive: PathBuf,
    /// What is asked, as in "it was asked to …".
    pub doing: &'static str,
    /// How long it may take.
    pub kind: CallKind,
    /// Who waits for it.
    pub thread: ThreadId,
}

static UNDER_WAY: Mutex<Vec<Call>> = Mutex::new(Vec::new());
static NUMBER: AtomicU64 = AtomicU64::new(0);
static LEFT: AtomicBool = AtomicBool::new(false);

/// The calls of this process that have not come back, in the order in which they were made.
pub fn under_way() -> Vec<Call> {
    calls().clone()
}

/// Keeps every thread that comes back from a drive from going on: for a process that is about to end, and that has let go of what
/// such a thread believes to be its own.
pub fn leave_behind() {
    LEFT.store(true, Ordering::SeqCst);
}

fn calls() -> MutexGuard<'static, Vec<Call>> {
    UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call, from now until this is dropped.
pub(crate) struct UnderWay(u64);

impl UnderWay {
    pub fn begin(drive: &Path, doing: &'static str, kind: CallKind) -> Self {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let (drive, thread) = (drive.to_owned(), thread::current().id());
        calls().push(Call { number, drive, doing, kind, thread });
        Self(number)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        calls().retain(|call| call.number != self.0);
        while LEFT.load(Ordering::SeqCst) {
            thread::park();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_under_way_until_it_is_back() {
        let drive = Path::new("/dev/nst-of-this-test");
        let own = || under_way().into_iter().filter(|call| call.drive == drive).collect::<Vec<_>>();
        let outer = UnderWay::begin(drive, "rewind", CallKind::Motion);
        let inner = UnderWay::begin(drive, "write", CallKind::Transfer);
        let found = own();
        assert_eq!(found.iter().map(|call| call.doing).collect::<Vec<_>>(), ["rewind", "write"]);
        assert!(found.iter().all(|call| call.thread == thread::current().id()));
        drop(outer);
        assert_eq!(own().first().map(|call| call.kind), Some(CallKind::Transfer));
        drop(inner);
        assert_eq!(own(), []);
    }
}
