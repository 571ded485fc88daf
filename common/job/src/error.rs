//! What can be wrong with a job directory, its configuration or a node's name.

use std::{io, path::PathBuf};

use crate::{ExitCode, Program};

/// A finding about a job directory or its configuration.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The directory has no configuration of the program that runs.
    #[error(
        "{path} is not a job directory: it holds no {}. Run `{program} init {path}` first, or name the right directory with --job.",
        program.config_name()
    )]
    NotAJobDirectory {
        /// The directory.
        path: PathBuf,
        /// The program that runs.
        program: Program,
    },
    /// The directory belongs to the other program.
    #[error(
        "{path} is a job directory of {other}, not of {program}. Name the right directory with --job; each program needs its own."
    )]
    OtherProgram {
        /// The directory.
        path: PathBuf,
        /// The program that runs.
        program: Program,
        /// The one whose configuration is there.
        other: Program,
    },
    /// `init` would write over a job.
    #[error(
        "{path} already holds a job ({name} is there). Go on with that one, or choose another directory."
    )]
    AlreadyAJob {
        /// The directory.
        path: PathBuf,
        /// What was found in it.
        name: &'static str,
    },
    /// Another process works on this job.
    #[error(
        "the job in {path} is in use by {}. Wait until it ends, or stop it, then run the command again.",
        holder(*pid)
    )]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The process, if it could be read.
        pid: Option<u32>,
    },
    /// A drive has not answered for so long that it is not waited for any more.
    #[error(
        "{drive} was asked to {doing} and has not answered: it is given up. What was committed is safe. This process (number \
         {pid}) cannot go before the kernel has that call back; the job is free all the same. Switch the drive off and on, or pull \
         its cable, and look at the kernel's log (dmesg); then run the same command again, with another drive if this one stays \
         silent: the cartridge is checked before anything is written to it"
    )]
    DriveStuck {
        /// The drive's node.
        drive: PathBuf,
        /// What it was asked.
        doing: &'static str,
        /// This process.
        pid: u32,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The job's log cannot be written, and so nothing in its directory.
    #[error(
        "cannot write to the log {path}: every command, also one that only looks, writes into the job directory. Run it as the \
         user whose job it is; a job on a disk that is read-only must be copied to one that is not, whole, and looked at there"
    )]
    ReadOnly {
        /// The log.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The configuration is not TOML, or holds a key or a value that it must not.
    #[error("{path}, line {line}, column {column}: {message}. Correct the file and run the command again.")]
    ConfigSyntax {
        /// The configuration.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// A value of the configuration is missing or out of range.
    #[error("{path}: `{key}` {message}. Correct the file and run the command again.")]
    ConfigValue {
        /// The configuration.
        path: PathBuf,
        /// The key with its table.
        key: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// A file of TLS cannot be used.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// A user cannot be named to an archive.
    #[error(transparent)]
    User(#[from] dimse::Error),
    /// A passcode or token is not where the configuration says.
    #[error("{place} holds no passcode or token: one line of text is wanted, and nothing but it.")]
    NoSecret {
        /// The file, or the environment variable.
        place: String,
    },
    /// TLS is configured for an address without it.
    #[error("`tls` is set, and {address} does not speak TLS: write https:// there, or take `tls` away.")]
    TlsWithoutHttps {
        /// The address.
        address: String,
    },
    /// DIMSE knows no bearer tokens of ours.
    #[error("A token logs in to DICOMweb only: name a `user` for this archive.")]
    TokenForDimse,
    /// The handlers for Ctrl-C and SIGTERM could not be installed.
    #[error("cannot watch for signals, so the program could not be stopped cleanly")]
    Signals {
        /// The reason.
        source: io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl JobError {
    /// Wraps an error of the operating system: `Err(e).map_err(JobError::io("read", path))`.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// The exit code of a program that ends with this error.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::NotAJobDirectory { .. }
            | Self::OtherProgram { .. }
            | Self::AlreadyAJob { .. }
            | Self::ConfigSyntax { .. }
            | Self::ConfigValue { .. }
            | Self::Tls(_)
            | Self::User(_)
            | Self::NoSecret { .. }
            | Self::TlsWithoutHttps { .. }
            | Self::TokenForDimse => ExitCode::Usage,
            Self::DriveStuck { .. } => ExitCode::Incomplete,
            Self::Locked { .. } | Self::Io { .. } | Self::ReadOnly { .. } | Self::Signals { .. } => {
                ExitCode::Failed
            }
        }
    }
}

/// What is wrong with the way an archive was named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// Nothing was written.
    #[error(
        "an archive is missing: write AETITLE@host:port, https://host/dicom-web, or the path of a folder"
    )]
    Empty,
    /// A web address that cannot be used.
    #[error(
        "\"{text}\" is not the address of a DICOMweb service: {reason}. Write it as https://host:port/path"
    )]
    Web {
        /// What was written.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A web address with a user in it. It is not shown: a password may stand there, too.
    #[error(
        "the address of a DICOMweb service must not hold a user: name it in the `login` table of the configuration"
    )]
    WebUser,
    /// There is an `@`, but the rest does not fit.
    #[error(
        "\"{text}\" is not AETITLE@host:port: {reason}. If it is a folder with an @ in its name, write ./ before it"
    )]
    NotANode {
        /// What was written.
        text: String,
        /// Which part does not fit.
        reason: String,
    },
    /// It looks like host and port without an AE title.
    #[error("\"{text}\" has no AE title: write AETITLE@{text}. If it is a folder, write ./ before it")]
    NoAeTitle {
        /// What was written.
        text: String,
    },
}
