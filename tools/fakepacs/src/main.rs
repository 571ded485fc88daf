//! `fakepacs`: a PACS of made-up studies on a port of this machine, that misbehaves as told.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::io::Write;
use std::net::Ipv4Addr;

use clap::Parser;
use fakepacs::{Archive, Asked, FakePacs, Lies, Population};

/// Serves C-ECHO and C-FIND until it is killed, and prints a line for each request.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Example:\n  fakepacs --port 11112 --studies 5000 --days 5 --null-dates 3 --cap 100"
)]
struct Arguments {
    /// Port to listen on, on loopback
    #[arg(long, default_value_t = 11112)]
    port: u16,
    /// AE title
    #[arg(long, default_value = "FAKEPACS")]
    aet: dimse::AeTitle,
    #[command(flatten)]
    population: Population,
    #[command(flatten)]
    lies: Lies,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { port, aet, population, lies } = Arguments::parse();
    let archive = Archive::new(population.make());
    let pacs = FakePacs::start((Ipv4Addr::LOCALHOST, port).into(), aet, archive, lies, tell)?;
    println!("listening on {}", pacs.address());
    loop {
        std::thread::park();
    }
}

fn tell(asked: &Asked) {
    let Asked { what, keys, rows } = asked;
    let line = format!("{what} {rows} {keys}\n");
    // One write a line: whoever counts lines must not meet halves. A reader that went away stops nothing.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}
