//! Lists the instances of the planned studies into the catalogue.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use archive::{Blame, Several, Source, StudyListing, Wanted};
use catalogue::plan::InstanceRow;
use catalogue::{Catalogue, PlanPosition, PlannedStudy, StudyRow};
use job::Counter;

use super::note;
use crate::context::Context;
use crate::error::Result;

/// Studies whose instances are asked for in one go.
const PAGE: usize = 100;

/// Lists the instances of every study for which that is still to be done.
pub fn enumerate(context: &Context, source: &dyn Source, catalogue: &mut Catalogue) -> Result<Unlisted> {
    context.monitor.phase("list instances");
    let several = Several::new(source, context.config.pace.most_associations());
    let mut after = PlanPosition::default();
    let (mut unlisted, mut blame) = (Unlisted::default(), Blame::default());
    loop {
        let page = catalogue.studies_not_enumerated(after, PAGE)?;
        let Some(last) = page.last() else { return Ok(unlisted) };
        after = last.position;
        let wanted: Vec<Wanted> = page.iter().map(wanted).collect();
        let agrees = |at: usize, told: &[InstanceRow]| {
            page.get(at).is_some_and(|planned| is_as_claimed(&planned.study, told))
        };
        let (mut stopped, mut kept) = (None, Ok(()));
        // A source that is down is not asked for the other studies; what is under way is kept all the same.
        let is_over = AtomicBool::new(false);
        let stop = || is_over.load(Ordering::Acquire) || context.stop.requested();
        several.each(&wanted, &agrees, &stop, &mut |at, listed| {
            match (page.get(at), listed) {
                (Some(study), Ok(listing)) => {
                    blame.forget();
                    kept = keep(context, catalogue, study, listing);
                }
                (Some(study), Err(error)) if blame.is_of_study(&error, &|| source.answers()) => {
                    // Or many that are given up, and listed again by each plan, would hold up every run.
                    if study.attempts + 1 >= context.config.retry.attempts {
                        blame.forget();
                    }
                    kept = unlisted.count(context, catalogue, study, &error);
                }
                (_, Err(error)) => {
                    is_over.store(true, Ordering::Release);
                    stopped.get_or_insert(error);
                }
                (None, Ok(_)) => {}
            }
            if kept.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        kept?;
        if let Some(error) = stopped {
            return Err(error.into());
        }
    }
}

/// Keeps what a study consists of.
fn keep(
    context: &Context,
    catalogue: &mut Catalogue,
    study: &PlannedStudy,
    listing: StudyListing,
) -> Result<()> {
    for query in &listing.queries {
        catalogue.record_query(query)?;
    }
    let count = listing.instances.len() as u64;
    catalogue.record_instances(study.id, listing.instances)?;
    context.monitor.count(Counter::Listed, count);
    Ok(())
}

fn wanted(planned: &PlannedStudy) -> Wanted {
    // Without a claim there is nothing to hold an answer against.
    let instances = planned.study.claimed_instances.unwrap_or(u64::MAX / 4);
    Wanted { uid: planned.study.uid.clone(), instances }
}

/// Whether an answer for several studies tells as many series and instances of this one as the source claimed to have, each
/// instance once, and all that is to be known of each.
fn is_as_claimed(study: &StudyRow, told: &[InstanceRow]) -> bool {
    let instances: BTreeSet<&str> = told.iter().map(|row| row.sop_instance.as_str()).collect();
    let series: BTreeSet<&str> = told.iter().map(|row| row.series_uid.as_str()).collect();
    instances.len() == told.len()
        && study.claimed_instances == Some(instances.len() as u64)
        && study.claimed_series.is_none_or(|claimed| claimed == series.len() as u64)
        && told.iter().all(|row| row.modality.is_some() && row.sop_class.is_some())
}

/// Studies of which the source cannot tell the instances; the others go on without them.
#[derive(Default)]
pub struct Unlisted {
    again: u64,
    given_up: u64,
}

impl Unlisted {
    /// Asked for again by the next run; failed, without any instance, after as many as are configured.
    fn count(
        &mut self,
        context: &Context,
        catalogue: &mut Catalogue,
        study: &PlannedStudy,
        error: &archive::Error,
    ) -> Result<()> {
        let message = format!("study {}: its instances could not be listed: {error}", study.study.uid);
        context.monitor.finding(&message);
        catalogue.study_attempt_failed(study.id, &message)?;
        note(catalogue, "study-not-listed", message)?;
        if study.attempts + 1 < context.config.retry.attempts {
            self.again += 1;
        } else {
            self.given_up += 1;
            catalogue.record_instances(study.id, [])?;
        }
        Ok(())
    }

    /// What the next run does about them, if there are any.
    pub fn problem(&self) -> Option<String> {
        let Self { again, given_up } = self;
        let mut words = Vec::new();
        if *again > 0 {
            words.push(format!(
                "the source could not list {again} studies; run `p2t plan` again to try once more"
            ));
        }
        if *given_up > 0 {
            words.push(format!("{given_up} studies are given up, because the source could not list them"));
        }
        (!words.is_empty()).then(|| words.join("; "))
    }
}
