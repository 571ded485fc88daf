//! The conclusion: one word and one sentence.

use super::missing::{SourceState, is_missed};
use super::subject::Subject;
use super::totals::Totals;
use super::volumes::Volumes;
use crate::human::{bytes, count, plural};
use crate::{MissingVolume, Overall, Verdict, VolumeState};

/// All that a conclusion rests on.
pub struct Known<'a> {
    pub subject: Subject,
    pub totals: &'a Totals,
    pub volumes: &'a Volumes,
    pub missing: &'a [MissingVolume],
    pub conflicts: u64,
    pub source: Option<&'a SourceState>,
    /// Queries of the listing that are cut short and cannot be divided.
    pub not_enumerable: u64,
    /// Studies of which the source claims more instances than it lists.
    pub short_studies: u64,
    /// Studies that the last delta of the source could not compare.
    pub not_compared: u64,
    /// Lines of the last list compared with of which the source lists no study.
    pub only_in_list: u64,
}

/// The verdict and the sentence that explains it.
pub fn conclude(known: &Known<'_>) -> (Overall, String) {
    let balance = &known.totals.balance;
    if balance.studies.listed == 0 && balance.instances.listed == 0 {
        return nothing(known);
    }
    let (troubles, waits) = (troubles(known), waits(known));
    let verdict = match (troubles.is_empty(), waits.is_empty()) {
        // Running on may settle troubles too, so that comes first.
        (_, false) => Overall::Incomplete,
        (false, true) => Overall::Discrepancies,
        (true, true) => Overall::Clean,
    };
    let mut clauses = vec![done(known)];
    clauses.extend(waits);
    clauses.extend(troubles);
    if balance.instances.excluded > 0 {
        clauses.push(format!("{} left out for stated reasons", count(balance.instances.excluded)));
    }
    (verdict, format!("{}.", clauses.join("; ")))
}

fn nothing(known: &Known<'_>) -> (Overall, String) {
    match known.subject {
        Subject::Export if known.totals.is_planned => {
            (Overall::Clean, "The selection matches nothing; there is nothing to carry.".to_owned())
        }
        Subject::Export => (Overall::Incomplete, "Nothing was planned yet; run `p2t plan`.".to_owned()),
        _ => (Overall::Incomplete, "No volume was ingested yet; run `t2p ingest`.".to_owned()),
    }
}

fn done(known: &Known<'_>) -> String {
    let balance = &known.totals.balance;
    let (instances, all) = (balance.instances.done, balance.instances.listed);
    let what = if instances == all {
        format!("All {} with {}", plural(balance.studies.listed, "study"), plural(all, "instance"))
    } else {
        format!("{} of {}", count(instances), plural(all, "instance"))
    };
    let volumes = known.volumes.carriers;
    let place = match known.subject {
        Subject::Export => {
            let Volumes { verified, sampled, .. } = *known.volumes;
            let checked = match verified + sampled {
                0 => "",
                all if all < volumes => "",
                _ if sampled > 0 => ", a sample of them read back and checked",
                _ => ", read back and checked",
            };
            format!("on {}{checked}", plural(volumes, "volume"))
        }
        Subject::Ingest(_) => format!("from {} were accepted by the destination", plural(volumes, "volume")),
        Subject::Audit(_) => format!("from {} are listed by the destination", plural(volumes, "volume")),
    };
    let verb = if known.subject == Subject::Export { "are " } else { "" };
    format!("{what} ({}) {verb}{place}", bytes(balance.bytes))
}

/// What a rerun, or the next volume, goes on with.
fn waits(known: &Known<'_>) -> Vec<String> {
    let balance = &known.totals.balance;
    let mut waits = Vec::new();
    let pending = known.totals.reasons.count(Verdict::Pending);
    if pending > 0 {
        waits.push(format!("{} pending, running the same command again continues", count(pending)));
    } else if balance.studies.pending > 0 && balance.instances.pending == 0 {
        waits.push(format!("{} still to be listed", plural(balance.studies.pending, "study")));
    }
    let open = known.volumes.rows.iter().filter(|row| row.state == VolumeState::Open).count() as u64;
    if open > 0 && pending == 0 {
        waits.push(format!("{} not sealed yet", plural(open, "volume")));
    }
    if known.subject != Subject::Export && !known.volumes.rows.is_empty() && !known.volumes.last_seen {
        waits.push("the last volume has not arrived".to_owned());
    }
    waits
}

/// What needs a human's eye.
fn troubles(known: &Known<'_>) -> Vec<String> {
    let Known { totals, volumes, .. } = known;
    // What must follow is waited for, see above; it stands last.
    let missing = match known.missing {
        [before @ .., _] if !volumes.last_seen => before,
        all => all,
    };
    let source_failed = known.source.map_or(0, |source| source.state.failed);
    let instances = |verdict, what: &str| {
        (totals.reasons.count(verdict), format!("{} {what}", count(totals.reasons.count(verdict))))
    };
    let mut troubles = vec![
        instances(Verdict::Failed, "failed"),
        instances(Verdict::Missing, "missing at the destination"),
        instances(Verdict::Extra, "extra at the destination"),
        (
            known.not_enumerable,
            format!(
                "{} to the source cut short and not to be divided",
                plural(known.not_enumerable, "query")
            ),
        ),
        (
            known.short_studies,
            format!(
                "the source claims more instances of {} than it lists",
                plural(known.short_studies, "study")
            ),
        ),
        (
            known.not_compared,
            format!(
                "the last delta could not compare {}, `p2t plan --delta` tries again",
                plural(known.not_compared, "study")
            ),
        ),
        (
            known.only_in_list,
            format!(
                "the source lists no study for {} of the list that it was compared with",
                plural(known.only_in_list, "line")
            ),
        ),
        (known.conflicts, format!("{} of SOP Instance UIDs", plural(known.conflicts, "conflict"))),
        (
            source_failed,
            format!("the source could not capture {}, see its own report", plural(source_failed, "instance")),
        ),
    ];
    let empty_studies = totals.balance.studies.failed > 0 && totals.balance.instances.failed == 0;
    if empty_studies {
        let failed = totals.balance.studies.failed;
        troubles.push((failed, format!("no instance found of {}", plural(failed, "study"))));
    }
    if known.subject != Subject::Export {
        let missed: Vec<&MissingVolume> = missing.iter().filter(|row| is_missed(row)).collect();
        let number = missed.len() as u64;
        troubles.push((number, format!("{} missing: {}", plural(number, "volume"), numbers(&missed))));
        let gone = known.source.and_then(|source| source.gone(totals.balance.instances.listed)).unwrap_or(0);
        let did_not = "that the source wrote did not arrive on any volume";
        troubles.push((gone, format!("{} {did_not}", plural(gone, "instance"))));
    }
    let (damaged, unsound) = (volumes.damage.len() as u64, volumes.unsound);
    troubles.push((damaged, plural(damaged, "damaged segment")));
    troubles.push((unsound, format!("{} with a damaged label, index or trailer", plural(unsound, "volume"))));
    troubles.into_iter().filter(|(count, _)| *count > 0).map(|(_, words)| words).collect()
}

/// The first few sequence numbers.
fn numbers(missing: &[&MissingVolume]) -> String {
    const FEW: usize = 8;
    let named: Vec<String> = missing.iter().take(FEW).map(|row| format!("volume {}", row.sequence)).collect();
    let more = if missing.len() > FEW { " …" } else { "" };
    format!("{}{more}", named.join(", "))
}
