//! Options, closing and opening, unloading and loading.

use nix::errno::Errno;

use crate::probe::Probe;
use crate::st::{BOT, DOOR_OPEN, EOF, Op, Outcome, Tape};

/// MTSETDRVBUFFER: what is set, and its argument.
const OPTIONS: [(&str, i32); 11] = [
    ("unbuffered", 0),
    ("buffered", 1),
    ("buffered and asynchronous writes, read-ahead", 0x1000_0000 | 0x7),
    ("logical block addresses", 0x3000_0000 | 0x1000),
    ("two filemarks", 0x3000_0000 | 0x200),
    ("one filemark", 0x4000_0000 | 0x200),
    ("timeout, seconds", 0x7000_0000 + 900),
    ("long timeout, seconds", 0x7010_0000 + 14_000),
    ("default block size", 0x5000_0000),
    ("silent about short records", 0x3000_0000 | 0x4000),
    ("not silent", 0x4000_0000 | 0x4000),
];

fn options(probe: &mut Probe) {
    for (what, argument) in OPTIONS {
        let found = probe.tape.op(Op::SetDriveBuffer, argument);
        probe.equal(what, found, Ok(()));
    }
    for (op, count) in [
        (Op::Compression, 1),
        (Op::Compression, 0),
        (Op::SetDensity, 0),
        (Op::Lock, 1),
        (Op::Unlock, 1),
        (Op::Nop, 1),
        (Op::Retension, 1),
    ] {
        probe.must(op, count);
    }
    // Setmarks went out of use with SSC-2.
    probe.op(Op::SpaceSetmark, 1, Err(Errno::EIO));
    probe.op(Op::WriteSetmark, 1, Err(Errno::EIO));
}

fn close_and_open(probe: &mut Probe) -> Outcome {
    probe.must(Op::Rewind, 1);
    probe.write(5000, 1);
    probe.reopen()?;
    // A write before the close leaves one filemark.
    probe.at(1, 0);
    probe.has("behind a filemark", EOF);
    probe.tells(2);
    probe.reopen()?;
    probe.tells(2);
    let second = Tape::open(&probe.device, true, true).map(drop);
    probe.equal("a second open", second, Err(Errno::EBUSY));

    let rewinding = probe.device.replace("/nst", "/st");
    probe.tape = Tape::open("/dev/null", false, true)?;
    drop(Tape::open(&rewinding, false, true)?);
    probe.reopen()?;
    probe.at(0, 0);
    probe.tells(0);
    Ok(())
}

fn unload_and_load(probe: &mut Probe) -> Outcome {
    probe.must(Op::Offline, 1);
    probe.has("no cartridge after MTOFFL", DOOR_OPEN);
    probe.reads(4096, Err(Errno::ENOMEDIUM));
    probe.tape = Tape::open("/dev/null", false, true)?;
    // Without O_NONBLOCK this would wait two minutes.
    probe.tape = Tape::open(&probe.device, false, false)?;
    probe.has("opened without a cartridge", DOOR_OPEN);
    probe.must(Op::Load, 1);
    probe.reopen()?;
    probe.has("at the beginning after MTLOAD", BOT);
    probe.read(5000, 1);
    Ok(())
}

/// All of it.
pub fn check(probe: &mut Probe) -> Outcome {
    options(probe);
    close_and_open(probe)?;
    unload_and_load(probe)
}
