//! `p2t baseline`: times a small workload on the source, for the report and for the other end to compare with.

use std::sync::Arc;

use archive::{Doorkeeper, baseline};
use catalogue::baseline::SOURCE;
use job::{BaselineSize, Outcome};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::source;

/// Studies that are asked for, in turn; their UIDs travel with every volume.
const MOST_STUDIES: usize = 40;

pub fn run(context: &Context, size: BaselineSize) -> Result<Outcome<Value>> {
    let (_lock, mut catalogue) = context.writer()?;
    let studies = catalogue.studies_spread(size.requests.min(MOST_STUDIES))?;
    if studies.is_empty() {
        return Err(Error::NoPlan);
    }
    let door = Arc::new(Doorkeeper::new(context.monitor.clone()));
    let source = source::open(context, Some(&door))?;
    context.monitor.phase("baseline");
    let baseline = baseline::measure(source.as_ref(), studies, size, &context.job.spool(), &|| {
        context.stop.requested()
    })?;
    catalogue.record_baseline(SOURCE, &baseline)?;
    Ok(Outcome::clean(json!(baseline), baseline::text(&baseline)))
}
