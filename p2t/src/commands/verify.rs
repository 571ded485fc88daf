//! `p2t verify`: reads a volume back and checks every digest, on the volume and against the catalogue.

use catalogue::Catalogue;
use job::{Counter, ExitCode, Outcome};
use medium::Medium;
use serde_json::{Value, json};
use volume::Extent;

use crate::cli::Verify;
use crate::context::Context;
use crate::error::Result;
use crate::readback::read_back;

pub fn run(context: &Context, arguments: &Verify) -> Result<Outcome<Value>> {
    let (_lock, mut catalogue) = context.writer()?;
    let extent = if arguments.sample { Extent::Sample } else { Extent::Whole };
    verify(context, &mut catalogue, &arguments.medium, extent)
}

/// Checks one volume and records the result.
pub fn verify(
    context: &Context,
    catalogue: &mut Catalogue,
    medium: &dyn Medium,
    extent: Extent,
) -> Result<Outcome<Value>> {
    context.monitor.phase(&format!("verify {medium}"));
    let read = read_back(catalogue, medium, extent, context.job.spool(), &mut |segment| {
        context.monitor.count(Counter::Listed, segment.objects as u64);
        context.monitor.count(Counter::Done, (segment.objects - segment.harmed) as u64);
        context.monitor.count(Counter::Failed, segment.harmed as u64);
        context.monitor.count(Counter::Bytes, segment.bytes);
        !context.stop.requested()
    })?;
    let Some(read) = read else { return Err(archive::Error::Stopped.into()) };
    read.record(catalogue)?;
    let code = if read.summary.intact { ExitCode::Clean } else { ExitCode::Discrepancies };
    let text = read.summary.text();
    Ok(Outcome::clean(json!(read.summary), text).with_exit_code(code))
}
