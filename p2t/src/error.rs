//! What can go wrong in `p2t` itself; errors of the crates below pass through with what was being done.

use std::io;
use std::path::PathBuf;

use job::ExitCode;

/// An error of this program.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Archive(archive::Error),
    #[error(transparent)]
    Catalogue(#[from] catalogue::Error),
    #[error(transparent)]
    Volume(#[from] volume::Error),
    #[error(transparent)]
    Medium(#[from] medium::Error),
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    #[error(transparent)]
    Job(#[from] job::JobError),
    #[error(transparent)]
    Report(#[from] report::Error),
    #[error(
        "no source is configured; set `node` under [source] in p2t.toml, or run `p2t init` with --source"
    )]
    NoSource,
    #[error(transparent)]
    Until(pace::PaceError),
    #[error("the selection cannot be meant so: {} {}", .0.key, .0.message)]
    Selection(job::config::Fault),
    #[error(
        "a delta compares what was planned, which is: {planned}; now it is: {given}. Leave the options out and the configuration as \
         it was, or run `p2t plan` with the other selection first"
    )]
    OtherSelection { given: String, planned: String },
    #[error("the selection that the catalogue keeps cannot be read or written: {0}")]
    KeptSelection(serde_json::Error),
    #[error("nothing to reckon with: {0}")]
    NothingMeasured(&'static str),
    #[error("nothing is planned; run `p2t plan` first")]
    NoPlan,
    #[error(
        "the source is left alone now, outside the windows of [pace] or during a pause: `p2t status` says until when, `p2t resume` \
         ends a pause; run `p2t preflight` again then"
    )]
    LeftAlone,
    #[error(
        "{archive} sends no objects by any service: {reason}; have it set up to send to us, set up [receiver] for C-MOVE, \
         and run `p2t preflight` again"
    )]
    NothingRetrieves { archive: String, reason: String },
    #[error(
        "the plan is not whole: {left} studies are still to be listed; run `p2t plan` again to finish it"
    )]
    PlanUnfinished { left: usize },
    #[error("no medium is configured; set `to` under [media] in p2t.toml, or give --to")]
    NoMedium,
    #[error("it is not clear which medium is for which copy: {reason}")]
    MediaUnclear { reason: String },
    #[error(
        "this job writes {begun} copies since its first volume, not {asked}: run with `--copies {begun}`, or set \
         `copies = {begun}` under [media]"
    )]
    OtherCopies { begun: u32, asked: u32 },
    #[error("this job has no volume {sequence} of copy {copy} that is not given up; `p2t status` lists them")]
    NoSuchVolume { sequence: u32, copy: u32 },
    #[error(
        "{volume} is in work, and cannot be gone on with: {source}. If it is lost or was overwritten for good, \
         `p2t export --give-up-volume {which}` writes what was on it again"
    )]
    VolumeInWork { volume: String, which: String, source: Box<Error> },
    #[error(
        "the media{of_copy} are full, or their disks have no room for the next segment or no files of its size (FAT32: 4 GiB): \
         {used}; put a blank one in and run `p2t export --to {to}` to continue"
    )]
    MediaFull { of_copy: String, used: String, to: String },
    #[error(
        "{medium} is not blank, and nothing was written to it: on it is {found}; put another one in, or give --force to \
         overwrite it"
    )]
    NotOverwritten { medium: String, found: volume::Found },
    #[error(
        "{medium} holds {volume} of this job by its label, barcode or place, with what was written to it: it is not overwritten; put another one in, or say \
         that it is lost first (`p2t export --give-up-volume`)"
    )]
    HoldsOurs { medium: String, volume: String },
    #[error("{0} is no tape drive; name its node that does not rewind, such as /dev/nst0")]
    NotADrive(String),
    #[error(
        "the cartridge in {0} can be written only once (WORM), and a segment that meets its end could not be taken back: nothing was \
         written; put another one in"
    )]
    Worm(String),
    #[error(
        "no cartridge came for {volume} in {drive}: {reason}; put blank ones in, and run the same command again"
    )]
    CartridgeWanted { volume: String, drive: PathBuf, reason: String },
    #[error(
        "{volume} has records that are too long for the way to {drive}: go on with it in a drive that gets them, behind the host \
         adapter on which it was begun; or put a blank cartridge in, for what is on {volume} counts, and the next one gets shorter \
         records. Then run the same command again"
    )]
    RecordsRefused { volume: String, drive: String },
    #[error(
        "the cartridge in {drive} says that its barcode is {barcode}, and {volume} was begun on the one with {label}: nothing was \
         written. Put that one in; or, if it is this one with another sticker, run `p2t export --any-barcode`"
    )]
    OtherBarcode { drive: String, volume: String, label: String, barcode: String },
    #[error(
        "the cartridge in {drive} is blank, and has the barcode {barcode} of the one that {volume} was written to: nothing was \
         written. Put another one in; or, if {volume} was erased, run `p2t export --give-up-volume {which}`, which writes again \
         what was on it"
    )]
    Erased { drive: String, volume: String, barcode: String, which: String },
    #[error(
        "the cartridge in {medium} says that its barcode is {told}, not {given}: nothing was written; leave --barcode out, or give \
         --force"
    )]
    BarcodeDiffers { medium: String, given: String, told: String },
    #[error("{0}; when that is mended, run the same command again")]
    Library(medium::changer::ChangerError),
    #[error(
        "the disk of the spool {path} is full: free some room there, or move the job to a larger disk, and run the \
         same command again"
    )]
    SpoolFull { path: PathBuf, source: io::Error },
    #[error(
        "there is no room for objects in the spool {path}: more than {needed} must be free on its disk, and \
         `limit_bytes` under [spool] must not be used up; make room and run the same command again"
    )]
    SpoolTooSmall { path: PathBuf, needed: job::ByteSize },
    #[error("cannot {action} {path}: {source}")]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "the source is not to be reached after {attempts} attempts; nothing is lost: see that it is up and run the \
         same command again"
    )]
    SourceDown { attempts: u32, source: archive::Error },
    #[error(
        "an object or segment in the spool has changed since it was put there: the disk is not to be trusted; what was lost is \
         fetched again when you run the same command again"
    )]
    SpoolDamaged,
    #[error("a part of the program crashed: {0}; nothing is lost, run the same command again")]
    Crashed(&'static str),
    #[error("the catalogue's frame table of segment {segment} cannot be read: {source}")]
    FrameTable { segment: u64, source: serde_json::Error },
    #[error("the keys of a study cannot be written down: {0}")]
    Keys(serde_json::Error),
    #[error("the volume set id in the catalogue is damaged: {0}")]
    Identity(uuid::Error),
}

impl From<archive::Error> for Error {
    /// What our own catalogue said to a listing is not the archive's error.
    fn from(error: archive::Error) -> Self {
        match error {
            archive::Error::Taker(cause) => match cause.downcast::<catalogue::Error>() {
                Ok(error) => Self::Catalogue(*error),
                Err(cause) => Self::Archive(archive::Error::Taker(cause)),
            },
            error => Self::Archive(error),
        }
    }
}

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
            Self::NoSource
            | Self::NoMedium
            | Self::MediaUnclear { .. }
            | Self::NoSuchVolume { .. }
            | Self::OtherCopies { .. }
            | Self::NotADrive(_)
            | Self::Until(_)
            | Self::OtherSelection { .. }
            | Self::Selection(_) => ExitCode::Usage,
            Self::PlanUnfinished { .. }
            | Self::LeftAlone
            | Self::MediaFull { .. }
            | Self::CartridgeWanted { .. }
            | Self::RecordsRefused { .. }
            | Self::OtherBarcode { .. }
            | Self::Erased { .. }
            | Self::Worm(_)
            | Self::SpoolFull { .. }
            | Self::SpoolTooSmall { .. }
            | Self::SourceDown { .. }
            | Self::SpoolDamaged
            | Self::Crashed(_)
            | Self::Catalogue(catalogue::Error::DiskFull(_))
            | Self::Volume(volume::Error::OtherVolume { .. } | volume::Error::IndexCopy { .. }) => {
                ExitCode::Incomplete
            }
            Self::Archive(error) => error.exit_code(),
            Self::VolumeInWork { source, .. } => source.exit_code(),
            Self::Medium(error) | Self::Volume(volume::Error::Medium(error))
                if error.concerns_drive() || error.concerns_room() =>
            {
                ExitCode::Incomplete
            }
            Self::Library(error) if error.status() != medium::Status::Permanent => ExitCode::Incomplete,
            Self::Job(error) => error.exit_code(),
            _ => ExitCode::Failed,
        }
    }

    /// Whether it is one medium or drive that is in trouble, and another can go on.
    pub fn is_of_medium(&self) -> bool {
        use volume::Error::{Medium, OtherVolume, Position, SegmentLost};
        match self {
            Self::Medium(_)
            | Self::MediaFull { .. }
            | Self::CartridgeWanted { .. }
            | Self::RecordsRefused { .. }
            | Self::OtherBarcode { .. }
            | Self::Erased { .. }
            | Self::Worm(_)
            | Self::Library(_) => true,
            Self::VolumeInWork { source, .. } => source.is_of_medium(),
            Self::Volume(error) => {
                matches!(error, Medium(_) | OtherVolume { .. } | Position { .. } | SegmentLost { .. })
            }
            _ => false,
        }
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;
