//! Puts series and limits on paper: two panels over one time axis.

use jiff::tz::TimeZone;

use super::Span;
use super::limits::Limits;
use super::series::{Rate, Series};
use crate::Allowance;
use crate::Stage;
use crate::human::si;
use crate::svg::Svg;
use crate::ticks::{time_ticks, value_label, value_ticks};

pub const WIDTH: f64 = 760.0;
pub const LEFT: f64 = 46.0;
pub const PLOT_WIDTH: f64 = WIDTH - LEFT - 8.0;
pub const PANEL_HEIGHT: f64 = 116.0;
pub const FIRST_PANEL: f64 = 22.0;
pub const SECOND_PANEL: f64 = FIRST_PANEL + PANEL_HEIGHT + 34.0;
const AXIS: f64 = SECOND_PANEL + PANEL_HEIGHT;
pub const HEIGHT: f64 = AXIS + 36.0;

/// A ceiling further above the peak than this would flatten the lines; it is not drawn.
const CEILING_IN_VIEW: f64 = 2.5;

/// One of the two quantities and how to get at it.
struct Panel {
    top: f64,
    title: String,
    unit: f64,
    ticks: Vec<f64>,
    rate: fn(Rate) -> f64,
    ceilings: Vec<(f64, f64, f64)>,
}

/// A plot about to be drawn.
pub struct Drawing<'a> {
    span: Span,
    series: &'a [Series],
    limits: &'a Limits,
    panels: [Panel; 2],
}

impl Panel {
    fn new(
        top: f64,
        series: &[Series],
        rate: fn(Rate) -> f64,
        mut ceilings: Vec<(f64, f64, f64)>,
        title: impl Fn(&str) -> String,
    ) -> Self {
        let peak = series.iter().map(|series| series.peak(rate)).fold(0.0, f64::max);
        ceilings.retain(|(_, _, ceiling)| *ceiling <= peak * CEILING_IN_VIEW);
        let highest = ceilings.iter().map(|(_, _, ceiling)| *ceiling).fold(peak, f64::max);
        let (prefix, unit) = si(highest);
        Self { top, title: title(prefix), unit, ticks: value_ticks(highest / unit, 4), rate, ceilings }
    }

    fn y(&self, rate: f64) -> f64 {
        let end = self.ticks.last().copied().unwrap_or(1.0);
        self.bottom() - rate / self.unit / end * PANEL_HEIGHT
    }

    fn bottom(&self) -> f64 {
        self.top + PANEL_HEIGHT
    }
}

pub fn x(share: f64) -> f64 {
    LEFT + share * PLOT_WIDTH
}

fn stage_class(stage: Stage, part: &str) -> String {
    format!("{part} {}", stage.slug())
}

impl<'a> Drawing<'a> {
    /// Lays out the panels.
    pub fn new(span: Span, series: &'a [Series], limits: &'a Limits) -> Self {
        let bytes = Panel::new(
            FIRST_PANEL,
            series,
            |rate| rate.bytes,
            limits.ceilings(|allowance: Allowance| allowance.bytes_per_second),
            |prefix| format!("{prefix}B/s"),
        );
        let instances = Panel::new(
            SECOND_PANEL,
            series,
            |rate| rate.instances,
            limits.ceilings(|allowance: Allowance| allowance.instances_per_second),
            |prefix| match prefix {
                "" => "instances/s".to_owned(),
                _ => format!("{prefix} instances/s"),
            },
        );
        Self { span, series, limits, panels: [bytes, instances] }
    }

    /// Whether a ceiling is in view.
    pub fn shows_ceiling(&self) -> bool {
        self.panels.iter().any(|panel| !panel.ceilings.is_empty())
    }

    /// Draws everything, back to front.
    pub fn draw(&self, zone: &TimeZone) -> String {
        let mut svg =
            Svg::new(WIDTH, HEIGHT, "plot", "Rate over time: bytes per second and instances per second");
        for panel in &self.panels {
            for (from, to) in &self.limits.closed {
                svg.rect("closed", (x(*from), panel.top), (x(*to) - x(*from), PANEL_HEIGHT));
            }
            value_axis(&mut svg, panel);
        }
        time_axis(&mut svg, self.span, zone, &self.panels.each_ref().map(|panel| panel.top));
        for panel in &self.panels {
            for series in self.series {
                lines(&mut svg, panel, series);
            }
            let ceilings: Vec<Vec<(f64, f64)>> = panel
                .ceilings
                .iter()
                .map(|(from, to, ceiling)| vec![(x(*from), panel.y(*ceiling)), (x(*to), panel.y(*ceiling))])
                .collect();
            if !ceilings.is_empty() {
                svg.path("ceiling", &ceilings, false);
            }
        }
        self.marks(&mut svg);
        svg.finish()
    }

    /// A small mark above the upper panel for each change of pace, at most one per column of pixels.
    fn marks(&self, svg: &mut Svg) {
        let mut columns: Vec<i64> = self.limits.changes.iter().map(|at| x(*at).round() as i64).collect();
        columns.dedup();
        let top = FIRST_PANEL;
        let marks: Vec<Vec<(f64, f64)>> = columns
            .into_iter()
            .map(|at| at as f64)
            .map(|at| vec![(at, top), (at - 3.0, top - 6.0), (at + 3.0, top - 6.0)])
            .collect();
        if !marks.is_empty() {
            svg.path("change", &marks, true);
        }
    }
}

/// The axis below two panels, and its lines through them.
pub fn time_axis(svg: &mut Svg, span: Span, zone: &TimeZone, tops: &[f64]) {
    svg.line("axis", (LEFT, AXIS), (LEFT + PLOT_WIDTH, AXIS));
    for tick in time_ticks(span.from, span.to, zone, 9) {
        let at = x(span.share(tick.at));
        for top in tops {
            svg.line("grid", (at, *top), (at, top + PANEL_HEIGHT));
        }
        svg.line("axis", (at, AXIS), (at, AXIS + 4.0));
        svg.text("tick mid", (at, AXIS + 15.0), &tick.label);
        if let Some(date) = &tick.date {
            svg.text("tick mid date", (at, AXIS + 28.0), date);
        }
    }
}

fn value_axis(svg: &mut Svg, panel: &Panel) {
    svg.text("unit", (0.0, panel.top - 9.0), &panel.title);
    let step = panel.ticks.get(1).copied().unwrap_or(1.0);
    for tick in &panel.ticks {
        let at = panel.y(tick * panel.unit);
        svg.line("grid", (LEFT, at), (LEFT + PLOT_WIDTH, at));
        svg.text("tick end", (LEFT - 7.0, at + 3.5), &value_label(*tick, step));
    }
}

/// A stage's line, level within a bin and interrupted where the stage was idle, over a tinted area.
fn lines(svg: &mut Svg, panel: &Panel, series: &Series) {
    let width = 1.0 / series.bins.len() as f64;
    let mut runs: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut working = false;
    for (n, bin) in series.bins.iter().enumerate() {
        if let Some(rate) = bin {
            if !working {
                runs.push(Vec::new());
            }
            if let Some(run) = runs.last_mut() {
                let (from, y) = (n as f64 * width, panel.y((panel.rate)(*rate)));
                run.extend([(x(from), y), (x(from + width), y)]);
            }
        }
        working = bin.is_some();
    }
    let areas: Vec<Vec<(f64, f64)>> = runs.iter().map(|run| down_to(panel.bottom(), run)).collect();
    svg.path(&stage_class(series.stage, "area"), &areas, true);
    svg.path(&stage_class(series.stage, "rate"), &runs, false);
}

/// A run closed along the axis.
fn down_to(bottom: f64, run: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let start = run.first().map(|(x, _)| (*x, bottom));
    let end = run.last().map(|(x, _)| (*x, bottom));
    start.into_iter().chain(run.iter().copied()).chain(end).collect()
}
