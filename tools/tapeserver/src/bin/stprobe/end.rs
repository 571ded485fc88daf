//! The end of a cartridge: early warning, hard end, filemarks behind it.

use nix::errno::Errno;

use crate::probe::{Probe, pattern};
use crate::st::{EOT, Op, Outcome};

const RECORD: usize = 65_536;

/// Writes until the first refusal; the number of records before it.
fn fill(probe: &mut Probe, first: u64) -> (u64, Outcome<usize>) {
    let mut written = first;
    loop {
        match probe.tape.write(&pattern(RECORD, written)) {
            Ok(RECORD) => written += 1,
            other => return (written, other),
        }
    }
}

/// Fills the cartridge from the beginning to the last byte.
pub fn check(probe: &mut Probe) {
    probe.must(Op::Rewind, 1);
    let (early, refusal) = fill(probe, 0);
    probe.equal("the first sign of the end", refusal, Err(Errno::ENOSPC));
    // The write that crossed the early warning was good, and this one never went out.
    probe.tells(early.cast_signed());
    let mut written = early;
    loop {
        let (now, refusal) = fill(probe, written);
        if now == written {
            break;
        }
        if written == early {
            probe.equal("writes and refusals take turns", (now, refusal), (written + 1, Err(Errno::ENOSPC)));
            probe.tells(now.cast_signed());
        }
        written = now;
    }
    probe.has("two refusals in a row are the hard end", EOT);
    probe.tells(written.cast_signed());
    probe.must(Op::Weof, 1);
    probe.must(Op::Weof, 1);
    probe.at(2, 0);

    probe.must(Op::Rewind, 1);
    let mut buffer = vec![0; RECORD];
    let mut read = 0;
    while read < written && probe.tape.read(&mut buffer) == Ok(RECORD) && buffer == pattern(RECORD, read) {
        read += 1;
    }
    println!("     {early} records to the early warning, {written} to the hard end");
    probe.equal("all of them read back right", read, written);
    probe.reads(RECORD, Ok(0));
}
