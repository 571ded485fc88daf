//! The files of a report, written so that a reader sees a whole file or the one before it.

mod atomic;
mod csv;
mod json;

pub use self::csv::{ChangesCsv, InstancesCsv, StudiesCsv};
pub use atomic::{PendingFile, make_dir};
pub use json::StudiesJson;
