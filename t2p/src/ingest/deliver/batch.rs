//! Groups objects into batches that one association can carry, and refuses what C-STORE cannot.

use std::collections::BTreeSet;

use catalogue::{InstanceId, PackedObject, StudyId};
use manifest::Digest;

use super::Deliver;
use crate::error::Result;

/// Presentation contexts on one association (PS3.8 section 9.3.2.2).
const MAX_PAIRS: usize = 128;

/// SOP class and transfer syntax: one presentation context.
pub type Pair = (String, String);

/// Objects for one association; all pairs of SOP class and transfer syntax in it fit.
pub struct Batch {
    pub study: StudyId,
    pub objects: Vec<Sendable>,
    pub pairs: BTreeSet<Pair>,
}

/// An object that C-STORE can carry.
pub struct Sendable {
    pub id: InstanceId,
    pub sop_class: String,
    pub sop_instance: String,
    pub transfer_syntax: String,
    /// The number of the segment that it came in.
    pub segment: u64,
    /// Where it begins in the segment's objects in the spool, and its dataset.
    pub object_at: u64,
    pub dataset_at: u64,
    pub dataset_bytes: u64,
    pub dataset_blake3: Digest,
}

impl Deliver<'_> {
    /// Groups objects of a study so that each group's contexts fit into one association; what C-STORE cannot carry is refused
    /// here, with the reason.
    pub(super) fn batches(&self, study: StudyId, objects: Vec<PackedObject>) -> Result<Vec<Batch>> {
        let mut batches: Vec<Batch> = Vec::new();
        for packed in objects {
            let id = packed.object.id;
            let sendable = match self.sendable(packed)? {
                Ok(sendable) => sendable,
                Err(why) => {
                    self.record(id, false, None, Some(why))?;
                    continue;
                }
            };
            let pair = (sendable.sop_class.clone(), sendable.transfer_syntax.clone());
            match batches.last_mut() {
                Some(batch) if batch.pairs.len() < MAX_PAIRS || batch.pairs.contains(&pair) => {
                    batch.pairs.insert(pair);
                    batch.objects.push(sendable);
                }
                _ => batches.push(Batch { study, objects: vec![sendable], pairs: BTreeSet::from([pair]) }),
            }
        }
        Ok(batches)
    }

    fn sendable(&self, packed: PackedObject) -> Result<Result<Sendable, String>> {
        if self.ends_early(&packed)? {
            return Ok(Err("in doubt: its dataset ends within an element, and a peer would wait for the rest of it; it is not sent by \
                           C-STORE, and `t2p extract` gives it back"
                .to_owned()));
        }
        let PackedObject { object, segment_id, spool_offset, .. } = packed;
        let (offset, dataset_blake3) =
            object.dataset.map_or((0, object.blake3), |dataset| (dataset.offset, dataset.blake3));
        let dataset_bytes = object.bytes.saturating_sub(offset);
        let missing = |what| Ok(Err(format!("it has no {what}, without which it cannot be sent by C-STORE")));
        if object.sop_instance.is_empty() {
            return missing("SOP Instance UID");
        }
        let Some(sop_class) = object.sop_class.filter(|uid| !uid.is_empty()) else {
            return missing("SOP Class UID");
        };
        let Some(transfer_syntax) = object.transfer_syntax.filter(|uid| !uid.is_empty()) else {
            return missing("transfer syntax");
        };
        // PS3.5 section 7.1.1: a dataset has even length; peers abort the association over one that has not.
        if dataset_bytes % 2 == 1 {
            return Ok(Err("its dataset has an odd length, which no peer takes by C-STORE".to_owned()));
        }
        let segment = self.journal.lock().segment_number(segment_id)?;
        Ok(Ok(Sendable {
            id: object.id,
            sop_class,
            sop_instance: object.sop_instance,
            transfer_syntax,
            segment,
            object_at: spool_offset.unwrap_or_default(),
            dataset_at: spool_offset.unwrap_or_default().saturating_add(offset),
            dataset_bytes,
            dataset_blake3: Digest(dataset_blake3),
        }))
    }
}
