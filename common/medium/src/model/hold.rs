//! A stall that really keeps whoever asks the drive.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Holds the calls that a stall meets, until they are released. Clones are the same hold.
#[derive(Clone, Default)]
pub struct Hold(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    held: usize,
    released: bool,
}

impl Hold {
    /// Lets them go, and holds no others.
    pub fn release(&self) {
        self.state().released = true;
        self.0.1.notify_all();
    }

    /// Whether a call is held.
    pub fn holds(&self) -> bool {
        self.state().held > 0
    }

    pub(super) fn keep(&self) {
        let mut state = self.state();
        state.held += 1;
        while !state.released {
            state = self.0.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.held -= 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
