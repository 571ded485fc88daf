//! The pause file: while it lies in the job directory, nothing is asked of the archive.
//!
//! It is TOML with `reason` and `until`. One that an operator made with `touch` pauses, too, and so does one that cannot
//! be read: whoever put it there wanted a pause.

use std::{fs::File, io, io::Read, path::PathBuf};

use jiff::Timestamp;
use pace::Pause;

use crate::{JobDir, JobError, private};

const NAME: &str = "pause";
/// A reason and a time fit many times over.
const MAX_BYTES: u64 = 4096;
const LONGEST_REASON: usize = 200;

impl JobDir {
    /// The pause file.
    #[must_use]
    pub fn pause_file(&self) -> PathBuf {
        self.path().join(NAME)
    }

    /// The pause that the file asks for, if it is there and its time is not over.
    #[must_use]
    pub fn pause(&self, now: Timestamp) -> Option<Pause> {
        let read = File::open(self.pause_file()).and_then(|file| {
            let mut text = String::new();
            file.take(MAX_BYTES).read_to_string(&mut text).map(|_| text)
        });
        let pause = match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(_) => unexplained(),
            Ok(text) => toml::from_str(&text).map_or_else(|_| unexplained(), |pause| plain(&pause)),
        };
        Some(pause).filter(|pause| pause.holds_at(now))
    }

    /// Asks every program that works on the job for a pause.
    pub fn set_pause(&self, pause: &Pause) -> Result<(), JobError> {
        let path = self.pause_file();
        let text = toml::to_string(&plain(pause))
            .map_err(|error| JobError::io("write", path.clone())(io::Error::other(error)))?;
        private::write_file(&path, text.as_bytes()).map_err(JobError::io("write", path))
    }

    /// Ends the pause. Says whether there was a file.
    pub fn end_pause(&self) -> Result<bool, JobError> {
        let path = self.pause_file();
        match std::fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(JobError::io("remove", path)(error)),
        }
    }
}

fn unexplained() -> Pause {
    Pause { reason: format!("the file {NAME} lies in the job directory"), until: None }
}

/// One line of limited length, since it goes into logs and reports.
fn plain(pause: &Pause) -> Pause {
    let reason: String = pause.reason.chars().filter(|c| !c.is_control()).take(LONGEST_REASON).collect();
    let reason = if reason.trim().is_empty() { "no reason given".to_owned() } else { reason };
    Pause { reason, until: pause.until }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Program;

    fn job() -> (tempfile::TempDir, JobDir) {
        let dir = tempfile::tempdir().unwrap();
        let job = JobDir::create(dir.path(), Program::P2t, "").unwrap();
        (dir, job)
    }

    #[test]
    fn a_pause_is_set_read_and_ended() {
        let (_dir, job) = job();
        let now = "2026-06-05T09:00:00Z".parse().unwrap();
        assert_eq!((job.pause(now), job.end_pause().unwrap()), (None, false));
        let until = "2026-06-05T10:00:00Z".parse().unwrap();
        let pause = Pause { reason: "\"backup\"\n of the ⚕".to_owned(), until: Some(until) };
        job.set_pause(&pause).unwrap();
        let expected = Pause { reason: "\"backup\" of the ⚕".to_owned(), ..pause };
        assert_eq!((job.pause(now), job.pause(until)), (Some(expected), None));
        assert_eq!((job.end_pause().unwrap(), job.pause(now)), (true, None));
    }

    #[test]
    fn whatever_lies_there_pauses() {
        let (_dir, job) = job();
        for bytes in ["", "until tomorrow", "reason = 5", "\u{1}"] {
            std::fs::write(job.pause_file(), bytes).unwrap();
            let pause = job.pause(Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!(
                (pause.reason.as_str(), pause.until),
                ("the file pause lies in the job directory", None)
            );
        }
        std::fs::write(job.pause_file(), [0xFF; 9000]).unwrap();
        assert!(job.pause(Timestamp::UNIX_EPOCH).is_some());
        std::fs::remove_file(job.pause_file()).unwrap();
        std::fs::create_dir(job.pause_file()).unwrap();
        assert!(job.pause(Timestamp::UNIX_EPOCH).is_some());
    }
}
