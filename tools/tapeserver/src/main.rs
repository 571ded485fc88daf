//! `tapeserver`: the laboratory's drives and library, served to the kernel; and the way to make them fail.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::fs;
use std::io;
use std::num::NonZeroU64;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread;

use clap::{Parser, Subcommand};

use tapeserver::cartridge::kind::{Barcode, Generation};
use tapeserver::changer::{Library, Shared, Shelf};
use tapeserver::control::{self, Laboratory, SOCKET};
use tapeserver::device::Device;
use tapeserver::drive::{Drive, Specification};
use tapeserver::tcmu;

const MEBIBYTE: u64 = 1 << 20;
const MEGABYTE: NonZeroU64 = NonZeroU64::new(1_000_000).unwrap();
const MAIL_SLOTS: usize = 2;
const FREE_SLOTS: usize = 2;

#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve drives and a library to this machine's kernel, until it goes down
    Serve(Serve),
    /// Send a request to the server of this machine; `ctl help` lists them
    Ctl {
        /// The words of the request
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        words: Vec<String>,
    },
}

#[derive(Debug, clap::Args)]
struct Serve {
    /// Directory of the cartridges
    #[arg(long)]
    library: PathBuf,
    /// Barcodes of the cartridges
    #[arg(long, num_args = 0.., value_parser = barcode, conflicts_with = "cartridges")]
    barcodes: Vec<Barcode>,
    /// Or their number
    #[arg(long, default_value_t = 6)]
    cartridges: usize,
    /// Number of drives
    #[arg(long, default_value_t = 2)]
    drives: usize,
    /// How many drives are loaded at the first boot; default: all
    #[arg(long)]
    loaded: Option<usize>,
    /// LTO generation of the drives
    #[arg(long, default_value = "8", value_parser = generation)]
    generation: Generation,
    /// MiB on a cartridge, up to the hard end
    #[arg(long, default_value_t = 64)]
    size: u64,
    /// MiB between early warning and hard end
    #[arg(long, default_value_t = 2)]
    early: u64,
    /// MiB of volatile memory in a drive
    #[arg(long, default_value_t = 4)]
    buffer: u64,
    /// MB/s at which the tape passes the heads; default: as fast as this machine is
    #[arg(long)]
    rate: Option<NonZeroU64>,
}

fn barcode(text: &str) -> Result<Barcode, String> {
    Barcode::new(text).ok_or("six characters and L5 to L9, LV to LZ (WORM), or CLN... (cleaning)".into())
}

fn generation(text: &str) -> Result<Generation, String> {
    text.parse().ok().and_then(Generation::new).ok_or("5 to 9".into())
}

impl Serve {
    fn barcodes(&self) -> Vec<Barcode> {
        if self.barcodes.is_empty() {
            (1..=self.cartridges).map(|number| Barcode::numbered(number, self.generation)).collect()
        } else {
            self.barcodes.clone()
        }
    }

    fn laboratory(&self) -> Result<Laboratory, Box<dyn Error>> {
        if self.early >= self.size {
            return Err("the early warning must come before the hard end: choose --early below --size".into());
        }
        let drives: Vec<_> = (0..self.drives)
            .map(|number| {
                Arc::new(Mutex::new(Drive::new(Specification {
                    number,
                    generation: self.generation,
                    early: self.early * MEBIBYTE,
                    memory: (self.buffer * MEBIBYTE) as usize,
                    rate: self.rate.map(|rate| rate.saturating_mul(MEGABYTE)),
                })))
            })
            .collect();
        let barcodes = self.barcodes();
        let slots = barcodes.len() + FREE_SLOTS;
        let shelf = Shelf { folder: self.library.clone(), capacity: self.size * MEBIBYTE };
        fs::create_dir_all(&self.library)?;
        let mut library = Library::new(drives.clone(), slots, MAIL_SLOTS, shelf);
        let new = library.is_new(&barcodes);
        library.fill(&barcodes)?;
        if new {
            library.load_first(self.loaded.unwrap_or(self.drives));
        }
        Ok(Laboratory { drives, library: Arc::new(Mutex::new(library)) })
    }

    fn run(&self) -> Result<(), Box<dyn Error>> {
        let laboratory = self.laboratory()?;
        let mut target = tcmu::Target::new(Path::new("/sys/kernel/config/target"))?;
        let mut units: Vec<Shared<dyn Device>> = Vec::new();
        units.extend(laboratory.drives.iter().map(|drive| drive.clone() as Shared<dyn Device>));
        units.push(laboratory.library.clone());
        for (number, unit) in units.into_iter().enumerate() {
            let name = format!("unit{number}");
            let ring = target.attach(&name)?;
            thread::spawn(move || {
                if let Err(error) = tcmu::serve(ring, &*unit) {
                    eprintln!("unit {number}: {error}");
                }
            });
            target.export(&name)?;
        }
        let _ = fs::remove_file(SOCKET);
        laboratory.serve(&UnixListener::bind(SOCKET)?)?;
        Ok(())
    }
}

fn ctl(words: &[String]) -> io::Result<ExitCode> {
    match control::send(Path::new(SOCKET), words)? {
        Ok(text) => {
            print!("{text}");
            Ok(ExitCode::SUCCESS)
        }
        Err(text) => {
            eprint!("{text}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(serve) => serve.run().map(|()| ExitCode::SUCCESS),
        Command::Ctl { words } => ctl(&words).map_err(Into::into),
    };
    result.unwrap_or_else(|error| {
        eprintln!("tapeserver: {error}");
        ExitCode::FAILURE
    })
}
