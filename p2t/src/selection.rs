//! What is selected, in words, for the report.

use catalogue::Catalogue;
use job::config::SelectionConfig;

use crate::error::Result;

/// Where the catalogue keeps what was selected, run by run.
pub const SELECTION: &str = "selection";

/// Notes a selection by which the plan was filled. Several add up.
pub fn note(catalogue: &mut Catalogue, selection: &SelectionConfig) -> Result<()> {
    let words = words(selection);
    let noted = match catalogue.job(SELECTION)? {
        None => words,
        Some(before) if before.split(AND).any(|known| known == words) => return Ok(()),
        Some(before) => format!("{before}{AND}{words}"),
    };
    Ok(catalogue.set_job(SELECTION, &noted)?)
}

const AND: &str = " — and ";

/// The selection in words; of patients and accession numbers only how many, because they identify people.
pub fn words(selection: &SelectionConfig) -> String {
    let mut words = Vec::new();
    if let Some(from) = selection.study_date_from {
        words.push(format!("studies from {from}"));
    }
    if let Some(to) = selection.study_date_to {
        words.push(format!("studies to {to}"));
    }
    if !selection.modalities.is_empty() {
        words.push(format!("modalities {}", selection.modalities.join(", ")));
    }
    for (count, what) in [
        (selection.patient_ids.len(), "patients"),
        (selection.accession_numbers.len(), "accession numbers"),
        (selection.study_uids.len(), "studies by UID"),
    ] {
        if count > 0 {
            words.push(format!("{count} {what}"));
        }
    }
    if selection.csv.is_some() {
        words.push("a list in a CSV file".to_owned());
    }
    if words.is_empty() { "everything".to_owned() } else { words.join("; ") }
}
