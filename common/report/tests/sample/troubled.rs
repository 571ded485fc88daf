//! An audit in which about everything went wrong, with hostile text wherever text comes from outside.

use report::*;

use super::{Rows, at, balance, check, digest, empty, samples, study, uid, volume};

const EVIL: &str = "<script>alert('1')</script>";
const DAMAGED: &str = "0193542c-8b10-7aa0-b0de-000000000002";

const FREE: Allowance = Allowance {
    open: true,
    bytes_per_second: None,
    instances_per_second: None,
    studies_per_hour: None,
    associations: None,
    load: None,
};
const DAY: Allowance = Allowance {
    open: true,
    bytes_per_second: Some(10e6),
    instances_per_second: Some(20.0),
    studies_per_hour: Some(120.0),
    associations: Some(4),
    load: Some(2.25),
};
const SHUT: Allowance = Allowance { open: false, ..FREE };
const NIGHT: Allowance = Allowance { open: true, bytes_per_second: Some(60e6), ..FREE };

fn pace(when: &str, signal: &str, value: &str, old: Allowance, new: Allowance) -> PaceRow {
    PaceRow { at: at(when), signal: signal.into(), value: value.into(), baseline: String::new(), old, new }
}

pub fn troubled() -> (Report, Rows<StudyRow>, Rows<InstanceRow>) {
    let studies = studies();
    let mut report = empty();
    balance(&mut report, &studies);
    report.program = Program::T2p;
    report.kind = Kind::Audit;
    report.verdict = Overall::Discrepancies;
    report.summary =
        "4 instances failed or are missing, 124 wait for volume 3, which has not arrived.".into();
    report.transfer.destinations = vec!["ORTHANC-B@pacs-b:4242".into()];
    report.transfer.started_at = Some(at("20T06:00:00"));
    report.transfer.finished_at = Some(at("22T19:30:00"));
    verdicts(&mut report);
    volumes(&mut report);
    pace_log(&mut report);
    report.deltas = Some(super::deltas());
    report.events = vec![
        EventRow {
            at: at("20T06:00:01"),
            severity: Severity::Info,
            message: "Volume 1 opened, label and trailer agree.".into(),
        },
        EventRow {
            at: at("21T17:02:10"),
            severity: Severity::Warning,
            message: "Destination answered A700H (out of resources); waiting 30 s.".into(),
        },
        EventRow {
            at: at("21T23:40:00"),
            severity: Severity::Error,
            message: format!("Association lost {EVIL}"),
        },
    ];
    (report, studies.into_iter().map(Ok).collect(), instances())
}

fn studies() -> Vec<StudyRow> {
    let mut studies: Vec<_> = (0..8).map(|n| study(n, "CT", 120 + n, Verdict::Delivered)).collect();
    let spoil = |row: &mut StudyRow, verdict, failed, pending, reason: &str| {
        row.instances.done -= failed + pending;
        row.instances.failed = failed;
        row.instances.pending = pending;
        row.bytes = row.instances.done * 527_104;
        row.verdict = verdict;
        row.reasons.push(reason.into());
    };
    spoil(
        &mut studies[1],
        Verdict::Failed,
        3,
        0,
        "C-STORE refused with A900H (dataset does not match SOP class)",
    );
    spoil(&mut studies[3], Verdict::Missing, 1, 0, "stored with 0000H, but not listed by the destination");
    spoil(&mut studies[4], Verdict::NotArrived, 0, 124, "volume 3 has not arrived");
    spoil(&mut studies[6], Verdict::Pending, 0, 40, "destination out of resources (A700H), tried 5 times");
    studies[5].extra = 2;
    studies[5].verdict = Verdict::Extra;
    studies[5].reasons.push("2 instances that no volume carries".into());
    studies[7].study_instance_uid = format!("1.2.3.{EVIL}");
    studies[7].reasons.push(format!("={EVIL}\u{202e}\n"));
    studies
}

fn verdicts(report: &mut Report) {
    report.verdicts = [
        (Verdict::Delivered, report.balance.instances.done),
        (Verdict::Pending, 40),
        (Verdict::NotArrived, 124),
        (Verdict::Extra, 2),
        (Verdict::Failed, 3),
        (Verdict::Missing, 1),
    ]
    .map(|(verdict, instances)| VerdictCount { verdict, instances })
    .to_vec();
    let reason = |verdict, reason: &str, count, n| ReasonGroup {
        verdict,
        reason: reason.into(),
        count,
        examples: vec![uid(n), uid(n + 1)],
    };
    report.reasons = vec![
        reason(Verdict::NotArrived, "Volume 3 has not arrived; insert it and run ingest again.", 124, 300),
        reason(Verdict::Failed, "C-STORE refused with A900H: dataset does not match SOP class.", 3, 310),
        reason(Verdict::Missing, "Stored with 0000H, but the destination does not list it.", 1, 320),
        reason(Verdict::Failed, &format!("Error Comment {EVIL} & \"quotes\""), 0, 330),
    ];
    report.evidence = vec![
        check(Check::Balance, Outcome::Passed, "8 studies"),
        check(Check::VolumeDigests, Outcome::Findings, "2 of 3 volumes; 1 segment damaged"),
        check(Check::StoreStatus, Outcome::Findings, "3 of 828 refused"),
        check(Check::DestinationSets, Outcome::Findings, "1 missing, 2 extra"),
        check(Check::RetrieveBack, Outcome::Partial, "300 instances, drawn with seed 4711"),
        check(Check::StorageCommitment, Outcome::NotDone, "not done in this version"),
        check(Check::Encryption, Outcome::NotDone, "not done in this version"),
    ];
}

fn volumes(report: &mut Report) {
    let mut damaged = volume(2, VolumeState::Damaged);
    damaged.findings = vec!["Segment 7 does not match its digest from offset 1,048,576 on.".into()];
    damaged.verified = None;
    report.volumes = vec![volume(1, VolumeState::Arrived), damaged];
    report.missing_volumes = vec![MissingVolume {
        sequence: 3,
        id: String::new(),
        known_from: "the index of volume 2 says that the transfer went on".into(),
        objects: Some(124),
    }];
    report.damage = vec![DamagedSegment {
        volume: DAMAGED.into(),
        segment: 7,
        finding: "frame 3 at offset 1,048,576: BLAKE3 differs from the index".into(),
        objects: 3,
        examples: vec![uid(401), uid(402)],
    }];
    report.conflicts = vec![Conflict {
        sop_instance_uid: uid(500),
        objects: vec![
            ConflictObject {
                blake3: digest(500),
                bytes: 526_336,
                origin: "segment 2, member 14".into(),
                verdict: Verdict::Delivered,
            },
            ConflictObject {
                blake3: digest(501),
                bytes: 526_340,
                origin: format!("segment 5, {EVIL}"),
                verdict: Verdict::Failed,
            },
        ],
    }];
}

/// An hour in which C-FIND gets slow, and less is taken until it is not.
fn canary(minute: i64) -> [CanaryRow; 2] {
    let at = at("21T18:00:00") + jiff::SignedDuration::from_mins(minute);
    let slow = (20..30).contains(&minute);
    let load = if slow { 0.5 } else { 2.25 };
    let row = |probe: &str, milliseconds, baseline| CanaryRow {
        at,
        probe: probe.to_owned(),
        milliseconds,
        baseline: (minute > 5).then_some(baseline),
        load,
    };
    [row("C-ECHO", 3.0, 2.5), row("C-FIND", if slow { 95.0 } else { 22.0 }, 20.0)]
}

fn pace_log(report: &mut Report) {
    report.rates = samples(Stage::Load, "20T06:00:00", 30, 120, 180_000_000);
    report.rates.extend(samples(Stage::Deliver, "20T06:10:00", 140, 300, 40_000_000));
    report.rates.extend(samples(Stage::Load, "21T17:00:00", 40, 120, 170_000_000));
    report.rates.extend(samples(Stage::Deliver, "21T17:10:00", 160, 300, 9_800_000));
    report.rates.extend(samples(Stage::Deliver, "22T17:00:00", 30, 300, 55_000_000));
    report.canary = (0..60).flat_map(canary).collect();
    report.pace = vec![
        pace("20T06:00:00", "window", "weekdays 07:00-20:00", FREE, NIGHT),
        pace("20T22:00:00", "window", "backup 23:00-18:00", NIGHT, SHUT),
        pace("21T17:00:00", "window", "evening", SHUT, DAY),
        pace("22T06:30:00", "window", "closed", DAY, SHUT),
        pace("22T17:00:00", "operator", "ceiling raised", SHUT, NIGHT),
    ];
}

fn instances() -> Rows<InstanceRow> {
    vec![
        Ok(InstanceRow {
            study_instance_uid: uid(1),
            series_instance_uid: uid(11),
            sop_instance_uid: uid(310),
            sop_class_uid: "1.2.840.10008.5.1.4.1.1.2".into(),
            transfer_syntax_uid: "1.2.840.10008.1.2.4.90".into(),
            bytes: Some(527_104),
            blake3: digest(310),
            volume: DAMAGED.into(),
            segment: Some(2),
            verdict: Verdict::Failed,
            reason: "C-STORE refused with A900H, \"does not match\"".into(),
        }),
        Ok(InstanceRow {
            study_instance_uid: uid(5),
            series_instance_uid: uid(12),
            sop_instance_uid: "@SUM(1)".into(),
            sop_class_uid: String::new(),
            transfer_syntax_uid: String::new(),
            bytes: None,
            blake3: String::new(),
            volume: String::new(),
            segment: None,
            verdict: Verdict::Extra,
            reason: "no volume carries it".into(),
        }),
    ]
}
