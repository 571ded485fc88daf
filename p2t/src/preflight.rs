//! Looks at the source before anything is taken from it, by itself before the first export.

use std::sync::Arc;

use archive::preflight::preflight;
use archive::{Doorkeeper, Service, Source};
use catalogue::canary::IdleAnswer;
use catalogue::events::Event;
use catalogue::preflight::Preflight;
use catalogue::{Catalogue, Level, Reader};
use job::config::Retrieve;
use pace::{Admission, Baseline, Pace, SystemClock};

use crate::context::Context;
use crate::error::{Error, Result};
use crate::export::governor::SOURCE;
use crate::source;

/// Studies of the plan among which a small one is looked for.
const STUDIES: usize = 20;

/// Looks at the source, and keeps what was found; an error where that may not be done now.
pub fn look(context: &Context, catalogue: &mut Catalogue) -> Result<Preflight> {
    let pace = Arc::new(pace(context));
    if pace.admission() != Admission::Go {
        return Err(Error::LeftAlone);
    }
    let door = Arc::new(Doorkeeper::new(context.monitor.clone()));
    let source = source::open(context, Some(&door))?;
    let studies = catalogue.studies_spread(STUDIES)?;
    context.monitor.phase("preflight");
    let associations = context.config.pace.most_associations();
    let watched = context.config.pace.adaptive.unwrap_or_default().enabled;
    let found = preflight(source.as_ref(), &studies, associations, watched, &pace, &context.stop)?;
    let (at, hour) = (pace.clock().now(), pace.hour_of_week());
    for (probe, took) in found.idle {
        let (probe, milliseconds) = (probe.name().to_owned(), took.as_secs_f64() * 1000.0);
        let answer = IdleAnswer { at, side: SOURCE.to_owned(), probe, hour, milliseconds };
        catalogue.record_idle_answer(&answer, Baseline::MOST_SAMPLES)?;
    }
    catalogue.record_preflight(&found.preflight)?;
    note(catalogue, &found.preflight)?;
    Ok(found.preflight)
}

/// Looks at the source if that was never done, may be done now, and there is something to find out.
pub fn first(context: &Context, catalogue: &mut Catalogue) -> Result<()> {
    let config = &context.config.source;
    let wanted = config.preflight && config.retrieve == Retrieve::Auto;
    if !wanted || known(catalogue)?.is_some_and(|known| known.choice.is_some()) {
        return Ok(());
    }
    match look(context, catalogue) {
        Err(Error::LeftAlone) => Ok(()),
        // What it means that the source does not answer at all, the export knows.
        Err(Error::Archive(error)) if !context.stop.requested() => {
            tracing::warn!(%error, "the source could not be looked at");
            Ok(())
        }
        looked => looked.map(|_| ()),
    }
}

/// Has the source asked by the service that was found to work; an error where none does.
pub fn apply(context: &Context, catalogue: &Reader, source: &dyn Source) -> Result<()> {
    if context.config.source.retrieve != Retrieve::Auto {
        return Ok(());
    }
    let Some(known) = known(catalogue)?.filter(|known| known.archive == source.describe()) else {
        return Ok(());
    };
    if known.nothing_works() {
        return Err(Error::NothingRetrieves { archive: known.archive, reason: known.reason });
    }
    let is_chosen = |service: &&Service| known.choice.as_deref() == Some(service.name());
    if let Some(service) = source.services().iter().find(is_chosen) {
        tracing::info!(service = service.name(), reason = known.reason, "the service to retrieve by");
        source.prefer(*service);
    }
    Ok(())
}

fn known(reader: &Reader) -> Result<Option<Preflight>> {
    Ok(reader.preflight()?)
}

fn pace(context: &Context) -> Pace {
    let config = &context.config.pace;
    let pace = Pace::new(config.limits, config.calendar(), Arc::new(SystemClock::new()), Box::new(|_| ()));
    pace.set_pause(context.job.pause(pace.clock().now()));
    pace
}

/// What was chosen and what is not as it should be, for the report.
fn note(catalogue: &mut Catalogue, found: &Preflight) -> Result<()> {
    let event =
        |level, message| Event { at: found.at, level, kind: "preflight".to_owned(), message, detail: None };
    if !found.services.is_empty() {
        let level = if found.choice.is_some() { Level::Info } else { Level::Warning };
        catalogue.record_event(&event(level, found.conclusion()))?;
    }
    for check in found.findings() {
        catalogue.record_event(&event(Level::Warning, format!("{}: {}", check.name, check.found)))?;
    }
    Ok(())
}
