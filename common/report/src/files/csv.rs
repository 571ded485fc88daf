//! The CSV files (RFC 4180, UTF-8, one header line): a row per study, a row per instance, and
//! one per change at the source.
//!
//! Outside text that a spreadsheet would take for a formula gets an apostrophe in front; line breaks and
//! other control characters become spaces, so that a row is always one line.

use std::borrow::Cow;

use csv::Writer;

use super::PendingFile;
use crate::{ChangeRow, Error, InstanceRow, StudyRow, class_word};

const STUDY_COLUMNS: [&str; 12] = [
    "study_instance_uid",
    "study_date",
    "modalities",
    "listed",
    "done",
    "excluded",
    "failed",
    "pending",
    "extra",
    "bytes",
    "verdict",
    "reasons",
];

const INSTANCE_COLUMNS: [&str; 11] = [
    "study_instance_uid",
    "series_instance_uid",
    "sop_instance_uid",
    "sop_class_uid",
    "transfer_syntax_uid",
    "bytes",
    "blake3",
    "volume",
    "segment",
    "verdict",
    "reason",
];

const CHANGE_COLUMNS: [&str; 8] = [
    "number",
    "delta",
    "seen_at",
    "class",
    "study_instance_uid",
    "sop_instance_uid",
    "instances",
    "keys_that_differ",
];

/// The file of studies.
pub struct StudiesCsv(Table);

impl StudiesCsv {
    /// Starts the file.
    pub fn new(file: PendingFile) -> Result<Self, Error> {
        Table::new(file, &STUDY_COLUMNS).map(Self)
    }

    /// Appends a study.
    pub fn push(&mut self, row: &StudyRow) -> Result<(), Error> {
        let of = row.instances;
        let numbers = [of.listed, of.done, of.excluded, of.failed, of.pending, row.extra, row.bytes]
            .map(|n| n.to_string());
        // Several values in one cell are parted as DICOM parts them.
        let (modalities, reasons) = (row.modalities.join("\\"), row.reasons.join("; "));
        let mut cells = vec![plain(&row.study_instance_uid), plain(&row.study_date), plain(&modalities)];
        cells.extend(numbers.iter().map(|number| Cow::from(number.as_str())));
        cells.extend([row.verdict.word().into(), plain(&reasons)]);
        self.0.push(&cells)
    }

    /// Ends the file.
    pub fn finish(self) -> Result<(PendingFile, u64), Error> {
        self.0.finish()
    }
}

/// The file of instances.
pub struct InstancesCsv(Table);

impl InstancesCsv {
    /// Starts the file.
    pub fn new(file: PendingFile) -> Result<Self, Error> {
        Table::new(file, &INSTANCE_COLUMNS).map(Self)
    }

    /// Appends an instance.
    pub fn push(&mut self, row: &InstanceRow) -> Result<(), Error> {
        let bytes = row.bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        let segment = row.segment.map(|segment| segment.to_string()).unwrap_or_default();
        self.0.push(&[
            plain(&row.study_instance_uid),
            plain(&row.series_instance_uid),
            plain(&row.sop_instance_uid),
            plain(&row.sop_class_uid),
            plain(&row.transfer_syntax_uid),
            bytes.into(),
            plain(&row.blake3),
            plain(&row.volume),
            segment.into(),
            row.verdict.word().into(),
            plain(&row.reason),
        ])
    }

    /// Ends the file.
    pub fn finish(self) -> Result<(PendingFile, u64), Error> {
        self.0.finish()
    }
}

/// The file of changes at the source.
pub struct ChangesCsv(Table);

impl ChangesCsv {
    /// Starts the file.
    pub fn new(file: PendingFile) -> Result<Self, Error> {
        Table::new(file, &CHANGE_COLUMNS).map(Self)
    }

    /// Appends a change.
    pub fn push(&mut self, row: &ChangeRow) -> Result<(), Error> {
        let [number, delta, instances] = [row.number, row.delta.into(), row.instances].map(|n| n.to_string());
        self.0.push(&[
            number.into(),
            delta.into(),
            row.at.to_string().into(),
            class_word(row.class).into(),
            plain(&row.study_instance_uid),
            plain(&row.sop_instance_uid),
            instances.into(),
            row.keys.join("; ").into(),
        ])
    }

    /// Ends the file.
    pub fn finish(self) -> Result<(PendingFile, u64), Error> {
        self.0.finish()
    }
}

struct Table {
    writer: Writer<PendingFile>,
    rows: u64,
}

impl Table {
    fn new(file: PendingFile, columns: &[&str]) -> Result<Self, Error> {
        let mut table = Self { writer: Writer::from_writer(file), rows: 0 };
        let written = table.writer.write_record(columns);
        table.check(written)?;
        Ok(table)
    }

    fn push(&mut self, cells: &[Cow<'_, str>]) -> Result<(), Error> {
        let written = self.writer.write_record(cells.iter().map(|cell| cell.as_bytes()));
        self.rows += 1;
        self.check(written)
    }

    fn check(&self, written: csv::Result<()>) -> Result<(), Error> {
        written.map_err(|error| self.writer.get_ref().failed(error.into()))
    }

    fn finish(self) -> Result<(PendingFile, u64), Error> {
        let path = self.writer.get_ref().path().to_owned();
        let file = self.writer.into_inner();
        Ok((file.map_err(|error| Error::Write { path, source: error.into_error() })?, self.rows))
    }
}

fn plain(cell: &str) -> Cow<'_, str> {
    let formula = cell.starts_with(['=', '+', '-', '@']);
    if !formula && !cell.contains(char::is_control) {
        return Cow::Borrowed(cell);
    }
    let cleaned = cell.chars().map(|c| if c.is_control() { ' ' } else { c });
    Cow::Owned(formula.then_some('\'').into_iter().chain(cleaned).collect())
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn formulas_and_line_breaks_are_defused() {
        assert_eq!(plain("1.2.840.1"), "1.2.840.1");
        assert_eq!(plain("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
        assert_eq!(plain("@a\r\nb"), "'@a  b");
        assert_eq!(plain("\t=1"), " =1");
    }
}
