//! Records and filemarks.

use nix::errno::Errno;

use super::bench::Bench;
use super::{Fault, Outcome, Trial};
use crate::tape::Filemark;

const KIB: usize = 1024;
/// Records of each size.
const RECORDS: u32 = 4;

/// Opened it is; now it must know where the beginning is.
pub fn open(bench: &mut Bench<'_>, _: &mut Trial) -> Outcome {
    let status = bench.call("look at the drive", |device| device.status())?;
    if status.write_protected {
        return Err(Fault::Wrong("the cartridge is write-protected".to_owned()));
    }
    bench.rewind()?;
    Ok("opened for writing, in variable block mode, at the beginning of the tape".to_owned())
}

/// Which records it takes, and gives back.
pub fn sizes(bench: &mut Bench<'_>, trial: &mut Trial) -> Outcome {
    bench.begin()?;
    let mut taken: Vec<usize> = Vec::new();
    let mut refused = String::new();
    for bytes in bench.sizes {
        match bench.try_write(bytes, 0)? {
            Ok(written) if written == bytes => {}
            Ok(written) => {
                return Err(Fault::Wrong(format!("of a record of {bytes} bytes, {written} were written")));
            }
            // More than the host adapter can move at once, or than the drive takes.
            Err(error @ (Errno::EBUSY | Errno::EINVAL | Errno::EOVERFLOW)) if !taken.is_empty() => {
                bench.check_position("a record that was refused")?;
                refused = format!("; {} KiB is refused ({error})", bytes / KIB);
                break;
            }
            Err(error) => return Err(Fault::Call { action: "write a record", error }),
        }
        for number in 1..RECORDS {
            bench.write(bytes, number)?;
        }
        bench.filemark(Filemark::Buffered, "records and their filemark")?;
        taken.push(bytes);
    }
    bench.filemark(Filemark::FlushOnly, "a flush")?;
    bench.rewind()?;
    bench.call("go over a filemark", |device| device.forward_filemarks(1))?;
    bench.block = 2;
    for bytes in &taken {
        for number in 0..RECORDS {
            bench.read(*bytes, number)?;
        }
        bench.read_filemark()?;
    }
    short_buffer(bench)?;
    trial.largest_record_bytes = taken.last().copied();
    let sizes: Vec<String> = taken.iter().map(|bytes| format!("{}", bytes / KIB)).collect();
    Ok(format!("{} KiB are taken and read back{refused}", sizes.join(", ")))
}

/// A record that is longer than the room for it is passed, and said to be.
fn short_buffer(bench: &mut Bench<'_>) -> Outcome<()> {
    bench.rewind()?;
    let (whole, mut short) = (bench.usual(), vec![0; bench.usual() / 2]);
    match bench.device()?.read_record(&mut short) {
        Err(Errno::ENOMEM) => {
            bench.block += 1;
            bench.check_position("a record that was longer than the room for it")
        }
        Err(error) => Err(Fault::Call { action: "read into a short buffer", error }),
        Ok(read) => Err(Fault::Wrong(format!("a record of {whole} bytes was read as one of {read}"))),
    }
}

/// Immediate and synchronous ones, and the flush without one: each a block, or none.
pub fn filemarks(bench: &mut Bench<'_>, _: &mut Trial) -> Outcome {
    bench.begin()?;
    let kinds = [
        (Filemark::Buffered, "an immediate filemark"),
        (Filemark::FlushOnly, "a flush"),
        (Filemark::Synchronous, "a synchronous filemark"),
        (Filemark::Buffered, "an immediate filemark"),
        (Filemark::Buffered, "a second filemark"),
        (Filemark::FlushOnly, "a flush behind a filemark"),
    ];
    for (number, (kind, what)) in (0..).zip(kinds) {
        bench.write(bench.usual(), number)?;
        bench.filemark(kind, what)?;
    }
    bench.filemark(Filemark::FlushOnly, "a second flush")?;
    bench.rewind()?;
    bench.call("go over a filemark", |device| device.forward_filemarks(1))?;
    bench.block = 2;
    for (number, (kind, _)) in (0..).zip(kinds) {
        bench.read(bench.usual(), number)?;
        if kind != Filemark::FlushOnly {
            bench.read_filemark()?;
        }
    }
    Ok("immediate and synchronous ones, and flushes, are where they should be".to_owned())
}
