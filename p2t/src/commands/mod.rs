//! One module for each command: what it does and what it says.

mod baseline;
mod changer;
mod cutover;
mod drive;
mod export;
mod init;
mod label;
pub mod lost;
mod pace;
mod pause;
mod plan;
mod preflight;
mod report;
mod status;
pub mod verify;

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
    let context = || Context::open(&common);
    match command {
        // These need no job.
        Command::Init(arguments) => init::run(arguments),
        Command::Drive { command } => drive::run(&common, command),
        Command::Changer(arguments) => changer::run(&common, &arguments),
        Command::Plan(arguments) => plan::run(&context()?, arguments),
        Command::Label(arguments) => label::run(&context()?, &arguments),
        Command::Cutover(arguments) => cutover::run(&context()?, &arguments),
        Command::Preflight => preflight::run(&context()?),
        Command::Baseline(size) => baseline::run(&context()?, size),
        Command::Export(arguments) => export::run(&context()?, &arguments),
        Command::Verify(arguments) => verify::run(&context()?, &arguments),
        Command::Pause(arguments) => pause::pause(&context()?, arguments),
        Command::Resume => pause::resume(&context()?),
        Command::Status => status::run(&context()?),
        Command::Report => report::run(&context()?),
    }
}
