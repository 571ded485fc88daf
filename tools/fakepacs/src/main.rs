//! `fakepacs`: a PACS of made-up studies on a port of this machine, that misbehaves as told.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use fakepacs::{Archive, Asked, FakePacs, Lies, Look, Population};

/// How often the file of lies is looked at.
const TICK: Duration = Duration::from_millis(200);

/// Serves C-ECHO, C-FIND, C-GET and C-MOVE until it is killed, and prints a line for each request.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  fakepacs --port 11112 --studies 5000 --days 5 --null-dates 3 --cap 100\n  \
                  fakepacs --lie abort=2 --lie truncated@1.2.3 --destination P2T@127.0.0.1:11113"
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
    /// Pixels of an image, a byte each
    #[arg(long, default_value_t = 4096)]
    pixels: u32,
    /// UID of the transfer syntax that objects are in
    #[arg(long, default_value = "1.2.840.10008.1.2.1")]
    transfer_syntax: String,
    /// A destination of C-MOVE, as AETITLE@host:port; may be repeated
    #[arg(long, value_name = "NODE")]
    destination: Vec<dimse::Node>,
    #[command(flatten)]
    lies: Lies,
    /// A file with the options of lies, that count in place of those given here as soon as it is written; empty for none
    #[arg(long, value_name = "FILE")]
    lies_file: Option<PathBuf>,
}

/// The options in a file of lies.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct OnlyLies {
    #[command(flatten)]
    lies: Lies,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let Arguments { port, aet, population, pixels, transfer_syntax, destination, lies, lies_file } =
        arguments;
    let archive = Archive::new(population.make()).looking(Look { pixels, transfer_syntax });
    let pacs = FakePacs::start((Ipv4Addr::LOCALHOST, port).into(), aet, archive, lies, tell)?;
    for node in destination {
        pacs.know(node);
    }
    println!("listening on {}", pacs.address());
    match lies_file {
        Some(file) => follow(&pacs, &file),
        None => loop {
            std::thread::park();
        },
    }
}

/// Misbehaves as the file says, whenever it says something else.
fn follow(pacs: &FakePacs, file: &Path) -> ! {
    let mut known = None;
    loop {
        let text = std::fs::read_to_string(file).ok();
        if text.is_some() && text != known {
            match OnlyLies::try_parse_from(text.iter().flat_map(|text| text.split_whitespace())) {
                Ok(OnlyLies { lies }) => {
                    // Whoever reads the line may count on it.
                    pacs.set_lies(lies);
                    println!("lies {}", text.as_deref().unwrap_or_default().trim());
                }
                Err(error) => println!("{error}"),
            }
            known = text;
        }
        std::thread::sleep(TICK);
    }
}

fn tell(asked: &Asked) {
    let Asked { what, keys, rows } = asked;
    let line = format!("{what} {rows} {keys}\n");
    // One write a line: whoever counts lines must not meet halves. A reader that went away stops nothing.
    let _ = std::io::stdout().lock().write_all(line.as_bytes());
}
