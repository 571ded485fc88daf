//! A snapshot as one line for people.

use std::time::Duration;

use indicatif::{DecimalBytes, HumanCount};

use super::tally::Snapshot;

/// The balance where anything is counted, and as far as they are known bytes, rate, time left and findings.
pub fn line(snapshot: &Snapshot) -> String {
    let balance = [
        (snapshot.done, "done"),
        (snapshot.excluded, "excluded"),
        (snapshot.failed, "failed"),
        (snapshot.pending(), "pending"),
    ]
    .map(|(count, name)| format!("{} {name}", HumanCount(count)));
    let mut parts = Vec::new();
    if snapshot.listed + snapshot.done + snapshot.excluded + snapshot.failed > 0 {
        parts.push(format!("{} listed = {}", HumanCount(snapshot.listed), balance.join(" + ")));
    }
    if snapshot.bytes > 0 {
        parts.push(DecimalBytes(snapshot.bytes).to_string());
    }
    if let Some(rate) = snapshot.bytes_per_second.filter(|&rate| rate >= 1.0) {
        parts.push(rate_text(rate));
    }
    if let Some(left) = snapshot.left.filter(|_| snapshot.pending() > 0) {
        parts.push(format!("ETA {}", duration_text(left)));
    }
    if snapshot.findings > 0 {
        parts.push(format!("findings: {}", HumanCount(snapshot.findings)));
    }
    if parts.is_empty() {
        return snapshot.phase.clone();
    }
    format!("{}: {}", snapshot.phase, parts.join(", "))
}

#[expect(clippy::cast_sign_loss, reason = "a rate is not negative, and the cast saturates")]
fn rate_text(bytes_per_second: f64) -> String {
    format!("{}/s", DecimalBytes(bytes_per_second as u64))
}

fn duration_text(duration: Duration) -> String {
    let minutes = duration.as_secs().div_ceil(60);
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    match (days, hours) {
        (0, 0) if duration.as_secs() < 60 => format!("{} s", duration.as_secs()),
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {minutes:02} min"),
        _ => format!("{days} d {hours} h"),
    }
}
