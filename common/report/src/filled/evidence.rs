//! Which checks stand behind the verdict, and which this version does not do.

use super::conclusion::Known;
use super::missing::is_missed;
use super::subject::Subject;
use crate::human::{count, plural};
use crate::{Check, CheckRow, Outcome, Verdict};

const LATER: &str = "not done in this version";

/// The checks of the report's kind.
pub fn rows(known: &Known<'_>) -> Vec<CheckRow> {
    let mut rows = vec![balance(known)];
    match known.subject {
        Subject::Export => rows.extend([captured(known), digests(known), read_back(known)]),
        Subject::Ingest(_) | Subject::Audit(_) => {
            rows.extend([source(known), on_arrival(known), answers(known), sets(known)]);
        }
    }
    let later = [
        Check::StorageCommitment,
        Check::RetrieveBack,
        Check::PixelDigests,
        Check::Encryption,
        Check::Signature,
    ];
    rows.extend(later.map(|check| row(check, Outcome::NotDone, LATER.to_owned())));
    rows
}

fn row(check: Check, outcome: Outcome, detail: String) -> CheckRow {
    CheckRow { check, outcome, detail }
}

/// Findings weigh more than what is still open.
fn outcome(findings: bool, open: bool) -> Outcome {
    match (findings, open) {
        (true, _) => Outcome::Findings,
        (false, true) => Outcome::Partial,
        (false, false) => Outcome::Passed,
    }
}

fn balance(known: &Known<'_>) -> CheckRow {
    let balance = &known.totals.balance;
    let detail = format!(
        "{}, {}",
        plural(balance.studies.listed, "study"),
        plural(balance.instances.listed, "instance")
    );
    row(Check::Balance, outcome(!balance.holds(), false), detail)
}

fn captured(known: &Known<'_>) -> CheckRow {
    let instances = known.totals.balance.instances;
    let open = instances.pending > 0 || known.totals.balance.studies.pending > 0;
    let detail = format!(
        "{} of {} listed are on volumes, {} left out, {} failed, {} pending; {}",
        count(instances.done),
        count(instances.listed),
        count(instances.excluded),
        count(instances.failed),
        count(instances.pending),
        plural(known.conflicts, "conflict"),
    );
    row(Check::SourceSets, outcome(instances.failed > 0 || known.conflicts > 0, open), detail)
}

fn digests(known: &Known<'_>) -> CheckRow {
    let instances = known.totals.balance.instances;
    let detail = format!("BLAKE3 of file and dataset of all {} written", count(instances.done));
    let passed = if instances.done == 0 { Outcome::NotDone } else { Outcome::Passed };
    row(Check::ObjectDigests, passed, detail)
}

fn read_back(known: &Known<'_>) -> CheckRow {
    let outcome = match shares(known.volumes.verified, known.volumes.carriers) {
        Outcome::NotDone if known.volumes.sampled > 0 => Outcome::Partial,
        outcome => outcome,
    };
    let sampled = match known.volumes.sampled {
        0 => String::new(),
        sampled => format!(" whole, {} by sample", count(sampled)),
    };
    row(Check::ReadBack, outcome, format!("{}{sampled}", of_volumes(known)))
}

fn shares(verified: u64, all: u64) -> Outcome {
    match verified {
        0 => Outcome::NotDone,
        _ if verified < all => Outcome::Partial,
        _ => Outcome::Passed,
    }
}

fn of_volumes(known: &Known<'_>) -> String {
    let all = known.volumes.carriers;
    format!("{} of {}", count(known.volumes.verified), plural(all, "volume"))
}

fn on_arrival(known: &Known<'_>) -> CheckRow {
    let damaged = known.volumes.damage.len() as u64;
    let missing = known.missing.iter().filter(|row| is_missed(row)).count() as u64;
    let outcome = match shares(known.volumes.verified, known.volumes.carriers) {
        _ if damaged > 0 || missing > 0 => Outcome::Findings,
        // Every object is checked as it is loaded, also on a volume that is not through yet.
        Outcome::NotDone if !known.volumes.rows.is_empty() => Outcome::Partial,
        outcome => outcome,
    };
    let detail = format!(
        "{} without a finding; {}, {} missing",
        of_volumes(known),
        plural(damaged, "damaged segment"),
        plural(missing, "volume")
    );
    row(Check::VolumeDigests, outcome, detail)
}

/// What the source said of the whole transfer, held against what arrived.
fn source(known: &Known<'_>) -> CheckRow {
    let Some(source) = known.source else {
        return row(
            Check::SourceSets,
            Outcome::NotDone,
            "no volume's index with the source's word was read".into(),
        );
    };
    let state = &source.state;
    let arrived = known.totals.balance.instances.listed;
    let detail = format!(
        "when volume {} was sealed the source said: listed {} = written {} + excluded {} + failed {} + pending {}; {} \
         are on the volumes seen",
        source.of_volume,
        count(state.listed),
        count(state.written),
        count(state.excluded),
        count(state.failed),
        count(state.pending),
        count(arrived),
    );
    let findings = state.failed > 0 || state.written > arrived;
    row(Check::SourceSets, outcome(findings, state.pending > 0 || !state.last), detail)
}

fn answers(known: &Known<'_>) -> CheckRow {
    let (accepted, refused) = (known.totals.accepted, known.totals.refused);
    let open = known.totals.balance.instances.listed.saturating_sub(accepted + refused);
    let detail =
        format!("{} accepted, {} refused, {} not offered", count(accepted), count(refused), count(open));
    let outcome = if accepted + refused == 0 { Outcome::NotDone } else { outcome(refused > 0, open > 0) };
    row(Check::StoreStatus, outcome, detail)
}

fn sets(known: &Known<'_>) -> CheckRow {
    let Subject::Audit(_) = known.subject else {
        return row(Check::DestinationSets, Outcome::NotDone, "not audited; run `t2p audit`".into());
    };
    let (missing, extra) =
        (known.totals.reasons.count(Verdict::Missing), known.totals.reasons.count(Verdict::Extra));
    let instances = known.totals.balance.instances;
    let detail = format!(
        "{} of {} found, {} missing, {} extra",
        count(instances.done),
        count(instances.listed),
        count(missing),
        count(extra)
    );
    row(Check::DestinationSets, outcome(missing + extra > 0, instances.done < instances.listed), detail)
}
