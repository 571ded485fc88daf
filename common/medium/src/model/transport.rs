//! How long a drive takes: its buffer, the speeds at which it can move the tape, and what it costs to stop.

use std::time::Duration;

/// Virtual time over which the host's rate is measured.
const WINDOW: f64 = 1.0;

/// The figures of a drive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// Lowest and highest speed in bytes per second; between them are `steps` equal steps.
    pub lowest: f64,
    /// See `lowest`.
    pub highest: f64,
    /// See `lowest`.
    pub steps: u32,
    /// Bytes that the drive takes before they are on the tape.
    pub buffer_bytes: u64,
    /// Stopping, going back and starting again.
    pub stop_start: Duration,
    /// What a synchronous flush takes besides bringing the buffer to the tape.
    pub commit: Duration,
    /// A motion to another place.
    pub locate: Duration,
    /// Bytes per second from host to drive.
    pub link: f64,
}

impl Timing {
    /// An LTO-9 drive of full height, on a 12 Gb/s SAS link. Speeds: vendors' tables of speed matching; buffer and stops:
    /// the figures that users quote.
    pub const LTO9: Self = Self {
        lowest: 177e6,
        highest: 408e6,
        steps: 11,
        buffer_bytes: 2_000_000_000,
        stop_start: Duration::from_secs(3),
        commit: Duration::from_millis(100),
        locate: Duration::from_secs(60),
        link: 1.2e9,
    };

    /// The speed for a host that gives `rate`: the next lower one, so that the buffer does not run empty, and the next
    /// higher one once it is more than half full.
    fn matched(&self, rate: f64, half_full: bool) -> f64 {
        let step = (self.highest - self.lowest) / f64::from(self.steps);
        let steps = (rate - self.lowest) / step;
        let steps = if half_full { steps.ceil() } else { steps.floor() };
        (self.lowest + steps * step).clamp(self.lowest, self.highest)
    }
}

/// What a drive did so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Statistics {
    /// Virtual time since the drive was made.
    pub elapsed: Duration,
    /// Of it, the tape was moving under the head to be written.
    pub streaming: Duration,
    /// Bytes taken from the host.
    pub bytes: u64,
    /// Times that the drive had to stop because the host was too slow, and to start again.
    pub under_runs: u64,
    /// Times that the drive started again after it had been asked to bring everything to the tape.
    pub commit_stops: u64,
    /// Synchronous flushes.
    pub commits: u64,
}

/// Why the tape stands.
#[derive(Clone, Copy, PartialEq, Default)]
enum Motion {
    /// It has not been written here yet.
    #[default]
    Fresh,
    /// Everything was written, and nothing more came.
    Emptied,
    /// It was asked to write everything.
    Flushed,
    /// Seconds until it moves.
    Starting(f64),
    Moving,
}

/// The tape's motion in virtual time.
#[derive(Default)]
pub(super) struct Transport {
    /// None: nothing takes any time.
    timing: Option<Timing>,
    statistics: Statistics,
    motion: Motion,
    now: f64,
    streaming: f64,
    buffered: f64,
    speed: f64,
    /// Since when the host's bytes are counted, to know its rate; what it was made to wait is left out.
    window_start: f64,
    window_bytes: f64,
}

impl Transport {
    pub fn new(timing: Timing) -> Self {
        Self { timing: Some(timing), speed: timing.highest, ..Self::default() }
    }

    pub fn statistics(&self) -> Statistics {
        Statistics {
            elapsed: Duration::from_secs_f64(self.now),
            streaming: Duration::from_secs_f64(self.streaming),
            ..self.statistics
        }
    }

    /// Lets time go by.
    pub fn wait(&mut self, time: Duration) {
        self.advance(time.as_secs_f64());
    }

    /// Takes so many bytes from the host; waits until the buffer has room.
    pub fn accept(&mut self, bytes: u64) {
        self.statistics.bytes += bytes;
        let Some(timing) = self.timing else { return };
        let bytes = bytes as f64;
        self.advance(bytes / timing.link);
        self.match_speed(&timing, bytes);
        let most = timing.buffer_bytes as f64;
        if self.buffered + bytes > most {
            let since = self.now;
            self.get_moving(&timing);
            let excess = (self.buffered + bytes - most).max(0.0);
            self.advance(excess / self.speed);
            self.window_start += self.now - since;
        }
        self.buffered += bytes;
        // A drive that ran empty waits until it has something to do.
        if self.motion != Motion::Emptied || self.buffered >= most / 2.0 {
            self.start(&timing);
        }
    }

    /// Brings the buffer to the tape, which then stands.
    pub fn flush(&mut self) {
        self.statistics.commits += 1;
        let Some(timing) = self.timing else { return };
        let since = self.now;
        if self.buffered > 0.0 {
            self.get_moving(&timing);
            self.speed = timing.highest;
            self.advance(self.buffered / self.speed);
            (self.buffered, self.motion) = (0.0, Motion::Flushed);
        }
        self.advance(timing.commit.as_secs_f64());
        self.window_start += self.now - since;
    }

    /// Moves the tape to another place.
    pub fn locate(&mut self) {
        let Some(timing) = self.timing else { return };
        if self.buffered > 0.0 {
            self.get_moving(&timing);
            self.advance(self.buffered / self.speed);
        }
        self.forget();
        self.advance(timing.locate.as_secs_f64());
    }

    /// Gives so many bytes to the host.
    pub fn give(&mut self, bytes: u64) {
        if let Some(timing) = self.timing {
            self.advance(bytes as f64 / timing.highest);
        }
    }

    /// What was in the buffer is gone, and the tape stands.
    pub fn forget(&mut self) {
        (self.buffered, self.motion) = (0.0, Motion::Fresh);
    }

    fn start(&mut self, timing: &Timing) {
        match self.motion {
            Motion::Starting(_) | Motion::Moving => return,
            Motion::Fresh => {}
            Motion::Emptied => self.statistics.under_runs += 1,
            Motion::Flushed => self.statistics.commit_stops += 1,
        }
        self.motion = Motion::Starting(timing.stop_start.as_secs_f64());
    }

    fn get_moving(&mut self, timing: &Timing) {
        self.start(timing);
        if let Motion::Starting(left) = self.motion {
            self.advance(left);
        }
    }

    fn match_speed(&mut self, timing: &Timing, bytes: f64) {
        self.window_bytes += bytes;
        let time = self.now - self.window_start;
        if time >= WINDOW {
            let half_full = self.buffered > timing.buffer_bytes as f64 / 2.0;
            self.speed = timing.matched(self.window_bytes / time, half_full);
            (self.window_start, self.window_bytes) = (self.now, 0.0);
        }
    }

    fn advance(&mut self, seconds: f64) {
        self.now += seconds;
        let moving = match self.motion {
            Motion::Starting(left) if left > seconds => {
                self.motion = Motion::Starting(left - seconds);
                return;
            }
            Motion::Starting(left) => seconds - left,
            Motion::Moving => seconds,
            _ => return,
        };
        if self.speed * moving < self.buffered {
            self.motion = Motion::Moving;
            self.buffered -= self.speed * moving;
            self.streaming += moving;
        } else {
            self.motion = Motion::Emptied;
            self.streaming += self.buffered / self.speed;
            self.buffered = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: u64 = 1_000_000;

    /// Writes `total` bytes that come at `rate`, with a commit every `between`.
    fn write(rate: f64, total: u64, between: u64) -> Statistics {
        let mut drive = Transport::new(Timing::LTO9);
        for record in 1..=total / RECORD {
            let gap = RECORD as f64 / rate - RECORD as f64 / Timing::LTO9.link;
            drive.wait(Duration::from_secs_f64(gap.max(0.0)));
            drive.accept(RECORD);
            if record % (between / RECORD) == 0 {
                drive.flush();
            }
        }
        drive.statistics()
    }

    #[test]
    fn a_slow_source_makes_the_drive_stop_and_start_and_a_matched_one_does_not() {
        const TOTAL: u64 = 200_000_000_000;
        let slow = write(60e6, TOTAL, TOTAL);
        assert!(slow.under_runs > 50, "{slow:?}");
        // Between the steps of the drive, and at both ends of them.
        for rate in [178e6, 200e6, 333e6, 407e6, 5e9] {
            let matched = write(rate, TOTAL, TOTAL);
            assert_eq!(matched.under_runs, 0, "{rate}: {matched:?}");
        }
    }

    #[test]
    fn a_commit_costs_a_stop() {
        let often = write(5e9, 100_000_000_000, 4_000_000_000);
        assert_eq!((often.under_runs, often.commits, often.commit_stops), (0, 25, 24));
        let seldom = write(5e9, 100_000_000_000, 100_000_000_000);
        let lost = often.elapsed.as_secs_f64() - seldom.elapsed.as_secs_f64();
        assert!((24.0 * 2.0..24.0 * 4.0).contains(&lost), "{lost} s");
        assert!(often.streaming.as_secs_f64() >= 100e9 / 408e6);
    }

    #[test]
    fn time_goes_by_while_nothing_is_written() {
        let mut drive = Transport::new(Timing::LTO9);
        drive.wait(Duration::from_secs(5));
        drive.locate();
        assert_eq!(drive.statistics().elapsed, Duration::from_secs(65));
        assert_eq!(drive.statistics().streaming, Duration::ZERO);
    }
}
