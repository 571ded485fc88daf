//! Adaptive control of the source, as the canary and the workers share it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use catalogue::canary::{CanaryAnswer, IdleAnswer};
use catalogue::{Level, StudyId};
use job::Journal;
use pace::{AdaptiveConfig, Baseline, Controller, Decision, IdleSample, Loss, Moment, Pace, Probe};

use crate::error::Result;

/// The side in the catalogue whose pace this is.
pub const SOURCE: &str = "source";
/// A row in the catalogue stands for so many answers of the canary.
const ANSWERS_A_ROW: usize = 3;

/// Hands what is observed to the controller, follows its decisions, and records both.
pub struct Governor {
    pace: Arc<Pace>,
    shared: Arc<Journal>,
    state: Mutex<State>,
}

struct State {
    controller: Controller,
    /// Answers that are not recorded yet, in milliseconds.
    answers: Vec<(Probe, f64)>,
}

impl Governor {
    /// Control that knows what earlier runs learnt. From now on nothing is allowed until it [begins](Self::begin).
    pub fn new(
        config: AdaptiveConfig,
        probes: &[Probe],
        pace: Arc<Pace>,
        shared: Arc<Journal>,
    ) -> Result<Self> {
        let known = shared.lock().idle_answers(SOURCE)?;
        let samples = known.into_iter().filter_map(|answer| {
            let IdleAnswer { at, probe, hour, milliseconds, .. } = answer;
            Some(IdleSample { at, probe: Probe::named(&probe)?, hour, milliseconds })
        });
        let controller = Controller::new(config, Baseline::of(samples), probes);
        pace.follow(Decision {
            signal: "timing the source's answers".to_owned(),
            value: None,
            baseline: None,
            old: 0.0,
            new: 0.0,
        });
        Ok(Self { pace, shared, state: Mutex::new(State { controller, answers: Vec::new() }) })
    }

    pub fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Lets work begin, or begin again.
    pub fn begin(&self, signal: &str) {
        let moment = self.moment();
        self.decide(|controller| controller.begin(signal, moment));
    }

    /// Whether enough is known of this hour to begin.
    pub fn is_ready(&self) -> bool {
        let hour = self.pace.hour_of_week();
        self.state().controller.knows(hour)
    }

    /// The requests that the source takes from us.
    pub fn probes(&self) -> Vec<Probe> {
        self.state().controller.probes().to_vec()
    }

    /// The source does not take this request from us.
    pub fn without(&self, probe: Probe) {
        self.state().controller.without(probe);
    }

    /// Whether the source should be left alone for a moment.
    pub fn wants_hush(&self) -> bool {
        let moment = self.moment();
        self.state().controller.wants_hush(moment)
    }

    pub fn hushed(&self) {
        let moment = self.moment();
        self.state().controller.hushed(moment);
    }

    /// An answer that came while the source was left alone.
    pub fn learn(&self, probe: Probe, took: Duration) -> Result<()> {
        let at = self.pace.clock().now();
        let (hour, milliseconds) = (self.pace.hour_of_week(), took.as_secs_f64() * 1000.0);
        self.state().controller.learn(IdleSample { at, probe, hour, milliseconds });
        let answer =
            IdleAnswer { at, side: SOURCE.to_owned(), probe: probe.name().to_owned(), hour, milliseconds };
        Ok(self.shared.lock().record_idle_answer(&answer, Baseline::MOST_SAMPLES)?)
    }

    /// An answer that came while work went on.
    pub fn answered(&self, probe: Probe, took: Duration) -> Result<()> {
        let moment = self.moment();
        if let Some(row) = self.row(probe, took, moment) {
            self.shared.lock().record_canary(&row)?;
        }
        self.decide(|controller| controller.answered(probe, took, moment));
        Ok(())
    }

    /// The canary cannot be sent at all.
    pub fn unwatched(&self) {
        let moment = self.moment();
        self.decide(|controller| controller.unwatched(moment));
    }

    /// Tells people what control cannot do, in the log and the report.
    pub fn tell(&self, finding: &str) -> Result<()> {
        Ok(self.shared.event(Level::Warning, "canary", finding)?)
    }

    /// The source lost something over this study, or over the canary.
    pub fn lost(&self, loss: Loss, study: Option<StudyId>) {
        tracing::info!(%loss, "the source may have too much to do");
        let moment = self.moment();
        let study = study.map(|study| study.0.unsigned_abs());
        self.decide(|controller| controller.lost(loss, study, moment));
    }

    /// The median of the last few answers, when there are enough for a row.
    fn row(&self, probe: Probe, took: Duration, moment: Moment) -> Option<CanaryAnswer> {
        let mut state = self.state();
        state.answers.push((probe, took.as_secs_f64() * 1000.0));
        let of_probe = state.answers.iter().filter(|(of, _)| *of == probe).map(|(_, took)| *took);
        let mut of_probe: Vec<f64> = of_probe.collect();
        if of_probe.len() < ANSWERS_A_ROW {
            return None;
        }
        of_probe.sort_by(f64::total_cmp);
        state.answers.retain(|(of, _)| *of != probe);
        Some(CanaryAnswer {
            at: moment.at,
            side: SOURCE.to_owned(),
            probe: probe.name().to_owned(),
            milliseconds: *of_probe.get(of_probe.len() / 2)?,
            baseline: state.controller.baseline().of_hour(moment.hour, probe),
            load: state.controller.load(),
        })
    }

    fn moment(&self) -> Moment {
        let clock = self.pace.clock();
        Moment {
            now: clock.monotonic(),
            at: clock.now(),
            hour: self.pace.hour_of_week(),
            ceiling: self.pace.ceiling(),
        }
    }

    /// Decisions are followed in the order in which they are made.
    fn decide(&self, observe: impl FnOnce(&mut Controller) -> Option<Decision>) {
        let mut state = self.state();
        if let Some(decision) = observe(&mut state.controller) {
            self.pace.follow(decision);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
