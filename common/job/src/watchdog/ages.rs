//! How long calls have been under way, as the watchdog has seen it.

use std::collections::BTreeMap;
use std::time::Duration;

use medium::calls::Call;

use crate::config::DriveConfig;

/// What is to be said of a call.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    /// It takes longer than it should.
    Silent(Call, Duration),
    /// It takes so long that it is given up.
    Stuck(Call, Duration),
    /// It was told of, and has come back.
    Answered(Call, Duration),
}

/// The calls that were seen under way.
pub struct Ages {
    limits: DriveConfig,
    seen: BTreeMap<u64, Seen>,
}

struct Seen {
    call: Call,
    age: Duration,
    /// How often it was told of.
    told: u32,
    stuck: bool,
}

impl Ages {
    pub fn new(limits: DriveConfig) -> Self {
        Self { limits, seen: BTreeMap::new() }
    }

    /// Takes what is under way now, `passed` after the look before. That is time in which this process ran: what it was stopped
    /// for (SIGSTOP, a machine that sleeps) is not the drive's.
    pub fn look(&mut self, under_way: Vec<Call>, passed: Duration) -> Vec<News> {
        let mut news = Vec::new();
        self.seen.retain(|number, seen| {
            let is_back = under_way.iter().all(|call| call.number != *number);
            if is_back && (seen.told > 0 || seen.stuck) {
                news.push(News::Answered(seen.call.clone(), seen.age));
            }
            !is_back
        });
        for call in under_way {
            let patience = self.limits.patience(call.kind);
            let Some(seen) = self.seen.get_mut(&call.number) else {
                let (age, told, stuck) = (Duration::ZERO, 0, false);
                self.seen.insert(call.number, Seen { call, age, told, stuck });
                continue;
            };
            seen.age += passed;
            if !seen.stuck && seen.age >= patience.limit {
                seen.stuck = true;
                news.push(News::Stuck(call, seen.age));
            } else if !seen.stuck && seen.age >= patience.warn * (seen.told + 1) {
                seen.told += 1;
                news.push(News::Silent(call, seen.age));
            }
        }
        news
    }
}

#[cfg(test)]
mod tests {
    use medium::calls::CallKind;

    use super::*;

    const LIMITS: DriveConfig = DriveConfig {
        transfer_warn_seconds: 10,
        transfer_limit_seconds: 30,
        motion_warn_seconds: 100,
        motion_limit_seconds: 300,
    };

    fn call(number: u64, kind: CallKind) -> Call {
        let thread = std::thread::current().id();
        Call { number, drive: "/dev/nst0".into(), doing: "write a record", kind, thread }
    }

    /// What is said of a call that stays, second by second.
    fn told(kind: CallKind, seconds: u64) -> Vec<(&'static str, u64)> {
        let mut ages = Ages::new(LIMITS);
        let mut told = Vec::new();
        for _ in 0..=seconds {
            told.extend(ages.look(vec![call(1, kind)], Duration::from_secs(1)));
        }
        told.extend(ages.look(Vec::new(), Duration::from_secs(1)));
        let name = |news: News| match news {
            News::Silent(_, age) => ("silent", age.as_secs()),
            News::Stuck(_, age) => ("stuck", age.as_secs()),
            News::Answered(_, age) => ("answered", age.as_secs()),
        };
        told.into_iter().map(name).collect()
    }

    #[test]
    fn a_call_is_told_of_now_and_then_and_given_up_once() {
        assert_eq!(told(CallKind::Transfer, 9), []);
        assert_eq!(told(CallKind::Transfer, 12), [("silent", 10), ("answered", 12)]);
        let long = [("silent", 10), ("silent", 20), ("stuck", 30), ("answered", 500)];
        assert_eq!(told(CallKind::Transfer, 500), long);
        assert_eq!(told(CallKind::Motion, 150), [("silent", 100), ("answered", 150)]);
    }

    #[test]
    fn calls_that_follow_each_other_are_not_one_long_call() {
        let mut ages = Ages::new(LIMITS);
        for number in 0..1000 {
            assert_eq!(
                ages.look(vec![call(number, CallKind::Transfer)], Duration::from_secs(9)),
                [],
                "{number}"
            );
        }
    }
}
