//! What the pace allowed over time, read from the pace log.

use super::Span;
use crate::{Allowance, PaceRow};

/// Where the pace changed and what it allowed in between, in shares of the plotted span.
pub struct Limits {
    /// Stretches with one allowance each.
    pub stretches: Vec<Stretch>,
    /// Stretches in which no work was allowed.
    pub closed: Vec<(f64, f64)>,
    /// Moments of change.
    pub changes: Vec<f64>,
}

/// A stretch of time with one allowance.
pub struct Stretch {
    /// Start.
    pub from: f64,
    /// End.
    pub to: f64,
    /// What was allowed.
    pub allowance: Allowance,
}

impl Limits {
    /// Reads a pace log, oldest first.
    pub fn of(pace: &[PaceRow], span: Span) -> Self {
        let before = pace.first().map(|row| (0.0, row.old));
        let rows = pace.iter().map(|row| (span.share(row.at), row.new));
        let starts: Vec<(f64, Allowance)> = before.into_iter().chain(rows).collect();
        let ends = starts.iter().skip(1).map(|(from, _)| *from).chain([1.0]);
        let stretches: Vec<Stretch> = starts
            .iter()
            .zip(ends)
            .map(|((from, allowance), to)| Stretch {
                from: from.max(0.0),
                to: to.min(1.0),
                allowance: *allowance,
            })
            .filter(|stretch| stretch.from < stretch.to)
            .collect();
        let closed = stretches.iter().filter(|s| !s.allowance.open).map(|s| (s.from, s.to)).collect();
        let changes =
            pace.iter().map(|row| span.share(row.at)).filter(|at| (0.0..=1.0).contains(at)).collect();
        Self { stretches, closed, changes }
    }

    /// The stretches in which work was allowed under a ceiling, with that ceiling.
    pub fn ceilings(&self, of: impl Fn(Allowance) -> Option<f64>) -> Vec<(f64, f64, f64)> {
        let open = self.stretches.iter().filter(|stretch| stretch.allowance.open);
        open.filter_map(|s| Some((s.from, s.to, of(s.allowance)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn allowance(open: bool, bytes: Option<f64>) -> Allowance {
        Allowance {
            open,
            bytes_per_second: bytes,
            instances_per_second: None,
            studies_per_hour: None,
            associations: None,
            load: None,
        }
    }

    fn change(second: i64, old: Allowance, new: Allowance) -> PaceRow {
        let at = Timestamp::from_second(second).unwrap();
        PaceRow { at, signal: String::new(), value: String::new(), baseline: String::new(), old, new }
    }

    #[test]
    fn stretches_join_and_cover_the_span() {
        let (five, shut) = (allowance(true, Some(5.0)), allowance(false, None));
        let span =
            Span { from: Timestamp::from_second(100).unwrap(), to: Timestamp::from_second(200).unwrap() };
        let limits = Limits::of(&[change(150, five, shut), change(175, shut, allowance(true, None))], span);
        assert_eq!(limits.ceilings(|a| a.bytes_per_second), [(0.0, 0.5, 5.0)]);
        assert_eq!(limits.closed, [(0.5, 0.75)]);
        assert_eq!(limits.changes, [0.5, 0.75]);
    }

    #[test]
    fn changes_outside_the_span_only_say_what_holds_inside() {
        let (five, nine) = (allowance(true, Some(5.0)), allowance(true, Some(9.0)));
        let span =
            Span { from: Timestamp::from_second(100).unwrap(), to: Timestamp::from_second(200).unwrap() };
        let limits = Limits::of(&[change(50, five, nine), change(250, nine, five)], span);
        assert_eq!(limits.ceilings(|a| a.bytes_per_second), [(0.0, 1.0, 9.0)]);
        assert!(limits.changes.is_empty());
    }
}
