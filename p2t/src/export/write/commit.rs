//! When what was appended to a volume is to be committed.

use std::time::{Duration, Instant};

/// How long a commit may be put off. Each costs a stop of the drive; until then the spool keeps what was appended.
#[derive(Debug, Clone, Copy)]
pub struct CommitInterval {
    /// At most so many bytes are appended between two commits, unless a segment is larger.
    pub bytes: u64,
    /// After this long, the next end of a segment is a commit.
    pub time: Duration,
}

/// What was appended since the last commit.
#[derive(Debug, Default)]
pub struct Uncommitted {
    pub bytes: u64,
    /// When the first of it began to be written.
    since: Option<Instant>,
}

impl Uncommitted {
    /// Counts a segment that was appended, its writing begun at `begun`.
    pub fn add(&mut self, bytes: u64, begun: Instant) {
        self.bytes += bytes;
        self.since.get_or_insert(begun);
    }

    /// Whether a commit comes before the next segment, of `next` bytes.
    pub fn is_due(&self, interval: CommitInterval, next: u64, now: Instant) -> bool {
        let Some(since) = self.since else { return false };
        self.bytes.saturating_add(next) > interval.bytes || now.duration_since(since) >= interval.time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_due_before_too_much_is_at_stake_and_after_a_while() {
        let interval = CommitInterval { bytes: 32, time: Duration::from_secs(120) };
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let mut uncommitted = Uncommitted::default();
        assert!(!uncommitted.is_due(interval, 99, after(999)), "there is nothing to commit");
        uncommitted.add(20, begun);
        assert!(!uncommitted.is_due(interval, 12, after(119)));
        assert!(uncommitted.is_due(interval, 13, after(1)));
        assert!(uncommitted.is_due(interval, 0, after(120)));
        uncommitted.add(12, after(60));
        assert!(!uncommitted.is_due(interval, 0, after(60)));
        assert!(uncommitted.is_due(interval, 0, after(120)), "the first of it counts");
    }
}
