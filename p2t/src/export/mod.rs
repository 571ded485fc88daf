//! Export: fetch, pack and write at the same time, each stage at its own pace, joined by the spool.
//!
//! ```text
//! source -> fetch (capture) -> spool: intakes -> pack -> spool: segments -> write -> volumes
//! ```
//! Each stage takes its work from the catalogue and leaves its result there, so that any of them may die at any
//! moment and the next run goes on where it stopped.

mod again;
pub mod canary;
mod capture;
mod describe;
mod expected;
pub mod fetch;
pub mod governor;
mod index;
mod lost;
mod object;
mod pack;
pub mod pause;
mod spool;
mod watch;
mod write;

pub use lost::Lost;
pub use write::label_of;

#[cfg(test)]
mod planned;
#[cfg(test)]
mod sweep;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use archive::Source;
use catalogue::balance::Stage;
use catalogue::volumes::VolumeRow;
use catalogue::{Catalogue, PlanPosition};
use job::config::Verify;
use job::{ByteSize, Counter, Journal, P2tConfig, Stop};
use medium::Settings;
use pace::{Pace, SystemClock};
use uuid::Uuid;
use volume::SegmentOptions;

use self::again::Relist;
use self::canary::Watchman;
use self::capture::Capture;
use self::fetch::Fetch;
use self::governor::{Governor, SOURCE};
use self::pack::Pack;
use self::pause::PauseWatch;
use self::spool::Spool;
use self::watch::Watch;
use self::write::{CommitInterval, Handout, Pacing, Told, Write, Writers, Written};
use crate::context::{Context, Ids};
use crate::error::{Error, Result};
use crate::media::{Media, Patience};
use crate::selection::Kept;
use crate::{asking, selection, streaming};

/// Memory is bounded by the number of frames under compression.
const MAX_WORKERS: usize = 6;

/// What a run of the export came to.
pub struct Exported {
    pub catalogue: Catalogue,
    /// The volumes sealed in this run.
    pub sealed: Vec<VolumeRow>,
    /// The volumes that were read back before their cartridges left the drive.
    pub read_back: BTreeSet<Uuid>,
    /// Set when it ended for want of a medium: what to do.
    pub wanted_medium: Option<String>,
    /// Set when a medium or drive is in trouble.
    pub failure: Option<Error>,
}

/// Runs the export until it is done, stopped or out of media.
pub fn run(
    context: &Context,
    mut catalogue: Catalogue,
    source: Arc<dyn Source>,
    media: Media,
    verify: Verify,
) -> Result<Exported> {
    let ids = Ids::of(&mut catalogue)?;
    let shared = Arc::new(Journal::new(catalogue));
    let media = Arc::new(media.waited_for(Patience::new(context.monitor.clone(), context.stop.clone())));
    let stages = Stages { context, shared: &shared, source, media, verify, ids };
    let Written { sealed, read_back, wanted_medium, failure } = stages.run_until_settled()?;
    drop(stages);
    let catalogue = Arc::into_inner(shared).ok_or(Error::Crashed("a stage has not ended"))?.into_inner();
    Ok(Exported { catalogue, sealed, read_back, wanted_medium, failure })
}

/// What the stages of a run are made from.
struct Stages<'a> {
    context: &'a Context,
    shared: &'a Arc<Journal>,
    source: Arc<dyn Source>,
    media: Arc<Media>,
    verify: Verify,
    ids: Ids,
}

impl Stages<'_> {
    /// Runs all stages, and again if what was listed again before a volume was sealed brought something to fetch: the volume is
    /// open still. A source that never comes to rest is left to the next run.
    fn run_until_settled(&self) -> Result<Written> {
        const MOST_ROUNDS: usize = 4;
        let mut written = Written::default();
        for _ in 0..MOST_ROUNDS {
            let (round, found_more) = run_stages(self)?;
            written.add(round);
            let stopped = self.context.stop.requested() || written.wanted_medium.is_some();
            if !found_more || stopped || written.failure.is_some() {
                break;
            }
            if self.shared.lock().studies_to_fetch(PlanPosition::default(), 1)?.is_empty() {
                break;
            }
        }
        Ok(written)
    }
}

/// Runs all stages to their ends; says, too, whether studies were found changed before a volume was sealed.
fn run_stages(stages: &Stages<'_>) -> Result<(Written, bool)> {
    let Stages { context, shared, ids, verify, .. } = *stages;
    let (source, media) = (stages.source.clone(), stages.media.clone());
    let config = &context.config;
    // Ends the other stages when one fails, or when the operator asks for it.
    let stop = context.stop.child();
    let spool = Arc::new(Spool::recover(
        context.job.spool(),
        config.spool.limit_bytes.bytes(),
        segment_bytes(config),
        shared,
    )?);
    let pace = Arc::new(pace(context, shared));
    let pause = PauseWatch {
        job: context.job.clone(),
        pace: pace.clone(),
        shared: shared.clone(),
        monitor: context.monitor.clone(),
    };
    let adaptive = config.pace.adaptive.unwrap_or_default();
    let canary = source.canary();
    // Only a source that can be asked whether it is back is waited for.
    let outage_hours = if canary.is_some() { config.source.outage_hours } else { 0 };
    let outage = Duration::from_secs(3600 * u64::from(outage_hours));
    let canary = canary.filter(|_| adaptive.enabled);
    let governor = canary
        .as_ref()
        .map(|canary| Governor::new(adaptive, canary.probes(), pace.clone(), shared.clone()))
        .transpose()?
        .map(Arc::new);
    announce(context, shared)?;
    let capture = Arc::new(Capture::new(
        shared.clone(),
        spool.clone(),
        pace.clone(),
        context.monitor.clone(),
        stop.clone(),
    ));
    let relists = config.delta.relist && !source.lists_files();
    // Whoever lists while an export runs has a place among its associations.
    source.pass(Some(Arc::new(asking::gate(context, &pace, &stop, governor.as_ref()).without_places())));
    let fetch = Fetch::new(source.clone(), capture, config.retry)
        .waiting(outage)
        .governed(governor.clone())
        .settling(selection::settle(&config.selection))
        .excluding(Kept::exclusions(&shared.lock())?);
    let fetch = Arc::new(fetch);
    let watchman = governor
        .as_deref()
        .zip(canary)
        .map(|(governor, canary)| Watchman::new(governor, fetch.as_ref(), canary, adaptive.interval()));
    let pack = Pack {
        shared: shared.clone(),
        spool: spool.clone(),
        ids,
        segment_bytes: segment_bytes(config),
        options: SegmentOptions {
            frame_bytes: config.segment.frame_bytes.bytes() as usize,
            zstd_level: config.segment.zstd_level,
            workers: thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS),
        },
        stop: stop.clone(),
        fetched: false.into(),
    };
    let write = Write {
        shared: shared.clone(),
        handout: Handout::new(shared.clone(), spool.clone(), context.monitor.clone()),
        monitor: context.monitor.clone(),
        ids,
        pacing: pacing(config, &spool, &media),
        spool,
        media,
        settings: settings(config),
        verify,
        stop: stop.clone(),
        packed: false.into(),
        objects: 0.into(),
        bytes: 0.into(),
        down: Mutex::default(),
        told: Told::default(),
        watchdog: context.watchdog.clone(),
        writers: Writers::default(),
        relist: relists.then(|| Relist::new(fetch.clone())),
    };
    let workers = context.config.pace.most_associations();
    let running = Running { fetch: &fetch, pack: &pack, write: &write, stop: &stop, pause: &pause };
    let written = running.all(workers, shared, watchman);
    // It holds on to the catalogue.
    source.pass(None);
    let written = written?;
    Ok((written, write.relist.as_ref().is_some_and(Relist::has_found)))
}

struct Running<'a> {
    fetch: &'a Fetch,
    pack: &'a Pack,
    write: &'a Write,
    stop: &'a Stop,
    pause: &'a PauseWatch,
}

impl Running<'_> {
    /// Runs every stage on threads of its own. The first error stops the others and is returned.
    fn all(&self, workers: u16, shared: &Journal, watchman: Option<Watchman<'_>>) -> Result<Written> {
        let watch = Watch::new(shared, self.fetch, self.write)?;
        // Before any worker asks for anything.
        let paused = self.pause.look(None)?;
        let over = AtomicBool::new(false);
        // Before a volume is sealed the source is asked once more, behind all that is fetched.
        let asks_no_more = || self.pack.fetched.load(Ordering::Acquire) && self.write.relist.is_none();
        let is_over = || over.load(Ordering::Acquire) || self.stop.requested() || asks_no_more();
        let is_over = &is_over;
        thread::scope(|scope| {
            let ended = Over(&over);
            let writing = scope.spawn(move || {
                let _guard = self.stop.on_panic();
                self.guard(self.write.work())
            });
            let packing = scope.spawn(|| {
                let _guard = self.stop.on_panic();
                let _over = Over(&self.write.packed);
                self.guard(self.pack.work())
            });
            let fetching = scope.spawn(|| {
                let _guard = self.stop.on_panic();
                let _over = Over(&self.pack.fetched);
                self.write.wait_until_open();
                self.guard(self.fetch_all(workers))
            });
            let pausing = scope.spawn(move || {
                let _guard = self.stop.on_panic();
                self.guard(self.pause.watch(paused, is_over))
            });
            let watching = watchman.map(|mut watchman| {
                scope.spawn(move || {
                    let _guard = self.stop.on_panic();
                    self.guard(watchman.watch(is_over))
                })
            });
            let watched = self.guard(watch.until(&|| {
                let others_ended = || fetching.is_finished() && packing.is_finished();
                writing.is_finished() || self.write.is_left_alone() && others_ended()
            }));
            let fetched = joined(fetching, "fetch");
            let packed = joined(packing, "pack");
            if !writing.is_finished() && self.write.is_left_alone() {
                // Nothing is left that could be done; it returns if the drive has answered in the meantime.
                self.write.watchdog.leave();
            }
            let written = joined(writing, "write");
            drop(ended);
            let guarded = watching.map_or(Ok(()), |watching| joined(watching, "canary"));
            let paused = joined(pausing, "pause");
            fetched.and(packed).and(watched).and(guarded).and(paused).and(written)
        })
    }

    fn fetch_all(&self, workers: u16) -> Result<()> {
        let capture = &self.fetch.capture;
        let over = AtomicBool::new(false);
        let fetched = thread::scope(|scope| {
            let keeping = scope.spawn(|| {
                let _guard = self.stop.on_panic();
                capture.keep_up(&over);
                Ok(())
            });
            let fetchers: Vec<_> = (0..workers)
                .map(|number| {
                    scope.spawn(move || {
                        let _guard = self.stop.on_panic();
                        self.guard(self.fetch.work(number))
                    })
                })
                .collect();
            let fetched = fetchers.into_iter().map(|worker| joined(worker, "fetch")).collect::<Vec<_>>();
            over.store(true, Ordering::Release);
            let fetched = fetched.into_iter().collect::<Result<Vec<()>>>();
            fetched.and(joined(keeping, "capture"))
        });
        let closed = capture.close();
        fetched.and(capture.take_failure().map_or(Ok(()), Err)).and(closed)
    }

    fn guard<T>(&self, result: Result<T>) -> Result<T> {
        if result.is_err() {
            self.stop.request();
        }
        result
    }
}

/// Tells the next stage that this one has ended, in whatever way.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

pub fn joined<T>(handle: thread::ScopedJoinHandle<'_, Result<T>>, stage: &'static str) -> Result<T> {
    handle.join().unwrap_or(Err(Error::Crashed(stage)))
}

/// The pace of the source, its changes logged.
pub fn pace(context: &Context, shared: &Arc<Journal>) -> Pace {
    let config = &context.config.pace;
    let shared = shared.clone();
    let log = Box::new(move |change: pace::PaceChange| {
        tracing::info!(signal = change.signal, "pace");
        if let Err(error) = shared.pace(SOURCE, &change) {
            tracing::error!(%error, "a change of pace could not be recorded");
        }
    });
    Pace::new(config.limits, config.calendar(), Arc::new(SystemClock::new()), log)
}

/// Studies for the canary to ask for.
pub fn some_studies(shared: &Journal) -> Result<Vec<String>> {
    const SOME: usize = 500;
    let studies = shared.lock().studies(PlanPosition::default(), SOME)?;
    Ok(studies.into_iter().map(|planned| planned.study.uid).filter(|uid| !uid.is_empty()).collect())
}

/// How volumes are written.
pub fn settings(config: &P2tConfig) -> Settings {
    Settings {
        record_bytes: config.media.record_bytes.bytes() as usize,
        capacity_bytes: config.media.volume_bytes.map(ByteSize::bytes),
    }
}

/// How many bytes of objects go into a segment: as configured, but several must fit on a volume, or much of each
/// volume stays empty.
fn segment_bytes(config: &P2tConfig) -> u64 {
    const PER_VOLUME: u64 = 8;
    let most = config.media.volume_bytes.map_or(u64::MAX, |bytes| bytes.bytes() / PER_VOLUME);
    config.segment.bytes.bytes().min(most).max(config.segment.frame_bytes.bytes().min(most)).max(1)
}

/// When is written, and when committed. The spool keeps what is not committed, so not much of it is left so; where each commit stops
/// a drive, as much as a burst takes.
fn pacing(config: &P2tConfig, spool: &Spool, media: &Media) -> Pacing {
    let room = spool.capacity_bytes();
    let burst_bytes = |copy| match config.media.burst_bytes {
        Some(bytes) => bytes.bytes(),
        None if media.streams(copy) => streaming::usual_burst(room),
        None => 0,
    };
    let has_drive = (1..=media.copies()).any(|copy| media.streams(copy));
    let most = if has_drive { room / 2 } else { room / 4 };
    Pacing {
        commit: CommitInterval {
            bytes: config.media.commit_bytes.bytes().min(most),
            time: Duration::from_secs(config.media.commit_seconds.into()),
        },
        burst_bytes: (1..=media.copies()).map(burst_bytes).collect(),
    }
}

fn announce(context: &Context, shared: &Journal) -> Result<()> {
    let tally = shared.lock().balance(Stage::Export)?.instances;
    context.monitor.phase("export");
    for (counter, total) in [
        (Counter::Listed, tally.listed),
        (Counter::Done, tally.done),
        (Counter::Excluded, tally.excluded),
        (Counter::Failed, tally.failed),
    ] {
        context.monitor.set_total(counter, total);
    }
    Ok(())
}
