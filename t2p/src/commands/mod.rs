//! One module for each command: what it does and what it says.

mod arrival;
mod audit;
mod baseline;
mod catalogue;
mod changed;
mod extract;
mod gap;
mod ingest;
mod init;
mod inspect;
mod report;
mod status;
mod verify;

use job::{ExitCode, Failure, Outcome, conclude};
use serde_json::Value;

use crate::cli::{Cli, Command};
use crate::context::Context;
use crate::error::Result;

/// Runs the command and prints how it ended.
pub fn run(cli: Cli) -> ExitCode {
    let json = cli.common.json;
    let outcome = outcome(cli).map_err(|error| {
        let code = error.exit_code();
        Failure::new(error, code)
    });
    conclude(json, outcome)
}

fn outcome(cli: Cli) -> Result<Outcome<Value>> {
    let Cli { common, command } = cli;
    match command {
        Command::Init(arguments) => init::run(arguments),
        Command::Inspect(arguments) => inspect::run(&common, &arguments),
        Command::Verify(arguments) => verify::run(&common, &arguments),
        Command::Extract(arguments) => extract::run(&common, &arguments),
        Command::Ingest(arguments) => ingest::run(&Context::open(&common)?, &arguments),
        Command::Catalogue { command } => catalogue::run(&Context::open(&common)?, &command),
        Command::Audit => audit::run(&Context::open(&common)?),
        Command::Baseline(size) => baseline::run(&Context::open(&common)?, size),
        Command::Status => status::run(&Context::open(&common)?),
        Command::Report => report::run(&Context::open(&common)?),
    }
}
