//! `stprobe DEVICE`: what a tape does behind the Linux driver, held against what the driver's documentation says.
//! `stprobe DEVICE reset`: what the driver does when the power of the laboratory's drive is cut.
//!
//! Writes the cartridge over. Ends with `N passed, M failed`, and with code 1 unless all passed.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is all this program is for")]

mod end;
mod fixed;
mod probe;
mod reset;
mod session;
mod st;
mod variable;

use std::process::ExitCode;

use probe::Probe;
use st::Outcome;

fn run(device: &str, of_reset: bool) -> Outcome<Probe> {
    let mut probe = Probe::new(device)?;
    if of_reset {
        reset::check(&mut probe)?;
        return Ok(probe);
    }
    variable::check(&mut probe)?;
    fixed::check(&mut probe);
    session::check(&mut probe)?;
    end::check(&mut probe);
    Ok(probe)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [device] => run(device, false),
        [device, "reset"] => run(device, true),
        _ => {
            eprintln!("usage: stprobe /dev/nst0 [reset]");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(probe) => {
            let (passed, failed) = probe.counts();
            println!("{passed} passed, {failed} failed");
            if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("stprobe: {error}");
            ExitCode::FAILURE
        }
    }
}
