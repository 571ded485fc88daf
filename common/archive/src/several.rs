//! Lists the instances of many studies: several in one query where the archive answers such queries, over several
//! associations. A query costs many archives as much for one study as for fifty.
//!
//! An answer for several studies is believed only of the studies of which it tells what the caller knows already; every
//! other study is asked for by itself, as if there had been no such answer.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, SendError, SyncSender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use catalogue::plan::{InstanceRow, QueryRow};

use crate::error::Error;
use crate::source::StudyListing;

/// Studies and instances in one query: their UIDs are sent along.
const STUDIES: usize = 50;
const INSTANCES: u64 = 1000;
/// After so many answers in a row that were of no use, there are no more such queries.
const VAIN: u32 = 2;

/// What an archive answered to one query for several studies.
#[derive(Debug)]
pub struct Together {
    /// The instances of each study that it told.
    pub listings: HashMap<String, Vec<InstanceRow>>,
    /// The query.
    pub query: QueryRow,
}

/// A study to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Study Instance UID; empty when there is nothing to ask for.
    pub uid: String,
    /// How many instances it is thought to have.
    pub instances: u64,
}

type Listed = Result<StudyListing, Error>;

/// How an archive is asked.
pub trait ListStudies: Sync {
    /// Lists the instances of one study.
    fn one(&self, study_uid: &str) -> Listed;
    /// Lists the instances of several studies by one query; none where it does not answer such queries.
    fn together(&self, study_uids: &[&str]) -> Result<Option<Together>, Error>;
}

/// Lists studies of one archive, and learns how it likes to be asked.
pub struct Several<'a, A: ?Sized> {
    archive: &'a A,
    associations: u16,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Queries for several studies are of no use here.
    off: bool,
    /// An answer of so many rows was whole: so is one of fewer.
    proven: u64,
    vain: u32,
}

impl<'a, A: ListStudies + ?Sized> Several<'a, A> {
    /// Over at most so many associations.
    pub fn new(archive: &'a A, associations: u16) -> Self {
        Self { archive, associations: associations.max(1), known: Mutex::default() }
    }

    /// The listings of these studies, one after the other as they are told, with their places: what is kept of them at once, a
    /// crash does not make us ask for again. `agrees` says whether what an answer for several studies tells of one is what is
    /// known of it. Studies that are left when `stop` says so have [`Error::Stopped`]. `take` may end it.
    pub fn each(
        &self,
        studies: &[Wanted],
        agrees: &(dyn Fn(usize, &[InstanceRow]) -> bool + Sync),
        stop: &(dyn Fn() -> bool + Sync),
        take: &mut dyn FnMut(usize, Listed) -> ControlFlow<()>,
    ) {
        let batches = self.batches(studies);
        let next = AtomicUsize::new(0);
        // Nothing waits in between: what is not taken is still being asked for.
        let (tell, told) = mpsc::sync_channel(0);
        let work = |tell: SyncSender<(usize, Listed)>| {
            while let Some(&(start, batch)) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                if self.batch(start, batch, agrees, stop, &tell).is_err() {
                    // Nobody takes any more.
                    return;
                }
            }
        };
        thread::scope(|scope| {
            let work = &work;
            for _ in 0..batches.len().min(self.associations.into()) {
                let tell = tell.clone();
                scope.spawn(move || work(tell));
            }
            drop(tell);
            for (at, listed) in told {
                if take(at, listed).is_break() {
                    break;
                }
            }
        });
    }

    /// The first query is for more than the others will be: when it is proved whole, they are.
    fn batches<'b>(&self, studies: &'b [Wanted]) -> Vec<(usize, &'b [Wanted])> {
        let times = if self.known().proven == 0 { 2 } else { 1 };
        let mut batches = Vec::new();
        let (mut start, mut instances) = (0, 0_u64);
        for (at, study) in studies.iter().enumerate() {
            let times = if batches.is_empty() { times } else { 1 };
            let full = at - start >= times * STUDIES
                || instances.saturating_add(study.instances) > times as u64 * INSTANCES;
            if full && at > start {
                batches.extend(studies.get(start..at).map(|batch| (start, batch)));
                (start, instances) = (at, 0);
            }
            instances = instances.saturating_add(study.instances);
        }
        batches.extend(studies.get(start..).filter(|batch| !batch.is_empty()).map(|batch| (start, batch)));
        batches
    }

    fn batch(
        &self,
        start: usize,
        studies: &[Wanted],
        agrees: &(dyn Fn(usize, &[InstanceRow]) -> bool + Sync),
        stop: &(dyn Fn() -> bool + Sync),
        tell: &SyncSender<(usize, Listed)>,
    ) -> Result<(), SendError<(usize, Listed)>> {
        let uids: Vec<&str> =
            studies.iter().map(|study| study.uid.as_str()).filter(|uid| !uid.is_empty()).collect();
        let mut common = if stop() { None } else { self.common(&uids) };
        let mut query = common.as_ref().map(|common| common.query.clone());
        let (was_told, mut agreed) = (common.is_some(), 0);
        let mut list = |at: usize, study: &Wanted| {
            let told = common.as_mut().and_then(|common| common.listings.remove(&study.uid));
            let mut listing = match told.filter(|told| agrees(at, told)) {
                Some(instances) => {
                    agreed += 1;
                    StudyListing { instances, queries: Vec::new() }
                }
                None if stop() => return Err(Error::Stopped),
                // Without a UID there is nothing to ask for.
                None if study.uid.is_empty() => StudyListing::default(),
                None => self.archive.one(&study.uid)?,
            };
            listing.queries.extend(query.take());
            Ok(listing)
        };
        for (at, study) in (start..).zip(studies) {
            tell.send((at, list(at, study)))?;
        }
        if was_told {
            self.learn(agreed);
        }
        Ok(())
    }

    /// What one query tells of these studies, if that is whole: it has fewer rows than an answer that was, or its two halves
    /// have as many together.
    fn common(&self, uids: &[&str]) -> Option<Together> {
        if uids.len() < 2 || self.known().off {
            return None;
        }
        let whole = self.ask(uids)?;
        if whole.query.rows >= self.known().proven {
            let (first, second) = uids.split_at(uids.len() / 2);
            let halves = [self.ask(first)?.query.rows, self.ask(second)?.query.rows];
            if halves.contains(&0) {
                return None;
            }
            if halves.iter().sum::<u64>() != whole.query.rows {
                tracing::info!("answers for several studies are cut short");
                self.known().off = true;
                return None;
            }
            let mut known = self.known();
            known.proven = known.proven.max(whole.query.rows);
        }
        Some(whole)
    }

    fn ask(&self, uids: &[&str]) -> Option<Together> {
        let told = self.archive.together(uids).unwrap_or_else(|error| {
            tracing::info!(%error, "a query for several studies failed");
            None
        });
        if told.is_none() {
            self.known().off = true;
        }
        told
    }

    fn learn(&self, agreed: usize) {
        let mut known = self.known();
        known.vain = if agreed == 0 { known.vain + 1 } else { 0 };
        known.off |= known.vain >= VAIN;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.known)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "several_tests.rs"]
mod tests;
