//! What can go wrong while a report is written.

use std::path::PathBuf;

/// Whatever the caller's row iterators fail with.
pub type RowError = Box<dyn std::error::Error + Send + Sync>;

/// Why no report was written. Files of an earlier report at the same place are left as they were.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A report file could not be written.
    #[error(
        "cannot write the report file {}: {source}. Check free space and permissions, then run `report` again.",
        path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The caller could not deliver its rows.
    #[error(
        "cannot read the {rows} for the report: {source}. Run `report` again when the catalogue can be read."
    )]
    Rows {
        /// Which rows.
        rows: &'static str,
        /// What the caller said.
        source: RowError,
    },
}
