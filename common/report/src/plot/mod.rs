//! The picture of rate over time: bytes/s above, instances/s below, one line per stage, the ceilings dashed,
//! times outside a window shaded, changes of pace marked. Gaps mean that a stage was idle.

mod canary;
mod draw;
mod limits;
mod series;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::{PaceRow, RateSample, Stage};

pub use canary::{CanaryPlot, canary_plot};
use limits::Limits;
use series::Series;

/// The plot as inline SVG and what a legend must explain.
pub struct Plot {
    /// The `<svg>` element.
    pub svg: String,
    /// The stages drawn.
    pub stages: Vec<Stage>,
    /// Whether a ceiling is drawn.
    pub has_ceiling: bool,
    /// Whether a closed window is shaded.
    pub has_closed: bool,
    /// Whether changes of pace are marked.
    pub has_changes: bool,
    /// Seconds that one point of a line averages over.
    pub bin_seconds: u64,
}

/// The span of time that a plot shows.
#[derive(Clone, Copy)]
struct Span {
    from: Timestamp,
    to: Timestamp,
}

impl Span {
    fn of(samples: &[RateSample]) -> Option<Self> {
        let valid = || samples.iter().filter(|sample| sample.from < sample.to);
        let from = valid().map(|sample| sample.from).min()?;
        let to = valid().map(|sample| sample.to).max()?;
        Some(Self { from, to })
    }

    fn seconds(self) -> f64 {
        seconds_between(self.from, self.to)
    }

    fn whole_seconds(self) -> u64 {
        u64::try_from(self.to.duration_since(self.from).as_secs()).unwrap_or(0)
    }

    /// Where a moment lies: 0 at the start, 1 at the end, beyond that when outside.
    fn share(self, at: Timestamp) -> f64 {
        seconds_between(self.from, at) / self.seconds()
    }
}

fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

/// Plots the samples, or nothing if there is no sample with a length.
pub fn plot(samples: &[RateSample], pace: &[PaceRow], zone: &TimeZone) -> Option<Plot> {
    let span = Span::of(samples)?;
    let series = Series::all(samples, span);
    let limits = Limits::of(pace, span);
    let drawing = draw::Drawing::new(span, &series, &limits);
    Some(Plot {
        has_ceiling: drawing.shows_ceiling(),
        has_closed: !limits.closed.is_empty(),
        has_changes: !limits.changes.is_empty(),
        bin_seconds: span.whole_seconds().div_ceil(series::BINS as u64).max(1),
        svg: drawing.draw(zone),
        stages: series.iter().map(|series| series.stage).collect(),
    })
}
