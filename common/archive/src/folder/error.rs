//! What can stand in the way of reading a folder. Paths below the folder may hold patients' names: messages give them
//! relative to the folder, and belong on the operator's screen, not in logs.

use std::{io, path::PathBuf};

/// Why a folder or a file of it cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder itself cannot be listed.
    #[error("the source folder {} cannot be listed: {error}; check its path and permissions", root.display())]
    RootUnusable {
        /// The folder as given.
        root: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A path that would leave the folder.
    #[error("{} lies outside the source folder; only files below it can be read", path.display())]
    OutsideRoot {
        /// The path as asked for.
        path: PathBuf,
    },
    /// A folder, pipe or device where a file was expected.
    #[error("{} is no regular file; list the source again, it has changed", path.display())]
    NotAFile {
        /// The path below the folder.
        path: PathBuf,
    },
    /// A file that cannot be opened.
    #[error("{} cannot be read: {error}; check its permissions and the device that holds it", path.display())]
    Unreadable {
        /// The path below the folder.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl Error {
    /// What is wrong without the path, for places where no patient's name may appear.
    pub fn reason(&self) -> String {
        match self {
            Self::RootUnusable { error, .. } | Self::Unreadable { error, .. } => error.kind().to_string(),
            Self::OutsideRoot { .. } => "its path leads out of the source folder".to_owned(),
            Self::NotAFile { .. } => "it is no regular file any more".to_owned(),
        }
    }
}

/// Why something in the folder was not looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Obstacle {
    /// Symbolic links are not followed, because they may lead out of the folder or around in it.
    #[error("it is a symbolic link, and these are not followed")]
    SymbolicLink,
    /// A pipe, socket or device.
    #[error("it is a pipe, socket or device")]
    SpecialFile,
    /// A folder below so many others that something must be wrong.
    #[error("it is a folder nested too deeply")]
    TooDeep,
    /// A folder that cannot be listed, or not to its end.
    #[error("the folder cannot be listed wholly ({0})")]
    Folder(io::ErrorKind),
    /// A file that cannot be read.
    #[error("the file cannot be read ({0})")]
    Io(io::ErrorKind),
}
