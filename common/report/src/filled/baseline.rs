//! Baselines: the source's before the transfer, held against the destination's, or the source's own later one.

use catalogue::baseline::SOURCE;
use catalogue::{Error, Reader};
use manifest::{Baseline, Operation};

use super::subject::Subject;
use crate::{BaselineRow, Baselines, Figure, Measured};

/// The measurements that a report compares, if there are any.
pub fn compare(reader: &Reader, subject: Subject) -> Result<Option<Baselines>, Error> {
    let mut of_source = reader.baselines(SOURCE)?;
    let (before, after) = match subject.destination() {
        None => {
            let last = if of_source.len() > 1 { of_source.pop() } else { None };
            of_source.truncate(1);
            (of_source.pop(), last)
        }
        Some(id) => {
            let name = reader.destinations()?.into_iter().find(|row| row.id == id).map(|row| row.name);
            let of_destination = reader.baselines(&name.unwrap_or_default())?.pop();
            (of_source.pop(), of_destination)
        }
    };
    let measured = |baseline: &Baseline| Measured { archive: baseline.archive.clone(), at: baseline.at };
    let rows = rows(before.as_ref(), after.as_ref());
    Ok((before.is_some() || after.is_some()).then(|| Baselines {
        before: before.as_ref().map(measured),
        after: after.as_ref().map(measured),
        rows,
    }))
}

fn rows(before: Option<&Baseline>, after: Option<&Baseline>) -> Vec<BaselineRow> {
    let operations = |baseline: Option<&Baseline>| {
        baseline.map(|baseline| baseline.operations.clone()).unwrap_or_default()
    };
    let (before, after) = (operations(before), operations(after));
    let mut names: Vec<&String> = before.iter().map(|operation| &operation.name).collect();
    names.extend(
        after
            .iter()
            .map(|operation| &operation.name)
            .filter(|name| !before.iter().any(|of| of.name == **name)),
    );
    let named = |of: &[Operation], name: &str| of.iter().find(|operation| operation.name == name).cloned();
    let row = |name: &String| {
        let (before, after) = (named(&before, name), named(&after, name));
        let ratio = before.as_ref().zip(after.as_ref()).and_then(|(before, after)| ratio(before, after));
        BaselineRow {
            operation: name.clone(),
            before: before.as_ref().map(figure),
            after: after.as_ref().map(figure),
            ratio,
        }
    };
    names.into_iter().map(row).collect()
}

/// Studies differ in size, so that of retrievals the bytes a second are compared.
fn ratio(before: &Operation, after: &Operation) -> Option<f64> {
    if before.answered == 0 || after.answered == 0 {
        return None;
    }
    match (before.bytes_per_second(), after.bytes_per_second()) {
        (Some(before), Some(after)) => Some(before as f64 / after.max(1) as f64),
        _ => Some(after.median_us as f64 / before.median_us.max(1) as f64),
    }
}

fn figure(operation: &Operation) -> Figure {
    Figure {
        answered: operation.answered,
        failed: operation.failed,
        median_ms: operation.median_us as f64 / 1000.0,
        p95_ms: operation.p95_us as f64 / 1000.0,
        bytes_per_second: operation.bytes_per_second(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(operations: Vec<Operation>) -> Baseline {
        Baseline { at: jiff::Timestamp::UNIX_EPOCH, archive: "A".into(), studies: Vec::new(), operations }
    }

    #[test]
    fn what_is_slower_or_fails_is_worse_and_what_differs_little_is_not() {
        let echo = |took| Operation::of("C-ECHO", vec![took], 0, 0);
        let row = |before, after| rows(Some(&baseline(vec![before])), Some(&baseline(vec![after]))).remove(0);
        assert_eq!(row(echo(100), echo(109)).judgement(), "same or better");
        assert_eq!(row(echo(100), echo(20)).judgement(), "same or better");
        let slower = row(echo(100), echo(150));
        assert_eq!((&*slower.judgement(), slower.is_worse()), ("1.5 times as slow", true));
        let failing = row(echo(100), Operation::of("C-ECHO", vec![50], 3, 0));
        assert_eq!((&*failing.judgement(), failing.is_worse()), ("3 of 4 failed", true));
        let moved = |bytes| Operation::of("retrieve", vec![1_000_000], 0, bytes);
        assert_eq!(row(moved(2_000_000), moved(1_000_000)).ratio, Some(2.0));
    }

    #[test]
    fn what_only_one_of_them_was_asked_for_is_shown_without_a_judgement() {
        let (echo, find) = (Operation::of("C-ECHO", vec![1], 0, 0), Operation::of("C-FIND", vec![1], 0, 0));
        let rows = rows(Some(&baseline(vec![echo])), Some(&baseline(vec![find])));
        let shown: Vec<_> =
            rows.iter().map(|row| (&*row.operation, row.judgement(), row.is_worse())).collect();
        assert_eq!(shown, [("C-ECHO", String::new(), false), ("C-FIND", String::new(), false)]);
    }
}
