//! Ctrl-C and SIGTERM: the first asks to stop cleanly, the second ends the process at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use crate::{ExitCode, JobError};

/// Whether a clean stop was requested; all clones see the same.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    requested: Arc<AtomicBool>,
    ancestors: Vec<Arc<AtomicBool>>,
}

impl Stop {
    /// A stop that only [`request`](Self::request) requests.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A stop that Ctrl-C and SIGTERM request. Once it is requested, either of them ends the process at once with
    /// [`ExitCode::Incomplete`], which is safe because every process may die at any instruction.
    pub fn on_signals() -> Result<Self, JobError> {
        let stop = Self::new();
        let at_once = i32::from(ExitCode::Incomplete.code());
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal must find the flag not yet set.
            flag::register_conditional_shutdown(signal, at_once, Arc::clone(&stop.requested))
                .and_then(|_| flag::register(signal, Arc::clone(&stop.requested)))
                .map_err(|source| JobError::Signals { source })?;
        }
        Ok(stop)
    }

    /// A stop for a part of the work: requested when it or its parent is; requesting it leaves the parent alone.
    #[must_use]
    pub fn child(&self) -> Self {
        let mut ancestors = self.ancestors.clone();
        ancestors.push(Arc::clone(&self.requested));
        Self { requested: Arc::default(), ancestors }
    }

    /// Requests the stop should this thread panic before the guard goes: a stage that waits for a dead one would wait
    /// for ever.
    #[must_use]
    pub fn on_panic(&self) -> StopOnPanic<'_> {
        StopOnPanic(self)
    }

    /// Requests a clean stop.
    pub fn request(&self) {
        self.requested.store(true, Ordering::SeqCst);
    }

    /// Whether a clean stop was requested, of this or of what it is a child of.
    #[must_use]
    pub fn requested(&self) -> bool {
        let mut flags = self.ancestors.iter().chain([&self.requested]);
        flags.any(|flag| flag.load(Ordering::SeqCst))
    }
}

/// See [`Stop::on_panic`].
#[derive(Debug)]
pub struct StopOnPanic<'a>(&'a Stop);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.request();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_clones_see_a_request() {
        let stop = Stop::new();
        let clone = stop.clone();
        assert!(!clone.requested());
        stop.request();
        assert!(clone.requested());
    }

    #[test]
    fn a_parent_stops_all_below_it() {
        let parent = Stop::new();
        let child = parent.child();
        let grandchild = child.child();
        assert!(!child.requested() && !grandchild.requested());
        parent.request();
        assert!(child.requested() && grandchild.requested());
        assert!(parent.child().requested());
    }

    #[test]
    fn a_panic_stops_and_a_plain_end_does_not() {
        let stop = Stop::new();
        drop(stop.on_panic());
        assert!(!stop.requested());
        let panicked = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _guard = stop.on_panic();
                    panic!("a stage dies");
                })
                .join()
        });
        assert!(panicked.is_err() && stop.requested());
    }

    #[test]
    fn a_child_stops_nothing_above_or_beside_it() {
        let parent = Stop::new();
        let (child, sibling) = (parent.child(), parent.child());
        let clone = child.clone();
        let grandchild = child.child();
        child.request();
        assert!(child.requested() && clone.requested() && grandchild.requested());
        assert!(!parent.requested() && !sibling.requested());
    }
}
