//! What deltas found, or what volumes told of it.

use catalogue::delta::Delta;
use catalogue::delta::changes::{ChangeRow as Change, ClassCount};
use catalogue::{ChangeClass, DeltaScope, Error, Reader};
use serde_json::Value;

use super::subject::Subject;
use crate::{ChangeRow, ClassRow, DeltaRun, Deltas};

/// Changes that the page and the JSON list of each kind; the file of changes has all.
const MOST: u64 = 1000;
const PAGE: usize = 1000;

/// All deltas; none where there was none.
pub fn read(reader: &Reader, subject: Subject) -> Result<Option<Deltas>, Error> {
    let at_source = subject == Subject::Export;
    let runs = if at_source { runs(reader)? } else { told_runs(reader)? };
    if runs.is_empty() {
        return Ok(None);
    }
    let all = if at_source { reader.change_counts(None)? } else { reader.told_counts(None)? };
    let mut deltas = Deltas {
        runs,
        classes: classes(all),
        tombstones: Vec::new(),
        tombstones_total: 0,
        reidentified: Vec::new(),
        reidentified_total: 0,
    };
    for change in changes(reader) {
        deltas.list(change?);
    }
    Ok(Some(deltas))
}

/// Studies that the last delta of the whole source could not compare; each delta compares all of them anew.
pub fn not_compared(reader: &Reader) -> Result<u64, Error> {
    let is_of_source = |delta: &Delta| delta.scope == DeltaScope::Source && delta.ended_at.is_some();
    Ok(reader.deltas()?.into_iter().rfind(is_of_source).map_or(0, |delta| delta.left_out))
}

/// Every change, oldest first.
pub fn changes(reader: &Reader) -> impl Iterator<Item = Result<ChangeRow, Error>> {
    let mut after = Some(0);
    let pages = std::iter::from_fn(move || {
        let page = reader.changes(after?, PAGE);
        after = page.as_ref().ok().and_then(|page| page.last()).map(|change| change.number);
        Some(page)
    });
    pages.flat_map(|page| match page {
        Ok(page) => page.into_iter().map(|change| Ok(row(change))).collect(),
        Err(error) => vec![Err(error)],
    })
}

impl Deltas {
    fn list(&mut self, change: ChangeRow) {
        let (rows, total) = match change.class {
            ChangeClass::Deleted | ChangeClass::Restored => {
                (&mut self.tombstones, &mut self.tombstones_total)
            }
            ChangeClass::Reidentified => (&mut self.reidentified, &mut self.reidentified_total),
            ChangeClass::New | ChangeClass::Grew | ChangeClass::Shrank => return,
        };
        *total += 1;
        if *total <= MOST {
            rows.push(change);
        }
    }
}

fn runs(reader: &Reader) -> Result<Vec<DeltaRun>, Error> {
    reader.deltas()?.into_iter().map(|delta| run(reader, &delta)).collect()
}

fn run(reader: &Reader, delta: &Delta) -> Result<DeltaRun, Error> {
    let what = match (delta.scope, delta.volume) {
        (DeltaScope::Source, _) => "the source, by the selection".to_owned(),
        (DeltaScope::Waiting, _) => "studies that had waited".to_owned(),
        (DeltaScope::Volume, volume) => {
            let volumes = reader.volumes()?;
            let row = volumes.into_iter().find(|row| Some(row.id) == volume);
            row.map_or_else(
                || "studies of a volume, before it was sealed".to_owned(),
                |row| {
                    let (sequence, copy) = (row.volume.sequence, row.volume.copy);
                    format!("studies of volume {sequence} of copy {copy}, before it was sealed")
                },
            )
        }
    };
    Ok(DeltaRun {
        number: delta.id,
        scope: Some(delta.scope),
        what,
        since: delta.since,
        begun_at: delta.begun_at,
        ended_at: delta.ended_at,
        unchanged: delta.unchanged,
        changed: reader.changed_studies(delta.id)?,
        left_out: delta.left_out,
        classes: classes(reader.change_counts(Some(delta.id))?),
    })
}

/// What volumes told, by the deltas that found it.
fn told_runs(reader: &Reader) -> Result<Vec<DeltaRun>, Error> {
    let run = |(number, begun_at)| {
        Ok(DeltaRun {
            number,
            scope: None,
            what: "told by volumes".to_owned(),
            since: None,
            begun_at,
            ended_at: None,
            unchanged: 0,
            changed: reader.changed_studies(number)?,
            left_out: 0,
            classes: classes(reader.told_counts(Some(number))?),
        })
    };
    reader.told_deltas()?.into_iter().map(run).collect()
}

fn classes(counts: Vec<ClassCount>) -> Vec<ClassRow> {
    let row = |ClassCount { class, studies, instances }| ClassRow { class, studies, instances };
    counts.into_iter().map(row).collect()
}

fn row(change: Change) -> ChangeRow {
    let keys = keys(change.old.as_deref(), change.new.as_deref());
    ChangeRow {
        number: change.number,
        delta: change.delta,
        at: change.at,
        class: change.class,
        study_instance_uid: change.study_uid,
        sop_instance_uid: change.sop_instance.unwrap_or_default(),
        instances: change.instances,
        keys,
    }
}

/// The names of keys that have a value before or after.
fn keys(old: Option<&str>, new: Option<&str>) -> Vec<&'static str> {
    const NAMES: [(&str, &str); 7] = [
        ("patient_id", "Patient ID"),
        ("issuer", "Issuer of Patient ID"),
        ("patient_name", "Patient's Name"),
        ("date", "Study Date"),
        ("time", "Study Time"),
        ("accession", "Accession Number"),
        ("description", "Study Description"),
    ];
    let documents: Vec<Value> =
        [old, new].into_iter().flatten().filter_map(|text| serde_json::from_str(text).ok()).collect();
    let has = |key: &str| documents.iter().any(|document| document.get(key).is_some_and(|it| !it.is_null()));
    NAMES.iter().filter(|(key, _)| has(key)).map(|(_, name)| *name).collect()
}
