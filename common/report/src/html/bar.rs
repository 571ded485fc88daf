//! A balance equation as a bar: how much is done, excluded, failed and pending.

use crate::model::Equation;
use crate::svg::Svg;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 7.0;
/// One failed instance among a million must still be seen.
const NARROWEST: f64 = 2.0;

/// Draws the bar. What is listed but in no term stays empty.
pub fn bar(equation: &Equation) -> String {
    let (listed, parts) = (equation.listed, equation.terms());
    let label: Vec<String> = parts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let mut svg = Svg::new(WIDTH, HEIGHT, "bar", &format!("{} of {listed} listed", label.join(", ")));
    svg.rect("track", (0.0, 0.0), (WIDTH, HEIGHT));
    let whole = equation.accounted().max(u128::from(listed)) as f64;
    let wide = |count: u64| if count == 0 { 0.0 } else { (count as f64 / whole * WIDTH).max(NARROWEST) };
    let total: f64 = parts.iter().map(|(_, count)| wide(*count)).sum();
    let shrink = if total > WIDTH { WIDTH / total } else { 1.0 };
    let mut x = 0.0;
    for (class, count) in parts.into_iter().filter(|(_, count)| *count > 0) {
        let width = wide(count) * shrink;
        svg.rect(class, (x, 0.0), (width, HEIGHT));
        x += width;
    }
    svg.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_failure_among_many_is_visible() {
        let svg = bar(&Equation { listed: 10_000_000, done: 9_999_999, failed: 1, ..Equation::default() });
        assert!(svg.contains("<rect class=\"failed\" x=\"758\" y=\"0\" width=\"2\""), "{svg}");
    }

    #[test]
    fn nothing_listed_is_an_empty_track() {
        assert_eq!(bar(&Equation::default()).matches("<rect").count(), 1);
    }
}
