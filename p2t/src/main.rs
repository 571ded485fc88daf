//! `p2t`: takes studies from a source archive and writes them to volumes that can be carried to another site.
//!
//! ```text
//! plan -> catalogue -> export: fetch -> spool -> pack -> write -> commit -> volume
//! ```

mod ahead;
mod asking;
mod chip;
mod cli;
mod commands;
mod compare;
mod context;
mod cutover;
mod error;
mod export;
mod forecast;
mod media;
mod preflight;
mod readback;
mod selection;
mod source;
mod streaming;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// It gives memory back that a stage's threads have left; the system's keeps it for other threads to come.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    if medium::flush_inherited() {
        return ExitCode::SUCCESS;
    }
    match job::parse_args::<cli::Cli>() {
        Ok(cli) => commands::run(cli).into(),
        Err(code) => code.into(),
    }
}
