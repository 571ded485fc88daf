//! Drives that are written when the process must end without waiting for them.
//!
//! When st closes a drive that was written last, it writes a filemark. If the drive was switched off and on meanwhile, that goes over the
//! label, unless somebody flushes first; and a process that is about to end cannot. So a process of its own does, which has nothing
//! but the drive, and lives until the drive answers.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::ioctl::{self, MtOp};
use super::op;

/// The only argument of the process that inherits a drive, as its standard input.
const HEIR: &str = "--flush-inherited-drive";

static WRITTEN: Mutex<Vec<Weak<File>>> = Mutex::new(Vec::new());

fn written() -> MutexGuard<'static, Vec<Weak<File>>> {
    WRITTEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes note of a drive that was opened for writing.
pub(super) fn note(drive: &Arc<File>) {
    let mut written = written();
    written.retain(|drive| drive.strong_count() > 0);
    written.push(Arc::downgrade(drive));
}

/// Leaves each drive that this process has open for writing to a process of its own, which is to call [`flush_inherited`].
///
/// # Errors
/// If one cannot be started.
pub fn bequeath() -> io::Result<()> {
    for drive in written().iter().filter_map(Weak::upgrade) {
        Command::new("/proc/self/exe")
            .arg(HEIR)
            .stdin(drive.try_clone()?)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
    }
    Ok(())
}

/// Whether this is a process that [`bequeath`] started: then it has done what it is for.
pub fn flush_inherited() -> bool {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|argument| argument != HEIR) || arguments.next().is_some() {
        return false;
    }
    if let Ok(drive) = io::stdin().as_fd().try_clone_to_owned().map(File::from)
        && ioctl::operate(&drive, MtOp { operation: op::WRITE_FILEMARKS, count: 0 }).is_err()
    {
        // As after any error of a writer: motion to the end of the data has st forget the open file, too.
        let _ = ioctl::operate(&drive, MtOp { operation: op::END_OF_DATA, count: 1 });
    }
    true
}
