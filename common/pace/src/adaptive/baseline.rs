//! What an archive's answers take when we leave it alone, by hour of the week.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use super::Probe;

/// An answer that was timed while nothing of ours was under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IdleSample {
    /// When.
    pub at: Timestamp,
    /// The request.
    pub probe: Probe,
    /// The hour of the week, 0 to 167.
    pub hour: u8,
    /// How long the answer took.
    pub milliseconds: f64,
}

/// Idle answers of the last weeks. For each hour of the week and each request it keeps the newest
/// [`MOST_SAMPLES`](Self::MOST_SAMPLES) and takes their median, in which a sample counts half as much for each week that
/// it is older: one slow answer moves nothing, and an archive that has changed is soon known anew.
///
/// It falls at once and rises slowly: where the last few answers, taken together, are faster than the long median, they
/// count. An archive that was busy when it was learnt would else be overloaded when it is not.
#[derive(Debug, Clone, Default)]
pub struct Baseline(BTreeMap<(u8, Probe), VecDeque<IdleSample>>);

/// So many samples make a baseline.
const ENOUGH: usize = 5;
const HALF_LIFE_SECONDS: f64 = 7.0 * 24.0 * 3600.0;
/// What belongs to the last few answers.
const LAST_SECONDS: f64 = 30.0;

impl Baseline {
    /// Samples kept for an hour and a request.
    pub const MOST_SAMPLES: usize = 64;

    /// What earlier runs learnt, oldest first.
    pub fn of(samples: impl IntoIterator<Item = IdleSample>) -> Self {
        let mut baseline = Self::default();
        samples.into_iter().for_each(|sample| baseline.learn(sample));
        baseline
    }

    /// Learns from one more answer.
    pub fn learn(&mut self, sample: IdleSample) {
        let samples = self.0.entry((sample.hour, sample.probe)).or_default();
        if samples.len() == Self::MOST_SAMPLES {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// Whether enough is known of this hour.
    pub fn knows(&self, hour: u8, probe: Probe) -> bool {
        self.0.get(&(hour, probe)).is_some_and(|samples| samples.len() >= ENOUGH)
    }

    /// What the answer takes in this hour, in milliseconds. For an hour of which too little is known, the median of all
    /// hours stands in.
    pub fn of_hour(&self, hour: u8, probe: Probe) -> Option<f64> {
        let known = self.0.get(&(hour, probe)).filter(|samples| samples.len() >= ENOUGH);
        let Some(samples) = known else { return self.of_any_hour(probe) };
        let newest = samples.back()?.at;
        let last = samples.iter().filter(|sample| seconds_before(newest, sample.at) <= LAST_SECONDS);
        let last: Vec<_> = last.map(|sample| (sample.milliseconds, 1.0)).collect();
        let long = median(weighted(samples.iter(), newest))?;
        let short = if last.len() >= ENOUGH { median(last) } else { None };
        Some(short.map_or(long, |short| short.min(long)))
    }

    fn of_any_hour(&self, probe: Probe) -> Option<f64> {
        let all = || self.0.iter().filter(|((_, of), _)| *of == probe).flat_map(|(_, samples)| samples);
        let newest = all().map(|sample| sample.at).max()?;
        median(weighted(all(), newest))
    }
}

fn weighted<'a>(samples: impl Iterator<Item = &'a IdleSample>, newest: Timestamp) -> Vec<(f64, f64)> {
    let weight = |at| 0.5_f64.powf(seconds_before(newest, at) / HALF_LIFE_SECONDS);
    samples.map(|sample| (sample.milliseconds, weight(sample.at))).collect()
}

/// At least 0: the clock may have been set back in between.
fn seconds_before(newest: Timestamp, at: Timestamp) -> f64 {
    newest.duration_since(at).as_secs_f64().max(0.0)
}

/// The value below which half of the weight lies.
fn median(mut values: Vec<(f64, f64)>) -> Option<f64> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = values.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut below = 0.0;
    values.into_iter().find_map(|(value, weight)| {
        below += weight;
        (below >= half).then_some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * 3600;

    fn sample(second: i64, milliseconds: f64) -> IdleSample {
        let at = Timestamp::from_second(second).unwrap();
        IdleSample { at, probe: Probe::Echo, hour: 3, milliseconds }
    }

    #[test]
    fn one_slow_answer_moves_nothing() {
        let times = [10.0, 11.0, 9.0, 3000.0, 10.0, 12.0];
        let baseline = Baseline::of(times.iter().zip(0..).map(|(ms, n)| sample(n, *ms)));
        assert_eq!(baseline.of_hour(3, Probe::Echo), Some(10.0));
        assert_eq!(baseline.of_hour(3, Probe::Find), None);
    }

    #[test]
    fn old_answers_fade_and_the_newest_stay() {
        let old = (0..40).map(|n| sample(n * 60, 50.0));
        let new = (0..10).map(|n| sample(28 * DAY + n * 60, 80.0));
        assert_eq!(Baseline::of(old.chain(new)).of_hour(3, Probe::Echo), Some(80.0));
        let many = Baseline::of((0..1000).map(|n| sample(n * 60, n as f64)));
        assert_eq!(many.0[&(3, Probe::Echo)].len(), Baseline::MOST_SAMPLES);
        assert_eq!(many.of_hour(3, Probe::Echo), Some(968.0));
    }

    #[test]
    fn it_falls_at_once_and_rises_slowly() {
        let before = || (0..20).map(|n| sample(n * 60, 50.0));
        let few = |ms| (0..6).map(move |n| sample(7200 + n, ms));
        assert_eq!(Baseline::of(before().chain(few(20.0))).of_hour(3, Probe::Echo), Some(20.0));
        assert_eq!(Baseline::of(before().chain(few(90.0))).of_hour(3, Probe::Echo), Some(50.0));
    }

    #[test]
    fn an_hour_of_which_too_little_is_known_borrows_from_the_others() {
        let mut baseline = Baseline::of((0..9).map(|n| sample(n, 7.0)));
        assert!(baseline.knows(3, Probe::Echo) && !baseline.knows(4, Probe::Echo));
        assert_eq!(baseline.of_hour(4, Probe::Echo), Some(7.0));
        (0..5).for_each(|n| baseline.learn(IdleSample { hour: 4, ..sample(n, 30.0) }));
        assert_eq!(baseline.of_hour(4, Probe::Echo), Some(30.0));
    }
}
