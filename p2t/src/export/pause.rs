//! Obeys the pause file while an export or a plan runs.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use catalogue::Level;
use job::{JobDir, Journal, Monitor};
use pace::{Pace, Pause};

use crate::error::Result;

const LOOK_EVERY: Duration = Duration::from_millis(500);
const TICK: Duration = Duration::from_millis(20);

/// Looks at the pause file from time to time.
pub struct PauseWatch {
    pub job: JobDir,
    pub pace: Arc<Pace>,
    pub shared: Arc<Journal>,
    pub monitor: Arc<dyn Monitor>,
}

impl PauseWatch {
    /// Looks until `over`; `known` is what the file asked for before.
    pub fn watch(&self, mut known: Option<Pause>, over: &dyn Fn() -> bool) -> Result<()> {
        let mut looked = Instant::now();
        while !over() {
            thread::sleep(TICK);
            if looked.elapsed() >= LOOK_EVERY {
                known = self.look(known)?;
                looked = Instant::now();
            }
        }
        Ok(())
    }

    /// Obeys the file as it is now, and tells when that is news. Returns what it asks for.
    pub fn look(&self, known: Option<Pause>) -> Result<Option<Pause>> {
        let pause = self.job.pause(self.pace.clock().now());
        if pause == known {
            return Ok(known);
        }
        self.pace.set_pause(pause.clone());
        let (kind, message) = match &pause {
            Some(pause) => ("pause", format!("{pause}; `p2t resume` ends it")),
            None => ("resume", "the pause is over".to_owned()),
        };
        self.monitor.finding(&message);
        self.shared.event(Level::Info, kind, message)?;
        Ok(pause)
    }
}
