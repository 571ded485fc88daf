//! Fixed mode: several blocks in one call.

use nix::errno::Errno;

use crate::probe::{Probe, pattern};
use crate::st::Op;

fn blocks(probe: &mut Probe, mode: u16) {
    let size = usize::from(mode);
    probe.must(Op::Rewind, 1);
    probe.must(Op::SetBlock, i32::from(mode));
    let data = pattern(size * 8, 7);
    let found = probe.tape.write(&data);
    probe.equal("write 8 blocks", found, Ok(data.len()));
    let found = probe.tape.write(&data[..=size]);
    probe.equal("write a block and a byte", found, Err(Errno::EINVAL));
    probe.must(Op::Weof, 1);
    let found = probe.tape.write(&data[..size]);
    probe.equal("write 1 block", found, Ok(size));
    probe.must(Op::Rewind, 1);

    let mut buffer = vec![0; size * 16];
    let found = probe.tape.read(&mut buffer[..size * 3]);
    let right = buffer[..size * 3] == data[..size * 3];
    probe.equal("read 3 blocks, right", (found, right), (Ok(size * 3), true));
    let found = probe.tape.read(&mut buffer);
    let right = buffer[..size * 5] == data[size * 3..];
    probe.equal("read the 5 up to the filemark, right", (found, right), (Ok(size * 5), true));
    probe.reads(size, Ok(0));
    probe.reads(size * 16, Ok(size));
    // The end of data right behind a short read is said as zero bytes, once.
    probe.reads(size, Ok(0));
}

/// All of fixed mode.
pub fn check(probe: &mut Probe) {
    for size in [512, 4096, 32_768] {
        blocks(probe, size);
    }
    probe.must(Op::SetBlock, 0);
    probe.must(Op::Rewind, 1);
    // A block is a record: variable mode reads it with a larger buffer.
    probe.reads(1 << 20, Ok(32_768));
    probe.must(Op::Rewind, 1);
    probe.write(1000, 5);
    probe.write(512, 6);
    probe.must(Op::Weof, 1);
    probe.must(Op::Rewind, 1);
    probe.must(Op::SetBlock, 512);
    probe.reads(512, Err(Errno::EIO));
    probe.must(Op::SetBlock, 0);
}
