//! What is selected: by the configuration, by options, and in words for the report.

mod choice;
mod kept;
mod rules;

use catalogue::Catalogue;
use catalogue::choice::PlanOrder;
use jiff::Timestamp;
use job::config::{ExcludeConfig, SelectionConfig};

pub use self::choice::Choice;
pub use self::kept::Kept;
pub use self::rules::{Rules, settle};
use crate::cli::Plan;
use crate::context::Context;
use crate::error::{Error, Result};

/// Where the catalogue keeps what was selected, run by run.
pub const SELECTION: &str = "selection";

/// The selection of a run: what is given on the command line takes the place of the same key in the configuration, or, of what is
/// left out, comes to it. Relative paths are meant from the job directory, see [`resolved`].
pub fn of(context: &Context, mut given: Plan) -> Result<SelectionConfig> {
    // It is kept for deltas, which may be run from elsewhere.
    for path in [&mut given.csv, &mut given.exclude_csv, &mut given.patient_list] {
        *path = path.take().map(|path| std::path::absolute(&path).unwrap_or(path));
    }
    let selection = merge(context.config.selection.clone(), given);
    selection.check().map_err(Error::Selection)?;
    Ok(selection)
}

/// A selection with the paths by which its files can be read.
pub fn resolved(context: &Context, selection: &SelectionConfig) -> SelectionConfig {
    let mut resolved = selection.clone();
    for path in [&mut resolved.csv, &mut resolved.exclude.csv, &mut resolved.patient_list] {
        *path = path.take().map(|path| context.job.resolve(&path));
    }
    resolved
}

/// The selection as it is today, in the time zone of the pace.
pub fn today(context: &Context, selection: &SelectionConfig) -> Result<SelectionConfig> {
    let today = context.config.pace.time_zone.day(Timestamp::now());
    selection.on(today).map_err(Error::Selection)
}

fn merge(configured: SelectionConfig, given: Plan) -> SelectionConfig {
    let list = |given: Vec<String>, configured| if given.is_empty() { configured } else { given };
    let both = |given: Vec<String>, configured: Vec<String>| [configured, given].concat();
    let is_named = given.patient_list.is_some();
    SelectionConfig {
        study_date_from: given.from.or(configured.study_date_from),
        study_date_to: given.until.or(configured.study_date_to),
        last_days: given.last_days.or(configured.last_days),
        modalities: list(given.modalities, configured.modalities),
        patient_ids: list(given.patient_ids, configured.patient_ids),
        accession_numbers: list(given.accession_numbers, configured.accession_numbers),
        study_uids: list(given.study_uids, configured.study_uids),
        csv: given.csv.or(configured.csv),
        study_status: list(given.study_status, configured.study_status),
        exclude: ExcludeConfig {
            patient_ids: both(given.exclude_patient_ids, configured.exclude.patient_ids),
            accession_numbers: both(given.exclude_accession_numbers, configured.exclude.accession_numbers),
            study_uids: both(given.exclude_study_uids, configured.exclude.study_uids),
            csv: given.exclude_csv.or(configured.exclude.csv),
        },
        order: given.order.or_else(|| is_named.then_some(PlanOrder::PatientList)).or(configured.order),
        patient_list: given.patient_list.or(configured.patient_list),
        min_age_hours: configured.min_age_hours,
        settle_minutes: configured.settle_minutes,
        prove: given.prove || configured.prove,
    }
}

/// Notes a selection by which the plan was filled. Several add up.
pub fn note(catalogue: &mut Catalogue, selection: &SelectionConfig) -> Result<()> {
    let mut noted = notes_of(catalogue)?.unwrap_or_default();
    let words = words(selection);
    if noted.contains(&words) {
        return Ok(());
    }
    noted.push(words);
    Ok(catalogue.set_job(SELECTION, &joined(noted))?)
}

/// The words of the selections noted so far; none before the first plan.
fn notes_of(catalogue: &Catalogue) -> Result<Option<Vec<String>>> {
    let noted = catalogue.job(SELECTION)?;
    Ok(noted.map(|noted| noted.split(AND).map(str::to_owned).collect()))
}

fn joined(words: impl IntoIterator<Item = String>) -> String {
    words.into_iter().collect::<Vec<_>>().join(AND)
}

const AND: &str = " — and ";

/// The selection in words; of patients and accession numbers only how many, because they identify people.
pub fn words(selection: &SelectionConfig) -> String {
    let mut words = Vec::new();
    if let Some(from) = selection.study_date_from {
        words.push(format!("studies from {from}"));
    }
    if let Some(days) = selection.last_days {
        words.push(format!("studies of the last {days} days, counted from the day of each plan"));
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
    if !selection.study_status.is_empty() {
        words.push(format!("status {}, where one is told", selection.study_status.join(", ")));
    }
    if !selection.exclude.is_empty() {
        words.push("without what is on a list of exclusions".to_owned());
    }
    if selection.min_age_hours > 0 {
        words.push(format!("at least {} hours old", selection.min_age_hours));
    }
    if selection.settle_minutes > 0 {
        words.push(format!("without a change for {} minutes", selection.settle_minutes));
    }
    if words.is_empty() { "everything".to_owned() } else { words.join("; ") }
}
