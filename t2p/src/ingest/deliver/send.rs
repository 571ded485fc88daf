//! One association's worker: sends objects one after the other, and opens a new association whenever one broke.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Instant;

use archive::{Delivery, Session};
use catalogue::Level;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use job::Counter;
use pace::Admission;

use super::batch::{Batch, Pair, Sendable};
use super::dataset::{Paced, Source};
use super::trouble::Next;
use super::{Deliver, TICK};
use crate::error::{Error, Result};

/// A session with the contexts that it was opened for.
struct Open {
    session: Box<dyn Session>,
    pairs: BTreeSet<Pair>,
}

/// What the destination said to an object.
enum Said {
    /// It took or refused it.
    Settled,
    /// It may take it later.
    NotNow(String),
}

/// What came of opening a session for a batch.
enum Opened {
    Open(Open),
    /// The destination takes nothing of the batch, for this reason.
    Refused(String),
    /// Not now; try again.
    Later,
}

impl Deliver<'_> {
    /// Sends batches until there are no more. Worker `number` (from 0) rests while the pace allows fewer associations.
    pub(super) fn send_all(&self, number: u16, todo: &Receiver<Batch>) -> Result<()> {
        let mut open: Option<Open> = None;
        loop {
            if number >= self.pace.associations() && !self.stop.requested() {
                close(open.take());
                thread::sleep(TICK);
                if self.produced.load(Ordering::Acquire) && todo.is_empty() {
                    break;
                }
                continue;
            }
            match todo.recv_timeout(TICK) {
                Ok(batch) => {
                    let reusable = open.take().filter(|open| batch.pairs.is_subset(&open.pairs));
                    let sent = self.send(batch, reusable);
                    self.pending.fetch_sub(1, Ordering::AcqRel);
                    open = sent?;
                }
                // An association that nobody needs is not kept open: the destination may have few of them.
                Err(RecvTimeoutError::Timeout) => close(open.take()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        close(open);
        Ok(())
    }

    /// Sends a batch; returns the session if it is still good.
    fn send(&self, batch: Batch, mut open: Option<Open>) -> Result<Option<Open>> {
        let mut source = Source { spool: &self.spool, open: None };
        let mut tries = 0;
        let mut objects = batch.objects.into_iter().peekable();
        while let Some(object) = objects.peek() {
            // No association is held open while none may be used.
            if self.pace.admission() != Admission::Go {
                close(open.take());
            }
            if !self.may_go() {
                break;
            }
            let mut current = match open.take() {
                Some(open) => open,
                None => match self.open(&batch.pairs)? {
                    Opened::Open(open) => open,
                    Opened::Later => continue,
                    Opened::Refused(why) => {
                        objects
                            .try_for_each(|object| self.record(object.id, false, None, Some(why.clone())))?;
                        return Ok(None);
                    }
                },
            };
            if let Some(refusal) = current.session.refusal(&object.sop_class, &object.transfer_syntax) {
                self.record(object.id, false, None, Some(refusal))?;
                objects.next();
                open = Some(current);
                continue;
            }
            let said = match self.offer(current.session.as_mut(), object, &mut source) {
                Ok(said) => {
                    self.outages().count = 0;
                    open = Some(current);
                    said
                }
                Err(Error::Archive(_)) if self.stop.requested() => break,
                Err(Error::Archive(error)) if is_ours(&error) => {
                    self.reload(object, &error)?;
                    objects.next();
                    continue;
                }
                // No answer in time, or an association that broke.
                Err(Error::Archive(error)) => Said::NotNow(error.to_string()),
                Err(error) => return Err(error),
            };
            let Said::NotNow(why) = said else {
                tries = 0;
                objects.next();
                continue;
            };
            tries += 1;
            match self.trouble.judge(batch.study, object.id, tries, &why) {
                Next::Again => self.rest(self.retry.delay().saturating_mul(tries)),
                Next::Object => {
                    self.leave(object, &why)?;
                    tries = 0;
                    objects.next();
                }
                Next::Study => {
                    self.leave(object, &why)?;
                    break;
                }
                Next::GiveUp => return Err(Error::DestinationStuck { why }),
            }
        }
        Ok(open)
    }

    fn open(&self, pairs: &BTreeSet<Pair>) -> Result<Opened> {
        let proposed: Vec<Pair> = pairs.iter().cloned().collect();
        match self.target.archive.open(&proposed) {
            Ok(session) => Ok(Opened::Open(Open { session, pairs: pairs.clone() })),
            Err(archive::Error::Dimse { source: dimse::Error::NoneAccepted(_, why), .. }) => {
                let why =
                    format!("the destination takes none of the SOP classes and transfer syntaxes: {why}");
                Ok(Opened::Refused(why))
            }
            Err(error) => {
                self.outage(error)?;
                Ok(Opened::Later)
            }
        }
    }

    /// Whether the next object may be sent; waits for windows and ceilings.
    fn may_go(&self) -> bool {
        let stop = || self.stop.requested();
        loop {
            match self.pace.admit_instance(&stop) {
                Admission::Go => return true,
                Admission::Stopped => return false,
                Admission::Closed { .. } | Admission::Paused { .. }
                    if self.pace.wait_until_open(&stop) == Admission::Stopped =>
                {
                    return false;
                }
                Admission::Closed { .. } | Admission::Paused { .. } => {}
            }
        }
    }

    /// An object that is not in the spool as it was loaded: its segment is read again, when its volume is here. Nothing
    /// of the object was taken, because its end was never sent.
    fn reload(&self, object: &Sendable, error: &archive::Error) -> Result<()> {
        let mut catalogue = self.journal.lock();
        let Some(row) = catalogue.segment(object.segment)? else { return Ok(()) };
        // It may have been loaded anew from a better volume meanwhile; then it is offered again from there.
        if catalogue.spool_offset(object.id)? != Some(object.object_at) {
            return Ok(());
        }
        let objects = catalogue.reload_segment(row.id)?;
        drop(catalogue);
        self.spool.delete(object.segment)?;
        let name = &row.segment.file;
        let message =
            format!("{name} in the spool is damaged, {objects} objects must be loaded again: {error}");
        self.journal.event(Level::Error, "spool-damaged", message)?;
        Err(Error::SpoolDamaged { segment: name.clone() })
    }

    /// Says what is left for a later run, and why.
    fn leave(&self, object: &Sendable, why: &str) -> Result<()> {
        let message = format!("instance {} is left for now: {why}", object.sop_instance);
        self.monitor.finding(&message);
        Ok(self.journal.event(Level::Warning, "destination-busy", message)?)
    }

    fn offer(&self, session: &mut dyn Session, object: &Sendable, source: &mut Source<'_>) -> Result<Said> {
        let dataset = source.dataset(object)?;
        let mut paced = Paced { source: dataset, pace: &self.pace, stop: &self.stop };
        let delivery = Delivery {
            sop_class: &object.sop_class,
            sop_instance: &object.sop_instance,
            transfer_syntax: &object.transfer_syntax,
            dataset_bytes: object.dataset_bytes,
        };
        let answer = session.store(delivery, &mut paced)?;
        let comment = answer.comment.map(|comment| format!("status {:04X}: {comment}", answer.status));
        if answer.transient {
            return Ok(Said::NotNow(format!(
                "{}: {}",
                self.target.archive.describe(),
                comment.unwrap_or_default()
            )));
        }
        if answer.stored {
            for (id, why) in self.trouble.over() {
                self.record(id, false, None, Some(why))?;
            }
            self.instances.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(object.dataset_bytes, Ordering::Relaxed);
            self.monitor.count(Counter::Bytes, object.dataset_bytes);
        }
        self.record(object.id, answer.stored, Some(answer.status), comment)?;
        Ok(Said::Settled)
    }

    /// The destination is not to be reached: all workers wait, longer each time, then the run is given up.
    fn outage(&self, source: archive::Error) -> Result<()> {
        let (count, pause) = {
            let mut outages = self.outages();
            let left = outages.rest_until.map(|until| until.saturating_duration_since(Instant::now()));
            if let Some(left) = left.filter(|left| !left.is_zero()) {
                // What other workers meet before the pause has begun to be kept is the same outage.
                (0, left)
            } else {
                outages.count += 1;
                let pause = self.retry.delay().saturating_mul(outages.count);
                outages.rest_until = Some(Instant::now() + pause);
                (outages.count, pause)
            }
        };
        if count > 0 {
            self.monitor.finding(&source.to_string());
            self.journal.event(Level::Warning, "destination-down", source.to_string())?;
        }
        if count >= self.retry.attempts {
            return Err(Error::DestinationDown { attempts: count, source });
        }
        self.rest(pause);
        Ok(())
    }
}

/// Whether it was our own disk that failed, not the destination.
fn is_ours(error: &archive::Error) -> bool {
    matches!(error, archive::Error::Dimse { source: dimse::Error::Source(_), .. })
}

fn close(open: Option<Open>) {
    if let Some(Open { session, .. }) = open
        && let Err(error) = session.close()
    {
        tracing::debug!(%error, "an association did not end well");
    }
}
