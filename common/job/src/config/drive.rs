//! How long tape drives are waited for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check::{Fault, in_range};
use super::page::Page;

/// A day: what nobody would wait for.
const MOST_SECONDS: u32 = 86_400;

/// `[drive]`: seconds that one call to a drive may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DriveConfig {
    /// A record, a filemark or a question: then it is said that the drive does not answer.
    pub transfer_warn_seconds: u32,
    /// Likewise: then the drive is given up.
    pub transfer_limit_seconds: u32,
    /// Winding, loading and unloading: then it is said.
    pub motion_warn_seconds: u32,
    /// Likewise: then the drive is given up.
    pub motion_limit_seconds: u32,
}

impl Default for DriveConfig {
    /// No healthy drive needs ten minutes for a record, nor twenty to wind a tape. st itself gives a command up after 900 s,
    /// space, locate and erase after 14,000 s, and then tries to bring the drive back: only what even that does not end is given up here.
    fn default() -> Self {
        Self {
            transfer_warn_seconds: 600,
            transfer_limit_seconds: 1800,
            motion_warn_seconds: 1200,
            motion_limit_seconds: 16_200,
        }
    }
}

/// After which times a call is told of, and given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Told of, and again after each such time.
    pub warn: Duration,
    /// Given up.
    pub limit: Duration,
}

impl DriveConfig {
    /// How long calls of this kind are waited for.
    pub fn patience(self, kind: medium::calls::CallKind) -> Patience {
        let (warn, limit) = match kind {
            medium::calls::CallKind::Transfer => (self.transfer_warn_seconds, self.transfer_limit_seconds),
            medium::calls::CallKind::Motion => (self.motion_warn_seconds, self.motion_limit_seconds),
        };
        Patience { warn: Duration::from_secs(warn.into()), limit: Duration::from_secs(limit.into()) }
    }

    pub(super) fn check(self) -> Result<(), Fault> {
        in_range("drive.transfer_warn_seconds", self.transfer_warn_seconds, 1..=MOST_SECONDS)?;
        in_range("drive.motion_warn_seconds", self.motion_warn_seconds, 1..=MOST_SECONDS)?;
        let least = self.transfer_warn_seconds;
        in_range("drive.transfer_limit_seconds", self.transfer_limit_seconds, least..=MOST_SECONDS)?;
        let least = self.motion_warn_seconds;
        in_range("drive.motion_limit_seconds", self.motion_limit_seconds, least..=MOST_SECONDS)
    }

    pub(super) fn render(self, page: &mut Page) {
        page.table(
            "drive",
            "How many seconds one call to a tape drive may take. What takes longer than warn is told; a drive that has not answered\n\
             after limit is given up: everything else is brought to its end, and the command ends with code 4.",
        );
        let what =
            "A record, a filemark, a question. st waits 900 s for the drive, and then tries to reset it.";
        page.key(what, "transfer_warn_seconds", i64::from(self.transfer_warn_seconds));
        page.bare_key("transfer_limit_seconds", i64::from(self.transfer_limit_seconds));
        let what = "Winding, loading, unloading. st waits up to 14,000 s for the drive.";
        page.key(what, "motion_warn_seconds", i64::from(self.motion_warn_seconds));
        page.bare_key("motion_limit_seconds", i64::from(self.motion_limit_seconds));
    }
}
