//! What the commands that have a job work on.

use std::sync::Arc;
use std::thread;

use archive::{Destination, Pacs, PacsSettings};
use catalogue::balance::Stage;
use catalogue::{Catalogue, DestinationId, Reader};
use job::config::{DestinationConfig, Retrieve};
use job::{
    Common, JobDir, JobLock, Monitor, NodeOrPath, Program, Progress, Stop, T2pConfig, Watchdog, dimse_options,
};
use manifest::TransferState;
use uuid::Uuid;
use volume::Identity;

use crate::error::{Error, Result};

/// An opened job.
pub struct Context {
    pub job: JobDir,
    pub config: T2pConfig,
    pub stop: Stop,
    pub monitor: Arc<dyn Monitor>,
    /// Looks after the calls to tape drives.
    pub watchdog: Watchdog,
}

/// A destination of the job.
pub struct Target {
    pub id: DestinationId,
    pub name: String,
    pub archive: Arc<dyn Destination>,
    /// Associations that may ever be open to it at once; the pace may allow fewer.
    pub associations: u16,
}

impl Context {
    pub fn open(common: &Common) -> Result<Self> {
        let job = common.open_job(Program::T2p)?;
        job::start_log(&job, common.verbose)?;
        let config = job.t2p_config()?;
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
            return Err(Error::NothingIngested);
        }
        Ok(Reader::open(&self.job.catalogue_file())?)
    }

    /// The configured destinations, known to the catalogue.
    pub fn targets(&self, catalogue: &mut Catalogue) -> Result<Vec<Target>> {
        if self.config.destination.is_empty() {
            return Err(Error::NoDestination);
        }
        self.config.destination.iter().map(|config| self.target(config, catalogue)).collect()
    }

    /// A destination, also to be listed and retrieved from.
    pub fn pacs(&self, config: &DestinationConfig) -> Result<Pacs> {
        let node = match &config.node {
            NodeOrPath::Node(node) => node.clone(),
            NodeOrPath::Web(address) => return Err(Error::WebDestination(address.to_string())),
            NodeOrPath::Path(path) => return Err(Error::FolderDestination(path.clone())),
        };
        let DestinationConfig { tls, login, .. } = config;
        let options = dimse_options(&self.config.timeouts, tls.as_ref(), login.as_ref(), &self.job)?;
        Ok(Pacs::new(PacsSettings { node, aet: self.config.aet.clone(), options, service: Retrieve::CGet }))
    }

    fn target(&self, config: &DestinationConfig, catalogue: &mut Catalogue) -> Result<Target> {
        let pacs = self.pacs(config)?;
        let name = config.label();
        let id = catalogue.add_destination(&name, &config.node.to_string())?;
        let most = self.config.pace.most_associations();
        let associations = config.associations.map_or(most, |wanted| wanted.min(most));
        Ok(Target { id, name, archive: Arc::new(pacs), associations })
    }
}

/// The catalogue's key for the transfer that the job is for.
const TRANSFER: &str = "transfer";
/// The catalogue's key for the volume set, for the report.
const VOLUME_SET: &str = "volume_set";

/// The transfer that the job is for, once a volume was seen.
pub fn transfer(reader: &Reader) -> Result<Option<Uuid>> {
    reader.job(TRANSFER)?.map(|text| text.parse().map_err(Error::Identity)).transpose()
}

/// Binds the job to a volume's transfer, or refuses a volume of another one.
pub fn bind(catalogue: &mut Catalogue, medium: &str, identity: Identity) -> Result<()> {
    let found = identity.transfer;
    match transfer(catalogue)? {
        None => {
            catalogue.set_job(VOLUME_SET, &identity.volume_set.to_string())?;
            Ok(catalogue.set_job(TRANSFER, &found.to_string())?)
        }
        Some(expected) if expected == found => Ok(()),
        Some(expected) => Err(Error::OtherTransfer { medium: medium.to_owned(), found, expected }),
    }
}

/// Whether as many instances arrived as the source had written when it was done.
pub fn arrived_whole(catalogue: &Reader) -> Result<bool> {
    let state = catalogue.job("transfer_state")?;
    let state = state.and_then(|text| serde_json::from_str::<TransferState>(&text).ok());
    let known = catalogue.balance(Stage::Load)?.instances.listed;
    Ok(state.is_some_and(|state| state.last && state.pending == 0 && known >= state.written))
}

/// Waits for a thread of a command.
pub fn joined<T>(handle: thread::ScopedJoinHandle<'_, Result<T>>, part: &'static str) -> Result<T> {
    handle.join().unwrap_or(Err(Error::Crashed(part)))
}
