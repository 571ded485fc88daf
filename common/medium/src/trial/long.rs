//! What takes long: speed, and the way to the end of the tape.

use std::time::Instant;

use nix::errno::Errno;

use super::bench::{Bench, Landed};
use super::{Fault, Outcome, Trial};
use crate::tape::Filemark;

/// Refusals in a row, with nothing written, that are the end of the tape: st refuses every other write behind early warning, and two
/// in a row where the drive tells that nothing was written.
const MOST_REFUSALS: u32 = 3;
/// Records in front of early warning that are read back, with all behind them.
const BEFORE_WARNING: u64 = 8;

/// Writes as much as was asked for, or as there is room, and reads it back.
pub fn speed(bench: &mut Bench<'_>, trial: &mut Trial) -> Outcome {
    bench.begin()?;
    bench.filemark(Filemark::FlushOnly, "a flush")?;
    let (start, whole) = (bench.block, bench.usual());
    let records = bench.speed_bytes.div_ceil(whole as u64);
    let begun = Instant::now();
    while bench.block - start < records {
        match bench.try_write(whole, 0)? {
            Ok(written) if written == whole => {}
            Ok(_) => return Err(Fault::Wrong("a record was written short".to_owned())),
            Err(Errno::ENOSPC) => {
                bench.refused()?;
                break;
            }
            Err(error) => return Err(Fault::Call { action: "write", error }),
        }
    }
    bench.filemark(Filemark::FlushOnly, "a flush")?;
    let (end, seconds) = (bench.block, begun.elapsed().as_secs_f64());
    let bytes = (end - start) as f64 * whole as f64;
    bench.call("locate a block", |device| device.seek(start))?;
    bench.block = start;
    let begun = Instant::now();
    while bench.block < end {
        bench.read(whole, 0)?;
    }
    let rates = (bytes / seconds, bytes / begun.elapsed().as_secs_f64());
    (trial.write_rate, trial.read_rate) = (Some(rates.0), Some(rates.1));
    Ok(format!(
        "{:.0} MB/s written, {:.0} MB/s read, {:.0} MB of it",
        rates.0 / 1e6,
        rates.1 / 1e6,
        bytes / 1e6
    ))
}

/// Writes until the tape ends. What was said to be written must be there.
pub fn end(bench: &mut Bench<'_>, trial: &mut Trial) -> Outcome {
    bench.begin()?;
    let (start, whole) = (bench.block, bench.usual());
    let bytes = |blocks: u64| (blocks - start) * whole as u64;
    let mut warning = None;
    let mut refusals = 0;
    while refusals < MOST_REFUSALS {
        match bench.try_write(whole, 0)? {
            Ok(written) if written == whole => refusals = 0,
            Ok(_) => return Err(Fault::Wrong("a record was written short".to_owned())),
            Err(Errno::ENOSPC) => {
                warning = warning.or(Some(bench.block));
                refusals = if bench.refused()? == Landed::Yes { 0 } else { refusals + 1 };
            }
            Err(error) => return Err(Fault::Call { action: "write to the end of the tape", error }),
        }
    }
    let end = bench.block;
    let warning = warning.unwrap_or(end);
    bench.filemark(Filemark::FlushOnly, "a flush at the end of the tape")?;
    bench.block = warning.saturating_sub(BEFORE_WARNING).max(start);
    let back = bench.block;
    bench.call("locate a block", |device| device.seek(back))?;
    bench.check_position("the way back from the end")?;
    while bench.block < end {
        bench.read(whole, 0)?;
    }
    (trial.early_warning_bytes, trial.end_bytes) = (Some(bytes(warning)), Some(bytes(end)));
    Ok(format!(
        "early warning after {:.1} GB, the end {:.1} MB behind it; all that was said to be written is there",
        bytes(warning) as f64 / 1e9,
        (bytes(end) - bytes(warning)) as f64 / 1e6,
    ))
}
