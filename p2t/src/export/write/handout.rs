//! Which segments the legs have in hand. A segment that cannot be written is taken out of the spool only when no leg has
//! it any more: another may have put it on its volume already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use catalogue::loss::Loss;
use catalogue::segments::SegmentRow;
use catalogue::{Level, SegmentId};
use job::{Counter, Journal, Monitor};

use crate::error::{Error, Result};
use crate::export::spool::Spool;

/// Hands sealed segments out to legs.
pub struct Handout {
    shared: Arc<Journal>,
    spool: Arc<Spool>,
    monitor: Arc<dyn Monitor>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What each copy's leg has in hand.
    held: BTreeMap<u32, BTreeSet<SegmentId>>,
    /// What is to leave the spool.
    condemned: BTreeMap<SegmentId, (SegmentRow, Why)>,
}

/// Why a segment cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is not what was sealed.
    Changed,
    /// It fits on no volume.
    TooLarge,
}

impl Handout {
    pub fn new(shared: Arc<Journal>, spool: Arc<Spool>, monitor: Arc<dyn Monitor>) -> Self {
        Self { shared, spool, monitor, state: Mutex::default() }
    }

    /// The next segment after number `after` that `copy` lacks; it is in hand until [`put_back`](Self::put_back).
    pub fn take(&self, copy: u32, after: u64) -> Result<Option<SegmentRow>> {
        let mut state = self.state();
        let limit = state.condemned.len() + 1;
        let found = self.shared.lock().segments_for_copy(copy, after, limit)?;
        let next = found.into_iter().find(|row| !state.condemned.contains_key(&row.id));
        if let Some(row) = &next {
            state.held.entry(copy).or_default().insert(row.id);
        }
        Ok(next)
    }

    /// Notes that a segment in hand cannot be written.
    pub fn condemn(&self, row: &SegmentRow, why: Why) {
        self.state().condemned.insert(row.id, (row.clone(), why));
    }

    /// Ends what the leg of `copy` has in hand: what it wrote is committed, what it did not is free for others.
    pub fn put_back(&self, copy: u32) -> Result<()> {
        let mut state = self.state();
        state.held.remove(&copy);
        let in_hand: BTreeSet<SegmentId> = state.held.values().flatten().copied().collect();
        let settled: Vec<SegmentId> =
            state.condemned.keys().copied().filter(|id| !in_hand.contains(id)).collect();
        for id in settled {
            if let Some((row, why)) = state.condemned.get(&id) {
                self.settle(row, *why)?;
                state.condemned.remove(&id);
            }
        }
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a segment out of the spool, and what is in it with it, unless a copy has it.
    fn settle(&self, row: &SegmentRow, why: Why) -> Result<()> {
        let name = &row.segment.file;
        let (kind, what) = match why {
            Why::Changed => ("spool-damaged", format!("{name} changed in the spool")),
            Why::TooLarge => {
                let bytes = row.segment.bytes;
                ("too-large", format!("a segment of {bytes} bytes does not fit on an empty volume"))
            }
        };
        let mut catalogue = self.shared.lock();
        let mut instances = Vec::new();
        if why == Why::TooLarge {
            catalogue.each_object_of_segment(row.id, |packed| {
                instances.push(packed.object.id);
                Ok::<_, Error>(())
            })?;
        }
        let message = match (catalogue.lose_spooled_segment(row.id)?, why) {
            (Loss::Pending(lost), Why::Changed) => format!("{what}; its {lost} objects are fetched again"),
            (Loss::Pending(lost), Why::TooLarge) => {
                instances.iter().try_for_each(|id| catalogue.fail_instance(*id, &what))?;
                self.monitor.count(Counter::Failed, lost);
                format!("{lost} instances failed: {what}; make volumes larger")
            }
            (Loss::FewerCopies(objects), _) => {
                self.monitor.count(Counter::Done, objects);
                format!("{what}; its {objects} objects are on fewer copies than asked for")
            }
            (Loss::InSpool, _) => what,
        };
        drop(catalogue);
        self.spool.delete(name)?;
        self.monitor.finding(&message);
        Ok(self.shared.event(Level::Error, kind, message)?)
    }
}
