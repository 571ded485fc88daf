//! One pass over the studies and one over the instances, and the files of a report are there.

use std::path::{Path, PathBuf};

use crate::files::{ChangesCsv, InstancesCsv, PendingFile, StudiesCsv, StudiesJson, make_dir};
use crate::footing::Footing;
use crate::html::{self, FileNote};
use crate::select::Selection;
use crate::{ChangeRow, Error, InstanceRow, Overall, Report, RowError, StudyRow};

/// The files written, and what the report finally says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The page for people.
    pub html: PathBuf,
    /// The model and all studies.
    pub json: PathBuf,
    /// A row per study.
    pub csv_studies: PathBuf,
    /// A row per instance, as far as the report's scope says.
    pub csv_instances: PathBuf,
    /// A row per change at the source, where deltas ran.
    pub csv_changes: Option<PathBuf>,
    /// The conclusion that the files state: `Clean` only if the balance holds and the study rows add up to it.
    pub verdict: Overall,
    /// The conclusion in one sentence.
    pub summary: String,
    /// The study rows added up.
    pub footing: Footing,
}

/// Writes `<program>-<kind>-report.html`, `….json`, `…-studies.csv` and `…-instances.csv` into a directory,
/// which is created if need be; where deltas ran, `…-changes.csv` too.
///
/// The files have mode 0600 and appear under their names, whole and fsynced, only after all of them have been
/// written; the HTML comes last and names the digests of the others. Each iterator is read once, in its order,
/// row by row; the first error ends everything and leaves an earlier report as it was.
pub fn write_all<S: Into<RowError>, I: Into<RowError>, C: Into<RowError>>(
    dir: &Path,
    report: &Report,
    studies: impl IntoIterator<Item = Result<StudyRow, S>>,
    instances: impl IntoIterator<Item = Result<InstanceRow, I>>,
    changes: impl IntoIterator<Item = Result<ChangeRow, C>>,
) -> Result<Written, Error> {
    make_dir(dir)?;
    let stem = format!("{}-{}", report.program.word(), report.kind.word().to_lowercase());
    let name = |end: &str| dir.join(format!("{stem}-{end}"));

    let (instances_csv, instance_rows) = write_instances(name("instances.csv"), instances)?;
    let changes = match &report.deltas {
        Some(_) => Some(write_changes(name("changes.csv"), changes)?),
        None => None,
    };
    let pass = Studies::read(dir, name("studies.csv"), name("report.json"), studies)?;

    let mut report = report.clone();
    report.verdict = conclusion(&report, &pass.footing);
    let (studies_csv, study_rows) = pass.csv.finish()?;
    let json = pass.json.finish(&report, &pass.footing)?;

    let mut notes = vec![
        FileNote::new(&json, "this report as data, with all studies", study_rows),
        FileNote::new(&studies_csv, "one row per study", study_rows),
        FileNote::new(&instances_csv, html::scope(report.instance_scope), instance_rows),
    ];
    let note_of =
        |(file, rows): &(PendingFile, u64)| FileNote::new(file, "one row per change at the source", *rows);
    notes.extend(changes.iter().map(note_of));
    let mut page = PendingFile::create(name("report.html"))?;
    let rendered = html::render(&mut page, &report, &pass.selection, &pass.footing, &notes);
    rendered.map_err(|source| page.failed(source))?;

    Ok(Written {
        csv_instances: instances_csv.commit()?,
        csv_changes: changes.map(|(file, _)| file.commit()).transpose()?,
        csv_studies: studies_csv.commit()?,
        json: json.commit()?,
        html: page.commit()?,
        verdict: report.verdict,
        summary: report.summary,
        footing: pass.footing,
    })
}

/// With rows that do not add up to the balance, nothing is clean.
fn conclusion(report: &Report, footing: &Footing) -> Overall {
    match report.overall() {
        Overall::Clean if !footing.matches(&report.balance) => Overall::Discrepancies,
        verdict => verdict,
    }
}

fn write_instances<E: Into<RowError>>(
    path: PathBuf,
    rows: impl IntoIterator<Item = Result<InstanceRow, E>>,
) -> Result<(PendingFile, u64), Error> {
    let mut csv = InstancesCsv::new(PendingFile::create(path)?)?;
    for row in rows {
        csv.push(&row.map_err(|error| Error::Rows { rows: "instances", source: error.into() })?)?;
    }
    csv.finish()
}

fn write_changes<E: Into<RowError>>(
    path: PathBuf,
    rows: impl IntoIterator<Item = Result<ChangeRow, E>>,
) -> Result<(PendingFile, u64), Error> {
    let mut csv = ChangesCsv::new(PendingFile::create(path)?)?;
    for row in rows {
        csv.push(&row.map_err(|error| Error::Rows { rows: "changes", source: error.into() })?)?;
    }
    csv.finish()
}

/// What one pass over the studies leaves behind.
struct Studies {
    csv: StudiesCsv,
    json: StudiesJson,
    selection: Selection,
    footing: Footing,
}

impl Studies {
    fn read<E: Into<RowError>>(
        dir: &Path,
        csv: PathBuf,
        json: PathBuf,
        rows: impl IntoIterator<Item = Result<StudyRow, E>>,
    ) -> Result<Self, Error> {
        let mut pass = Self {
            csv: StudiesCsv::new(PendingFile::create(csv)?)?,
            json: StudiesJson::new(dir, json)?,
            selection: Selection::default(),
            footing: Footing::default(),
        };
        for row in rows {
            let row = row.map_err(|error| Error::Rows { rows: "studies", source: error.into() })?;
            pass.csv.push(&row)?;
            pass.json.push(&row)?;
            pass.footing.add(&row);
            pass.selection.push(row);
        }
        Ok(pass)
    }
}
