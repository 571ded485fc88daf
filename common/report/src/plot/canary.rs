//! The picture of how the archive bore it: what small requests took above, each against what it takes when the archive
//! is left alone; how many associations were allowed to work below.

use jiff::tz::TimeZone;

use super::Span;
use super::draw::{FIRST_PANEL, HEIGHT, LEFT, PANEL_HEIGHT, PLOT_WIDTH, SECOND_PANEL, WIDTH, time_axis, x};
use crate::CanaryRow;
use crate::svg::Svg;
use crate::ticks::{value_label, value_ticks};

/// The plot as inline SVG and what a legend must explain.
pub struct CanaryPlot {
    /// The `<svg>` element.
    pub svg: String,
    /// The requests drawn, with the class of their lines.
    pub probes: Vec<(String, String)>,
}

struct Panel {
    top: f64,
    ticks: Vec<f64>,
}

/// Plots the rows, or nothing if they span no time.
pub fn canary_plot(rows: &[CanaryRow], zone: &TimeZone) -> Option<CanaryPlot> {
    let span = Span { from: rows.first()?.at, to: rows.last()?.at };
    if span.from >= span.to {
        return None;
    }
    let mut svg = Svg::new(WIDTH, HEIGHT, "plot", "Answers to the canary and associations at work over time");
    let slowest =
        rows.iter().flat_map(|row| [row.milliseconds, row.baseline.unwrap_or(0.0)]).fold(0.0, f64::max);
    let answers = Panel::new(FIRST_PANEL, slowest);
    let loads = Panel::new(SECOND_PANEL, rows.iter().map(|row| row.load).fold(0.0, f64::max));
    answers.value_axis(&mut svg, "ms to answer");
    loads.value_axis(&mut svg, "associations at work");
    time_axis(&mut svg, span, zone, &[FIRST_PANEL, SECOND_PANEL]);
    let mut names: Vec<&str> = rows.iter().map(|row| row.probe.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut probes = Vec::new();
    for (number, name) in names.into_iter().enumerate() {
        let class = format!("probe-{}", number % 2);
        let of_probe: Vec<&CanaryRow> = rows.iter().filter(|row| row.probe == name).collect();
        let line = |value: &dyn Fn(&CanaryRow) -> Option<f64>| -> Vec<(f64, f64)> {
            let points =
                of_probe.iter().filter_map(|row| Some((x(span.share(row.at)), answers.y(value(row)?))));
            points.collect()
        };
        svg.path(&format!("idle {class}"), &[line(&|row| row.baseline)], false);
        svg.path(&format!("rate {class}"), &[line(&|row| Some(row.milliseconds))], false);
        probes.push((name.to_owned(), class));
    }
    svg.path("allowed", &[steps(rows, span, &loads)], false);
    Some(CanaryPlot { svg: svg.finish(), probes })
}

/// A load holds until the next is seen.
fn steps(rows: &[CanaryRow], span: Span, panel: &Panel) -> Vec<(f64, f64)> {
    let mut line: Vec<(f64, f64)> = Vec::new();
    for row in rows {
        let (at, y) = (x(span.share(row.at)), panel.y(row.load));
        if let Some(&(_, before)) = line.last() {
            line.push((at, before));
        }
        line.push((at, y));
    }
    line
}

impl Panel {
    fn new(top: f64, highest: f64) -> Self {
        Self { top, ticks: value_ticks(highest, 4) }
    }

    fn y(&self, value: f64) -> f64 {
        let end = self.ticks.last().copied().unwrap_or(1.0);
        self.top + PANEL_HEIGHT - value / end * PANEL_HEIGHT
    }

    fn value_axis(&self, svg: &mut Svg, title: &str) {
        svg.text("unit", (0.0, self.top - 9.0), title);
        let step = self.ticks.get(1).copied().unwrap_or(1.0);
        for tick in &self.ticks {
            let at = self.y(*tick);
            svg.line("grid", (LEFT, at), (LEFT + PLOT_WIDTH, at));
            svg.text("tick end", (LEFT - 7.0, at + 3.5), &value_label(*tick, step));
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn row(second: i64, load: f64) -> CanaryRow {
        let at = Timestamp::from_second(second).unwrap();
        CanaryRow { at, probe: "C-ECHO".to_owned(), milliseconds: 12.0, baseline: Some(10.0), load }
    }

    #[test]
    fn one_answer_is_no_plot() {
        assert!(canary_plot(&[], &TimeZone::UTC).is_none());
        assert!(canary_plot(&[row(5, 1.0)], &TimeZone::UTC).is_none());
    }

    #[test]
    fn a_load_holds_until_it_changes() {
        let rows = [row(0, 4.0), row(50, 2.0), row(100, 2.0)];
        let span = Span { from: rows[0].at, to: rows[2].at };
        let panel = Panel::new(0.0, 4.0);
        let line = steps(&rows, span, &panel);
        let seen: Vec<(i64, i64)> = line.iter().map(|(x, y)| (x.round() as i64, y.round() as i64)).collect();
        let (left, middle, right) = (46, 399, 752);
        assert_eq!(seen, [(left, 0), (middle, 0), (middle, 58), (right, 58), (right, 58)]);
        let plot = canary_plot(&rows, &TimeZone::UTC).unwrap();
        assert_eq!(plot.probes, [("C-ECHO".to_owned(), "probe-0".to_owned())]);
    }
}
