//! Ingest: loads volumes and delivers what is on them, both at the same time, joined by the spool.
//!
//! ```text
//! volumes -> load (check) -> spool: objects of whole segments -> deliver -> destinations
//! ```

mod chain;
mod changes;
mod deliver;
mod load;
pub mod rebuild;
mod register;
mod rows;
mod spool;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use catalogue::balance::{Stage, Tally};
use catalogue::deliver::Settled;
use catalogue::{Catalogue, VolumeState};
use job::{Counter, Journal, Stop, Watchdog};
use medium::Address;
use pace::{Pace, SystemClock};

use self::deliver::Deliver;
use self::load::Load;
use self::register::Register;
use self::spool::Spool;
use crate::cli::Ingest;
use crate::context::{Context, Target, joined};
use crate::error::{Error, Result};

const SAMPLE_EVERY: Duration = Duration::from_secs(2);

/// What came of an ingest besides what the catalogue tells.
#[derive(Debug, Default)]
pub struct Ingested {
    /// What the operator should know of the volumes.
    pub remarks: Vec<String>,
    /// Volumes that could not be read at all, with the reason.
    pub unreadable: Vec<String>,
    /// Media of which no volume could be read because there is none, or its drive is not ready: nothing is known of any volume.
    pub not_there: Vec<String>,
    /// How many volumes were read and are damaged or cut off.
    pub unsound: usize,
}

/// Loads the media one after the other and delivers to every target until all is offered or the run is stopped.
pub fn run(
    context: &Context,
    mut catalogue: Catalogue,
    targets: &[Target],
    arguments: &Ingest,
) -> Result<(Catalogue, Ingested)> {
    if arguments.retry_failed {
        for target in targets {
            catalogue.retry_refused(target.id)?;
        }
    }
    let limit_bytes = context.config.spool.limit_bytes.bytes();
    let spool = Arc::new(Spool::recover(context.job.spool(), limit_bytes, &mut catalogue)?);
    announce(context, &catalogue, targets)?;
    let journal = Arc::new(Journal::new(catalogue));
    let ingested = run_stages(context, &journal, &spool, targets, arguments)?;
    let catalogue = Arc::into_inner(journal).ok_or(Error::Crashed("a stage has not ended"))?;
    Ok((catalogue.into_inner(), ingested))
}

fn run_stages(
    context: &Context,
    journal: &Arc<Journal>,
    spool: &Arc<Spool>,
    targets: &[Target],
    arguments: &Ingest,
) -> Result<Ingested> {
    // Ends the other stages when one fails, or when the operator asks for it.
    let stop = context.stop.child();
    let loaded = AtomicBool::new(false);
    let load = Load {
        register: Register {
            journal: journal.clone(),
            monitor: context.monitor.clone(),
            destinations: targets.len() as u64,
            spool: context.job.spool(),
        },
        spool: spool.clone(),
        stop: stop.clone(),
        waiting: AtomicBool::new(false),
        deliveries_idle: AtomicBool::new(false),
    };
    let deliveries: Vec<Deliver<'_>> = targets
        .iter()
        .map(|target| {
            Deliver::new(
                target,
                journal.clone(),
                spool.clone(),
                Arc::new(pace(context, journal, target)),
                context.monitor.clone(),
                context.config.retry,
                stop.clone(),
                &loaded,
                &load.waiting,
                arguments.accept_gap,
            )
        })
        .collect();
    let running = Running {
        load: &load,
        deliveries: &deliveries,
        journal,
        spool,
        stop: &stop,
        loaded: &loaded,
        watchdog: &context.watchdog,
    };
    running.all(&arguments.media)
}

struct Running<'a> {
    load: &'a Load,
    deliveries: &'a [Deliver<'a>],
    journal: &'a Journal,
    spool: &'a Spool,
    stop: &'a Stop,
    loaded: &'a AtomicBool,
    watchdog: &'a Watchdog,
}

impl Running<'_> {
    fn all(&self, media: &[Address]) -> Result<Ingested> {
        thread::scope(|scope| {
            let loading = scope.spawn(|| {
                let _guard = self.stop.on_panic();
                let _expendable = self.watchdog.expendable();
                let ingested = self.guard(self.load_all(media));
                self.loaded.store(true, Ordering::Release);
                ingested
            });
            let delivering: Vec<_> = self
                .deliveries
                .iter()
                .map(|deliver| {
                    scope.spawn(move || {
                        let _guard = self.stop.on_panic();
                        self.guard(deliver.work())
                    })
                })
                .collect();
            let kept = self.keep_house(&|| {
                let stuck = self.watchdog.is_stuck(loading.thread().id());
                if stuck {
                    // Nothing more comes: what is in the spool is delivered.
                    self.loaded.store(true, Ordering::Release);
                }
                (stuck || loading.is_finished())
                    && delivering.iter().all(thread::ScopedJoinHandle::is_finished)
            });
            let delivered: Vec<Result<()>> =
                delivering.into_iter().map(|stage| joined(stage, "deliver")).collect();
            // Unless the drive has answered in the meantime.
            self.watchdog.leave();
            let ingested = joined(loading, "load");
            let mut ingested = delivered.into_iter().collect::<Result<Vec<()>>>().and(kept).and(ingested)?;
            ingested.remarks.extend(self.deliveries.iter().filter_map(held));
            Ok(ingested)
        })
    }

    fn guard<T>(&self, result: Result<T>) -> Result<T> {
        if result.is_err() {
            self.stop.request();
        }
        result
    }

    /// A volume that cannot be read does not keep the others from being loaded.
    fn load_all(&self, media: &[Address]) -> Result<Ingested> {
        let mut ingested = Ingested::default();
        for address in media {
            if self.stop.requested() {
                break;
            }
            match self.load.volume(address) {
                Ok(loaded) => {
                    ingested.remarks.extend(loaded.remarks);
                    ingested.unsound += usize::from(!loaded.sound);
                }
                Err(error) if is_of_the_place(&error, address) => {
                    self.load.register.monitor.finding(&error.to_string());
                    ingested.not_there.push(error.to_string());
                }
                Err(error) if is_of_the_volume(&error) => {
                    ingested.unreadable.push(self.load.register.unreadable(address, &error)?);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(ingested)
    }

    /// While the stages work: frees the spool of what every destination has taken or refused, and notes how far they are.
    fn keep_house(&self, done: &dyn Fn() -> bool) -> Result<()> {
        let before = self.journal.last_sample("deliver")?;
        let sample = || -> Result<()> {
            let sent =
                |counter: &dyn Fn(&Deliver<'_>) -> u64| self.deliveries.iter().map(counter).sum::<u64>();
            let instances = sent(&|deliver| deliver.instances.load(Ordering::Relaxed));
            let bytes = sent(&|deliver| deliver.bytes.load(Ordering::Relaxed));
            Ok(self.journal.sample("deliver", before.0 + instances, before.1 + bytes)?)
        };
        sample()?;
        let mut last = Instant::now();
        let mut was_stuck = false;
        while !done() {
            thread::sleep(Duration::from_millis(50));
            if last.elapsed() >= SAMPLE_EVERY {
                let idle = self.deliveries.iter().all(|deliver| deliver.idle.load(Ordering::Relaxed));
                self.load.deliveries_idle.store(idle, Ordering::Relaxed);
                let freed = self.guard(self.free().and_then(|freed| sample().map(|()| freed)))?;
                last = Instant::now();
                // Twice in a row, because what was answered since is freed the next time.
                let stuck = freed == 0 && self.is_stuck();
                if stuck && was_stuck {
                    return self.guard(Err(Error::SpoolStuck));
                }
                was_stuck = stuck;
            }
        }
        self.free()?;
        sample()
    }

    /// Whether the spool is full of objects that no destination takes.
    fn is_stuck(&self) -> bool {
        let waiting = self.load.waiting.load(Ordering::Relaxed);
        waiting && self.deliveries.iter().all(|deliver| deliver.idle.load(Ordering::Relaxed))
    }

    /// Deletes spool files that nobody needs any more; the catalogue learns it afterwards, so that a crash between the
    /// two leads to nothing worse than looking for a file that is gone. Returns how many.
    fn free(&self) -> Result<usize> {
        let free = self.journal.lock().segments_to_free(Settled::Accepted)?;
        for row in &free {
            self.spool.delete(row.segment.number)?;
            self.journal.lock().segment_done(row.id)?;
        }
        let mut catalogue = self.journal.lock();
        for row in catalogue.volumes()? {
            let seen = matches!(row.state, VolumeState::Known | VolumeState::Verified);
            if seen && !row.files.is_empty() && catalogue.is_volume_settled(row.id)? {
                catalogue.volume_done(row.id)?;
            }
        }
        Ok(free.len())
    }
}

/// Rejection notes and objects in doubt that could not be sent yet.
fn held(deliver: &Deliver<'_>) -> Option<String> {
    let held = deliver.held.load(Ordering::Relaxed);
    (held > 0).then(|| {
        format!(
            "{}: {held} objects that are delivered last (rejection notes, and what is in doubt) wait for the rest of the transfer",
            deliver.target.name
        )
    })
}

/// Whether it is where the volume should be that cannot be read: an operator can help, and it says nothing of any volume.
fn is_of_the_place(error: &Error, address: &Address) -> bool {
    use medium::Error::{DriveGone, InUse, Missing, NoCartridge, NotReady};
    match error {
        Error::Volume(volume::Error::Medium(error)) => match error {
            NoCartridge { .. } | NotReady { .. } | InUse { .. } | DriveGone { .. } => true,
            // A file that is missing on a medium that is there is the volume's damage.
            Missing { path } => path == address.path(),
            _ => false,
        },
        _ => false,
    }
}

/// Whether it is the volume that cannot be taken: damaged, another transfer's, or at odds with what others said.
fn is_of_the_volume(error: &Error) -> bool {
    use catalogue::Error::{ObjectDiffers, PlaceTaken, SegmentDiffers, VolumeDiffers};
    match error {
        Error::Volume(volume::Error::IndexCopy { .. }) => false,
        Error::Volume(_) | Error::OtherTransfer { .. } | Error::BrokenChain { .. } => true,
        Error::Catalogue(error) => matches!(
            error,
            ObjectDiffers { .. } | PlaceTaken { .. } | SegmentDiffers { .. } | VolumeDiffers { .. }
        ),
        _ => false,
    }
}

/// The pace of one destination, its changes logged. Each has the ceilings for itself.
fn pace(context: &Context, journal: &Arc<Journal>, target: &Target) -> Pace {
    let config = &context.config.pace;
    let (journal, side) = (journal.clone(), target.name.clone());
    let log = Box::new(move |change: pace::PaceChange| {
        tracing::info!(signal = change.signal, "pace");
        if let Err(error) = journal.pace(&side, &change) {
            tracing::error!(%error, "a change of pace could not be recorded");
        }
    });
    Pace::new(config.limits, config.calendar(), Arc::new(SystemClock::new()), log)
}

/// Shows the operator where the job stands before it goes on, for all destinations together.
fn announce(context: &Context, catalogue: &Catalogue, targets: &[Target]) -> Result<()> {
    let mut all = Tally::default();
    for target in targets {
        all.add(&catalogue.balance(Stage::Deliver(target.id))?.instances);
    }
    context.monitor.phase("ingest");
    for (counter, total) in [
        (Counter::Listed, all.listed),
        (Counter::Done, all.done),
        (Counter::Excluded, all.excluded),
        (Counter::Failed, all.failed),
    ] {
        context.monitor.set_total(counter, total);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use catalogue::Level;
    use job::config::DriveConfig;
    use job::{Common, Void};

    use super::*;

    #[test]
    fn a_medium_that_is_not_there_is_no_volume_that_cannot_be_read() {
        let job = tempfile::tempdir().unwrap();
        let mut catalogue = Catalogue::open(&job.path().join("catalogue.sqlite")).unwrap();
        let spool = job.path().join("spool");
        std::fs::create_dir_all(&spool).unwrap();
        let spool = Arc::new(Spool::recover(spool, u64::MAX, &mut catalogue).unwrap());
        let journal = Arc::new(Journal::new(catalogue));
        let (monitor, stop) = (Arc::new(Void), Stop::new());
        let load = Load {
            register: Register {
                journal: journal.clone(),
                monitor: monitor.clone(),
                destinations: 1,
                spool: job.path().to_owned(),
            },
            spool: spool.clone(),
            stop: stop.clone(),
            waiting: false.into(),
            deliveries_idle: false.into(),
        };
        let common = Common { job: PathBuf::new(), json: false, quiet: true, verbose: 0 };
        let running = Running {
            load: &load,
            deliveries: &[],
            journal: &journal,
            spool: &spool,
            stop: &stop,
            loaded: &false.into(),
            watchdog: &Watchdog::start(&common, DriveConfig::default(), monitor, None),
        };
        let media =
            |name: &str| -> Vec<Address> { vec![job.path().join(name).to_str().unwrap().parse().unwrap()] };
        for name in ["gone.tap", "gone"] {
            let ingested = running.load_all(&media(name)).unwrap();
            assert_eq!((ingested.not_there.len(), &ingested.unreadable[..]), (1, &[][..]), "{name}");
        }
        assert!(journal.lock().last_events(Level::Warning, 9).unwrap().is_empty());
        std::fs::write(job.path().join("other.tap"), b"no tape").unwrap();
        let ingested = running.load_all(&media("other.tap")).unwrap();
        assert_eq!((ingested.not_there.len(), ingested.unreadable.len()), (0, 1), "{ingested:?}");
    }
}
