//! Fills the model of a report from a job's catalogue and writes it: `p2t`'s export report, `t2p`'s ingest and
//! audit reports. Studies and instances pass by page by page, so that memory does not grow with their number.

mod baseline;
mod canary;
mod conclusion;
mod conflicts;
mod deltas;
mod events;
mod evidence;
mod findings;
mod groups;
mod instances;
mod missing;
mod pace;
mod pages;
mod plan;
mod preflight;
mod rates;
mod subject;
mod totals;
mod volumes;

use std::path::Path;

use catalogue::shortfall::Shortfall;
use catalogue::{DestinationId, Reader};
use jiff::Timestamp;

use crate::{Error, InstanceScope, Report, StudyRow, TransferInfo, Written, write_all};

use conflicts::Conflicts;
use subject::Subject;
use totals::Totals;
use volumes::Volumes;

/// What a report says that the catalogue does not know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Version of the program.
    pub version: String,
    /// The source: a node, an address or a folder.
    pub source: String,
    /// The destinations, where they are known at the exporting end.
    pub destinations: Vec<String>,
    /// `user@host`.
    pub operator: String,
    /// BLAKE3 of the configuration in force.
    pub config_digest: String,
    /// Time zone of the civil times: an IANA name or a POSIX TZ string.
    pub time_zone: String,
    /// The selection in words, without values that identify a patient.
    pub selection: String,
}

/// Writes the report of an export into `dir`: what left the source and lies on volumes.
///
/// The file of instances lists what is not cleanly written, and every listed file that is no DICOM object.
pub fn export(reader: &Reader, facts: &Facts, dir: &Path) -> Result<Written, Error> {
    write(reader, facts, facts.destinations.clone(), Subject::Export, dir)
}

/// Writes what the last audit of a destination found into `dir`; before its first audit, what [`ingest`] writes.
///
/// In a job of several destinations each has a directory of its own below `dir`.
pub fn audit(
    reader: &Reader,
    facts: &Facts,
    destination: DestinationId,
    name: &str,
    dir: &Path,
) -> Result<Written, Error> {
    let audited = !reader.verdict_counts(destination).map_err(unreadable("verdicts"))?.is_empty();
    let subject = if audited { Subject::Audit(destination) } else { Subject::Ingest(destination) };
    at_destination(reader, facts, subject, name, dir)
}

/// Writes what came off the volumes and what a destination answered into `dir`, whether or not it was audited.
///
/// In a job of several destinations each has a directory of its own below `dir`.
pub fn ingest(
    reader: &Reader,
    facts: &Facts,
    destination: DestinationId,
    name: &str,
    dir: &Path,
) -> Result<Written, Error> {
    at_destination(reader, facts, Subject::Ingest(destination), name, dir)
}

fn at_destination(
    reader: &Reader,
    facts: &Facts,
    subject: Subject,
    name: &str,
    dir: &Path,
) -> Result<Written, Error> {
    let destinations = reader.destinations().map_err(unreadable("destinations"))?;
    let row = destinations.iter().find(|row| Some(row.id) == subject.destination());
    let node = row.map_or(name, |row| row.node.as_str());
    let target = if node == name { name.to_owned() } else { format!("{name} ({node})") };
    let own = match subject.destination() {
        Some(id) if destinations.len() > 1 => dir.join(format!("{}-{id}", safe(name))),
        _ => dir.to_owned(),
    };
    write(reader, facts, vec![target], subject, &own)
}

/// A name as a part of a path. Two names may become the same one.
fn safe(name: &str) -> String {
    const LONGEST: usize = 64;
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '.') { c } else { '_' };
    let safe: String = name.chars().take(LONGEST).map(plain).collect();
    safe.trim_start_matches('.').to_owned()
}

fn write(
    reader: &Reader,
    facts: &Facts,
    destinations: Vec<String>,
    subject: Subject,
    dir: &Path,
) -> Result<Written, Error> {
    let _one_moment = reader.snapshot().map_err(unreadable("catalogue"))?;
    let report = report(reader, facts, destinations, subject)?;
    let studies = findings::studies(reader, subject)
        .map(|study| study.map(|study| study.row(subject)))
        .chain(totals::oddities_row(reader, subject).transpose());
    let instances = instances::rows(reader, subject);
    write_all(dir, &report, studies, instances, deltas::changes(reader))
}

fn report(
    reader: &Reader,
    facts: &Facts,
    destinations: Vec<String>,
    subject: Subject,
) -> Result<Report, Error> {
    let totals = Totals::count(reader, subject).map_err(unreadable("studies"))?;
    let volumes = Volumes::read(reader, subject).map_err(unreadable("volumes"))?;
    let conflicts = Conflicts::read(reader, subject).map_err(unreadable("conflicts"))?;
    let state = missing::transfer_state(reader).map_err(unreadable("state of the transfer"))?;
    let missing = missing::volumes(&volumes, state.as_ref(), totals.balance.instances.listed);
    let rates = rates::Rates::read(reader).map_err(unreadable("samples"))?;
    let (started_at, finished_at) = rates.period();
    let job = |key| reader.job(key).map_err(unreadable("facts about the job"));
    let not_enumerable =
        reader.listings().map_err(unreadable("listings"))?.pop().map_or(0, |(_, proof)| proof.open);
    let shortfall = match subject {
        Subject::Export => reader.shortfall().map_err(unreadable("claims of the source"))?,
        Subject::Ingest(_) | Subject::Audit(_) => Shortfall::default(),
    };
    let only_in_list = reader
        .last_comparison()
        .map_err(unreadable("comparisons"))?
        .map_or(0, |(_, comparison)| comparison.only_list);
    let known = conclusion::Known {
        subject,
        totals: &totals,
        volumes: &volumes,
        missing: &missing,
        conflicts: conflicts.total,
        source: state.as_ref(),
        not_enumerable,
        short_studies: shortfall.studies,
        not_compared: deltas::not_compared(reader).map_err(unreadable("deltas"))?,
        only_in_list,
    };
    let (verdict, summary) = conclusion::conclude(&known);
    let evidence = evidence::rows(&known);
    Ok(Report {
        program: subject.program(),
        version: facts.version.clone(),
        kind: subject.kind(),
        generated_at: Timestamp::now(),
        time_zone: facts.time_zone.clone(),
        transfer: TransferInfo {
            id: job("transfer")?.unwrap_or_default(),
            volume_set: job("volume_set")?.unwrap_or_default(),
            source: facts.source.clone(),
            destinations,
            operator: facts.operator.clone(),
            config_digest: facts.config_digest.clone(),
            started_at,
            finished_at,
        },
        verdict,
        summary,
        evidence,
        plan: plan::proof(reader, facts, subject, totals.claimed, shortfall)
            .map_err(unreadable("queries"))?,
        verdicts: totals.verdicts(),
        balance: totals.balance,
        reasons: totals.reasons.into_groups(),
        volumes: volumes.rows,
        missing_volumes: missing,
        damage: volumes.damage,
        conflicts: conflicts.rows,
        rates: rates.into_samples(),
        pace: pace::rows(reader, subject).map_err(unreadable("pace log"))?,
        canary: canary::rows(reader, subject).map_err(unreadable("canary"))?,
        preflight: preflight::last(reader).map_err(unreadable("preflight"))?,
        baselines: baseline::compare(reader, subject).map_err(unreadable("baselines"))?,
        deltas: deltas::read(reader, subject).map_err(unreadable("changes at the source"))?,
        events: events::rows(reader).map_err(unreadable("events"))?,
        instance_scope: InstanceScope::NotClean,
    })
}

fn unreadable(rows: &'static str) -> impl FnOnce(catalogue::Error) -> Error {
    move |error| Error::Rows { rows, source: error.into() }
}

/// A UID for the reader: an object may have none.
fn shown_uid(uid: &str, what: &'static str) -> String {
    if uid.is_empty() { format!("(no {what} Instance UID)") } else { uid.to_owned() }
}

/// The row for files that belong to no study, so that the rows add up to the balance.
fn outside_studies() -> StudyRow {
    StudyRow {
        study_instance_uid: "(files that are no DICOM objects)".to_owned(),
        outside_studies: true,
        study_date: String::new(),
        modalities: Vec::new(),
        instances: crate::Equation::default(),
        extra: 0,
        bytes: 0,
        verdict: crate::Verdict::Excluded,
        reasons: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn a_name_from_outside_stays_one_plain_path_component() {
        assert_eq!(safe("ARCHIVE@10.0.0.5:104"), "ARCHIVE_10.0.0.5_104");
        assert_eq!(safe("../../etc"), "_.._etc");
        assert_eq!(safe(".."), "");
        assert!(safe(&"é/".repeat(500)).len() <= 64);
    }
}
