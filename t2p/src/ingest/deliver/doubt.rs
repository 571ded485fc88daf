//! Objects in doubt: what the source sent as an instance and cannot be it. They are offered when all else was, if no sound object of
//! their instance has come by then; what ends early is not, because a peer would wait for the rest of it.

use std::io::Read;

use catalogue::{Object, PackedObject};
use dataset::{Ending, Finding};
use job::Counter;
use manifest::IN_DOUBT;

use super::Deliver;
use crate::error::Result;

const PIECE_BYTES: usize = 64 * 1024;

pub(super) fn is_in_doubt(object: &Object) -> bool {
    object.findings.as_ref().is_some_and(|findings| findings.starts_with(IN_DOUBT))
}

impl Deliver<'_> {
    /// The objects that no sound one has superseded.
    pub(super) fn not_superseded(&self, objects: Vec<PackedObject>) -> Result<Vec<PackedObject>> {
        let mut left = Vec::with_capacity(objects.len());
        for packed in objects {
            if is_in_doubt(&packed.object) {
                let mut catalogue = self.journal.lock();
                self.monitor.count(Counter::Excluded, catalogue.supersede(packed.object.id)?);
                if catalogue.spool_offset(packed.object.id)?.is_none() {
                    continue;
                }
            }
            left.push(packed);
        }
        Ok(left)
    }

    /// Whether an object in doubt ends within an element. Whatever is wrong with its file is found, and told, when it is sent.
    pub(super) fn ends_early(&self, packed: &PackedObject) -> Result<bool> {
        let Some(mut dataset) = self.dataset(packed)?.filter(|_| is_in_doubt(&packed.object)) else {
            return Ok(false);
        };
        let mut ending = Ending::new(packed.object.transfer_syntax.as_deref().unwrap_or_default());
        let mut piece = vec![0; PIECE_BYTES];
        while let Ok(length @ 1..) = dataset.read(&mut piece) {
            ending.push(piece.get(..length).unwrap_or_default());
        }
        Ok(matches!(ending.finish(), Some(Finding::Truncated { .. })))
    }
}
