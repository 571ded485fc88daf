//! A small writer of inline SVG. Styles come from the page's style sheet by class; text is always escaped.

use std::fmt::{Display, Write as _};

/// An `<svg>` element under construction, in its own coordinates; scales with the page.
pub struct Svg {
    out: String,
}

impl Svg {
    /// An empty picture of the given size with a description for readers who cannot see it.
    pub fn new(width: f64, height: f64, class: &str, label: &str) -> Self {
        let mut svg = Self { out: String::new() };
        svg.open("svg", &[("class", &class), ("viewBox", &format!("0 0 {width} {height}"))]);
        svg.out.push_str(" role=\"img\" aria-label=\"");
        svg.escaped(label);
        svg.out.push_str("\">");
        svg
    }

    /// A rectangle.
    pub fn rect(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let [x, y, width, height] = [x, y, width, height].map(number);
        self.open("rect", &[("class", &class), ("x", &x), ("y", &y), ("width", &width), ("height", &height)]);
        self.out.push_str("/>");
    }

    /// A straight line.
    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(number);
        self.open("line", &[("class", &class), ("x1", &x1), ("y1", &y1), ("x2", &x2), ("y2", &y2)]);
        self.out.push_str("/>");
    }

    /// A path through points, each run drawn on its own; `closed` runs are filled shapes.
    pub fn path(&mut self, class: &str, runs: &[Vec<(f64, f64)>], closed: bool) {
        let mut d = String::new();
        for run in runs {
            for (n, (x, y)) in run.iter().enumerate() {
                let command = if n == 0 { 'M' } else { 'L' };
                // Writing to a String cannot fail.
                let _ = write!(d, "{command}{} {}", number(*x), number(*y));
            }
            if closed {
                d.push('Z');
            }
        }
        self.open("path", &[("class", &class), ("d", &d)]);
        self.out.push_str("/>");
    }

    /// A line of text.
    pub fn text(&mut self, class: &str, (x, y): (f64, f64), text: &str) {
        self.open("text", &[("class", &class), ("x", &number(x)), ("y", &number(y))]);
        self.out.push('>');
        self.escaped(text);
        self.out.push_str("</text>");
    }

    /// The finished element.
    pub fn finish(mut self) -> String {
        self.out.push_str("</svg>");
        self.out
    }

    /// Writes a tag up to its attributes; the caller ends it. The values are ours: numbers, class names, path data.
    fn open(&mut self, name: &str, attributes: &[(&str, &dyn Display)]) {
        let _ = write!(self.out, "<{name}");
        for (key, value) in attributes {
            let _ = write!(self.out, " {key}=\"{value}\"");
        }
    }

    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\'' => self.out.push_str("&#39;"),
                _ => self.out.push(c),
            }
        }
    }
}

/// A coordinate with one decimal, without a trailing zero.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_label_are_escaped() {
        let mut svg = Svg::new(10.0, 5.5, "plot", "a \"b\" <c>");
        svg.text("t", (1.0, 2.25), "<script>&'");
        let svg = svg.finish();
        assert!(svg.contains("aria-label=\"a &quot;b&quot; &lt;c&gt;\">"));
        assert!(svg.ends_with("<text class=\"t\" x=\"1\" y=\"2.2\">&lt;script&gt;&amp;&#39;</text></svg>"));
    }

    #[test]
    fn runs_of_a_path_are_separate() {
        let mut svg = Svg::new(1.0, 1.0, "p", "");
        svg.path("l", &[vec![(0.0, 1.0), (2.0, 3.0)], vec![(4.0, 5.0)]], true);
        assert!(svg.finish().contains("d=\"M0 1L2 3ZM4 5Z\""));
    }
}
