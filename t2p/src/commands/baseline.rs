//! `t2p baseline`: times on each destination what `p2t baseline` timed on the source.

use archive::baseline;
use catalogue::baseline::SOURCE;
use job::{BaselineSize, Outcome};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{Error, Result};

pub fn run(context: &Context, size: BaselineSize) -> Result<Outcome<Value>> {
    let (_lock, mut catalogue) = context.writer()?;
    // The very same studies, where the volumes tell which those were.
    let studies = match catalogue.baselines(SOURCE)?.pop() {
        Some(source) => source.studies,
        None => catalogue.studies_spread(size.requests)?,
    };
    if studies.is_empty() {
        return Err(Error::NothingIngested);
    }
    let spool = context.job.spool();
    let (mut texts, mut measured) = (Vec::new(), Vec::new());
    for config in &context.config.destination {
        let pacs = context.pacs(config)?;
        context.monitor.phase(&format!("baseline of {}", config.label()));
        let baseline = baseline::measure(&pacs, studies.clone(), size, &spool, &|| context.stop.requested())?;
        catalogue.record_baseline(&config.label(), &baseline)?;
        texts.push(baseline::text(&baseline));
        measured.push(baseline);
    }
    texts.push("`t2p report` holds it against the source's".to_owned());
    Ok(Outcome::clean(json!({ "baselines": measured }), texts.join("\n")))
}
