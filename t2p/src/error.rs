//! What can go wrong in `t2p` itself; errors of the crates below pass through.

use std::io;
use std::path::PathBuf;

use job::ExitCode;
use manifest::Digest;
use uuid::Uuid;

/// An error of this program.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Archive(#[from] archive::Error),
    #[error(transparent)]
    Catalogue(#[from] catalogue::Error),
    #[error(transparent)]
    Volume(#[from] volume::Error),
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    #[error(transparent)]
    Job(#[from] job::JobError),
    #[error(transparent)]
    Report(#[from] report::Error),
    #[error("no destination is configured; add [[destination]] to t2p.toml, or run `t2p init` with --dest")]
    NoDestination,
    #[error("{0} is a folder; this version delivers to PACS only: use `t2p extract` to write files")]
    FolderDestination(PathBuf),
    #[error(
        "{0} is DICOMweb; this version delivers by C-STORE only: name the destination as AETITLE@host:port"
    )]
    WebDestination(String),
    #[error("nothing was ingested yet; run `t2p ingest MEDIUM` first")]
    NothingIngested,
    #[error(
        "{medium} belongs to another transfer, {found}; this job is for transfer {expected}: make a job for it with `t2p init`"
    )]
    OtherTransfer { medium: String, found: Uuid, expected: Uuid },
    #[error(
        "the chain of volumes is broken: volume {sequence} has the index {found}, but the one on record, from when it was read before or \
         from a later volume, is {expected}; it is another volume of that number, or one of them is damaged: nothing of this medium was \
         taken"
    )]
    BrokenChain { sequence: u32, expected: Digest, found: Digest },
    #[error("the keys of a study cannot be kept: {0}")]
    Keys(serde_json::Error),
    #[error(
        "the disk of the spool {path} is full: free some room there, or move the job to a larger disk, and run the \
         same command again"
    )]
    SpoolFull { path: PathBuf, source: io::Error },
    #[error(
        "there is no room for {path}: free some, or give another folder with --out, and run the same command again; \
         what was extracted stays and is not written twice"
    )]
    OutputFull { path: PathBuf, source: io::Error },
    #[error(
        "the spool holds as much as it may, and the destination takes none of it: see `t2p report` for the reasons, \
         or raise `limit_bytes` under [spool]"
    )]
    SpoolStuck,
    #[error(
        "{segment} has changed in the spool since it was loaded: the disk is not to be trusted; run the same command \
         again, with the volume that holds it"
    )]
    SpoolDamaged { segment: String },
    #[error("cannot {action} {path}: {source}")]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "the destination is not to be reached after {attempts} attempts; nothing is lost: see that it is up and run \
         the same command again"
    )]
    DestinationDown { attempts: u32, source: archive::Error },
    #[error(
        "the destination takes nothing any more: {why}; nothing is lost: see that it is well and run the same command \
         again"
    )]
    DestinationStuck { why: String },
    #[error("a part of the program crashed: {0}; nothing is lost, run the same command again")]
    Crashed(&'static str),
    #[error("the frame table of a segment cannot be kept: {0}")]
    FrameTable(serde_json::Error),
    #[error("the transfer id in the catalogue is damaged: {0}")]
    Identity(uuid::Error),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An I/O error on a file; one about a full disk is told apart, because the operator can do something.
    pub fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::SpoolFull { path, source },
            _ => Self::File { action, path, source },
        }
    }
}

impl Error {
    /// The exit code that the program ends with.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoDestination | Self::FolderDestination(_) | Self::WebDestination(_) => ExitCode::Usage,
            Self::SpoolFull { .. }
            | Self::OutputFull { .. }
            | Self::SpoolStuck
            | Self::SpoolDamaged { .. }
            | Self::DestinationDown { .. }
            | Self::DestinationStuck { .. }
            | Self::Crashed(_)
            | Self::Catalogue(catalogue::Error::DiskFull(_))
            | Self::Volume(volume::Error::IndexCopy { .. }) => ExitCode::Incomplete,
            Self::Archive(error) => error.exit_code(),
            Self::Job(error) => error.exit_code(),
            _ => ExitCode::Failed,
        }
    }
}
