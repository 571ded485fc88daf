//! How fast the tape passes the heads: what no emulator has by itself, and what a drive is matched to.

use std::time::{Duration, Instant};

/// The drive's native rate, with a buffer between it and the host.
#[derive(Debug, Clone, Copy)]
pub struct Speed {
    bytes_per_second: f64,
    /// How far the host may be ahead of the tape, or the tape of the host.
    buffered: Duration,
    /// When the tape has moved all that was transferred so far.
    done: Option<Instant>,
}

impl Speed {
    /// `bytes_per_second` at the heads, `buffer` in bytes.
    pub fn new(bytes_per_second: u64, buffer: usize) -> Self {
        let bytes_per_second = bytes_per_second as f64;
        let buffered = Duration::from_secs_f64(buffer as f64 / bytes_per_second);
        Self { bytes_per_second, buffered, done: None }
    }

    /// How long the transfer of so many bytes waits for the tape.
    pub fn wait(&mut self, bytes: usize, now: Instant) -> Duration {
        let begin = self.done.unwrap_or(now).max(now);
        let done = begin + Duration::from_secs_f64(bytes as f64 / self.bytes_per_second);
        self.done = Some(done);
        done.saturating_duration_since(now).saturating_sub(self.buffered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_takes_a_burst_and_then_the_tape_sets_the_pace() {
        let mut speed = Speed::new(1000, 500);
        let begin = Instant::now();
        let at = |milliseconds| begin + Duration::from_millis(milliseconds);
        assert_eq!(speed.wait(500, at(0)), Duration::ZERO);
        assert_eq!(speed.wait(100, at(0)), Duration::from_millis(100));
        assert_eq!(speed.wait(100, at(100)), Duration::from_millis(100));
        // While nobody asks, the buffer empties, and no more than that.
        assert_eq!(speed.wait(500, at(60_000)), Duration::ZERO);
        assert_eq!(speed.wait(1, at(60_000)), Duration::from_millis(1));
    }
}
