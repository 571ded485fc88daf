//! Samples of any number and length, averaged into as many bins as the plot has columns.

use std::collections::BTreeMap;

use super::Span;
use crate::{RateSample, Stage};

/// Columns of a plot.
pub const BINS: usize = 340;

/// A stage's rates over time.
pub struct Series {
    /// The stage.
    pub stage: Stage,
    /// Rates per bin; `None` where the stage was idle.
    pub bins: Vec<Option<Rate>>,
}

/// A rate, averaged over a bin.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rate {
    /// Bytes per second.
    pub bytes: f64,
    /// Instances per second.
    pub instances: f64,
}

impl Series {
    /// One series per stage that has samples, in the order of the flow.
    pub fn all(samples: &[RateSample], span: Span) -> Vec<Self> {
        let mut stages: BTreeMap<Stage, Vec<Option<Rate>>> = BTreeMap::new();
        for sample in samples.iter().filter(|sample| sample.from < sample.to) {
            let bins = stages.entry(sample.stage).or_insert_with(|| vec![None; BINS]);
            spread(bins, sample, span);
        }
        stages.into_iter().map(|(stage, bins)| Self { stage, bins }).collect()
    }

    /// The highest of a quantity over all bins.
    pub fn peak(&self, quantity: impl Fn(Rate) -> f64) -> f64 {
        self.bins.iter().flatten().map(|rate| quantity(*rate)).fold(0.0, f64::max)
    }
}

/// Adds a sample's work to the bins that it covers, each in proportion.
fn spread(bins: &mut [Option<Rate>], sample: &RateSample, span: Span) {
    let count = bins.len() as f64;
    let (start, end) = (span.share(sample.from) * count, span.share(sample.to) * count);
    let bin_seconds = span.seconds() / count;
    let first = usize::try_from(start as i64).unwrap_or(0);
    for (n, bin) in bins.iter_mut().enumerate().skip(first) {
        let n = n as f64;
        if n >= end {
            break;
        }
        let covered = (end.min(n + 1.0) - start.max(n)).max(0.0) / (end - start);
        let rate = bin.get_or_insert_default();
        rate.bytes += sample.bytes as f64 * covered / bin_seconds;
        rate.instances += sample.instances as f64 * covered / bin_seconds;
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn sample(from: i64, to: i64, bytes: u64) -> RateSample {
        let at = |second| Timestamp::from_second(second).unwrap();
        RateSample { from: at(from), to: at(to), stage: Stage::Fetch, instances: bytes / 10, bytes }
    }

    #[test]
    fn work_is_neither_lost_nor_made_up() {
        let samples = [sample(0, 7, 700), sample(7, 100, 9300), sample(500, 1000, 123_456)];
        let span = Span::of(&samples).unwrap();
        let series = Series::all(&samples, span);
        let total: f64 = series[0].bins.iter().flatten().map(|rate| rate.bytes).sum();
        assert!((total * span.seconds() / BINS as f64 - 133_456.0).abs() < 1e-3);
    }

    #[test]
    fn a_steady_rate_is_level_and_idle_time_is_a_gap() {
        let samples = [sample(0, 340, 34_000), sample(680, 1360, 68_000)];
        let series = Series::all(&samples, Span::of(&samples).unwrap());
        let bins = &series[0].bins;
        assert!(
            (bins[10].unwrap().bytes - 100.0).abs() < 1e-6 && (bins[300].unwrap().bytes - 100.0).abs() < 1e-6
        );
        assert!(bins[100..160].iter().all(Option::is_none));
    }

    #[test]
    fn samples_without_length_are_ignored() {
        assert!(Span::of(&[sample(5, 5, 10), sample(9, 3, 10)]).is_none());
    }
}
