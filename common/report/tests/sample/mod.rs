//! Sample reports, the same on every machine.

#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod troubled;

use catalogue::{ChangeClass, DeltaScope};
use jiff::{Timestamp, ToSpan};
use report::*;
pub use troubled::troubled;

pub type Rows<T> = Vec<Result<T, RowError>>;

pub fn at(text: &str) -> Timestamp {
    format!("2026-11-{text}Z").parse().unwrap()
}

pub fn digest(n: u64) -> String {
    manifest::Digest::of(&n.to_le_bytes()).to_string()
}

pub fn uid(n: u64) -> String {
    format!("1.2.826.0.1.3680043.8.1055.1.20111102150758{n:03}.96842950.07877442")
}

/// Nothing planned, nothing done.
pub fn empty() -> Report {
    Report {
        program: Program::P2t,
        version: "0.1.0".into(),
        kind: Kind::Export,
        generated_at: at("22T20:00:00"),
        time_zone: "CET-1CEST,M3.5.0,M10.5.0/3".into(),
        transfer: TransferInfo {
            id: "0193542c-7a31-7bc2-9c1f-5d1f6f1c2a01".into(),
            volume_set: "0193542c-7a32-7e10-8f8a-0c6a5a3b9d02".into(),
            source: "ORTHANC-A@pacs-a:4242".into(),
            destinations: Vec::new(),
            operator: "mayer@migration-1".into(),
            config_digest: digest(1),
            started_at: None,
            finished_at: None,
        },
        verdict: Overall::Clean,
        summary: "The selection matches no study; there is nothing to carry.".into(),
        balance: Balance::default(),
        verdicts: Vec::new(),
        reasons: Vec::new(),
        evidence: Vec::new(),
        volumes: Vec::new(),
        missing_volumes: Vec::new(),
        damage: Vec::new(),
        conflicts: Vec::new(),
        plan: PlanProof {
            method: "STUDY-level C-FIND by month, split until no answer was cut off.".into(),
            selection: "Study Date 2020-01-01 to 2020-12-31".into(),
            ..PlanProof::default()
        },
        rates: Vec::new(),
        pace: Vec::new(),
        canary: Vec::new(),
        preflight: None,
        baselines: None,
        deltas: None,
        events: Vec::new(),
        instance_scope: InstanceScope::NotClean,
    }
}

/// What a source changed.
pub fn changes() -> Rows<ChangeRow> {
    let row = |number, class, study| ChangeRow {
        number,
        delta: 2,
        at: at("21T20:10:00"),
        class,
        study_instance_uid: uid(study),
        sop_instance_uid: String::new(),
        instances: 0,
        keys: Vec::new(),
    };
    let rows = vec![
        ChangeRow { instances: 12, ..row(3, ChangeClass::Deleted, 5) },
        ChangeRow { sop_instance_uid: format!("{}.7", uid(6)), ..row(4, ChangeClass::Deleted, 6) },
        ChangeRow { keys: vec!["Patient ID", "Patient's Name"], ..row(5, ChangeClass::Reidentified, 7) },
        row(9, ChangeClass::Restored, 5),
    ];
    rows.into_iter().map(Ok).collect()
}

/// What deltas found, with these changes.
pub fn deltas() -> Deltas {
    let class = |class, studies, instances| ClassRow { class, studies, instances };
    let run = |number, what: &str, scope| DeltaRun {
        number,
        scope: Some(scope),
        what: what.into(),
        since: None,
        begun_at: at("21T20:00:00"),
        ended_at: Some(at("21T20:12:30")),
        unchanged: 9812,
        changed: 0,
        left_out: 0,
        classes: Vec::new(),
    };
    let found = vec![
        class(ChangeClass::New, 120, 14_300),
        class(ChangeClass::Reidentified, 1, 0),
        class(ChangeClass::Deleted, 1, 12),
    ];
    let all: Vec<ChangeRow> = changes().into_iter().map(|row| row.unwrap()).collect();
    let (reidentified, tombstones) = all.into_iter().partition(|row| row.class == ChangeClass::Reidentified);
    Deltas {
        runs: vec![
            run(1, "studies of volume 1 of copy 1, before it was sealed", DeltaScope::Volume),
            DeltaRun {
                changed: 122,
                classes: found.clone(),
                ..run(2, "the source, by the selection", DeltaScope::Source)
            },
            DeltaRun {
                ended_at: None,
                left_out: 3,
                ..run(3, "studies that had waited", DeltaScope::Waiting)
            },
        ],
        classes: found,
        tombstones,
        tombstones_total: 1203,
        reidentified,
        reidentified_total: 1,
    }
}

pub fn study(n: u64, modality: &str, listed: u64, verdict: Verdict) -> StudyRow {
    StudyRow {
        study_instance_uid: uid(n),
        outside_studies: false,
        study_date: format!("2020{:02}{:02}", n % 12 + 1, n % 28 + 1),
        modalities: vec![modality.into()],
        instances: Equation { listed, done: listed, ..Equation::default() },
        extra: 0,
        bytes: listed * 527_104,
        verdict,
        reasons: Vec::new(),
    }
}

/// Fills the balance from the rows.
pub fn balance(report: &mut Report, studies: &[StudyRow]) {
    for row in studies {
        report.balance.studies.add(&row.as_equation());
        report.balance.instances.add(&row.instances);
        report.balance.bytes += row.bytes;
    }
}

pub fn check(check: Check, outcome: Outcome, detail: &str) -> CheckRow {
    CheckRow { check, outcome, detail: detail.into() }
}

pub fn volume(sequence: u32, state: VolumeState) -> VolumeRow {
    let n = u64::from(sequence);
    VolumeRow {
        sequence,
        id: format!("0193542c-8b10-7aa0-b0de-0000000000{sequence:02}"),
        medium: "virtual tape".into(),
        copy: 1,
        state,
        segments: 4,
        objects: 1200 + n,
        bytes: 640_123_456 * n,
        sealed_at: Some(at("21T22:15:40")),
        verified: Some(Verified { at: at("22T08:01:12"), how: "every digest read".into() }),
        index_blake3: digest(100 + n),
        findings: Vec::new(),
    }
}

pub fn samples(stage: Stage, from: &str, count: u32, every: u32, rate: u64) -> Vec<RateSample> {
    (0..count)
        .map(|n| {
            // A wave and a ripple that need no random numbers.
            let wobble = n * 37 % 29 + n * 11 % 13;
            let bytes = rate * u64::from(every) * u64::from(60 + wobble) / 100;
            let from = at(from) + i64::from(n * every).seconds();
            RateSample {
                from,
                to: from + i64::from(every).seconds(),
                stage,
                instances: bytes / 527_104,
                bytes,
            }
        })
        .collect()
}

/// An export with nothing to explain.
pub fn clean() -> (Report, Rows<StudyRow>, Rows<InstanceRow>) {
    let modalities = ["CT", "MR", "US", "CR", "DX", "SR"];
    let studies: Vec<_> =
        (0..12).map(|n| study(n, modalities[n as usize % 6], 40 + n * n * 3, Verdict::Written)).collect();
    let mut report = empty();
    balance(&mut report, &studies);
    let all = report.balance.instances.listed;
    report.summary = format!(
        "All 12 studies with {all} instances are on 2 volumes, read back and checked to the last byte."
    );
    report.transfer.started_at = Some(at("22T18:00:00"));
    report.transfer.finished_at = Some(at("22T19:15:30"));
    report.verdicts = vec![VerdictCount { verdict: Verdict::Written, instances: all }];
    report.evidence = vec![
        check(Check::Balance, Outcome::Passed, "12 studies, all instances"),
        check(Check::SourceSets, Outcome::Passed, "IMAGE-level lists of 12 of 12 studies"),
        check(Check::ObjectDigests, Outcome::Passed, "BLAKE3 of file and dataset"),
        check(Check::ReadBack, Outcome::Passed, "2 of 2 volumes"),
        check(Check::Encryption, Outcome::NotDone, "not done in this version"),
        check(Check::Signature, Outcome::NotDone, "not done in this version"),
    ];
    report.volumes = vec![volume(1, VolumeState::Sealed), volume(2, VolumeState::Sealed)];
    report.plan.queries = vec![
        PlanQuery {
            at: at("22T17:58:00"),
            query: "STUDY StudyDate=20200101-20201231".into(),
            count: 12,
            matches: 12,
            note: "one query per month".into(),
        },
        PlanQuery {
            at: at("22T17:58:09"),
            query: "IMAGE StudyInstanceUID=…".into(),
            count: 12,
            matches: all,
            note: "one query per study".into(),
        },
    ];
    report.plan.claimed_instances = Some(all);
    report.rates = samples(Stage::Fetch, "22T18:00:00", 280, 15, 12_000_000);
    report.rates.extend(samples(Stage::Write, "22T18:20:00", 20, 15, 48_000_000));
    report.rates.extend(samples(Stage::Write, "22T19:05:00", 42, 15, 45_000_000));
    (report, studies.into_iter().map(Ok).collect(), Vec::new())
}
