//! What every command works on.

use std::sync::Arc;

use catalogue::{Catalogue, Reader};
use job::{Common, JobDir, JobLock, Monitor, P2tConfig, Program, Progress, Stop, Watchdog};
use uuid::Uuid;

use crate::error::{Error, Result};

/// An opened job.
pub struct Context {
    pub job: JobDir,
    pub config: P2tConfig,
    pub stop: Stop,
    pub monitor: Arc<dyn Monitor>,
    /// Looks after the calls to tape drives.
    pub watchdog: Watchdog,
}

/// Ids that every volume of the job carries.
#[derive(Debug, Clone, Copy)]
pub struct Ids {
    pub transfer: Uuid,
    pub volume_set: Uuid,
}

impl Context {
    pub fn open(common: &Common) -> Result<Self> {
        let job = common.open_job(Program::P2t)?;
        job::start_log(&job, common.verbose)?;
        let config = job.p2t_config()?;
        let stop = Stop::on_signals()?;
        let monitor: Arc<dyn Monitor> = Arc::new(Progress::start(common));
        let watchdog = Watchdog::start(common, config.drive, monitor.clone(), Some(&job));
        Ok(Self { job, config, stop, monitor, watchdog })
    }

    /// The job's writer, which only one process may be.
    pub fn writer(&self) -> Result<(JobLock, Catalogue)> {
        let lock = self.job.lock()?;
        let mut catalogue = Catalogue::open(&self.job.catalogue_file())?;
        self.watchdog.guard(&lock, &mut catalogue)?;
        Ok((lock, catalogue))
    }

    pub fn reader(&self) -> Result<Reader> {
        if !self.job.catalogue_file().exists() {
            return Err(Error::NoPlan);
        }
        Ok(Reader::open(&self.job.catalogue_file())?)
    }
}

impl Ids {
    const TRANSFER: &str = "transfer";
    const VOLUME_SET: &str = "volume_set";

    /// The job's ids, made once.
    pub fn of(catalogue: &mut Catalogue) -> Result<Self> {
        for key in [Self::TRANSFER, Self::VOLUME_SET] {
            if catalogue.job(key)?.is_none() {
                catalogue.set_job(key, &Uuid::now_v7().to_string())?;
            }
        }
        Self::known(catalogue)?.ok_or(Error::NoPlan)
    }

    /// The job's ids, if it has them.
    pub fn known(reader: &Reader) -> Result<Option<Self>> {
        let id = |key| -> Result<Option<Uuid>> {
            reader.job(key)?.map(|text| text.parse().map_err(Error::Identity)).transpose()
        };
        Ok(id(Self::TRANSFER)?
            .zip(id(Self::VOLUME_SET)?)
            .map(|(transfer, volume_set)| Self { transfer, volume_set }))
    }
}
