//! Whether a drive can be kept streaming: it matches its speed to what comes only down to a lowest one, and below that it
//! stops, goes back and starts again, which costs seconds and wear each time. Segments that gather in the spool and
//! are written in bursts make one stop of many.

use job::DecimalBytes;
use medium::scsi::Format;
use serde::Serialize;

/// At 400 MB/s, four minutes without a stop.
const LARGEST_USUAL_BURST: u64 = 100_000_000_000;
/// As many stops in a terabyte do no harm: one in a few minutes of writing.
const TOLERABLE_STOPS: f64 = 20.0;
const TERABYTE: f64 = 1e12;

/// How fast a drive may be fed, by its maker's tables of speed matching.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drive {
    /// Its format; none if nobody tells.
    pub format: Option<&'static str>,
    /// Bytes a second below which it stops and starts.
    pub lowest: f64,
    /// Bytes a second that it takes at most.
    pub highest: f64,
    /// Its buffer, which it fills while it starts.
    pub buffer: f64,
}

/// The drive that is hardest to feed of those in wide use, LTO-9: it stands for drives of which nobody tells.
const HARDEST: Drive = Drive { format: None, lowest: 177e6, highest: 400e6, buffer: 2e9 };

impl Drive {
    /// A drive that writes cartridges of this format. Where no lowest speed was published, the highest that is known stands for it.
    /// Of buffers, the largest in use is taken for all: a smaller one stops oftener.
    pub fn of(format: Option<Format>) -> Self {
        let Some(format) = format else { return HARDEST };
        Self {
            format: Some(format.name),
            lowest: format.lowest_rate.map_or(HARDEST.lowest, |rate| rate as f64),
            highest: format.highest_rate as f64,
            buffer: HARDEST.buffer,
        }
    }
}

/// How much gathers for a tape if nothing else is configured, in a spool of this size.
pub fn usual_burst(spool_bytes: u64) -> u64 {
    LARGEST_USUAL_BURST.min(spool_bytes / 2)
}

/// What comes of a source that is slower than a drive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Outlook {
    /// The format of the drive's cartridges; none if nobody tells, and LTO-9 is supposed.
    pub drive: Option<&'static str>,
    /// Bytes of sealed segments a second.
    pub sealed_bytes_per_second: u64,
    /// What the drive can slow down to.
    pub drive_lowest_bytes_per_second: u64,
    /// Stops and starts in a terabyte if segments are written as they come.
    pub stops_per_terabyte_without_bursts: u64,
    /// The burst in force.
    pub burst_bytes: u64,
    /// Stops and starts in a terabyte with it.
    pub stops_per_terabyte: u64,
    /// A burst with which they do no harm.
    pub enough_burst_bytes: u64,
}

/// What to expect when a source gives `sealed` bytes of segments a second; none if the drive can follow it.
pub fn outlook(drive: Drive, sealed: f64, burst_bytes: u64) -> Option<Outlook> {
    if sealed <= 0.0 || sealed >= drive.lowest {
        return None;
    }
    let without = TERABYTE / streak_without_bursts(drive, sealed);
    let with = TERABYTE / streak_of_burst(drive, sealed, burst_bytes as f64);
    // What is written in a burst comes from the spool, but for what arrives meanwhile.
    let enough = TERABYTE / TOLERABLE_STOPS * (drive.highest - sealed) / drive.highest;
    Some(Outlook {
        drive: drive.format,
        sealed_bytes_per_second: whole(sealed),
        drive_lowest_bytes_per_second: whole(drive.lowest),
        stops_per_terabyte_without_bursts: whole(without),
        burst_bytes,
        stops_per_terabyte: whole(without.min(with)),
        enough_burst_bytes: whole(enough),
    })
}

/// Bytes written between two stops by a drive that empties its full buffer at its lowest speed.
fn streak_without_bursts(drive: Drive, sealed: f64) -> f64 {
    drive.lowest * drive.buffer / (drive.lowest - sealed)
}

/// Bytes written until a spool that held a burst is empty, at full speed.
fn streak_of_burst(drive: Drive, sealed: f64, burst: f64) -> f64 {
    drive.highest * burst / (drive.highest - sealed)
}

#[allow(clippy::cast_sign_loss, reason = "rates and sizes are not negative")]
fn whole(value: f64) -> u64 {
    value.max(0.0).ceil() as u64
}

impl Outlook {
    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!(
            "the source gives about {}/s of sealed segments, and a tape drive stops and starts below {}/s ({}): written as \
             they come, {} times per TB; in bursts of {}, {} times",
            DecimalBytes(self.sealed_bytes_per_second),
            DecimalBytes(self.drive_lowest_bytes_per_second),
            self.drive.unwrap_or("supposed to be LTO-9; `cartridge` under [media] says what it is"),
            self.stops_per_terabyte_without_bursts,
            DecimalBytes(self.burst_bytes),
            self.stops_per_terabyte,
        );
        if self.burst_bytes < self.enough_burst_bytes {
            text = format!(
                "{text}; set `burst_bytes` to {} under [media], with `limit_bytes` of the spool at twice that or more",
                DecimalBytes(self.enough_burst_bytes)
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GB: u64 = 1_000_000_000;

    #[test]
    fn a_source_that_the_drive_can_follow_needs_no_bursts() {
        assert_eq!(outlook(HARDEST, 177e6, 0), None);
        assert_eq!(outlook(HARDEST, 500e6, 0), None);
        assert_eq!(outlook(HARDEST, 0.0, 0), None, "nothing comes, nothing is said");
    }

    #[test]
    fn stops_are_one_for_each_time_that_buffer_or_spool_run_empty() {
        // 2 GB at 177 MB/s against 77 MB/s: 20 s and 3.54 GB in one go.
        let slow = outlook(HARDEST, 77e6, 50 * GB).unwrap();
        assert_eq!(slow.stops_per_terabyte_without_bursts, 283);
        // 50 GB at 400 MB/s against 77 MB/s: 61.9 GB in one go.
        assert_eq!(slow.stops_per_terabyte, 17);
        assert!(!slow.text().contains("set `burst_bytes`"), "{}", slow.text());
    }

    #[test]
    fn a_drive_is_what_its_cartridges_are() {
        let of = |name| Drive::of(Format::named(name));
        assert_eq!((of("LTO-8").lowest, of("LTO-8").highest), (112e6, 360e6));
        assert_eq!(
            (of("LTO-10").lowest, of("LTO-10").highest),
            (177e6, 400e6),
            "no lowest speed was published"
        );
        let slow = outlook(of("LTO-6"), 50e6, 0).unwrap();
        assert!(slow.text().contains("below 54.00 MB/s (LTO-6)"), "{}", slow.text());
        let unknown = outlook(of("DDS-4"), 50e6, 0).unwrap();
        assert!(unknown.text().contains("below 177.00 MB/s (supposed to be LTO-9;"), "{}", unknown.text());
    }

    #[test]
    fn a_burst_that_is_too_small_is_told_with_one_that_is_not() {
        let slow = outlook(HARDEST, 29e6, 10 * GB).unwrap();
        assert_eq!((slow.stops_per_terabyte, slow.enough_burst_bytes), (93, 46_375_000_000));
        assert!(slow.text().contains("set `burst_bytes` to 46.38 GB"), "{}", slow.text());
        let enough = outlook(HARDEST, 29e6, slow.enough_burst_bytes).unwrap();
        assert_eq!(enough.stops_per_terabyte, 20);
        let none = outlook(HARDEST, 29e6, 0).unwrap();
        assert_eq!(none.stops_per_terabyte, none.stops_per_terabyte_without_bursts);
    }

    #[test]
    fn the_usual_burst_leaves_half_of_the_spool_to_what_comes() {
        assert_eq!((usual_burst(60 * GB), usual_burst(900 * GB)), (30 * GB, 100 * GB));
    }
}
