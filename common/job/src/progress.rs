//! Progress on stderr: a line that stays in place on a terminal, or else one every ten seconds.

mod display;
mod tally;
mod text;

use std::{
    io::{self, IsTerminal},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
};

use pace::{Clock, SystemClock};

use self::{
    display::{Display, Plain, Terminal},
    tally::Tally,
};
use crate::{Common, Counter, Monitor};

/// A monitor that shows what it hears; it ends when dropped, so drop it before the result is printed.
#[derive(Debug)]
pub struct Progress {
    tally: Arc<Tally>,
    display: Option<Arc<dyn Display>>,
    ticker: Option<Ticker>,
}

#[derive(Debug)]
struct Ticker {
    end: Sender<()>,
    thread: JoinHandle<()>,
}

impl Progress {
    /// Shows progress as the command line asks: not at all with `--quiet`; in place on a terminal, unless `-v`
    /// prints the log there, too; or else as plain lines.
    #[must_use]
    pub fn start(common: &Common) -> Self {
        let display: Option<Arc<dyn Display>> = if common.quiet {
            None
        } else if io::stderr().is_terminal() && common.verbose == 0 {
            Some(Arc::new(Terminal::new()))
        } else {
            Some(Arc::new(Plain::new(io::stderr())))
        };
        Self::on(display, Arc::new(SystemClock::new()))
    }

    fn on(display: Option<Arc<dyn Display>>, clock: Arc<dyn Clock>) -> Self {
        let tally = Arc::new(Tally::new(clock));
        let ticker = display.clone().map(|display| Ticker::start(Arc::clone(&tally), display));
        Self { tally, display, ticker }
    }
}

impl Ticker {
    fn start(tally: Arc<Tally>, display: Arc<dyn Display>) -> Self {
        let (end, ended) = mpsc::channel();
        let thread = thread::spawn(move || {
            while ended.recv_timeout(display.interval()) == Err(RecvTimeoutError::Timeout) {
                display.show(&tally.snapshot());
            }
            display.close(&tally.snapshot());
        });
        Self { end, thread }
    }

    fn stop(self) {
        drop(self.end);
        // A display that panicked has been reported by the panic itself.
        let _ = self.thread.join();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(ticker) = self.ticker.take() {
            ticker.stop();
        }
    }
}

impl Monitor for Progress {
    fn phase(&self, name: &str) {
        tracing::info!(phase = name, "phase");
        if let Some(display) = &self.display {
            display.end_phase(&self.tally.snapshot());
        }
        self.tally.begin(name);
    }

    fn set_total(&self, counter: Counter, total: u64) {
        self.tally.set(counter, total);
    }

    fn count(&self, counter: Counter, more: u64) {
        self.tally.add(counter, more);
    }

    fn uncount(&self, counter: Counter, less: u64) {
        self.tally.take_back(counter, less);
    }

    fn note(&self, text: &str) {
        tracing::info!(note = text);
        if let Some(display) = &self.display {
            display.note(text);
        }
    }

    fn finding(&self, text: &str) {
        tracing::warn!(finding = text);
        let number = self.tally.add_finding();
        if let Some(display) = &self.display {
            display.finding(number, text);
        }
    }
}

#[cfg(test)]
mod tests;
