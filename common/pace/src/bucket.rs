//! A token bucket in which callers queue: each reserves what it needs, and may go when that has been served.
//!
//! Reserving before waiting keeps the order fair between threads, lets a request be larger than the bucket, and
//! pays every late wake-up back, so the average meets the rate from both sides.

use std::{num::NonZeroU64, time::Duration};

/// Tokens flow in at a rate. All amounts inside are tokens × 10⁹, so that a rate times nanoseconds is exact.
#[derive(Debug)]
pub struct Bucket {
    rate: Option<NonZeroU64>,
    least_burst: u64,
    served: u128,
    reserved: u128,
    updated: Duration,
}

/// A place in the queue.
#[derive(Debug, Clone, Copy)]
pub struct Ticket(u128);

const NANO: u128 = 1_000_000_000;
/// An idle bucket holds the tokens of at most a fifth of a second: that much may pass at once after a pause.
const BURST_FRACTION: u64 = 5;

impl Bucket {
    /// A full bucket that holds at least `least_burst` tokens. Without a rate it never makes anybody wait.
    pub fn new(rate: Option<NonZeroU64>, least_burst: u64, now: Duration) -> Self {
        let mut bucket = Self { rate, least_burst, served: 0, reserved: 0, updated: now };
        bucket.served = bucket.capacity();
        bucket
    }

    /// Goes on at another rate. Reservations stay as they are; when a rate begins or ends, nothing is owed.
    pub fn set_rate(&mut self, rate: Option<NonZeroU64>, now: Duration) {
        self.refill(now);
        let was_limited = self.rate.is_some();
        self.rate = rate;
        if was_limited && rate.is_some() {
            self.served = self.served.min(self.reserved.saturating_add(self.capacity()));
        } else {
            self.served = self.reserved.saturating_add(self.capacity());
        }
    }

    /// Takes a place in the queue for `tokens`.
    pub fn reserve(&mut self, tokens: u64, now: Duration) -> Ticket {
        self.refill(now);
        self.reserved = self.reserved.saturating_add(u128::from(tokens) * NANO);
        if self.rate.is_none() {
            self.served = self.reserved;
        }
        Ticket(self.reserved)
    }

    /// When the holder of `ticket` may go, if not yet.
    pub fn due(&mut self, ticket: Ticket, now: Duration) -> Option<Duration> {
        self.refill(now);
        let rate = self.rate?;
        let missing = ticket.0.checked_sub(self.served).filter(|&missing| missing > 0)?;
        let nanoseconds = missing.div_ceil(u128::from(rate.get()));
        let wait = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        Some(now.saturating_add(wait))
    }

    /// Takes what an idle bucket holds, or less, if nobody waits; else says when the last of those who do will have been served.
    pub fn prepay(&mut self, tokens: u64, now: Duration) -> Result<u64, Duration> {
        if let Some(due) = self.due(Ticket(self.reserved), now) {
            return Err(due);
        }
        let Some(rate) = self.rate else { return Ok(0) };
        let tokens = tokens.min(self.burst(rate));
        self.reserve(tokens, now);
        Ok(tokens)
    }

    /// Gives back what was prepaid and is not needed.
    pub fn refund(&mut self, tokens: u64) {
        let full = self.reserved.saturating_add(self.capacity());
        self.served = self.served.saturating_add(u128::from(tokens) * NANO).min(full);
    }

    fn refill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.updated).as_nanos();
        self.updated = self.updated.max(now);
        let Some(rate) = self.rate else { return };
        let inflow = passed.saturating_mul(u128::from(rate.get()));
        let full = self.reserved.saturating_add(self.capacity());
        self.served = self.served.saturating_add(inflow).min(full);
    }

    fn capacity(&self) -> u128 {
        u128::from(self.rate.map_or(0, |rate| self.burst(rate))) * NANO
    }

    fn burst(&self, rate: NonZeroU64) -> u64 {
        (rate.get() / BURST_FRACTION).max(self.least_burst)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn bucket(rate: u64) -> Bucket {
        Bucket::new(NonZeroU64::new(rate), 1, Duration::ZERO)
    }

    #[test]
    fn the_burst_passes_at_once_and_the_rest_waits() {
        let mut bucket = bucket(100);
        let burst = bucket.reserve(20, Duration::ZERO);
        assert_eq!(bucket.due(burst, Duration::ZERO), None);
        let rest = bucket.reserve(50, Duration::ZERO);
        assert_eq!(bucket.due(rest, Duration::ZERO), Some(Duration::from_millis(500)));
        assert_eq!(bucket.due(rest, Duration::from_millis(500)), None);
    }

    #[test]
    fn a_pause_saves_no_more_than_the_burst() {
        let mut bucket = bucket(100);
        let ticket = bucket.reserve(120, seconds(3600));
        assert_eq!(bucket.due(ticket, seconds(3600)), Some(seconds(3601)));
    }

    #[test]
    fn places_in_the_queue_are_served_in_order() {
        let mut bucket = bucket(10);
        let first = bucket.reserve(12, Duration::ZERO);
        let second = bucket.reserve(10, Duration::ZERO);
        assert_eq!(bucket.due(first, Duration::ZERO), Some(seconds(1)));
        assert_eq!(bucket.due(second, Duration::ZERO), Some(seconds(2)));
    }

    #[test]
    fn a_new_rate_holds_for_what_is_still_owed() {
        let mut bucket = bucket(10);
        let ticket = bucket.reserve(102, Duration::ZERO);
        assert_eq!(bucket.due(ticket, Duration::ZERO), Some(seconds(10)));
        bucket.set_rate(NonZeroU64::new(50), seconds(5));
        assert_eq!(bucket.due(ticket, seconds(5)), Some(seconds(6)));
    }

    #[test]
    fn a_rate_that_ends_forgives_and_one_that_begins_starts_afresh() {
        let mut bucket = bucket(10);
        let owing = bucket.reserve(1_000, Duration::ZERO);
        bucket.set_rate(None, seconds(1));
        assert_eq!(bucket.due(owing, seconds(1)), None);
        bucket.reserve(1_000_000, seconds(1));
        bucket.set_rate(NonZeroU64::new(10), seconds(2));
        let fresh = bucket.reserve(12, seconds(2));
        assert_eq!(bucket.due(fresh, seconds(2)), Some(seconds(3)));
    }

    #[test]
    fn the_slowest_rate_lets_one_token_pass_at_once() {
        let mut bucket = bucket(1);
        let first = bucket.reserve(1, Duration::ZERO);
        assert_eq!(bucket.due(first, Duration::ZERO), None);
    }

    #[test]
    fn whoever_prepays_waits_for_all_others_and_gets_the_rest_back() {
        let mut bucket = bucket(100);
        assert_eq!(bucket.prepay(1000, Duration::ZERO), Ok(20));
        // The bucket was full: nobody has to wait for these.
        assert_eq!(bucket.prepay(5, Duration::ZERO), Ok(5));
        assert_eq!(bucket.prepay(1, Duration::ZERO), Err(Duration::from_millis(50)));
        bucket.refund(5);
        assert_eq!(bucket.prepay(1, Duration::ZERO), Ok(1));
        assert_eq!(Bucket::new(None, 1, Duration::ZERO).prepay(7, Duration::ZERO), Ok(0));
    }

    #[test]
    fn extremes_do_not_overflow() {
        let mut bucket = bucket(u64::MAX);
        for _ in 0..4 {
            let ticket = bucket.reserve(u64::MAX, Duration::MAX);
            let _ = bucket.due(ticket, Duration::MAX);
        }
        let mut slow = Bucket::new(NonZeroU64::MIN.into(), u64::MAX, Duration::ZERO);
        let ticket = slow.reserve(u64::MAX, Duration::ZERO);
        assert_eq!(slow.due(ticket, Duration::ZERO), None);
    }

    proptest! {
        #[test]
        fn never_more_than_rate_and_burst(
            rate in 1_u64..1_000_000,
            requests in prop::collection::vec((0_u64..2_000_000, 0_u64..3_000_000_000), 1..60),
        ) {
            let mut bucket = bucket(rate);
            let mut now = Duration::ZERO;
            let mut passed = 0_u128;
            for (tokens, pause) in requests {
                now += Duration::from_nanos(pause);
                let ticket = bucket.reserve(tokens, now);
                now = bucket.due(ticket, now).unwrap_or(now);
                prop_assert_eq!(bucket.due(ticket, now), None);
                passed += u128::from(tokens) * NANO;
                let allowed = u128::from(rate) * now.as_nanos() + bucket.capacity();
                prop_assert!(passed <= allowed, "{} > {} at {:?}", passed, allowed, now);
            }
        }
    }
}
