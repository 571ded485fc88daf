//! The two ways of showing progress.

use std::{
    fmt::Debug,
    io::Write,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{tally::Snapshot, text::line};

/// Where progress is shown.
pub trait Display: Debug + Send + Sync {
    /// How often [`show`](Self::show) should be called.
    fn interval(&self) -> Duration;

    /// The state of things.
    fn show(&self, snapshot: &Snapshot);

    /// One finding, counted from 1.
    fn finding(&self, number: u64, text: &str);

    /// Something worth a line of its own, and no finding.
    fn note(&self, text: &str);

    /// A phase is over, with this as its last state; the first one has no name and no counts.
    fn end_phase(&self, snapshot: &Snapshot);

    /// Nothing follows.
    fn close(&self, snapshot: &Snapshot);
}

/// More findings are counted, but not shown one by one: the report has them all.
const FINDINGS_SHOWN: u64 = 20;

fn finding_text(number: u64, text: &str) -> Option<String> {
    match number {
        ..FINDINGS_SHOWN => Some(format!("finding: {text}")),
        FINDINGS_SHOWN => Some(format!("finding: {text}\nfurther findings are in the log and the report")),
        _ => None,
    }
}

/// A line that stays in place on the terminal.
#[derive(Debug)]
pub struct Terminal {
    bar: ProgressBar,
}

impl Terminal {
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {percent:>3}% {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar }
    }
}

impl Display for Terminal {
    fn interval(&self) -> Duration {
        Duration::from_millis(200)
    }

    fn show(&self, snapshot: &Snapshot) {
        if snapshot.phase.is_empty() {
            return;
        }
        self.bar.set_length(snapshot.listed);
        self.bar.set_position(snapshot.listed.saturating_sub(snapshot.pending()));
        self.bar.set_message(line(snapshot));
        self.bar.tick();
    }

    fn finding(&self, number: u64, text: &str) {
        if let Some(text) = finding_text(number, text) {
            self.bar.println(text);
        }
    }

    fn note(&self, text: &str) {
        self.bar.println(text);
    }

    fn end_phase(&self, snapshot: &Snapshot) {
        if !snapshot.phase.is_empty() {
            self.bar.println(line(snapshot));
        }
    }

    fn close(&self, snapshot: &Snapshot) {
        self.end_phase(snapshot);
        self.bar.finish_and_clear();
    }
}

/// Plain lines, for logs of cron jobs and services.
#[derive(Debug)]
pub struct Plain<W> {
    state: Mutex<PlainState<W>>,
}

#[derive(Debug)]
struct PlainState<W> {
    to: W,
    last: String,
}

impl<W: Write> Plain<W> {
    pub fn new(to: W) -> Self {
        Self { state: Mutex::new(PlainState { to, last: String::new() }) }
    }

    fn print(&self, text: String) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.last != text {
            // Progress that nobody can see is no reason to stop.
            let _ = writeln!(state.to, "{text}");
            state.last = text;
        }
    }
}

impl<W: Write + Debug + Send> Display for Plain<W> {
    fn interval(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn show(&self, snapshot: &Snapshot) {
        if !snapshot.phase.is_empty() {
            self.print(line(snapshot));
        }
    }

    fn finding(&self, number: u64, text: &str) {
        if let Some(text) = finding_text(number, text) {
            self.print(text);
        }
    }

    fn note(&self, text: &str) {
        self.print(text.to_owned());
    }

    fn end_phase(&self, snapshot: &Snapshot) {
        self.show(snapshot);
    }

    fn close(&self, snapshot: &Snapshot) {
        self.show(snapshot);
    }
}
