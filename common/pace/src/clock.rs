//! The time, as something that tests can turn.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;

/// What tells the time and waits. Windows follow [`now`](Clock::now), rates follow
/// [`monotonic`](Clock::monotonic), so that a clock set by hand or by NTP cannot bend a rate.
pub trait Clock: Send + Sync {
    /// The time of day, as the machine believes it; may jump either way.
    fn now(&self) -> Timestamp;

    /// Time since a fixed moment of the clock's own; never goes back.
    fn monotonic(&self) -> Duration;

    /// Waits this long.
    fn sleep(&self, duration: Duration);

    /// Waits until [`monotonic`](Clock::monotonic) has reached `deadline`.
    fn sleep_until(&self, deadline: Duration) {
        self.sleep(deadline.saturating_sub(self.monotonic()));
    }
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts at zero now.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }

    fn sleep(&self, duration: Duration) {
        thread::sleep(duration);
    }
}

/// A virtual clock for tests: it stands still until it is turned, and a sleep turns it.
///
/// Threads that sleep until the same deadline turn it once, not once each, so several threads can share it
/// and a simulated minute is a minute for all of them.
#[derive(Debug)]
pub struct TurnableClock {
    hands: Mutex<Hands>,
}

#[derive(Debug)]
struct Hands {
    wall: Timestamp,
    monotonic: Duration,
}

impl TurnableClock {
    /// A clock that shows `start`, its monotonic time at zero.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self { hands: Mutex::new(Hands { wall: start, monotonic: Duration::ZERO }) }
    }

    /// Lets this much time pass.
    pub fn turn(&self, duration: Duration) {
        let mut hands = self.hands();
        let deadline = hands.monotonic.saturating_add(duration);
        hands.advance_to(deadline);
    }

    /// Sets the time of day without any time passing, as an operator or NTP does.
    pub fn set(&self, wall: Timestamp) {
        self.hands().wall = wall;
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hands {
    fn advance_to(&mut self, deadline: Duration) {
        let passed = deadline.saturating_sub(self.monotonic);
        self.wall = self.wall.checked_add(passed).unwrap_or(Timestamp::MAX);
        self.monotonic += passed;
    }
}

impl Clock for TurnableClock {
    fn now(&self) -> Timestamp {
        self.hands().wall
    }

    fn monotonic(&self) -> Duration {
        self.hands().monotonic
    }

    fn sleep(&self, duration: Duration) {
        self.turn(duration);
    }

    fn sleep_until(&self, deadline: Duration) {
        self.hands().advance_to(deadline);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeping_turns_both_hands_and_only_forward() {
        let clock = TurnableClock::new(Timestamp::UNIX_EPOCH);
        clock.sleep(Duration::from_secs(5));
        clock.sleep_until(Duration::from_secs(7));
        clock.sleep_until(Duration::from_secs(3));
        assert_eq!(clock.monotonic(), Duration::from_secs(7));
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH + Duration::from_secs(7));
    }

    #[test]
    fn setting_the_time_of_day_lets_no_time_pass() {
        let clock = TurnableClock::new(Timestamp::UNIX_EPOCH + Duration::from_secs(100));
        clock.set(Timestamp::UNIX_EPOCH);
        assert_eq!((clock.now(), clock.monotonic()), (Timestamp::UNIX_EPOCH, Duration::ZERO));
    }

    #[test]
    fn the_end_of_time_is_no_panic() {
        let clock = TurnableClock::new(Timestamp::MAX);
        clock.turn(Duration::from_secs(1));
        assert_eq!(clock.now(), Timestamp::MAX);
    }

    #[test]
    fn the_system_clock_moves_while_it_sleeps() {
        let clock = SystemClock::new();
        let before = clock.monotonic();
        clock.sleep(Duration::from_millis(2));
        assert!(clock.monotonic() >= before + Duration::from_millis(2));
    }
}
