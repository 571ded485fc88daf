//! Size does not matter: time and memory are printed, and the sums hold.

use std::fs;
use std::time::Instant;

use catalogue::plan::InstanceRow;
use report::Overall;

use crate::lab::{Lab, facts, read, study_row};

/// Another number may be given by hand: `REPORT_INSTANCES=1000000 cargo test --release -p report --test filled many
/// -- --nocapture`.
fn instances() -> u64 {
    std::env::var("REPORT_INSTANCES").ok().and_then(|text| text.parse().ok()).unwrap_or(50_000)
}

const OF_A_STUDY: u64 = 500;

#[test]
fn many_instances_pass_by() {
    let mut lab = Lab::new();
    lab.query("STUDY", instances() / OF_A_STUDY, 0);
    for study in 0..instances() / OF_A_STUDY {
        let uid = format!("1.2.{study}");
        let id = lab.listed(study_row(&uid));
        let rows = (0..OF_A_STUDY).map(|n| InstanceRow {
            series_uid: format!("{uid}.{}", n / 100),
            sop_instance: format!("{uid}.9.{n}"),
            ..InstanceRow::default()
        });
        lab.catalogue.record_instances(id, rows).unwrap();
        lab.catalogue.fail_pending_of_study(id, "C-GET ended with A702H").unwrap();
    }
    let before = peak_kib();
    let begun = Instant::now();
    let written = report::filled::export(&lab.catalogue, &facts(), &lab.reports()).unwrap();
    let (took, after) = (begun.elapsed(), peak_kib());
    println!("{} instances: {took:?}, peak {before} KiB before, {after} KiB after", instances());
    let (written, json) = read(written);
    assert_eq!(written.verdict, Overall::Discrepancies);
    let failed = instances() / OF_A_STUDY * OF_A_STUDY;
    assert_eq!(json["report"]["balance"]["instances"]["failed"], failed);
    let lines = fs::read_to_string(&written.csv_instances).unwrap().lines().count() as u64;
    assert_eq!(lines, failed + 1);
}

/// Highest resident set of the process so far.
fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|text| text.trim().trim_end_matches(" kB").trim().parse().ok()).unwrap_or(0)
}
