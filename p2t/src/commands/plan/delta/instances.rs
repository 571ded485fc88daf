//! The instances of studies that are in doubt, listed again: of many by one query, where the source tells of a study just what is
//! planned; each other by itself.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use archive::{Blame, Several, Source, Wanted};
use catalogue::delta::relist::KnownStudy;
use catalogue::plan::InstanceRow;
use catalogue::{Catalogue, StudyRow};
use job::Counter;

use super::{Comparing, Outlined};
use crate::compare;
use crate::error::Result;

/// A larger study is asked for by itself.
const MOST_INSTANCES: usize = 1000;

impl Comparing<'_> {
    /// Lists the instances of studies again, and compares and records each as soon as it is told.
    pub(super) fn instances(
        &mut self,
        several: &Several<'_, dyn Source + '_>,
        doubtful: &[(KnownStudy, StudyRow)],
        blame: &mut Blame,
        outlined: &mut Outlined,
    ) -> Result<()> {
        let planned = doubtful
            .iter()
            .map(|(known, told)| Planned::of(self.catalogue, known, told))
            .collect::<Result<Vec<_>>>()?;
        let wanted: Vec<Wanted> = planned.iter().map(|planned| planned.wanted.clone()).collect();
        let agrees = |at: usize, told: &[InstanceRow]| {
            planned
                .get(at)
                .zip(doubtful.get(at))
                .is_some_and(|(planned, (_, study))| planned.agrees(study, told))
        };
        // A source that is down is not asked for the other studies.
        let is_over = AtomicBool::new(false);
        let must_stop = self.must_stop;
        let stop = || is_over.load(Ordering::Acquire) || must_stop();
        let (source, delta, settle) = (self.source, self.delta.id, self.rules.settle());
        let mut ended = Ok(());
        several.each(&wanted, &agrees, &stop, &mut |at, listed| {
            let Some((known, told)) = doubtful.get(at) else { return ControlFlow::Continue(()) };
            match listed {
                Ok(listing) => {
                    blame.forget();
                    match compare::record(self.catalogue, delta, known, told, Some(&listing), settle) {
                        Ok(compared) => outlined.count(&told.uid, compared),
                        Err(error) => {
                            ended = Err(error);
                            return ControlFlow::Break(());
                        }
                    }
                }
                Err(error) if blame.is_of_study(&error, &|| source.answers()) => {
                    outlined.in_doubt(&told.uid, &error);
                }
                Err(error) => {
                    is_over.store(true, Ordering::Release);
                    if ended.is_ok() {
                        ended = Err(error.into());
                    }
                }
            }
            self.monitor.count(Counter::Listed, 1);
            ControlFlow::Continue(())
        });
        ended
    }
}

/// What the plan has of a study.
struct Planned {
    wanted: Wanted,
    /// None: an answer for several studies is no match for it.
    instances: Option<BTreeSet<String>>,
}

impl Planned {
    fn of(catalogue: &Catalogue, known: &KnownStudy, told: &StudyRow) -> Result<Self> {
        let instances: BTreeSet<String> = catalogue
            .known_instances(known.id)?
            .into_iter()
            .filter(|instance| !instance.gone)
            .map(|instance| instance.sop_instance)
            .collect();
        let count = told.claimed_instances.unwrap_or(0).max(instances.len() as u64);
        let is_match = !known.gone && !instances.is_empty() && instances.len() <= MOST_INSTANCES;
        let wanted = Wanted { uid: told.uid.clone(), instances: count };
        Ok(Self { wanted, instances: is_match.then_some(instances) })
    }

    /// Whether the source tells just the instances that are planned, each once, and claims no others.
    fn agrees(&self, study: &StudyRow, told: &[InstanceRow]) -> bool {
        let instances: BTreeSet<&str> = told.iter().map(|row| row.sop_instance.as_str()).collect();
        let series: BTreeSet<&str> = told.iter().map(|row| row.series_uid.as_str()).collect();
        let claims =
            |claimed: Option<u64>, count: usize| claimed.is_none_or(|claimed| claimed == count as u64);
        instances.len() == told.len()
            && claims(study.claimed_instances, instances.len())
            && claims(study.claimed_series, series.len())
            && self.instances.as_ref().is_some_and(|planned| planned.iter().map(String::as_str).eq(instances))
    }
}
