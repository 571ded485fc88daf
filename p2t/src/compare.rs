//! A study that is listed again, held against the plan: what has changed of it is recorded as a delta's.

use std::collections::HashSet;

use archive::{Cause, Listing, Source, StudyListing};
use catalogue::delta::apply::{Finding, Instances};
use catalogue::delta::changes::NewChange;
use catalogue::delta::relist::{KnownInstance, KnownStudy};
use catalogue::plan::{InstanceRow, QueryRow};
use catalogue::{Catalogue, ChangeClass, OddityState, StudyRow};
use jiff::SignedDuration;
use jiff::civil::Date;
use job::config::SelectionConfig;
use manifest::Study;

use crate::error::{Error, Result};

/// Which studies are looked at instance by instance, though their counts have not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// All.
    Deep,
    /// Those of this day and later, and those without a date: an image that takes another's place leaves counts alone.
    Since(Date),
}

/// Whether the instances of a study must be listed again to know whether they have changed.
pub fn needs_instances(known: &KnownStudy, told: &StudyRow, look: Look) -> bool {
    let recent = match look {
        Look::Deep => true,
        Look::Since(day) => told.study_date.as_deref().and_then(date).is_none_or(|date| date >= day),
    };
    let counts_agree = told.claimed_instances.is_some()
        && told.claimed_instances == known.agreed_instances
        && (told.claimed_series.is_none()
            || known.agreed_series.is_none()
            || told.claimed_series == known.agreed_series);
    recent || known.gone || known.waits || !counts_agree || told.modalities != known.study.modalities
}

/// A date as DICOM writes it (PS3.5 section 6.2, DA).
fn date(text: &str) -> Option<Date> {
    Date::strptime("%Y%m%d", text.trim()).ok()
}

/// The keys by which the source knows the study and that it has changed, as they were and as they are; none if they are
/// what they were.
pub fn reidentified(known: &StudyRow, told: &StudyRow) -> Option<(Study, Study)> {
    let (mut old, mut new) = (Study::default(), Study::default());
    let mut differ = false;
    for ((was, is), (old, new)) in
        keys(known).into_iter().zip(keys(told)).zip(fields(&mut old).into_iter().zip(fields(&mut new)))
    {
        if was != is {
            differ = true;
            (*old, *new) = (was.as_deref().map(cut), is.as_deref().map(cut));
        }
    }
    differ.then_some((old, new))
}

/// Longer than any of these values may be (PS3.5 section 6.2), and short enough for a line of an index.
fn cut(value: &str) -> String {
    const LONGEST: usize = 256;
    value.chars().take(LONGEST).collect()
}

/// As [`reidentified`], by the keys of the patient and the order alone: files of one study may differ in the others.
pub fn identity(known: &StudyRow, told: &StudyRow) -> Option<(Study, Study)> {
    let of_order = |row: &StudyRow| StudyRow {
        patient_id: row.patient_id.clone(),
        issuer: row.issuer.clone(),
        patient_name: row.patient_name.clone(),
        accession: row.accession.clone(),
        ..StudyRow::default()
    };
    reidentified(&of_order(known), &of_order(told))
}

/// In the order of [`fields`].
fn keys(study: &StudyRow) -> [&Option<String>; 7] {
    let StudyRow { patient_id, issuer, patient_name, study_date, study_time, accession, description, .. } =
        study;
    [patient_id, issuer, patient_name, study_date, study_time, accession, description]
}

fn fields(study: &mut Study) -> [&mut Option<String>; 7] {
    let Study { uid: _, patient_id, issuer, patient_name, date, time, accession, description } = study;
    [patient_id, issuer, patient_name, date, time, accession, description]
}

/// Holds the instances that the source lists now against those of the plan, by SOP Instance UID: which series it names for
/// an instance is a claim, and the object knows better. `study_was_gone`: the study as a whole had been deleted.
pub fn instances<'a>(
    known: &'a [KnownInstance],
    told: &'a [InstanceRow],
    study_was_gone: bool,
) -> Instances<'a> {
    let is_told: HashSet<&str> = told.iter().map(|row| row.sop_instance.as_str()).collect();
    let mut is_known = HashSet::new();
    let mut found = Instances { listed: told.len() as u64, ..Instances::default() };
    for KnownInstance { id, sop_instance, gone } in known {
        let sop = sop_instance.as_str();
        is_known.insert(sop);
        match (is_told.contains(sop), gone) {
            (true, true) => found.back.push((*id, sop)),
            (false, false) => found.gone.push((*id, sop)),
            (false, true) if study_was_gone => found.still_gone.push(sop),
            (true, false) | (false, true) => {}
        }
    }
    found.new = told.iter().filter(|row| !is_known.contains(row.sop_instance.as_str())).collect();
    found
}

/// What came of holding a study against the plan.
#[derive(Debug, PartialEq, Eq)]
pub enum Compared {
    Unchanged,
    Changed,
    /// The source lists fewer instances than are planned, and for this reason they are not taken for deleted.
    InDoubt(String),
}

/// Whether the list lacks any instance that the plan knows to be at the source.
pub fn lacks_any(catalogue: &Catalogue, known: &KnownStudy, listing: &StudyListing) -> Result<bool> {
    let of_plan = catalogue.known_instances(known.id)?;
    Ok(!instances(&of_plan, &listing.instances, known.gone).gone.is_empty())
}

/// Why what a list lacks may be at the source all the same: by the source's own counts the list ended early.
fn ended_early(told: &StudyRow, listed: &[InstanceRow]) -> Option<String> {
    let instances = listed.iter().map(|row| &row.sop_instance).collect::<HashSet<_>>().len() as u64;
    let series = listed.iter().map(|row| &row.series_uid).collect::<HashSet<_>>().len() as u64;
    let is_short = match told.claimed_instances {
        Some(claimed) if claimed == instances => false,
        claimed => {
            instances == 0
                || claimed.is_some_and(|claimed| claimed > instances)
                || told.claimed_series.is_some_and(|claimed| claimed > series)
        }
    };
    let claims = |count: Option<u64>| count.map_or_else(|| "some".to_owned(), |count| count.to_string());
    is_short.then(|| {
        format!(
            "the source says that it has {} instances in {} series and lists {instances} in {series}; what it does not list is not \
             taken for deleted",
            claims(told.claimed_instances),
            claims(told.claimed_series)
        )
    })
}

/// Records what has changed of a study: what the source tells of it now, and what it lists of its instances, where it was asked
/// for them. A study of which instances came or went waits for as long as `settle` says.
pub fn record(
    catalogue: &mut Catalogue,
    delta: u32,
    known: &KnownStudy,
    told: &StudyRow,
    listing: Option<&StudyListing>,
    settle: SignedDuration,
) -> Result<Compared> {
    let keys = reidentified(&known.study, told);
    for query in listing.iter().flat_map(|listing| &listing.queries) {
        catalogue.record_query(query)?;
    }
    let of_plan = if listing.is_some() { catalogue.known_instances(known.id)? } else { Vec::new() };
    let mut instances = listing.map(|listing| instances(&of_plan, &listing.instances, known.gone));
    let doubt = match (&mut instances, listing) {
        (Some(found), Some(listing)) if !found.gone.is_empty() => {
            let doubt = ended_early(told, &listing.instances);
            if doubt.is_some() {
                found.gone.clear();
            }
            doubt
        }
        _ => None,
    };
    let changes = changes(told, known.gone, keys.as_ref(), instances.as_ref())?;
    let is_unchanged = changes.is_empty();
    if !(is_unchanged && instances.is_none()) {
        catalogue.apply_finding(&Finding { delta, study: known.id, told, changes, instances, settle })?;
    }
    Ok(match doubt {
        Some(why) => Compared::InDoubt(why),
        None if is_unchanged => Compared::Unchanged,
        None => Compared::Changed,
    })
}

/// What has changed of a study as a whole.
fn changes<'a>(
    told: &'a StudyRow,
    was_gone: bool,
    keys: Option<&(Study, Study)>,
    instances: Option<&Instances<'_>>,
) -> Result<Vec<NewChange<'a>>> {
    let of = |class| NewChange::of_study(class, &told.uid);
    let mut changes = Vec::new();
    if was_gone {
        changes.push(of(ChangeClass::Restored));
    }
    if let Some(keys) = keys {
        changes.push(NewChange { keys: Some(in_json(keys)?), ..of(ChangeClass::Reidentified) });
    }
    if let Some(instances) = instances {
        let back = if was_gone { 0 } else { instances.back.len() };
        for (class, count) in
            [(ChangeClass::Grew, instances.new.len() + back), (ChangeClass::Shrank, instances.gone.len())]
        {
            if count > 0 {
                changes.push(NewChange { instances: count as u64, ..of(class) });
            }
        }
    }
    Ok(changes)
}

/// Keys before and after, as the catalogue holds them.
pub fn in_json((old, new): &(Study, Study)) -> Result<(String, String)> {
    let text = |study: &Study| serde_json::to_string(study).map_err(Error::Keys);
    Ok((text(old)?, text(new)?))
}

/// Asks for one study by its UID; none if the source does not have it.
pub fn ask(source: &dyn Source, study_uid: &str) -> Result<Option<StudyRow>> {
    let selection = SelectionConfig { study_uids: vec![study_uid.to_owned()], ..SelectionConfig::default() };
    let mut one = One { study_uid, found: None };
    source.list(&selection, &mut one, &|| false)?;
    Ok(one.found)
}

/// Takes the one study that was asked for; a PACS may answer with others too.
struct One<'a> {
    study_uid: &'a str,
    found: Option<StudyRow>,
}

impl Listing for One<'_> {
    fn study(&mut self, study: StudyRow) -> Result<(), Cause> {
        if study.uid == self.study_uid {
            self.found = Some(study);
        }
        Ok(())
    }

    fn file(&mut self, study: StudyRow, _: InstanceRow) -> Result<(), Cause> {
        self.study(study)
    }

    fn oddity(&mut self, _: &[u8], _: Option<u64>, _: OddityState, _: &str) -> Result<(), Cause> {
        Ok(())
    }

    fn query(&mut self, _: QueryRow) -> Result<(), Cause> {
        Ok(())
    }
}
