//! Asks the source for lists within the pace, as an export asks it for objects: in its windows and between its pauses, over no more
//! associations than are allowed, and under adaptive control.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use archive::{Gate, Source};
use catalogue::Catalogue;
use job::{Journal, Stop};
use pace::Pace;

use crate::context::Context;
use crate::error::Result;
use crate::export::canary::{Watchman, Work};
use crate::export::governor::Governor;
use crate::export::pause::PauseWatch;
use crate::export::{self, joined};
use crate::source;

/// The source while it is listed.
pub struct Asking {
    pub source: Arc<dyn Source>,
    gate: Arc<Gate>,
    stop: Stop,
}

impl Asking {
    /// Whether to stop; looked at between rows. Who lists files asks no queries that could wait, and so waits here.
    pub fn must_stop(&self) -> bool {
        self.stop.requested() || (self.source.lists_files() && !self.gate.opens())
    }
}

/// Opens the source and lists from it. `catalogue` is the one that `work` writes to.
pub fn within_the_pace<T>(
    context: &Context,
    catalogue: &mut Catalogue,
    work: impl FnOnce(&Asking, &mut Catalogue) -> Result<T>,
) -> Result<T> {
    let source = source::open(context, None)?;
    // A connection of its own for what is noted of the pace: the other is held while rows are waited for.
    let shared = Arc::new(Journal::new(Catalogue::open(catalogue.path())?));
    let pace = Arc::new(export::pace(context, &shared));
    let adaptive = context.config.pace.adaptive.unwrap_or_default();
    let canary = source.canary().filter(|_| adaptive.enabled);
    let governor = canary
        .as_ref()
        .map(|canary| Governor::new(adaptive, canary.probes(), pace.clone(), shared.clone()))
        .transpose()?
        .map(Arc::new);
    let stop = context.stop.child();
    let gate = Arc::new(gate(context, &pace, &stop, governor.as_ref()));
    source.pass(Some(gate.clone()));
    let asking = Asking { source, gate, stop: stop.clone() };
    let (job, monitor) = (context.job.clone(), context.monitor.clone());
    let pause = PauseWatch { job, pace, shared: shared.clone(), monitor };
    let paused = pause.look(None)?;
    let listed = Listed(&shared);
    let watchman = governor
        .as_deref()
        .zip(canary)
        .map(|(governor, canary)| Watchman::new(governor, &listed, canary, adaptive.interval()));
    let over = AtomicBool::new(false);
    let is_over = || over.load(Ordering::Acquire) || stop.requested();
    thread::scope(|scope| {
        let (stop, is_over) = (&stop, &is_over);
        let pausing = scope.spawn(|| {
            let _guard = stop.on_panic();
            ended(stop, pause.watch(paused, is_over))
        });
        let watching = watchman.map(|mut watchman| {
            scope.spawn(move || {
                let _guard = stop.on_panic();
                ended(stop, watchman.watch(is_over))
            })
        });
        let worked = work(&asking, catalogue);
        over.store(true, Ordering::Release);
        // Without them nothing would have been allowed any more: theirs is the error to tell.
        joined(pausing, "pause")?;
        watching.map_or(Ok(()), |watching| joined(watching, "canary"))?;
        worked
    })
}

/// The gate before the source's lists.
pub fn gate(context: &Context, pace: &Arc<Pace>, stop: &Stop, governor: Option<&Arc<Governor>>) -> Gate {
    let monitor = context.monitor.clone();
    let say = Box::new(move |text: &str| monitor.finding(text));
    let gate = Gate::new(pace.clone(), stop.clone(), context.config.retry, say);
    if let Some(governor) = governor.cloned() {
        gate.on_loss(Box::new(move |loss| governor.lost(loss, None)));
    }
    gate
}

fn ended<T>(stop: &Stop, result: Result<T>) -> Result<T> {
    if result.is_err() {
        stop.request();
    }
    result
}

/// What is listed so far.
struct Listed<'a>(&'a Journal);

impl Work for Listed<'_> {
    fn studies(&self) -> Result<Vec<String>> {
        export::some_studies(self.0)
    }
}
