//! What the driver does to a cartridge after the power of the drive was cut while it wrote: a trap (Linux 6.1).
//!
//! The next write fails with EIO, and takes the unit attention with it. The driver still believes that it writes, and puts
//! a filemark where the tape now is, at the beginning, when the program closes it, rewinds or seeks: over everything that
//! had been safe. MTEOM, or MTWEOF with count 0, as the first thing after the error keeps it from that.

use std::path::Path;

use nix::errno::Errno;
use tapeserver::control::{SOCKET, send};

use crate::probe::Probe;
use crate::st::{Op, Outcome, Tape};

/// Asks the device server, for the first drive.
fn ask(words: &str) -> Outcome<String> {
    let words: Vec<String> = format!("drive 0 {words}").split(' ').map(Into::into).collect();
    send(Path::new(SOCKET), &words).ok().and_then(Result::ok).ok_or(Errno::ENOTCONN)
}

/// Objects up to the end of data, without a command to the drive.
fn objects() -> Outcome<String> {
    let status = ask("status")?;
    let end = status.split(" of ").nth(1).and_then(|rest| rest.split(',').next());
    end.map(Into::into).ok_or(Errno::EBADMSG)
}

/// Writes 3 records and a filemark, all safe, then one that the power cut takes, and one that hears of it.
fn lose(probe: &mut Probe) -> Outcome {
    probe.must(Op::Rewind, 1);
    (0..3).for_each(|seed| probe.write(4096, seed));
    probe.must(Op::Weof, 1);
    probe.write(4096, 3);
    ask("power-cut")?;
    // From memory that is not page-aligned the driver writes asynchronously: then the second one hears of it.
    let heard = probe.tape.write(&[0; 4096]).and_then(|_| probe.tape.write(&[0; 4096]));
    probe.equal("a write after the power cut", heard, Err(Errno::EIO));
    let left = objects();
    probe.equal("what was safe is there: objects", left, Ok("4".into()));
    Ok(())
}

/// What is left after this first operation and a close.
fn after(probe: &mut Probe, what: &str, first: Option<(Op, i32)>, wanted: &str) -> Outcome {
    lose(probe)?;
    if let Some((op, count)) = first {
        probe.must(op, count);
    }
    probe.tape = Tape::open("/dev/null", false, true)?;
    let left = objects();
    probe.equal(what, left, Ok(wanted.into()));
    probe.tape = Tape::open(&probe.device, true, true)?;
    Ok(())
}

/// All of it.
pub fn check(probe: &mut Probe) -> Outcome {
    after(probe, "objects after a close", None, "1")?;
    after(probe, "objects after a rewind", Some((Op::Rewind, 1)), "1")?;
    after(probe, "objects after a seek", Some((Op::Seek, 0)), "1")?;
    after(probe, "objects after MTEOM and a close", Some((Op::Eom, 1)), "4")?;
    after(probe, "objects after MTWEOF 0 and a close", Some((Op::Weof, 0)), "4")
}
