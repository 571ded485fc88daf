//! What the archive's answers took while work went on, thinned out for the plot.

use catalogue::{Error, Reader};

use super::subject::Subject;
use crate::CanaryRow;

/// As many points as the plot can tell apart.
const PARTS: u32 = 340;

/// The canary's answers of the archive that the report is about, the oldest first.
pub fn rows(reader: &Reader, subject: Subject) -> Result<Vec<CanaryRow>, Error> {
    let mut rows = Vec::new();
    // Only a source has a canary.
    if subject.destination().is_some() {
        return Ok(rows);
    }
    reader.each_canary("source", PARTS, |answer| {
        rows.push(CanaryRow {
            at: answer.at,
            probe: answer.probe,
            milliseconds: answer.milliseconds,
            baseline: answer.baseline,
            load: answer.load,
        });
        Ok::<_, Error>(())
    })?;
    Ok(rows)
}
