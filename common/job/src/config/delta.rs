//! What is listed once more while volumes are on the road, and what the last delta is reckoned with.

use serde::{Deserialize, Serialize};

use super::check::{Fault, in_range};
use super::page::Page;

/// `[delta]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeltaConfig {
    /// Studies of so many days are looked at instance by instance, though their counts have not changed; 0 to 36,500.
    pub recent_days: u32,
    /// Whether the studies of a volume are listed again before it is sealed.
    pub relist: bool,
}

impl Default for DeltaConfig {
    fn default() -> Self {
        Self { recent_days: 14, relist: true }
    }
}

/// `[cutover]`.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CutoverConfig {
    /// How many hours a volume is on its way, from 0 to 8,760.
    pub carry_hours: f64,
}

impl DeltaConfig {
    pub(super) fn check(self) -> Result<(), Fault> {
        in_range("delta.recent_days", self.recent_days, 0..=36_500)
    }

    pub(super) fn render(self, page: &mut Page) {
        page.table("delta", "`p2t plan --delta` finds what the source has changed since it was listed.");
        page.key(
            "Studies of so many days are looked at image by image, others only if the source tells other counts than before.",
            "recent_days",
            i64::from(self.recent_days),
        );
        page.key(
            "Whether an export lists the studies of a volume again just before it is sealed, and fetches what is new.",
            "relist",
            self.relist,
        );
    }
}

impl CutoverConfig {
    pub(super) fn check(self) -> Result<(), Fault> {
        in_range("cutover.carry_hours", self.carry_hours, 0.0..=8760.0)
    }

    pub(super) fn render(self, page: &mut Page) {
        page.table("cutover", "What `p2t cutover` reckons with.");
        page.key(
            "How long a volume is on its way; 0 where both ends see the same disk.",
            "carry_hours",
            self.carry_hours,
        );
    }
}
