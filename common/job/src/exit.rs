//! The exit codes of both programs.

/// How a command ended. Scripts may rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// Done, and nothing to remark.
    Clean = 0,
    /// It failed; the message says what to do.
    Failed = 1,
    /// The command line or the configuration is wrong; nothing was done.
    Usage = 2,
    /// Done, but something is not as it should be; the report says what.
    Discrepancies = 3,
    /// Not finished; running the same command again continues.
    Incomplete = 4,
}

impl ExitCode {
    /// The number that the process ends with.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(exit: ExitCode) -> Self {
        Self::from(exit.code())
    }
}
