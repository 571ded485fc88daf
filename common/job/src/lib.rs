//! The job directory and the conventions that both command lines share: configuration, options, exit codes,
//! output, progress, signals and logs.

mod access;
mod cli;
pub mod config;
mod dir;
mod disk;
mod error;
mod exit;
mod journal;
mod logging;
mod monitor;
mod node;
mod operator;
mod outcome;
mod pause;
pub mod private;
mod program;
mod progress;
mod rotating;
mod stop;
mod watchdog;
mod web;

pub use access::{Login, Secret, dimse_options, web_tls};
pub use cli::{BaselineSize, Common, parse_args};
pub use config::{P2tConfig, T2pConfig};
pub use dimse::{AeTitle, Node};
pub use dir::{JobDir, JobLock};
pub use disk::{free_bytes, read_once};
pub use error::{JobError, NodeError};
pub use exit::ExitCode;
/// Bytes for people, as in `21.07 MB`.
pub use indicatif::DecimalBytes;
pub use journal::Journal;
pub use logging::start_log;
pub use monitor::{Counter, Monitor, Void};
pub use node::NodeOrPath;
pub use operator::operator;
pub use outcome::{Failure, Outcome, conclude};
pub use pace::ByteSize;
pub use program::Program;
pub use progress::Progress;
pub use stop::{Stop, StopOnPanic};
pub use watchdog::{Expendable, SilentDrive, Watchdog};
pub use web::WebAddress;
