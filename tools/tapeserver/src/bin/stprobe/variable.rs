//! Variable mode: records, filemarks, positions.

use nix::errno::Errno;

use crate::probe::Probe;
use crate::st::{BOT, EOD, ONLINE, Op, Outcome};

const SIZES: [usize; 7] = [4, 512, 1000, 10_001, 65_536, 131_072, 1 << 20];

/// Leaves: 7 records | 10 of 4096 | 5 of 2048 | |
fn write(probe: &mut Probe) {
    probe.has("online at the beginning", ONLINE | BOT);
    for (seed, size) in SIZES.into_iter().enumerate() {
        probe.write(size, seed as u64);
    }
    probe.at(0, 7);
    // More than the host adapter maps in one piece: refused before the tape moves.
    let found = probe.tape.write(&vec![0; (1 << 20) + 1]);
    probe.equal("write 1 MiB and a byte", found, Err(Errno::EBUSY));
    probe.tells(7);
    probe.must(Op::Weof, 1);
    probe.at(1, 0);
    (0..10).for_each(|seed| probe.write(4096, 100 + seed));
    probe.must(Op::WeofImmediate, 1);
    (0..5).for_each(|seed| probe.write(2048, 200 + seed));
    probe.must(Op::Weof, 2);
    probe.at(4, 0);
    probe.must(Op::Weof, 0);
    probe.tells(26);
}

fn read_back(probe: &mut Probe) {
    probe.must(Op::Rewind, 1);
    probe.tells(0);
    for (seed, size) in SIZES.into_iter().enumerate() {
        probe.read(size, seed as u64);
    }
    probe.reads(4096, Ok(0));
    probe.at(1, 0);
    probe.reads(100, Err(Errno::ENOMEM));
    probe.read(4096, 101);
}

fn space(probe: &mut Probe) {
    probe.must(Op::Fsr, 3);
    probe.at(1, 5);
    probe.read(4096, 105);
    probe.must(Op::Bsr, 2);
    probe.at(1, 4);
    probe.read(4096, 104);
    probe.op(Op::Fsr, 10, Err(Errno::EIO));
    probe.at(2, 0);
    probe.op(Op::Bsr, 1, Err(Errno::EIO));
    probe.tells(18);
    probe.must(Op::Rewind, 1);
    probe.must(Op::Fsf, 1);
    probe.at(1, 0);
    probe.read(4096, 100);
    probe.must(Op::Fsf, 1);
    probe.at(2, 0);
    probe.must(Op::Bsf, 1);
    probe.tells(18);
    probe.reads(4096, Ok(0));
    probe.must(Op::Bsfm, 1);
    probe.read(2048, 200);
    probe.must(Op::Fsfm, 1);
    probe.must(Op::Eom, 1);
    probe.has("end of data", EOD);
    probe.tells(26);
    // A read here is an error and moves nothing, however often.
    (0..3).for_each(|_| probe.reads(4096, Err(Errno::EIO)));
    probe.tells(26);
    probe.op(Op::Fsf, 3, Err(Errno::EIO));
    for op in [Op::Bsf, Op::Bsr] {
        probe.must(Op::Rewind, 1);
        probe.op(op, 1, Err(Errno::EIO));
    }
}

fn seek(probe: &mut Probe) {
    probe.must(Op::Rewind, 1);
    probe.must(Op::Seek, 10);
    probe.tells(10);
    probe.read(4096, 102);
    // The driver does not know where it is after a seek; the device does.
    probe.at(-1, -1);
    probe.must(Op::Seek, 0);
    probe.op(Op::Seek, 1000, Err(Errno::EIO));
    probe.tells(26);
}

fn overwrite(probe: &mut Probe) {
    probe.must(Op::Rewind, 1);
    probe.must(Op::Fsf, 1);
    probe.write(3000, 300);
    probe.must(Op::Weof, 1);
    probe.reads(4096, Err(Errno::EIO));
    probe.must(Op::Rewind, 1);
    probe.must(Op::Eom, 1);
    let file = probe.tape.status().map(|status| status.place.0);
    probe.equal("what was behind an overwritten record is gone: file number at the end", file, Ok(2));
    probe.tells(10);
}

fn erase(probe: &mut Probe) -> Outcome {
    probe.tape.op(Op::Rewind, 1)?;
    for seed in 0..2 {
        probe.write(1000, seed);
        probe.must(Op::Weof, 1);
    }
    probe.must(Op::Rewind, 1);
    probe.must(Op::Fsf, 1);
    probe.must(Op::Erase, 0);
    probe.reads(4096, Err(Errno::EIO));
    probe.must(Op::Rewind, 1);
    probe.read(1000, 0);
    probe.must(Op::Rewind, 1);
    probe.must(Op::Erase, 1);
    probe.must(Op::Rewind, 1);
    probe.reads(4096, Err(Errno::EIO));
    Ok(())
}

/// All of variable mode.
pub fn check(probe: &mut Probe) -> Outcome {
    write(probe);
    read_back(probe);
    space(probe);
    seek(probe);
    overwrite(probe);
    erase(probe)
}
