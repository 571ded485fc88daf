//! What can go wrong with an archive, and what that means for the next attempt.

use job::ExitCode;
use pace::Loss;

use crate::folder;
use crate::source::Service;
use crate::web::WebError;

/// Any error of the program that called us, handed through.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What an error means for trying again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outlook {
    /// The same request will fail again.
    Permanent,
    /// The same request may succeed later.
    Transient,
    /// Somebody must do something first.
    NeedsOperator,
}

/// Why an archive did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The DIMSE peer.
    #[error("{node}: {source}")]
    Dimse {
        /// The peer, as `AETITLE@host:port`.
        node: String,
        /// What went wrong with it.
        source: dimse::Error,
    },
    /// The DICOMweb server.
    #[error("{node}: {source}")]
    Web {
        /// The root of its service.
        node: String,
        /// What went wrong with it.
        source: WebError,
    },
    /// The folder.
    #[error(transparent)]
    Folder(#[from] folder::Error),
    /// A list ended with a status that says it is not whole.
    #[error(
        "{node} ended a C-FIND at {level} level with status {status} after {rows} rows: the list is cut short; \
         select less at a time, by dates for example"
    )]
    CutShort {
        /// The peer.
        node: String,
        /// Query/Retrieve level.
        level: &'static str,
        /// Final status.
        status: dimse::Status,
        /// Rows that came.
        rows: u64,
    },
    /// Not all instances of a series can be listed.
    #[error(
        "{node} gave {answered} rows of series {series} at IMAGE level with status {status}, and {listed} when asked for one Instance \
         Number after the other; it {}",
        match claimed { Some(claimed) => format!("says that there are {claimed}"), None => "does not say how many there are".to_owned() }
    )]
    ImagesHidden {
        /// The peer.
        node: String,
        /// Series Instance UID.
        series: String,
        /// Final status.
        status: dimse::Status,
        /// Rows that came at first.
        answered: u64,
        /// Instances that came in all.
        listed: u64,
        /// Number of Series Related Instances.
        claimed: Option<u64>,
    },
    /// Whoever takes the rows or objects failed.
    #[error("{0}")]
    Taker(#[source] Cause),
    /// The selection file.
    #[error("{0}")]
    Selection(String),
    /// C-MOVE needs a listener that is not running.
    #[error(
        "C-MOVE needs our storage listener: set [receiver] in the configuration, and register it at the source"
    )]
    NoReceiver,
    /// It takes no requests of a service from us, whatever they ask for.
    #[error("{node} takes no {} from {aet}: {why}; {remedy}", service.name())]
    NotServed {
        /// The peer.
        node: String,
        /// What it does not take.
        service: Service,
        /// Our AE title.
        aet: String,
        /// What it said to it.
        why: String,
        /// What helps.
        remedy: &'static str,
    },
    /// It has no resources for what it is asked for (A7xx).
    #[error("{archive} has too much to do: {said}")]
    OutOfResources {
        /// Its name for reports.
        archive: String,
        /// What it said.
        said: String,
    },
    /// It said that all is well, and did not send all.
    #[error("{archive} did not send all of a study: {said}")]
    CameShort {
        /// Its name for reports.
        archive: String,
        /// What it said.
        said: String,
    },
    /// It does not even answer whether it is there.
    #[error("{0} does not answer")]
    NoAnswer(String),
    /// It answers no requests, as a folder.
    #[error("{0} took no request that could be timed; a baseline is of a PACS")]
    NothingToTime(String),
    /// Nothing can be stored to it.
    #[error("{0} takes no C-STORE; leave --store out")]
    TakesNothing(String),
    /// It did not take an object of a baseline.
    #[error("{archive} did not take back an object that it had sent: {said}")]
    Refused {
        /// Its name for reports.
        archive: String,
        /// What it said.
        said: String,
    },
    /// The calendar allows no query.
    #[error("no window opens within two weeks: see [[pace.window]] in the configuration; rerun to continue")]
    NoWindow,
    /// Asked to stop.
    #[error("stopped as asked; rerun to continue")]
    Stopped,
}

impl Error {
    pub(crate) fn dimse(node: &dimse::Node) -> impl Fn(dimse::Error) -> Self + use<'_> {
        move |source| Self::Dimse { node: node.to_string(), source }
    }

    /// Whether an archive that has too much to do ends a retrieval like this. `begun` says whether anything had come.
    pub fn loss(&self, begun: bool) -> Option<Loss> {
        let source = match self {
            Self::Dimse { source, .. } => source,
            Self::Web { source, .. } => return source.loss(begun),
            _ => return None,
        };
        match source {
            dimse::Error::Rejected(rejection) if rejection.is_transient() => Some(Loss::Rejected),
            dimse::Error::Aborted(_)
            | dimse::Error::Wire(wire::Error::Lost { .. })
            | dimse::Error::ReleasedByPeer => Some(Loss::Aborted),
            dimse::Error::Wire(wire::Error::TimedOut { .. }) if begun => Some(Loss::TimedOut),
            dimse::Error::Wire(wire::Error::TimedOut { .. }) => Some(Loss::SilentFirst),
            dimse::Error::Failed { status, .. } if status.is_out_of_resources() => Some(Loss::Refused),
            _ => None,
        }
    }

    /// Whether the source's list is not whole: what it did list stands.
    pub fn is_of_list(&self) -> bool {
        matches!(
            self,
            Self::CutShort { .. }
                | Self::ImagesHidden { .. }
                | Self::Web { source: WebError::NotWhole { .. }, .. }
        )
    }

    /// Whether the next study would meet the same: nothing of it is any study's fault.
    pub fn is_of_service(&self) -> bool {
        matches!(self, Self::NotServed { .. } | Self::NoReceiver)
    }

    /// Whether we were asked to stop.
    pub(crate) fn is_of_stop(&self) -> bool {
        matches!(
            self,
            Self::Stopped
                | Self::Dimse { source: dimse::Error::Stopped, .. }
                | Self::Web { source: WebError::Stopped, .. }
        )
    }

    /// What the error means for trying again.
    pub fn outlook(&self) -> Outlook {
        match self {
            Self::Dimse { source, .. } => match source.remedy() {
                dimse::Remedy::Permanent => Outlook::Permanent,
                dimse::Remedy::Transient => Outlook::Transient,
                dimse::Remedy::NeedsOperator => Outlook::NeedsOperator,
            },
            Self::Web { source, .. } => source.outlook(),
            Self::Stopped | Self::NoAnswer(_) | Self::OutOfResources { .. } | Self::CameShort { .. } => {
                Outlook::Transient
            }
            Self::CutShort { .. } | Self::ImagesHidden { .. } | Self::Refused { .. } => Outlook::Permanent,
            Self::Folder(_)
            | Self::Taker(_)
            | Self::Selection(_)
            | Self::NothingToTime(_)
            | Self::TakesNothing(_)
            | Self::NoWindow
            | Self::NotServed { .. }
            | Self::NoReceiver => Outlook::NeedsOperator,
        }
    }

    /// The exit code of a command that this error ends. An archive that cannot be reached, or does not let us in, leaves
    /// the work incomplete: once that is mended, the same command goes on.
    pub fn exit_code(&self) -> ExitCode {
        use dimse::Error::{Listen, Node, PduOption};
        match self {
            Self::Dimse { source: Node { .. } | PduOption(_), .. }
            | Self::Selection(_)
            | Self::NothingToTime(_)
            | Self::TakesNothing(_)
            | Self::NoReceiver => ExitCode::Usage,
            Self::Dimse { source: Listen { .. }, .. } => ExitCode::Failed,
            Self::Web { source: WebError::Login(error), .. } => error.exit_code(),
            Self::Dimse { .. } | Self::Web { .. } if self.outlook() == Outlook::Permanent => ExitCode::Failed,
            Self::Dimse { .. }
            | Self::Web { .. }
            | Self::Folder(folder::Error::RootUnusable { .. })
            | Self::NoAnswer(_)
            | Self::NotServed { .. }
            | Self::OutOfResources { .. }
            | Self::CameShort { .. }
            | Self::NoWindow
            | Self::Stopped => ExitCode::Incomplete,
            Self::Folder(_)
            | Self::CutShort { .. }
            | Self::ImagesHidden { .. }
            | Self::Refused { .. }
            | Self::Taker(_) => ExitCode::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use super::*;

    fn ends_with(source: dimse::Error) -> ExitCode {
        Error::Dimse { node: "PACS@host:104".to_owned(), source }.exit_code()
    }

    #[test]
    fn an_archive_that_is_not_to_be_reached_leaves_the_work_incomplete() {
        let no = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let rejected = |result| dimse::Rejection { result, source: 1, reason: 7 };
        let out_of_resources = dimse::Error::Failed {
            service: dimse::Service::Find,
            status: dimse::Status::OUT_OF_RESOURCES,
            comment: None,
        };
        for error in [
            wire::Error::Connect { peer: "PACS@host:104".to_owned(), source: no() }.into(),
            wire::Error::Resolve { host: "host".to_owned(), source: no() }.into(),
            wire::Error::TimedOut { what: "answer", after: Duration::from_secs(1) }.into(),
            wire::Error::Lost { source: no() }.into(),
            dimse::Error::ReleasedByPeer,
            dimse::Error::Rejected(rejected(1)),
            dimse::Error::Rejected(rejected(2)),
            out_of_resources,
            dimse::Error::Stopped,
        ] {
            let text = error.to_string();
            assert_eq!(ends_with(error), ExitCode::Incomplete, "{text}");
        }
        let root = "/mnt/pacs".into();
        let away = folder::Error::RootUnusable { root, error: io::ErrorKind::NotFound.into() };
        assert_eq!(Error::from(away).exit_code(), ExitCode::Incomplete);
        assert_eq!(Error::Stopped.exit_code(), ExitCode::Incomplete);
    }

    #[test]
    fn what_the_same_command_would_meet_again_is_a_failure_and_a_wrong_setting_says_so() {
        let malformed = dimse::Error::Malformed { what: "PDU", detail: "its length".to_owned() };
        assert_eq!(ends_with(malformed), ExitCode::Failed);
        let taken = io::Error::from(io::ErrorKind::AddrInUse);
        let listen = dimse::Error::Listen { address: "0.0.0.0:104".to_owned(), source: taken };
        assert_eq!(ends_with(listen), ExitCode::Failed);
        assert_eq!(ends_with(dimse::Error::PduOption(1)), ExitCode::Usage);
        assert_eq!(Error::Selection("no such column".to_owned()).exit_code(), ExitCode::Usage);
        assert_eq!(Error::NoReceiver.exit_code(), ExitCode::Usage);
        assert_eq!(Error::Taker("no catalogue".into()).exit_code(), ExitCode::Failed);
    }
}
