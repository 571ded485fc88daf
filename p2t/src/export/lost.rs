//! Segments that a volume does not hold any more.

use catalogue::loss::Loss;
use catalogue::{Catalogue, SegmentId, VolumeId};

use crate::error::Result;

/// What becomes of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Instances that were on this volume only.
    pub fetched_again: u64,
    /// Instances that other copies have.
    pub on_others: u64,
    /// Segments that the spool still has.
    pub in_spool: u64,
}

impl Lost {
    /// Records that `segments` are not on `volume` any more.
    pub fn record(
        catalogue: &mut Catalogue,
        volume: VolumeId,
        segments: impl IntoIterator<Item = SegmentId>,
    ) -> Result<Self> {
        let mut lost = Self::default();
        for segment in segments {
            match catalogue.lose_placement(volume, segment)? {
                Loss::Pending(instances) => lost.fetched_again += instances,
                Loss::FewerCopies(instances) => lost.on_others += instances,
                Loss::InSpool => lost.in_spool += 1,
            }
        }
        Ok(lost)
    }

    /// The same in words.
    pub fn text(&self) -> String {
        let Self { fetched_again, on_others, in_spool } = self;
        format!(
            "{fetched_again} instances are fetched again, {on_others} are left to other copies, {in_spool} segments are \
             still in the spool"
        )
    }
}
