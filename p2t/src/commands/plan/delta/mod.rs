//! `p2t plan --delta`: lists the source once more and takes note of what has changed since it was planned.
//!
//! ```text
//! list studies -> new | not listed any more -> ask by UID -> deleted
//!                     | listed in other words, or in doubt -> list instances -> grew, shrank, reidentified
//! ```
//! Each study is compared and recorded in one transaction. A run that dies is gone on with by the next one, which lists the
//! source anew and finds in the plan what the last one has recorded.

mod files;
mod instances;
mod listing;
mod summary;
#[cfg(test)]
mod tests;

use archive::{Blame, Several, Source};
use catalogue::delta::Delta;
use catalogue::delta::relist::KnownStudy;
use catalogue::{Catalogue, PlanPosition, StudyId, StudyListing, StudyRow};
use jiff::{Timestamp, ToSpan};
use job::config::SelectionConfig;
use job::{Counter, Monitor, NodeOrPath, Outcome};
use serde_json::Value;

use super::{both, enumerate, note};
use crate::asking::Asking;
use crate::compare::{self, Compared, Look};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::selection::Rules;

/// Studies compared or added at once.
const PAGE: usize = 200;

/// What a delta came to besides what the catalogue tells of it.
#[derive(Default)]
struct Outlined {
    unchanged: u64,
    not_compared: u64,
    /// What is in the way of a delta that misses nothing; of the studies that could not be compared, the first ones.
    problems: Vec<String>,
    /// Those of which no problem tells.
    unnamed: u64,
}

pub fn run(
    context: &Context,
    asking: &Asking,
    selections: &[SelectionConfig],
    rules: &Rules,
    catalogue: &mut Catalogue,
    deep: bool,
) -> Result<Outcome<Value>> {
    if catalogue.studies(PlanPosition::default(), 1)?.is_empty() {
        return Err(Error::NoPlan);
    }
    let delta = catalogue.begin_delta()?;
    let (monitor, must_stop) = (context.monitor.as_ref(), &|| asking.must_stop());
    let look = look(context, deep);
    let source = asking.source.as_ref();
    let associations = context.config.pace.most_associations();
    let comparing =
        Comparing { monitor, must_stop, associations, source, catalogue, delta: &delta, look, rules };
    let of_files = matches!(context.config.source.node, Some(NodeOrPath::Path(_)));
    let mut outlined = if of_files { comparing.files(selections)? } else { comparing.studies(selections)? };
    if of_files {
        rule(rules, catalogue, &delta)?;
    }
    context.monitor.phase("list instances");
    outlined.problems.extend(enumerate(context, source, catalogue)?.problem());
    for problem in outlined.problems() {
        note(catalogue, "delta-in-doubt", problem)?;
    }
    catalogue.end_delta(delta.id, outlined.unchanged, outlined.not_compared)?;
    summary::record(catalogue, delta.id, outlined.unchanged)?;
    summary::outcome(catalogue, delta.id, &outlined)
}

/// Decides about all studies of the plan; of those that the delta found new and that are left out nothing is told.
fn rule(rules: &Rules, catalogue: &mut Catalogue, delta: &Delta) -> Result<()> {
    rules.apply(catalogue, Timestamp::now())?;
    Ok(catalogue.forget_excluded_news(delta.id)?)
}

fn look(context: &Context, deep: bool) -> Look {
    let days = i64::from(context.config.delta.recent_days);
    let today = context.config.pace.time_zone.day(Timestamp::now());
    match today.checked_sub(days.days()) {
        Ok(since) if !deep => Look::Since(since),
        _ => Look::Deep,
    }
}

struct Comparing<'a> {
    monitor: &'a dyn Monitor,
    must_stop: &'a (dyn Fn() -> bool + Sync),
    associations: u16,
    source: &'a dyn Source,
    catalogue: &'a mut Catalogue,
    delta: &'a Delta,
    look: Look,
    rules: &'a Rules,
}

impl Comparing<'_> {
    /// Against a PACS.
    fn studies(mut self, selections: &[SelectionConfig]) -> Result<Outlined> {
        let mut outlined = Outlined::default();
        self.monitor.phase("list");
        let mut doubt = None;
        for selection in selections {
            let found = listing::list(self.monitor, self.must_stop, self.source, selection, self.catalogue)?;
            doubt = both(doubt, found);
        }
        self.catalogue.delta_listed(self.delta.id)?;
        while self.catalogue.plan_new_studies(self.delta.id, PAGE)? > 0 {
            self.stop_here()?;
        }
        // What is left out is not missed and not compared; what is taken again is both.
        rule(self.rules, self.catalogue, self.delta)?;
        match doubt {
            None => {
                self.monitor.phase("look for deleted studies");
                self.not_listed(selections, &mut outlined)?;
            }
            Some(why) => {
                outlined.not_compared = self.count_not_listed(selections)?;
                outlined.problems.push(format!(
                    "{why}; what was not listed is not taken for deleted, and may have changed"
                ));
            }
        }
        self.monitor.phase("compare");
        self.listed(&mut outlined)?;
        Ok(outlined)
    }

    fn stop_here(&self) -> Result<()> {
        if (self.must_stop)() { Err(archive::Error::Stopped.into()) } else { Ok(()) }
    }

    fn count_not_listed(&self, selections: &[SelectionConfig]) -> Result<u64> {
        let (mut after, mut count) = (StudyId::default(), 0);
        loop {
            let page = self.catalogue.studies_not_relisted(after, PAGE)?;
            let Some(last) = page.last() else { return Ok(count) };
            after = last.id;
            count += page.iter().filter(|known| is_missed(selections, known)).count() as u64;
        }
    }

    /// Studies that the listing lacks: each is asked for once more, by its UID alone.
    fn not_listed(&mut self, selections: &[SelectionConfig], outlined: &mut Outlined) -> Result<()> {
        let (mut after, mut blame) = (StudyId::default(), Blame::default());
        loop {
            let page = self.catalogue.studies_not_relisted(after, PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            for known in page.into_iter().filter(|known| is_missed(selections, known)) {
                self.stop_here()?;
                let uid = &known.study.uid;
                let asked = compare::ask(self.source, uid);
                if asked.is_ok() {
                    blame.forget();
                }
                match asked {
                    // The selection takes it no more, or the listing missed it.
                    Ok(Some(told)) => self.catalogue.relist([told])?,
                    Ok(None) => self.deleted(&known)?,
                    Err(Error::Archive(error)) if blame.is_of_study(&error, &|| self.source.answers()) => {
                        outlined.in_doubt(uid, &error);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }

    fn deleted(&mut self, known: &KnownStudy) -> Result<()> {
        self.catalogue.study_deleted(self.delta.id, known.id)?;
        tracing::info!(study = known.study.uid, "not at the source any more");
        Ok(())
    }

    fn listed(&mut self, outlined: &mut Outlined) -> Result<()> {
        let several = Several::new(self.source, self.associations);
        let (mut after, mut blame) = (StudyId::default(), Blame::default());
        loop {
            let page = self.catalogue.relisted_studies(after, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = last.id;
            let mut doubtful = Vec::new();
            for (known, told) in page {
                self.stop_here()?;
                // The rules decided by the keys that it had.
                if let Some(reason) = self.rules.exclusion(&told).filter(|_| !known.excluded) {
                    self.catalogue.exclude_relisted(known.id, &told, reason)?;
                    continue;
                }
                // Its instances are listed for the first time behind all this.
                if known.listing == StudyListing::Listed {
                    self.catalogue.upsert_studies([told])?;
                    continue;
                }
                if known.excluded {
                    continue;
                }
                if compare::needs_instances(&known, &told, self.look) {
                    doubtful.push((known, told));
                    continue;
                }
                let settle = self.rules.settle();
                let compared = compare::record(self.catalogue, self.delta.id, &known, &told, None, settle)?;
                outlined.count(&told.uid, compared);
                self.monitor.count(Counter::Listed, 1);
            }
            self.instances(&several, &doubtful, &mut blame, outlined)?;
        }
    }
}

/// Whether a list should have had a study. Nothing is told of one that is left out.
fn is_missed(selections: &[SelectionConfig], known: &KnownStudy) -> bool {
    !known.excluded && selections.iter().any(|selection| is_selected(selection, &known.study))
}

/// Whether the selection can have taken a study, as far as its date tells: another's absence from the listing says nothing.
fn is_selected(selection: &SelectionConfig, study: &StudyRow) -> bool {
    let text = |date: jiff::civil::Date| date.strftime("%Y%m%d").to_string();
    let date = study.study_date.as_deref().unwrap_or_default();
    let from = selection.study_date_from.map(text);
    let to = selection.study_date_to.map(text);
    let any = from.is_none() && to.is_none();
    any || !date.is_empty() && from.is_none_or(|from| *date >= *from) && to.is_none_or(|to| *date <= *to)
}

impl Outlined {
    const MOST: usize = 20;

    fn count(&mut self, study_uid: &str, compared: Compared) {
        match compared {
            Compared::Unchanged => self.unchanged += 1,
            Compared::Changed => {}
            Compared::InDoubt(why) => self.in_doubt(study_uid, &why),
        }
    }

    fn in_doubt(&mut self, study_uid: &str, why: &dyn std::fmt::Display) {
        self.not_compared += 1;
        if self.problems.len() < Self::MOST {
            self.problems.push(format!("study {study_uid} could not be compared: {why}"));
        } else {
            self.unnamed += 1;
        }
    }

    fn problems(&self) -> Vec<String> {
        let more = (self.unnamed > 0).then(|| format!("{} more studies could not be compared", self.unnamed));
        self.problems.iter().cloned().chain(more).collect()
    }
}
