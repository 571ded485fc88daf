//! Tables that both programs have.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    check::{Fault, in_range},
    page::Page,
};
use crate::Program;
use pace::{AdaptiveConfig, ByteSize, PaceConfig};

/// How long to wait for a peer, `[timeouts]`; each from 1 second to a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TimeoutsConfig {
    /// For the TCP connection.
    pub connect_seconds: u32,
    /// For the answer to the association request (the ARTIM timer, PS3.8 section 9.1.5).
    pub associate_seconds: u32,
    /// For the next byte on an association that is at work.
    pub idle_seconds: u32,
}

impl Default for TimeoutsConfig {
    fn default() -> Self {
        Self { connect_seconds: 10, associate_seconds: 30, idle_seconds: 120 }
    }
}

const DAY_SECONDS: u32 = 24 * 3600;

impl TimeoutsConfig {
    /// See [`connect_seconds`](Self::connect_seconds).
    #[must_use]
    pub fn connect(&self) -> Duration {
        Duration::from_secs(self.connect_seconds.into())
    }

    /// See [`associate_seconds`](Self::associate_seconds).
    #[must_use]
    pub fn associate(&self) -> Duration {
        Duration::from_secs(self.associate_seconds.into())
    }

    /// See [`idle_seconds`](Self::idle_seconds).
    #[must_use]
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds.into())
    }

    pub(super) fn check(&self) -> Result<(), Fault> {
        in_range("timeouts.connect_seconds", self.connect_seconds, 1..=DAY_SECONDS)?;
        in_range("timeouts.associate_seconds", self.associate_seconds, 1..=DAY_SECONDS)?;
        in_range("timeouts.idle_seconds", self.idle_seconds, 1..=DAY_SECONDS)
    }

    pub(super) fn render(&self, page: &mut Page) {
        page.table("timeouts", "How long to wait for a peer before giving an association up.");
        page.key("To connect.", "connect_seconds", i64::from(self.connect_seconds));
        page.key(
            "For the answer to an association request.",
            "associate_seconds",
            i64::from(self.associate_seconds),
        );
        page.key(
            "For the next byte or answer on an association.",
            "idle_seconds",
            i64::from(self.idle_seconds),
        );
    }
}

/// How often to try again what failed for a reason that may pass, `[retry]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryConfig {
    /// Tries in all, from 1 to 1000.
    pub attempts: u32,
    /// The pause before the second try, up to a day.
    pub delay_seconds: u32,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self { attempts: 5, delay_seconds: 10 }
    }
}

impl RetryConfig {
    /// See [`delay_seconds`](Self::delay_seconds).
    #[must_use]
    pub fn delay(self) -> Duration {
        Duration::from_secs(self.delay_seconds.into())
    }

    pub(super) fn check(self) -> Result<(), Fault> {
        in_range("retry.attempts", self.attempts, 1..=1000)?;
        in_range("retry.delay_seconds", self.delay_seconds, 0..=DAY_SECONDS)
    }

    pub(super) fn render(self, page: &mut Page) {
        page.table("retry", "What fails for a reason that may pass is tried again.");
        page.key("How often in all.", "attempts", i64::from(self.attempts));
        page.key("The pause before the second try.", "delay_seconds", i64::from(self.delay_seconds));
    }
}

pub fn render_pace(program: Program, config: &PaceConfig, page: &mut Page) {
    page.table("pace", "How fast we may go, and when. Every change is logged.");
    page.key(
        "Whose wall clock the windows mean: \"system\", or a name such as \"Europe/Berlin\".",
        "time_zone",
        config.time_zone.to_string(),
    );
    let holidays = config.holidays.iter().map(ToString::to_string).collect();
    page.list(
        "Holidays: on these days only windows start that name \"holiday\" among their days.",
        "holidays",
        holidays,
        "[\"2026-12-25\", \"2027-01-01\"]",
    );
    page.table("pace.limits", "Ceilings at all times; those that are left out do not limit.");
    let limits = config.limits;
    let bytes_per_second = limits.bytes_per_second.map(|rate| ByteSize(rate).to_string());
    page.optional("Bytes a second.", "bytes_per_second", bytes_per_second, "\"5 MB\"");
    page.optional("Instances a second.", "instances_per_second", limits.instances_per_second, "20.0");
    if program == Program::P2t {
        page.optional("Studies an hour.", "studies_per_hour", limits.studies_per_hour, "60.0");
    }
    page.key("Associations open at the same time.", "associations", i64::from(limits.associations));
    page.note(
        "Windows in which work is allowed; without any it always is. Those that cross midnight belong to the day on\n\
         which they start. Add as many as needed; limits may be left out, and replace only those that they name.",
    );
    if config.window.is_empty() {
        page.example_array_table(
            "pace.window",
            &[
                "days = [\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]",
                "from = \"19:00\"",
                "to = \"06:00\"",
                "limits = { bytes_per_second = \"40 MB\", associations = 4 }",
            ],
        );
        page.example_array_table(
            "pace.window",
            &["days = [\"sat\", \"sun\", \"holiday\"]", "from = \"00:00\"", "to = \"24:00\""],
        );
    }
    for window in &config.window {
        page.array_table("pace.window");
        page.serialized(window);
    }
}

/// `[pace.adaptive]`, of which every key is written so that an operator sees what can be turned.
pub fn render_adaptive(config: AdaptiveConfig, page: &mut Page) {
    page.table(
        "pace.adaptive",
        "Within the ceilings, p2t takes from a PACS only what nobody notices: it times small requests (C-ECHO and a C-FIND for\n\
         one study; over DICOMweb a QIDO-RS search for one) on an association of their own, and asks for less while they take longer than when it leaves\n\
         the source alone, or while the source rejects, aborts or falls silent. With associations = 1 it slows that one down.",
    );
    page.key("Whether it is on.", "enabled", config.enabled);
    page.key("Seconds from one canary to the next.", "canary_seconds", i64::from(config.canary_seconds));
    page.key("How many times as long as when left alone answers may take.", "tolerance", config.tolerance);
    page.key("A difference below this is noise.", "slack_milliseconds", i64::from(config.slack_milliseconds));
    page.key(
        "Minutes from one moment in which the source is left alone for three seconds, to time it without us, to the next.",
        "relearn_minutes",
        i64::from(config.relearn_minutes),
    );
}

pub fn check_pace(config: &PaceConfig) -> Result<(), Fault> {
    let named = |window: &pace::Window| window.days.contains_holidays();
    if !config.holidays.is_empty() && !config.window.is_empty() && !config.window.iter().any(named) {
        let message =
            "are listed, but no window names \"holiday\" among its days: nothing would be done on them"
                .to_owned();
        return Err(Fault { key: "pace.holidays", message });
    }
    let adaptive = config.adaptive.unwrap_or_default();
    in_range("pace.adaptive.canary_seconds", adaptive.canary_seconds, 1..=600)?;
    in_range("pace.adaptive.tolerance", adaptive.tolerance, 1.05..=10.0)?;
    in_range("pace.adaptive.slack_milliseconds", adaptive.slack_milliseconds, 0..=10_000)?;
    in_range("pace.adaptive.relearn_minutes", adaptive.relearn_minutes, 1..=1440)
}
