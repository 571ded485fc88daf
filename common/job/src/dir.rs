//! The job directory: what is where, and who may write to it.

use std::{
    fs::{File, TryLockError},
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
};

use crate::{JobError, P2tConfig, Program, T2pConfig, config, private};

/// The directory that holds everything of one job: configuration, catalogue, spool, logs and reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobDir {
    path: PathBuf,
    program: Program,
}

const CATALOGUE: &str = "catalogue.sqlite";
const SPOOL: &str = "spool";
const LOGS: &str = "logs";
const REPORTS: &str = "reports";
const LOCK: &str = "lock";
/// A process id and a line end fit many times over.
const MAX_LOCK_BYTES: u64 = 32;

impl JobDir {
    /// Makes a job directory at `path` with this configuration. The directory may be there and hold other things,
    /// but no job. The configuration is written last, so an `init` that was interrupted can be run again.
    pub fn create(path: &Path, program: Program, config: &str) -> Result<Self, JobError> {
        let job = Self { path: path.to_owned(), program };
        for name in Program::ALL.map(Program::config_name).into_iter().chain([CATALOGUE]) {
            if exists(&path.join(name))? {
                return Err(JobError::AlreadyAJob { path: job.path, name });
            }
        }
        private::create_dir(path).map_err(JobError::io("make the directory", path))?;
        if is_empty(path)? {
            private::close_dir(path).map_err(JobError::io("set the mode of", path))?;
        }
        for part in [job.spool(), job.logs(), job.reports()] {
            private::create_dir(&part).map_err(JobError::io("make the directory", &part))?;
            private::close_dir(&part).map_err(JobError::io("set the mode of", &part))?;
        }
        let file = job.config_file();
        private::write_file(&file, config.as_bytes()).map_err(JobError::io("write", &file))?;
        Ok(job)
    }

    /// The job directory of `program` at `path`; an error if there is none.
    pub fn open(path: &Path, program: Program) -> Result<Self, JobError> {
        let job = Self { path: path.to_owned(), program };
        if exists(&job.config_file())? {
            return Ok(job);
        }
        for other in Program::ALL {
            if exists(&path.join(other.config_name()))? {
                return Err(JobError::OtherProgram { path: job.path, program, other });
            }
        }
        Err(JobError::NotAJobDirectory { path: job.path, program })
    }

    /// Claims the job for this process, for as long as the lock is kept. Commands that write need it.
    pub fn lock(&self) -> Result<JobLock, JobError> {
        let path = self.path.join(LOCK);
        let mut file = private::open_file(&path).map_err(JobError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JobError::Locked { path: self.path.clone(), pid: read_pid(&file) });
            }
            Err(TryLockError::Error(error)) => return Err(JobError::io("lock", path)(error)),
        }
        write_pid(&mut file).map_err(JobError::io("write", path))?;
        Ok(JobLock { file })
    }

    /// Reads the configuration of `p2t`.
    pub fn p2t_config(&self) -> Result<P2tConfig, JobError> {
        config::load(&self.config_file())
    }

    /// Reads the configuration of `t2p`.
    pub fn t2p_config(&self) -> Result<T2pConfig, JobError> {
        config::load(&self.config_file())
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The program that the job belongs to.
    #[must_use]
    pub fn program(&self) -> Program {
        self.program
    }

    /// The configuration, in TOML.
    #[must_use]
    pub fn config_file(&self) -> PathBuf {
        self.path.join(self.program.config_name())
    }

    /// The catalogue's database file.
    #[must_use]
    pub fn catalogue_file(&self) -> PathBuf {
        self.path.join(CATALOGUE)
    }

    /// Where objects and segments wait.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.path.join(SPOOL)
    }

    /// Where logs are written.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.path.join(LOGS)
    }

    /// Where reports are written.
    #[must_use]
    pub fn reports(&self) -> PathBuf {
        self.path.join(REPORTS)
    }

    /// A path from the configuration: relative ones are meant from the job directory.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.path.join(path)
    }
}

/// The claim on a job. It ends when dropped, and when the process ends in whatever way.
#[derive(Debug)]
pub struct JobLock {
    file: File,
}

impl JobLock {
    /// The same claim, for who must let go of it on behalf of others; none if the process has too many files open.
    pub(crate) fn handle(&self) -> Option<File> {
        self.file.try_clone().ok()
    }
}

impl Drop for JobLock {
    /// Whoever else has a handle to it.
    fn drop(&mut self) {
        // It ends with the process at the latest.
        let _ = self.file.unlock();
    }
}

fn exists(path: &Path) -> Result<bool, JobError> {
    path.try_exists().map_err(JobError::io("look at", path))
}

fn is_empty(path: &Path) -> Result<bool, JobError> {
    let mut entries = path.read_dir().map_err(JobError::io("list", path))?;
    Ok(entries.next().is_none())
}

fn read_pid(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(MAX_LOCK_BYTES).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_job_is_private_and_complete() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/job");
        let job = JobDir::create(&path, Program::P2t, "aet = \"P2T\"\n").unwrap();
        for dir in [job.path().to_owned(), job.spool(), job.logs(), job.reports()] {
            assert_eq!(mode(&dir), 0o700, "{}", dir.display());
        }
        assert_eq!(mode(&job.config_file()), 0o600);
        assert_eq!(fs::read_to_string(path.join("p2t.toml")).unwrap(), "aet = \"P2T\"\n");
        assert_eq!(job.catalogue_file(), path.join("catalogue.sqlite"));
        assert_eq!(JobDir::open(&path, Program::P2t).unwrap(), job);
        assert_eq!(job.p2t_config().unwrap().aet.as_str(), "P2T");
    }

    #[test]
    fn a_job_is_never_written_over() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path();
        JobDir::create(path, Program::P2t, "").unwrap();
        let error = JobDir::create(path, Program::T2p, "").unwrap_err();
        assert!(matches!(&error, JobError::AlreadyAJob { name: "p2t.toml", .. }), "{error}");
        fs::remove_file(path.join("p2t.toml")).unwrap();
        fs::write(path.join("catalogue.sqlite"), "").unwrap();
        let error = JobDir::create(path, Program::P2t, "").unwrap_err();
        assert!(error.to_string().contains("catalogue.sqlite is there"), "{error}");
    }

    #[test]
    fn an_interrupted_init_can_be_run_again() {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir_all(parent.path().join("spool")).unwrap();
        fs::write(parent.path().join("p2t.tmp"), "half a").unwrap();
        JobDir::create(parent.path(), Program::P2t, "whole").unwrap();
        assert_eq!(fs::read_to_string(parent.path().join("p2t.toml")).unwrap(), "whole");
        assert_eq!(mode(&parent.path().join("spool")), 0o700);
    }

    #[test]
    fn other_peoples_directories_keep_their_mode() {
        let parent = tempfile::tempdir().unwrap();
        fs::write(parent.path().join("notes.txt"), "theirs").unwrap();
        fs::set_permissions(parent.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let job = JobDir::create(parent.path(), Program::T2p, "").unwrap();
        assert_eq!((mode(parent.path()), mode(&job.spool())), (0o755, 0o700));
    }

    #[test]
    fn what_is_not_a_job_says_how_to_make_one() {
        let parent = tempfile::tempdir().unwrap();
        let error = JobDir::open(parent.path(), Program::P2t).unwrap_err();
        assert!(error.to_string().contains("is not a job directory"), "{error}");
        assert!(error.to_string().contains("Run `p2t init "), "{error}");
        JobDir::create(parent.path(), Program::T2p, "").unwrap();
        let error = JobDir::open(parent.path(), Program::P2t).unwrap_err();
        assert!(error.to_string().contains("is a job directory of t2p, not of p2t"), "{error}");
        let file = parent.path().join("t2p.toml");
        assert!(JobDir::open(&file, Program::T2p).is_err());
    }

    #[test]
    fn a_job_has_one_writer_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let job = JobDir::create(parent.path(), Program::P2t, "").unwrap();
        let lock = job.lock().unwrap();
        let error = JobDir::open(parent.path(), Program::P2t).unwrap().lock().unwrap_err();
        let pid = std::process::id();
        assert!(matches!(&error, JobError::Locked { pid: Some(holder), .. } if *holder == pid), "{error}");
        assert!(error.to_string().contains(&format!("in use by process {pid}. Wait")), "{error}");
        assert_eq!(error.exit_code(), crate::ExitCode::Failed);
        assert_eq!(mode(&parent.path().join("lock")), 0o600);
        drop(lock);
        job.lock().unwrap();
    }

    #[test]
    fn a_lock_that_was_left_behind_is_taken_over() {
        let parent = tempfile::tempdir().unwrap();
        let job = JobDir::create(parent.path(), Program::P2t, "").unwrap();
        fs::write(parent.path().join("lock"), "4294967295 and much more than a process id\n").unwrap();
        let _lock = job.lock().unwrap();
        let expected = format!("{}\n", std::process::id());
        assert_eq!(fs::read_to_string(parent.path().join("lock")).unwrap(), expected);
    }
}
