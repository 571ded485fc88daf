//! The controller and the gate against a PACS that is made up, on a virtual clock: its answers get slower the more it
//! has to do, whoever asks.

use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, civil::date};
use proptest::prelude::*;

use super::*;
use crate::{
    Admission, Calendar, Clock, Days, Limits, LimitsOverride, Pace, Pause, TurnableClock, Window, Zone,
};

const INTERVAL: Duration = Duration::from_secs(3);

/// A server with a queue: at utilisation u an answer takes 1/(1-u) times as long as on an empty one.
struct MadeUpPacs {
    capacity: f64,
    /// What others ask of it.
    foreground: f64,
    noise: u64,
}

impl MadeUpPacs {
    fn new(foreground: f64) -> Self {
        Self { capacity: 16.0, foreground, noise: 1 }
    }

    /// How many times as long as idle a person waits because of us.
    fn harm(&self, load: f64) -> f64 {
        self.queue(load) / self.queue(0.0)
    }

    fn queue(&self, load: f64) -> f64 {
        1.0 / (1.0 - (self.foreground + load) / self.capacity).max(0.01)
    }

    /// The load that makes people wait a quarter longer.
    fn spare(&self) -> f64 {
        0.2 * (self.capacity - self.foreground)
    }

    /// An answer to the canary, within 4 % of what the queue says.
    fn answer(&mut self, probe: Probe, load: f64) -> Duration {
        self.noise = self.noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let noise = 0.96 + 0.08 * ((self.noise >> 40) as f64 / f64::from(1 << 24));
        let empty = match probe {
            Probe::Echo => 0.05,
            Probe::Find | Probe::Search => 0.2,
        };
        Duration::from_secs_f64(empty * self.queue(load) * noise)
    }
}

struct Run {
    pacs: MadeUpPacs,
    controller: Controller,
    now: Duration,
    ceiling: u16,
}

impl Run {
    fn new(foreground: f64) -> Self {
        let controller = Controller::new(AdaptiveConfig::default(), Baseline::default(), Probe::DIMSE);
        let mut run = Self { pacs: MadeUpPacs::new(foreground), controller, now: Duration::ZERO, ceiling: 8 };
        run.leave_alone();
        let moment = run.moment();
        run.controller.begin("start", moment);
        run
    }

    fn moment(&self) -> Moment {
        Moment { now: self.now, at: Timestamp::UNIX_EPOCH + self.now, hour: 5, ceiling: self.ceiling }
    }

    fn leave_alone(&mut self) {
        let moment = self.moment();
        self.controller.hushed(moment);
        for _ in 0..6 {
            for &probe in Probe::DIMSE {
                let milliseconds = self.pacs.answer(probe, 0.0).as_secs_f64() * 1000.0;
                self.controller.learn(IdleSample { at: moment.at, probe, hour: moment.hour, milliseconds });
            }
        }
        self.now += Duration::from_secs(3);
    }

    /// One canary. Says under which load people worked meanwhile.
    fn step(&mut self) -> f64 {
        if self.controller.wants_hush(self.moment()) {
            self.leave_alone();
        }
        let load = self.controller.load();
        for &probe in Probe::DIMSE {
            let answer = self.pacs.answer(probe, load);
            self.controller.answered(probe, answer, self.moment());
        }
        self.now += INTERVAL;
        load
    }

    /// The loads at each canary during this time.
    fn pass(&mut self, seconds: u64) -> Vec<f64> {
        let end = self.now + Duration::from_secs(seconds);
        std::iter::from_fn(|| (self.now < end).then(|| self.step())).collect()
    }
}

fn mean(loads: &[f64]) -> f64 {
    loads.iter().sum::<f64>() / loads.len() as f64
}

/// The harm that all but a twentieth of the time stays below.
fn p95(pacs: &MadeUpPacs, loads: &[f64]) -> f64 {
    let mut harm: Vec<f64> = loads.iter().map(|load| pacs.harm(*load)).collect();
    harm.sort_by(f64::total_cmp);
    harm[harm.len() * 95 / 100]
}

#[test]
fn it_takes_most_of_what_is_spare_and_people_wait_at_most_a_quarter_longer() {
    for foreground in [0.0, 4.0, 9.0, 13.0] {
        let mut run = Run::new(foreground);
        run.pass(120);
        let loads = run.pass(1800);
        let (share, harm) = (mean(&loads) / run.pacs.spare(), p95(&run.pacs, &loads));
        assert!(share >= 0.8, "{foreground}: only {share:.2} of the spare load was taken");
        assert!(harm <= 1.25, "{foreground}: people waited {harm:.2} times as long");
    }
}

#[test]
fn without_control_people_wait_much_longer() {
    let pacs = MadeUpPacs::new(9.0);
    assert!(pacs.harm(6.0) > 3.0);
}

#[test]
fn it_gives_way_to_a_load_step_and_takes_the_room_back_within_two_minutes() {
    let mut run = Run::new(4.0);
    run.pass(600);
    run.pacs.foreground = 10.0;
    run.pass(120);
    let busy = run.pass(300);
    assert!(p95(&run.pacs, &busy) <= 1.25, "{busy:?}");
    run.pacs.foreground = 4.0;
    run.pass(120);
    let after = run.pass(60);
    assert!(mean(&after) >= 0.8 * run.pacs.spare(), "{after:?} of {}", run.pacs.spare());
}

#[test]
fn it_learns_that_the_archive_is_busy_without_us() {
    let mut run = Run::new(4.0);
    run.pass(600);
    run.pacs.foreground = 10.0;
    run.pass(3600);
    let loads = run.pass(600);
    // Not quite as much as when it began so: it still remembers quieter times.
    assert!(mean(&loads) >= 0.7 * run.pacs.spare(), "{loads:?} of {}", run.pacs.spare());
    assert!(p95(&run.pacs, &loads) <= 1.3);
}

/// What may happen in a simulated night.
#[derive(Debug, Clone)]
enum Happening {
    Foreground(f64),
    Loss(usize),
    Pause(u16),
    Resume,
    Nothing,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        (0.0..16.0).prop_map(Happening::Foreground),
        (0_usize..7).prop_map(Happening::Loss),
        (1_u16..2000).prop_map(Happening::Pause),
        Just(Happening::Resume),
        Just(Happening::Nothing),
    ]
}

fn window() -> impl Strategy<Value = Window> {
    let time = || (0_i8..24, 0_i8..60).prop_map(|(hour, minute)| jiff::civil::time(hour, minute, 0, 0));
    (time(), time(), 1_u16..9).prop_map(|(from, to, associations)| Window {
        days: Days::ALL,
        from,
        to,
        limits: Some(LimitsOverride { associations: Some(associations), ..LimitsOverride::default() }),
    })
}

const LOSSES: [Loss; 7] = [
    Loss::Rejected,
    Loss::Aborted,
    Loss::TimedOut,
    Loss::SilentFirst,
    Loss::Refused,
    Loss::Short,
    Loss::TooBusy,
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Workers as the exporter has them, for a day and a night of random windows, ceilings, pauses, losses and loads.
    #[test]
    fn no_ceiling_and_no_window_is_ever_exceeded(
        windows in prop::collection::vec(window(), 0..5),
        associations in 1_u16..9,
        happenings in prop::collection::vec(happening(), 30),
    ) {
        let start = date(2026, 3, 28).at(12, 0, 0, 0).in_tz("Europe/Berlin").unwrap().timestamp();
        let clock = Arc::new(TurnableClock::new(start));
        let calendar = Calendar::new(Zone::named("Europe/Berlin").unwrap(), windows.clone());
        let limits = Limits { associations, ..Limits::default() };
        let pace = Pace::new(limits, calendar.clone(), clock.clone(), Box::new(|_| ()));
        let mut run = Run::new(4.0);
        pace.follow(Decision { signal: "start".into(), value: None, baseline: None, old: 0.0, new: run.controller.load() });
        let mut working: Vec<Option<(crate::AtWork<'_>, u32)>> = (0..8).map(|_| None).collect();
        let mut paused: Option<Timestamp> = None;
        for (number, happening) in happenings.iter().enumerate() {
            match happening {
                Happening::Foreground(load) => run.pacs.foreground = *load,
                Happening::Loss(loss) => {
                    run.ceiling = pace.ceiling();
                    if let Some(decision) = run.controller.lost(LOSSES[*loss], Some(number as u64), run.moment()) {
                        pace.follow(decision);
                    }
                }
                Happening::Pause(seconds) => {
                    let until = clock.now() + Duration::from_secs((*seconds).into());
                    pace.set_pause(Some(Pause { reason: "test".into(), until: Some(until) }));
                    paused = Some(until);
                }
                Happening::Resume => {
                    pace.set_pause(None);
                    paused = None;
                }
                Happening::Nothing => {}
            }
            for tick in 0..60_u32 {
                // What the exporter does: a worker above the ceiling or outside the windows breaks off, one above what
                // control allows does not begin.
                for (number, work) in (0_u16..).zip(working.iter_mut()) {
                    let cut = pace.admission() != Admission::Go || number >= pace.ceiling();
                    if work.as_ref().is_some_and(|(_, end)| *end == 0) || cut {
                        *work = None;
                    } else if let Some((_, end)) = work {
                        *end -= 1;
                    } else if number < pace.associations() {
                        *work = Some((pace.go_to_work(), (tick * 7 + u32::from(number)) % 40));
                    }
                }
                let window = calendar.at(clock.now());
                let is_paused = paused.is_some_and(|until| clock.now() < until);
                let ceiling = match &window {
                    crate::Opening::Open { window, .. } if !is_paused => window
                        .as_ref()
                        .and_then(|window| window.limits.and_then(|limits| limits.associations))
                        .unwrap_or(associations),
                    _ => 0,
                };
                prop_assert!(pace.at_work() <= ceiling, "{} at work, {ceiling} allowed", pace.at_work());
                let busy = pace.share() * f64::from(pace.at_work());
                let least = 0.02 * f64::from(pace.at_work());
                prop_assert!(busy <= pace.load().unwrap().max(least) + 1e-9, "{busy} of {:?}", pace.load());
                run.ceiling = pace.ceiling();
                run.now = clock.monotonic();
                if tick % 2 == 0 {
                    let load = busy;
                    for &probe in Probe::DIMSE {
                        let answer = run.pacs.answer(probe, load);
                        if let Some(decision) = run.controller.answered(probe, answer, run.moment()) {
                            prop_assert!(decision.new <= f64::from(pace.ceiling()));
                            pace.follow(decision);
                        }
                    }
                }
                clock.turn(Duration::from_millis(7200));
            }
        }
    }
}
