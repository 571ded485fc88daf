//! Decides on the load: additive increase, multiplicative decrease.

use std::time::Duration;

use jiff::Timestamp;

use super::{AdaptiveConfig, Baseline, Decision, IdleSample, Loss, Probe};

/// When something was observed, and under which ceiling.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// On the monotonic clock.
    pub now: Duration,
    /// On the wall clock.
    pub at: Timestamp,
    /// The hour of the week, 0 to 167.
    pub hour: u8,
    /// Associations that may be open now.
    pub ceiling: u16,
}

/// Adaptive control of one archive.
#[derive(Debug)]
pub struct Controller {
    config: AdaptiveConfig,
    baseline: Baseline,
    /// The requests that the archive takes from us.
    probes: Vec<Probe>,
    load: f64,
    /// Answers since the last decision or the last full window.
    window: Vec<Answer>,
    /// The load at which answers last got slow: near it, steps are small.
    congested_at: Option<f64>,
    /// When the load was last reduced, or could not be reduced any more.
    congested: Option<Duration>,
    /// When anything was last decided.
    decided: Duration,
    /// When the canary was last answered, and whether in time.
    last_answer: Option<(Duration, bool)>,
    /// Losses that may be the fault of the study, with that study.
    suspects: Vec<(Duration, u64)>,
    hushed: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct Answer {
    probe: Probe,
    milliseconds: f64,
    baseline: f64,
}

/// Answers to each request before the load may grow. As soon as two of them are slow, it shrinks.
const WINDOW: usize = 3;
const SLOW: usize = 2;
/// The load that is always allowed: it keeps the job alive, and hurts nobody.
const LEAST: f64 = 0.1;
/// The load to which studies that come short can bring it down.
const LEAST_WHEN_SHORT: f64 = 0.5;
/// Where to begin.
const START: f64 = 1.0;
/// What is left of the load when answers are slow, and when they are very slow or something is lost.
const EASED: f64 = 0.8;
const HALVED: f64 = 0.5;
/// Answers so many times as long as allowed are very slow.
const VERY_SLOW: f64 = 2.0;
/// What several associations meet within this time is one trouble.
const ONE_TROUBLE: Duration = Duration::from_secs(10);
/// How long a loss that may be the fault of its study waits for a second study.
const SUSPICION: Duration = Duration::from_secs(120);
/// A canary that was answered in time so long ago still says that the archive is well.
const HEALTHY: Duration = Duration::from_secs(30);
/// How soon after a reduction the archive is left alone again, to see whether the slowness is ours.
const RELEARN_WHEN_SLOW: Duration = Duration::from_secs(60);
/// How soon to try again where the baseline is not known yet.
const RELEARN_WHEN_UNKNOWN: Duration = Duration::from_secs(30);
/// Without a canary the load grows by one step in this time.
const UNWATCHED: Duration = Duration::from_secs(60);

impl Controller {
    /// Control by these requests that knows this much, and allows nothing before [`begin`](Self::begin).
    #[must_use]
    pub fn new(config: AdaptiveConfig, baseline: Baseline, probes: &[Probe]) -> Self {
        Self {
            config,
            baseline,
            probes: probes.to_vec(),
            load: 0.0,
            window: Vec::new(),
            congested_at: None,
            congested: None,
            decided: Duration::ZERO,
            last_answer: None,
            suspects: Vec::new(),
            hushed: None,
        }
    }

    /// What is allowed.
    #[must_use]
    pub fn load(&self) -> f64 {
        self.load
    }

    /// What is known of idle answers.
    #[must_use]
    pub fn baseline(&self) -> &Baseline {
        &self.baseline
    }

    /// Begins, also after a time in which nothing was allowed, with one association at most: much may have changed.
    pub fn begin(&mut self, signal: &str, moment: Moment) -> Option<Decision> {
        self.window.clear();
        let load = if self.load > 0.0 { self.load.min(START) } else { START };
        self.decide(load, signal.to_owned(), None, moment)
    }

    /// Learns from an answer that came while nothing of ours was under way.
    pub fn learn(&mut self, sample: IdleSample) {
        self.baseline.learn(sample);
    }

    /// Takes note that the archive does not take this request from us.
    pub fn without(&mut self, probe: Probe) {
        self.probes.retain(|of| *of != probe);
    }

    /// The requests that the archive takes from us, as far as known.
    #[must_use]
    pub fn probes(&self) -> &[Probe] {
        &self.probes
    }

    /// Whether so much is known of the hour that control can begin.
    #[must_use]
    pub fn knows(&self, hour: u8) -> bool {
        self.probes.iter().all(|probe| self.baseline.knows(hour, *probe))
    }

    /// Whether the archive should be left alone for a moment, to learn what its answers take without us.
    #[must_use]
    pub fn wants_hush(&self, moment: Moment) -> bool {
        let since =
            |then: Option<Duration>| then.map_or(Duration::MAX, |then| moment.now.saturating_sub(then));
        if self.probes.is_empty() {
            return false;
        }
        let unknown = !self.knows(moment.hour);
        let slow = since(self.congested) <= 2 * RELEARN_WHEN_SLOW;
        let after = if unknown {
            RELEARN_WHEN_UNKNOWN
        } else if slow {
            RELEARN_WHEN_SLOW.min(self.config.relearn())
        } else {
            self.config.relearn()
        };
        since(self.hushed) >= after
    }

    /// Takes note that the archive was left alone.
    pub fn hushed(&mut self, moment: Moment) {
        self.hushed = Some(moment.now);
    }

    /// An answer to the canary, while work goes on.
    pub fn answered(&mut self, probe: Probe, answer: Duration, moment: Moment) -> Option<Decision> {
        let milliseconds = answer.as_secs_f64() * 1000.0;
        let baseline = self.baseline.of_hour(moment.hour, probe)?;
        let answer = Answer { probe, milliseconds, baseline };
        self.last_answer = Some((moment.now, !self.is_slow(&answer)));
        self.window.push(answer);
        let slow: Vec<Answer> = self
            .window
            .iter()
            .filter(|answer| answer.probe == probe && self.is_slow(answer))
            .copied()
            .collect();
        if slow.len() >= SLOW {
            return self.slow(median(&slow)?, moment);
        }
        let complete = |wanted| self.window.iter().filter(|answer| answer.probe == wanted).count() >= WINDOW;
        let probes = || Probe::ALL.into_iter().filter(|probe| self.window.iter().any(|a| a.probe == *probe));
        if probes().all(complete) {
            let window = std::mem::take(&mut self.window);
            return self.window_ended(&window, moment);
        }
        None
    }

    /// A time in which no canary can be sent, because the archive takes none: only losses tell.
    pub fn unwatched(&mut self, moment: Moment) -> Option<Decision> {
        if moment.now.saturating_sub(self.decided) < UNWATCHED {
            return None;
        }
        self.grow("no losses".to_owned(), None, moment)
    }

    /// Something that an archive does that has too much to do, seen with the study that has the number `study`, or with
    /// the canary (none).
    pub fn lost(&mut self, loss: Loss, study: Option<u64>, moment: Moment) -> Option<Decision> {
        let Moment { now, .. } = moment;
        let healthy =
            self.last_answer.is_some_and(|(then, in_time)| in_time && now.saturating_sub(then) <= HEALTHY);
        if loss == Loss::SilentFirst && healthy {
            return None;
        }
        if loss.may_be_the_study()
            && let Some(study) = study
        {
            self.suspects.retain(|(then, of)| now.saturating_sub(*then) <= SUSPICION && *of != study);
            self.suspects.push((now, study));
            if self.suspects.len() < 2 {
                return None;
            }
            self.suspects.clear();
        }
        if self.congested.is_some_and(|then| now.saturating_sub(then) < ONE_TROUBLE) {
            return None;
        }
        // An archive that always sends less than it lists must not slow the job down for good.
        let least = if loss == Loss::Short { LEAST_WHEN_SHORT.min(self.load) } else { LEAST };
        self.shrink((self.load * HALVED).max(least), loss.to_string(), None, moment)
    }

    fn is_slow(&self, answer: &Answer) -> bool {
        answer.milliseconds > self.config.bound(answer.baseline)
    }

    fn slow(&mut self, answer: Answer, moment: Moment) -> Option<Decision> {
        let very = answer.milliseconds > VERY_SLOW * self.config.bound(answer.baseline);
        let share = if very { HALVED } else { EASED };
        let load = (self.load * share).max(LEAST);
        self.shrink(load, format!("{} answered slowly", answer.probe), Some(answer), moment)
    }

    fn window_ended(&mut self, window: &[Answer], moment: Moment) -> Option<Decision> {
        let medians = Probe::ALL.into_iter().filter_map(|probe| {
            let of_probe: Vec<Answer> =
                window.iter().filter(|answer| answer.probe == probe).copied().collect();
            median(&of_probe)
        });
        let ratio = |answer: &Answer| answer.milliseconds / answer.baseline.max(f64::MIN_POSITIVE);
        let worst = medians.clone().max_by(|a, b| ratio(a).total_cmp(&ratio(b)))?;
        let at_ease = medians.into_iter().all(|a| a.milliseconds <= self.config.ease(a.baseline));
        if !at_ease {
            return self.decide(self.load, "ceiling".to_owned(), None, moment);
        }
        self.grow(format!("{} answered in time", worst.probe), Some(worst), moment)
    }

    fn grow(&mut self, signal: String, answer: Option<Answer>, moment: Moment) -> Option<Decision> {
        let step = (self.load / 2.0).clamp(0.125, 0.5);
        let near = self.congested_at.is_some_and(|at| self.load >= 0.8 * at);
        let load = self.load + if near { step / 4.0 } else { step };
        if self.congested_at.is_some_and(|at| load > 1.1 * at) {
            self.congested_at = None;
        }
        self.decide(load, signal, answer, moment)
    }

    fn shrink(
        &mut self,
        load: f64,
        signal: String,
        answer: Option<Answer>,
        moment: Moment,
    ) -> Option<Decision> {
        self.window.clear();
        self.congested = Some(moment.now);
        self.congested_at = Some(self.load);
        self.decide(load, signal, answer, moment)
    }

    /// Goes over to `load`, or to what the ceiling leaves of it.
    fn decide(
        &mut self,
        load: f64,
        signal: String,
        answer: Option<Answer>,
        moment: Moment,
    ) -> Option<Decision> {
        let new = load.min(f64::from(moment.ceiling));
        let old = std::mem::replace(&mut self.load, new);
        self.decided = moment.now;
        let decision = Decision {
            signal,
            value: answer.map(|answer| answer.milliseconds),
            baseline: answer.map(|answer| answer.baseline),
            old,
            new,
        };
        (old.to_bits() != new.to_bits()).then_some(decision)
    }
}

/// The answer in the middle; the slower of the two if there are two.
fn median(answers: &[Answer]) -> Option<Answer> {
    let mut sorted = answers.to_vec();
    sorted.sort_by(|a, b| a.milliseconds.total_cmp(&b.milliseconds));
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests;
