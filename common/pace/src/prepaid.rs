//! What a retrieval was let begin with.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a retrieval may take at once, because it waited for it before it began: an archive that waits for us in the middle of a
/// retrieval keeps an association, and often one of few threads, from others. Given back with [`Pace::settle`](crate::Pace::settle).
#[derive(Debug, Default)]
pub struct Prepaid {
    instances: AtomicU64,
    bytes: AtomicU64,
}

impl Prepaid {
    pub(crate) fn new(instances: u64, bytes: u64) -> Self {
        Self { instances: instances.into(), bytes: bytes.into() }
    }

    /// What of this many tokens is not prepaid.
    pub(crate) fn rest_of_instances(&self, tokens: u64) -> u64 {
        tokens - take(&self.instances, tokens)
    }

    /// Likewise of bytes.
    pub(crate) fn rest_of_bytes(&self, bytes: u64) -> u64 {
        bytes - take(&self.bytes, bytes)
    }

    /// All that is left, of instances and of bytes.
    pub(crate) fn take_all(&self) -> (u64, u64) {
        (self.instances.swap(0, Ordering::AcqRel), self.bytes.swap(0, Ordering::AcqRel))
    }
}

/// Takes as much as there is, up to `wanted`.
fn take(from: &AtomicU64, wanted: u64) -> u64 {
    let taken =
        from.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| Some(left.saturating_sub(wanted)));
    taken.unwrap_or_default().min(wanted)
}
