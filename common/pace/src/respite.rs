//! How much rest is owed to an archive that works for us only a share of its time.

use std::time::Duration;

/// Adds up how long an archive has worked on one retrieval, and the rest that this earns it: at a share of a third,
/// twice as long as it worked. Paid back by answering its C-STORE requests later (receiver-side pacing).
#[derive(Debug)]
pub struct Respite {
    /// Since when it is the archive's turn.
    since: Duration,
    owed: Duration,
}

/// A longer silence is no work: a recall from tape, for example.
const LONGEST_WORK: Duration = Duration::from_secs(2);
/// More is not carried from one answer to the next.
const MOST_OWED: Duration = Duration::from_secs(30);

impl Respite {
    /// Begins with the archive's turn.
    #[must_use]
    pub fn new(now: Duration) -> Self {
        Self { since: now, owed: Duration::ZERO }
    }

    /// Something came from the archive, which may be busy for us for `share` of the time (above 0, up to 1).
    pub fn worked(&mut self, now: Duration, share: f64) {
        let worked = now.saturating_sub(self.since).min(LONGEST_WORK);
        self.since = now;
        if share >= 1.0 {
            self.owed = Duration::ZERO;
            return;
        }
        let earned = worked.as_secs_f64() * (1.0 / share - 1.0);
        let earned = Duration::try_from_secs_f64(earned).unwrap_or(MOST_OWED);
        self.owed = self.owed.saturating_add(earned).min(MOST_OWED);
    }

    /// The rest to grant now, at most `most`; what is left stays owed. Less than `least` waits until it is more.
    pub fn due(&mut self, least: Duration, most: Duration) -> Option<Duration> {
        let due = self.owed.min(most);
        if due.is_zero() || due < least {
            return None;
        }
        self.owed = self.owed.saturating_sub(due);
        Some(due)
    }

    /// It is the archive's turn again: what passed since was ours.
    pub fn resume(&mut self, now: Duration) {
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Duration = Duration::MAX;

    fn milliseconds(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn at_a_quarter_it_rests_three_times_as_long_as_it_worked() {
        let mut respite = Respite::new(Duration::ZERO);
        respite.worked(milliseconds(100), 0.25);
        assert_eq!(respite.due(Duration::ZERO, milliseconds(200)), Some(milliseconds(200)));
        respite.resume(milliseconds(5000));
        respite.worked(milliseconds(5010), 0.25);
        assert_eq!(respite.due(milliseconds(131), ALL), None);
        assert_eq!(respite.due(Duration::ZERO, ALL), Some(milliseconds(130)));
        assert_eq!(respite.due(Duration::ZERO, ALL), None);
    }

    #[test]
    fn at_its_full_share_nothing_is_owed() {
        let mut respite = Respite::new(Duration::ZERO);
        respite.worked(milliseconds(100), 0.5);
        respite.worked(milliseconds(200), 1.0);
        assert_eq!(respite.due(Duration::ZERO, ALL), None);
    }

    #[test]
    fn a_recall_from_tape_earns_no_long_rest() {
        let mut respite = Respite::new(Duration::ZERO);
        respite.worked(Duration::from_secs(900), 0.5);
        assert_eq!(respite.due(Duration::ZERO, ALL), Some(LONGEST_WORK));
        respite.worked(Duration::from_secs(1000), 1e-9);
        assert_eq!(respite.due(Duration::ZERO, ALL), Some(MOST_OWED));
    }
}
