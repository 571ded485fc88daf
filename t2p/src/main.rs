//! `t2p`: takes volumes that `p2t` wrote, checks every byte, delivers to the destination archives, and proves it.
//!
//! ```text
//! volume -> load (check) -> spool -> deliver -> destination;  audit: destination against manifest
//! ```

mod cli;
mod commands;
mod context;
mod error;
mod ingest;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// It gives memory back that a stage's threads have left; the system's keeps it for other threads to come.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    match job::parse_args::<cli::Cli>() {
        Ok(cli) => commands::run(cli).into(),
        Err(code) => code.into(),
    }
}
