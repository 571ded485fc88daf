//! What in the readings an operator has to know.

use serde::{Deserialize, Serialize};

use super::{Health, Reading};
use crate::scsi::alert::Severity;
use crate::scsi::density::Format;
use crate::scsi::log::ErrorCounters;
use crate::scsi::sense::Sense;

/// Something about drive or cartridge that belongs into the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthFinding {
    /// How much it matters.
    pub severity: Severity,
    /// A sentence.
    pub text: String,
}

impl HealthFinding {
    fn new(severity: Severity, text: impl Into<String>) -> Self {
        Self { severity, text: text.into() }
    }
}

/// Passes of the tape over the heads that a cartridge is good for, by its makers.
const PASSES_IN_A_LIFE: u64 = 16_000;
/// Percent of the native capacity below which a cartridge that ended tells of a bad cartridge or drive: bad spots are written again
/// further on, and that takes room long before anything fails.
const SUSPICIOUS_PERCENT: u64 = 95;

impl Health {
    /// What the report should say, the worst first.
    pub fn findings(&self) -> Vec<HealthFinding> {
        let drive = &self.drive;
        let mut findings: Vec<_> = drive
            .alerts
            .known()
            .into_iter()
            .flatten()
            .map(|alert| {
                let text = format!("TapeAlert {} ({}): {}", alert.number, alert.name, alert.text);
                HealthFinding::new(alert.severity, text)
            })
            .collect();
        findings.extend(uncorrected(&drive.write_errors, "writing"));
        findings.extend(uncorrected(&drive.read_errors, "reading"));
        findings.extend(self.wear());
        if drive.cleaning_requested {
            let text =
                "The drive asks to be cleaned: put a cleaning cartridge in when this volume is complete.";
            findings.push(HealthFinding::new(Severity::Warning, text));
        }
        if drive.attentions.iter().any(Sense::loses_position) {
            let text = "The drive was reset, or its cartridge changed, since it was last asked.";
            findings.push(HealthFinding::new(Severity::Information, text));
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        findings
    }

    fn wear(&self) -> Option<HealthFinding> {
        let cartridge = self.cartridge.as_ref()?;
        let passes = cartridge.statistics.known()?.middle_passes?;
        (passes >= PASSES_IN_A_LIFE).then(|| {
            let text = format!(
                "The tape has passed the heads {passes} times; it is made for {PASSES_IN_A_LIFE}. Copy what is on the \
                 cartridge and use it no more."
            );
            HealthFinding::new(Severity::Warning, text)
        })
    }

    /// What the bytes that a cartridge took, from its beginning to early warning and without compression, tell of it.
    pub fn of_capacity(format: &Format, bytes_to_early_warning: u64) -> Option<HealthFinding> {
        let percent = bytes_to_early_warning / (format.native_bytes / 100);
        (percent < SUSPICIOUS_PERCENT).then(|| {
            let text = format!(
                "The cartridge was full after {percent} % of what an {} cartridge holds: the drive wrote much of it twice. Clean \
                 the drive, verify this cartridge, and use neither further if it happens again.",
                format.name
            );
            HealthFinding::new(Severity::Warning, text)
        })
    }
}

fn uncorrected(counters: &Reading<ErrorCounters>, what: &str) -> Option<HealthFinding> {
    let number = counters.known()?.uncorrected.filter(|number| *number > 0)?;
    let text = format!("The drive counts {number} errors while {what} that it could not correct.");
    Some(HealthFinding::new(Severity::Critical, text))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::{CartridgeHealth, DriveHealth};
    use super::*;
    use crate::scsi::log::VolumeStatistics;
    use crate::scsi::{Alert, FORMATS};

    fn healthy() -> Health {
        let statistics = VolumeStatistics { middle_passes: Some(15_999), ..VolumeStatistics::default() };
        let counters = ErrorCounters { uncorrected: Some(0), retried: Some(7), ..ErrorCounters::default() };
        Health {
            drive: DriveHealth {
                path: Path::new("/dev/nst0").into(),
                identity: Reading::missing(""),
                readiness: Reading::missing(""),
                alerts: Reading::Known(Vec::new()),
                write_errors: Reading::Known(counters),
                read_errors: Reading::Known(counters),
                cleaning_requested: false,
                attentions: Vec::new(),
            },
            cartridge: Some(CartridgeHealth {
                medium: Reading::missing(""),
                memory: Reading::missing(""),
                statistics: Reading::Known(statistics),
                capacity: Reading::missing(""),
            }),
        }
    }

    #[test]
    fn a_healthy_drive_needs_no_words() {
        assert_eq!(healthy().findings(), []);
    }

    #[test]
    fn the_worst_comes_first() {
        let mut health = healthy();
        health.drive.alerts = Reading::Known([21, 4].into_iter().filter_map(Alert::of).collect());
        health.drive.write_errors =
            Reading::Known(ErrorCounters { uncorrected: Some(2), ..ErrorCounters::default() });
        let mut worn = health.cartridge.take().unwrap();
        let passes = Some(PASSES_IN_A_LIFE);
        worn.statistics =
            Reading::Known(VolumeStatistics { middle_passes: passes, ..VolumeStatistics::default() });
        health.cartridge = Some(worn);
        let findings = health.findings();
        let texts: Vec<&str> = findings.iter().map(|finding| &finding.text[..16]).collect();
        assert_eq!(texts, ["TapeAlert 4 (Med", "The drive counts", "TapeAlert 21 (Cl", "The tape has pas"]);
        assert!(findings.is_sorted_by_key(|finding| std::cmp::Reverse(finding.severity)));
    }

    #[test]
    fn a_cartridge_that_is_full_too_early_is_suspicious() {
        let lto9 = FORMATS[5];
        assert_eq!(Health::of_capacity(&lto9, 17_831_131_348_992), None);
        let finding = Health::of_capacity(&lto9, 16_900_000_000_000).unwrap();
        assert!(finding.text.contains("after 93 %") && finding.text.contains("LTO-9"), "{}", finding.text);
    }
}
