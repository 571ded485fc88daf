//! The options that every command of both programs has, and how command lines are read.

use std::{ffi::OsString, io, path::PathBuf};

use clap::{ArgAction, Args, Parser};

use crate::{ExitCode, JobDir, JobError, Program, outcome};

/// Options that every command has; flatten them into the command line's struct.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// The job directory
    #[arg(long, value_name = "DIR", default_value = ".", global = true)]
    pub job: PathBuf,
    /// Print one JSON document on stdout instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Show no progress and no findings, only the result and errors
    #[arg(long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Show what is logged on stderr, too; twice for details
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

impl Common {
    /// Opens the job directory that was named.
    pub fn open_job(&self, program: Program) -> Result<JobDir, JobError> {
        JobDir::open(&self.job, program)
    }
}

/// How much `baseline` asks of an archive.
#[derive(Debug, Clone, Copy, Args)]
pub struct BaselineSize {
    /// Requests of each small kind: C-ECHO, and C-FIND for one study
    #[arg(long, value_name = "N", default_value_t = 40)]
    pub requests: usize,
    /// Studies that are retrieved; those of more than 1,000 instances are passed over
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub retrievals: usize,
    /// No further study is retrieved once so many bytes came
    #[arg(long, value_name = "SIZE", default_value = "500 MB")]
    pub bytes: crate::ByteSize,
    /// Also send up to 100 of the retrieved objects back where they came from, byte for byte. The archive has them already and should
    /// keep what it has; but rules that it applies to what arrives (routing, notifications) may act on them again
    #[arg(long)]
    pub store: bool,
}

/// Reads the command line of the process. When it is wrong, or asks for help or the version, everything has been
/// printed and the exit code is the error.
pub fn parse_args<C: Parser>() -> Result<C, ExitCode> {
    parse_from(std::env::args_os().collect(), &mut io::stdout())
}

fn parse_from<C: Parser>(args: Vec<OsString>, stdout: &mut dyn io::Write) -> Result<C, ExitCode> {
    let json = args.iter().any(|arg| arg == "--json");
    C::try_parse_from(args).map_err(|error| {
        // Nobody is left to tell if stderr is gone.
        let _ = error.print();
        if !error.use_stderr() {
            return ExitCode::Clean;
        }
        if json {
            outcome::write_error_document(stdout, &error, ExitCode::Usage);
        }
        ExitCode::Usage
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the program is for
    #[derive(Debug, Parser)]
    #[command(version)]
    struct Cli {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        command: Command,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Command {
        Plan {
            #[arg(long)]
            delta: bool,
        },
    }

    fn parse(line: &str) -> (Result<Cli, ExitCode>, String) {
        let mut stdout = Vec::new();
        let args = line.split(' ').map(OsString::from).collect();
        let result = parse_from(args, &mut stdout);
        (result, String::from_utf8(stdout).unwrap())
    }

    #[test]
    fn common_options_stand_before_or_after_the_command() {
        for line in
            ["p2t --job /jobs/a --json -vv plan --delta", "p2t plan --delta -v --json --job /jobs/a -v"]
        {
            let cli = parse(line).0.unwrap();
            let Command::Plan { delta } = cli.command;
            assert!(cli.common.json && !cli.common.quiet && delta);
            assert_eq!((cli.common.job, cli.common.verbose), (PathBuf::from("/jobs/a"), 2));
        }
        assert_eq!(parse("p2t plan").0.unwrap().common.job, PathBuf::from("."));
    }

    #[test]
    fn a_wrong_command_line_is_a_usage_error() {
        for line in ["p2t", "p2t plan --dleta", "p2t paln", "p2t plan --quiet -v"] {
            let (result, stdout) = parse(line);
            assert_eq!((result.unwrap_err(), stdout.as_str()), (ExitCode::Usage, ""), "{line}");
        }
    }

    #[test]
    fn with_json_a_usage_error_is_a_document_too() {
        let (result, stdout) = parse("p2t plan --json --dleta");
        let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!((result.unwrap_err(), &document["exit_code"]), (ExitCode::Usage, &2.into()));
        let message = document["error"]["message"].as_str().unwrap();
        assert!(message.contains("unexpected argument '--dleta'"), "{message}");
    }

    #[test]
    fn help_and_version_are_clean() {
        for line in ["p2t --help", "p2t --version"] {
            assert_eq!(parse(line).0.unwrap_err(), ExitCode::Clean);
        }
    }

    #[test]
    fn the_help_says_what_the_program_is_for() {
        let help = <Cli as clap::CommandFactory>::command().render_help().to_string();
        assert!(help.starts_with("What the program is for\n"), "{help}");
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn opening_needs_a_job() {
        let dir = tempfile::tempdir().unwrap();
        let common = parse(&format!("p2t plan --job {}", dir.path().display())).0.unwrap().common;
        assert!(matches!(common.open_job(Program::P2t), Err(JobError::NotAJobDirectory { .. })));
    }
}
