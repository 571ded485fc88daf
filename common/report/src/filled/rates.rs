//! The samples of progress, which count up from the job's begin, as work done in spans of time. However many there
//! are, a few thousand spans a stage are left.

use std::collections::BTreeMap;

use catalogue::events::Sample;
use catalogue::{Error, Reader};
use jiff::Timestamp;

use crate::{RateSample, Stage};

/// Spans kept of a stage; the plot has a few hundred columns.
const MOST: usize = 4096;

/// Work over time.
#[derive(Default)]
pub struct Rates {
    stages: BTreeMap<Stage, Work>,
}

#[derive(Default)]
struct Work {
    last: Option<(Timestamp, u64, u64)>,
    spans: Vec<RateSample>,
    /// Neighbours shorter than this become one.
    least_seconds: f64,
}

impl Rates {
    /// Reads all samples.
    pub fn read(reader: &Reader) -> Result<Self, Error> {
        let mut rates = Self::default();
        reader.each_sample(|sample| {
            rates.add(&sample);
            Ok::<_, Error>(())
        })?;
        Ok(rates)
    }

    fn add(&mut self, sample: &Sample) {
        let stages = [Stage::Fetch, Stage::Write, Stage::Load, Stage::Deliver];
        if let Some(stage) = stages.into_iter().find(|stage| stage.slug() == sample.stage) {
            self.stages.entry(stage).or_default().add(stage, sample);
        }
    }

    /// When the first and the last work was done.
    pub fn period(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        let spans = || self.stages.values().flat_map(|stage| &stage.spans);
        (spans().map(|span| span.from).min(), spans().map(|span| span.to).max())
    }

    /// The spans in which work was done.
    pub fn into_samples(self) -> Vec<RateSample> {
        self.stages.into_values().flat_map(|stage| stage.spans).collect()
    }
}

impl Work {
    fn add(&mut self, stage: Stage, sample: &Sample) {
        let &Sample { at, instances, bytes, .. } = sample;
        let Some((from, before, bytes_before)) = self.last.replace((at, instances, bytes)) else { return };
        let more = (instances.saturating_sub(before), bytes.saturating_sub(bytes_before));
        // Time in which nothing was done stays a gap in the plot.
        if more == (0, 0) || at <= from {
            return;
        }
        self.spans.push(RateSample { from, to: at, stage, instances: more.0, bytes: more.1 });
        if self.spans.len() >= 2 * MOST {
            self.thin();
        }
    }

    /// Joins neighbours until at most [`MOST`] are left; across gaps only when there is no other way.
    fn thin(&mut self) {
        self.least_seconds = (2.0 * self.least_seconds).max(4.0);
        let least = self.least_seconds;
        self.join(|a, b| a.to == b.from && seconds(a) < least);
        while self.spans.len() > MOST {
            let mut odd = false;
            self.join(|_, _| {
                odd = !odd;
                odd
            });
        }
    }

    fn join(&mut self, mut fits: impl FnMut(&RateSample, &RateSample) -> bool) {
        let mut joined: Vec<RateSample> = Vec::with_capacity(self.spans.len());
        for span in self.spans.drain(..) {
            match joined.last_mut() {
                Some(last) if fits(last, &span) => {
                    last.to = span.to;
                    last.instances = last.instances.saturating_add(span.instances);
                    last.bytes = last.bytes.saturating_add(span.bytes);
                }
                _ => joined.push(span),
            }
        }
        self.spans = joined;
    }
}

fn seconds(span: &RateSample) -> f64 {
    span.to.duration_since(span.from).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(second: i64, instances: u64) -> Sample {
        let at = Timestamp::from_second(second).unwrap();
        Sample { at, stage: "fetch".into(), instances, bytes: instances * 1000 }
    }

    #[test]
    fn however_many_samples_few_spans_are_left_and_no_work_is_lost() {
        let mut rates = Rates::default();
        for n in 0..300_000 {
            rates.add(&sample(n * 2, n.unsigned_abs() * 3));
        }
        assert_eq!(rates.period().1, Some(Timestamp::from_second(599_998).unwrap()));
        let spans = rates.into_samples();
        assert!(spans.len() < 2 * MOST, "{}", spans.len());
        assert_eq!(spans.iter().map(|span| span.instances).sum::<u64>(), 299_999 * 3);
    }

    #[test]
    fn idle_time_between_runs_is_a_gap() {
        let mut rates = Rates::default();
        for (second, instances) in [(0, 0), (2, 10), (4, 20), (900_000, 20), (900_002, 30)] {
            rates.add(&sample(second, instances));
        }
        let spans = rates.into_samples();
        assert_eq!(spans.len(), 3);
        assert!(spans.iter().all(|span| seconds(span) < 2.5));
    }

    #[test]
    fn a_stage_of_a_later_version_is_left_out() {
        let mut rates = Rates::default();
        for second in 0..9 {
            rates.add(&Sample { stage: "verify".into(), ..sample(second, second.unsigned_abs()) });
        }
        assert!(rates.into_samples().is_empty());
    }
}
