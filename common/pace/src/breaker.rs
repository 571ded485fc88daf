//! A circuit breaker: an archive that is down is not asked for studies, but now and then whether it is back.

use std::time::Duration;

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// The pause after the first failure; doubled with every further one, up to five minutes.
    pub delay: Duration,
    /// Failures before it may be given up.
    pub attempts: u32,
    /// For how long it must have been down before it may be given up.
    pub outage: Duration,
}

/// The breaker. Closed: ask. Open: wait. Half-open: one caller finds out.
#[derive(Debug)]
pub struct Breaker {
    patience: Patience,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed,
    Open {
        outage: Outage,
        until: Duration,
    },
    /// Somebody asks whether it is back.
    Probing {
        outage: Outage,
    },
    /// It answers; whether it works again, the next study will show.
    HalfOpen {
        outage: Outage,
    },
}

#[derive(Debug, Clone, Copy)]
struct Outage {
    since: Duration,
    failures: u32,
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Ask for a study.
    Study,
    /// Find out whether the archive answers, and tell. Only one caller gets this.
    Whether,
    /// Wait.
    Nothing,
}

/// What a failure came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// It belongs to an outage that is known already.
    Known,
    /// The archive is left alone for a while; so many failures in a row.
    Open {
        /// Failures in a row.
        failures: u32,
    },
    /// It has been down for too long.
    GiveUp {
        /// Failures in a row.
        failures: u32,
    },
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub fn new(patience: Patience) -> Self {
        Self { patience, state: State::Closed }
    }

    /// What the caller may do now.
    pub fn ask(&mut self, now: Duration) -> Ask {
        match self.state {
            State::Closed | State::HalfOpen { .. } => Ask::Study,
            State::Open { outage, until } if now >= until => {
                self.state = State::Probing { outage };
                Ask::Whether
            }
            State::Open { .. } | State::Probing { .. } => Ask::Nothing,
        }
    }

    /// The archive could not be talked to.
    pub fn failed(&mut self, now: Duration) -> Failed {
        let outage = match self.state {
            State::Closed => Outage { since: now, failures: 0 },
            // What others meet before the pause has begun to be kept is the same outage.
            State::Open { .. } => return Failed::Known,
            State::Probing { outage } | State::HalfOpen { outage } => outage,
        };
        let failures = outage.failures + 1;
        self.state = State::Open {
            outage: Outage { failures, ..outage },
            until: now.saturating_add(self.pause(failures)),
        };
        let patience = self.patience;
        if failures >= patience.attempts && now.saturating_sub(outage.since) >= patience.outage {
            return Failed::GiveUp { failures };
        }
        Failed::Open { failures }
    }

    /// It answers when asked whether it is there.
    pub fn answered(&mut self) {
        if let State::Probing { outage } = self.state {
            self.state = State::HalfOpen { outage };
        }
    }

    /// It delivered something.
    pub fn worked(&mut self) {
        self.state = State::Closed;
    }

    /// Whether it is believed to be down.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. } | State::Probing { .. })
    }

    fn pause(&self, failures: u32) -> Duration {
        let delay = self.patience.delay;
        delay.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(LONGEST.max(delay))
    }
}

const LONGEST: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn breaker(outage: u64) -> Breaker {
        Breaker::new(Patience { delay: seconds(10), attempts: 3, outage: seconds(outage) })
    }

    #[test]
    fn while_it_is_down_one_caller_asks_whether_it_is_back_and_nobody_for_a_study() {
        let mut breaker = breaker(0);
        assert_eq!(breaker.ask(seconds(0)), Ask::Study);
        assert_eq!(breaker.failed(seconds(5)), Failed::Open { failures: 1 });
        assert_eq!(breaker.failed(seconds(6)), Failed::Known);
        assert_eq!(breaker.ask(seconds(14)), Ask::Nothing);
        assert_eq!((breaker.ask(seconds(15)), breaker.ask(seconds(15))), (Ask::Whether, Ask::Nothing));
        assert!(breaker.is_open());
        breaker.answered();
        assert_eq!((breaker.ask(seconds(16)), breaker.is_open()), (Ask::Study, false));
        breaker.worked();
        assert_eq!(breaker.failed(seconds(99)), Failed::Open { failures: 1 });
    }

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let mut breaker = breaker(u64::MAX);
        let mut now = seconds(0);
        let mut pauses = Vec::new();
        for failures in 1..9 {
            assert_eq!(breaker.failed(now), Failed::Open { failures });
            let failed = now;
            while breaker.ask(now) != Ask::Whether {
                now += seconds(5);
            }
            pauses.push(now.saturating_sub(failed).as_secs());
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 300, 300, 300]);
    }

    #[test]
    fn it_is_given_up_after_enough_failures_and_enough_time() {
        let mut patient = breaker(3600);
        let mut now = seconds(0);
        let given_up = loop {
            match patient.failed(now) {
                Failed::GiveUp { failures } => break failures,
                other => assert_ne!(other, Failed::Known),
            }
            while patient.ask(now) != Ask::Whether {
                now += seconds(5);
            }
        };
        assert!(now >= seconds(3600) && now <= seconds(3900) && given_up > 3, "{now:?} {given_up}");
    }

    #[test]
    fn one_that_answers_and_does_not_deliver_is_given_up_as_well() {
        let mut breaker = breaker(0);
        let ends = [0, 100, 200].map(|second| {
            let failed = breaker.failed(seconds(second));
            breaker.ask(seconds(second + 50));
            breaker.answered();
            failed
        });
        assert_eq!(
            ends,
            [Failed::Open { failures: 1 }, Failed::Open { failures: 2 }, Failed::GiveUp { failures: 3 }]
        );
    }
}
