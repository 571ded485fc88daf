//! Lists studies again while an export runs: those that have waited for their time, and those of a volume before it is sealed.
//! What has changed of them is recorded as a delta records it; what is new is then fetched like all else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use archive::Outlook;
use catalogue::{DeltaScope, Level, StudyId, VolumeId};
use jiff::Timestamp;
use pace::{Admission, AtWork};

use super::fetch::Fetch;
use crate::compare::{self, Compared};
use crate::error::{Error, Result};

/// Kinds of events.
const LEFT_OUT: &str = "not-listed-again";
const CHANGED: &str = "changed-before-sealing";
/// How often is said how far it is, in studies.
const SAY_EVERY: usize = 200;

/// How long a volume is kept open for an association to come free.
const PATIENCE: Duration = Duration::from_secs(600);

/// What came of listing a study again.
enum Again {
    Unchanged,
    Changed,
    /// The source did not tell, for this reason.
    LeftOut(String),
}

/// A delta over a part of the source.
#[derive(Debug, Clone, Copy)]
struct Partial {
    id: u32,
    changed: u64,
    unchanged: u64,
    left_out: u64,
}

impl Partial {
    fn begin(fetch: &Fetch, scope: DeltaScope, volume: Option<VolumeId>) -> Result<Self> {
        let id = fetch.capture.shared.lock().begin_partial_delta(scope, volume)?;
        Ok(Self { id, changed: 0, unchanged: 0, left_out: 0 })
    }

    fn count(&mut self, again: &Again) {
        match again {
            Again::Unchanged => self.unchanged += 1,
            Again::Changed => self.changed += 1,
            Again::LeftOut(_) => self.left_out += 1,
        }
    }

    fn end(&self, fetch: &Fetch) -> Result<()> {
        Ok(fetch.capture.shared.lock().end_partial_delta(self.id, self.unchanged, self.left_out)?)
    }
}

/// Studies that have waited and are to be looked at before they are fetched.
#[derive(Default)]
pub struct Due {
    /// None: to be read from the plan.
    studies: Option<VecDeque<StudyId>>,
    /// How often each was looked for in this run without an answer.
    attempts: BTreeMap<StudyId, u32>,
    delta: Option<Partial>,
}

impl Due {
    /// Has the plan read again: more time has passed.
    pub fn refresh(&mut self) {
        self.studies = None;
    }
}

impl Fetch {
    /// The next study that has waited long enough.
    pub fn next_due(&self, due: &mut Due) -> Result<Option<StudyId>> {
        if due.studies.is_none() {
            let studies = self.capture.shared.lock().studies_to_look_at(Timestamp::now())?;
            let may_try = |study: &StudyId| {
                due.attempts.get(study).is_none_or(|attempts| *attempts < self.retry.attempts)
            };
            due.studies = Some(studies.into_iter().filter(may_try).collect());
        }
        Ok(due.studies.as_mut().and_then(VecDeque::pop_front))
    }

    /// Whether a study has waited long enough by now.
    pub fn has_due(&self, due: &mut Due) -> Result<bool> {
        due.refresh();
        let next = self.next_due(due)?;
        due.refresh();
        Ok(next.is_some())
    }

    /// Looks at a study that has waited: it goes on, or waits longer because it still changes. One of files needs no looking at.
    pub fn look_at(&self, study: StudyId) -> Result<()> {
        if self.source.lists_files() {
            return Ok(self.capture.shared.lock().waits_no_more(study)?);
        }
        let known = self.with_due(|due| due.delta);
        let mut delta = match known {
            Some(delta) => delta,
            None => Partial::begin(self, DeltaScope::Waiting, None)?,
        };
        let looked = self.list_again(delta.id, study);
        let again = match looked {
            Ok(again) => again,
            Err(Error::Archive(_)) if self.capture.stop.requested() => return Ok(()),
            Err(Error::Archive(error)) => {
                self.with_due(|due| {
                    due.delta = Some(delta);
                    *due.attempts.entry(study).or_default() += 1;
                });
                return self.source_failed(error);
            }
            Err(error) => return Err(error),
        };
        delta.count(&again);
        if let Again::LeftOut(why) = &again {
            self.with_due(|due| due.attempts.insert(study, self.retry.attempts));
            self.not_told(why)?;
        }
        self.with_due(|due| due.delta = Some(delta));
        delta.end(self)
    }

    /// Lists a study again and records what has changed of it. An error where that says nothing about the study.
    fn list_again(&self, delta: u32, study: StudyId) -> Result<Again> {
        let shared = &self.capture.shared;
        let known = shared.lock().known_study(study)?;
        let Some(known) = known.filter(|known| !known.gone && !known.excluded) else {
            return Ok(Again::Unchanged);
        };
        let uid = &known.study.uid;
        let listing = match self.source.list_study(uid) {
            Err(error) if error.outlook() == Outlook::Permanent => {
                return Ok(Again::LeftOut(format!("study {uid}: {error}")));
            }
            listing => listing?,
        };
        let mut told = known.study.clone();
        let is_fewer = listing.instances.is_empty() || compare::lacks_any(&shared.lock(), &known, &listing)?;
        if is_fewer {
            // An answer that ends early looks the same: the source's own counts of this moment tell.
            match compare::ask(self.source.as_ref(), uid) {
                Ok(None) if listing.instances.is_empty() => {
                    shared.lock().study_deleted(delta, study)?;
                    return Ok(Again::Changed);
                }
                Ok(None) => {
                    return Ok(Again::LeftOut(format!(
                        "the source lists images of study {uid}, and not the study"
                    )));
                }
                Ok(Some(now)) => {
                    (told.claimed_series, told.claimed_instances) =
                        (now.claimed_series, now.claimed_instances);
                }
                Err(Error::Archive(error)) if error.outlook() == Outlook::Permanent => {
                    return Ok(Again::LeftOut(format!("study {uid}: {error}")));
                }
                Err(error) => return Err(error),
            }
        }
        let compared =
            compare::record(&mut shared.lock(), delta, &known, &told, Some(&listing), self.settle)?;
        Ok(match compared {
            Compared::Unchanged => Again::Unchanged,
            Compared::Changed => Again::Changed,
            Compared::InDoubt(why) => Again::LeftOut(format!("study {uid}: {why}")),
        })
    }

    fn not_told(&self, why: &str) -> Result<()> {
        self.capture.monitor.finding(why);
        Ok(self.capture.shared.event(Level::Warning, LEFT_OUT, why.to_owned())?)
    }

    /// Waits until one association more may ask the source for something: through pauses, and until a window opens. An error
    /// says why none may at present.
    fn borrow(&self) -> Result<AtWork<'_>, NotNow> {
        let pace = &self.capture.pace;
        let mut begun = Instant::now();
        loop {
            let waits = pace.admission() != Admission::Go;
            if waits {
                self.capture.monitor.note("to list studies again waits until the source may be asked");
            }
            match pace.wait_until_open(&|| self.capture.stop.requested()) {
                Admission::Go => {}
                Admission::Stopped => return Err(NotNow::Stopped),
                Admission::Closed { .. } | Admission::Paused { .. } => {
                    return Err(NotNow::Because("no window opens within two weeks".to_owned()));
                }
            }
            if waits {
                begun = Instant::now();
            }
            if self.is_down() {
                return Err(NotNow::Because("it is down".to_owned()));
            }
            if !pace.is_hushed() && pace.at_work() < pace.associations() {
                return Ok(pace.go_to_work());
            }
            if begun.elapsed() > PATIENCE {
                return Err(NotNow::Because("no association came free".to_owned()));
            }
            std::thread::sleep(super::fetch::TICK);
        }
    }
}

/// An association that the workers do without meanwhile.
struct Lent<'a>(&'a Fetch);

impl<'a> Lent<'a> {
    fn new(fetch: &'a Fetch) -> Self {
        fetch.lent.fetch_add(1, Ordering::AcqRel);
        Self(fetch)
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.lent.fetch_sub(1, Ordering::AcqRel);
    }
}

enum NotNow {
    Stopped,
    Because(String),
}

/// Lists the studies of volumes again before these are sealed.
pub struct Relist {
    fetch: Arc<Fetch>,
    /// Copies have the same studies: what one leg is listing, the other need not.
    turn: Mutex<()>,
    found: AtomicBool,
}

impl Relist {
    pub fn new(fetch: Arc<Fetch>) -> Self {
        Self { fetch, turn: Mutex::default(), found: AtomicBool::default() }
    }

    /// Whether any study had changed.
    pub fn has_found(&self) -> bool {
        self.found.load(Ordering::Acquire)
    }

    /// Lists the studies with objects on a volume again that were not since they were fetched. A source that does not answer
    /// keeps no volume from being sealed; a pause or a closed window does, until it is over. False if a stop was requested
    /// meanwhile.
    pub fn before_sealing(&self, volume: VolumeId, name: &str) -> Result<bool> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let fetch = &self.fetch;
        let (shared, monitor) = (&fetch.capture.shared, &fetch.capture.monitor);
        let studies = shared.lock().studies_to_list_again(volume)?;
        if studies.is_empty() {
            return Ok(true);
        }
        let count = studies.len();
        monitor.note(&format!("{name}: its {count} studies are listed again before it is sealed"));
        let _lent = Lent::new(fetch);
        let mut delta = Partial::begin(fetch, DeltaScope::Volume, Some(volume))?;
        let mut why = None;
        for (at, study) in studies.into_iter().enumerate() {
            let again = match fetch.borrow() {
                Ok(_at_work) => fetch.list_again(delta.id, study),
                Err(NotNow::Stopped) => {
                    delta.end(fetch)?;
                    return Ok(false);
                }
                Err(NotNow::Because(reason)) => {
                    why = Some(reason);
                    break;
                }
            };
            let again = match again {
                Err(Error::Archive(_)) if fetch.capture.stop.requested() => {
                    delta.end(fetch)?;
                    return Ok(false);
                }
                Err(Error::Archive(error)) => {
                    why = Some(error.to_string());
                    break;
                }
                again => again?,
            };
            delta.count(&again);
            match again {
                Again::LeftOut(why) => fetch.not_told(&why)?,
                Again::Changed | Again::Unchanged => shared.lock().study_listed_again(study)?,
            }
            if (at + 1) % SAY_EVERY == 0 {
                monitor.note(&format!("{name}: {} of {count} studies are listed again", at + 1));
            }
        }
        let told = delta.changed + delta.unchanged + delta.left_out;
        delta.left_out += (count as u64).saturating_sub(told);
        delta.end(fetch)?;
        if let Some(why) = why {
            let left_out = delta.left_out;
            fetch.not_told(&format!(
                "{left_out} of {count} studies of {name} were not listed again before it was sealed, because the source could not be \
                 asked: {why}; `p2t plan --delta` looks at them"
            ))?;
        }
        if delta.changed > 0 {
            self.found.store(true, Ordering::Release);
            let message = format!(
                "before {name} was sealed, {} of its {count} studies had changed since they were fetched",
                delta.changed
            );
            monitor.finding(&message);
            shared.event(Level::Warning, CHANGED, message)?;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
