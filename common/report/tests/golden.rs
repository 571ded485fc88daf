//! Golden files: the reports of fixed samples, byte for byte.
//!
//! After a wanted change refresh them and read the difference:
//! `UPDATE_GOLDEN=1 cargo test --release -p report --test golden && git diff common/report/tests/golden`

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod sample;

use std::fs;
use std::path::{Path, PathBuf};

use report::{InstanceRow, Report, StudyRow, write_all};
use sample::Rows;

fn golden(name: &str, (report, studies, instances): (Report, Rows<StudyRow>, Rows<InstanceRow>)) {
    let dir = tempfile::tempdir().unwrap();
    let written = write_all(dir.path(), &report, studies, instances, sample::changes()).unwrap();
    let csv_changes = written.csv_changes.as_deref();
    assert_eq!(csv_changes.is_some(), report.deltas.is_some());
    if let Some(path) = csv_changes {
        compare(&format!("{name}-changes.csv"), path);
    }
    compare(&format!("{name}.html"), &written.html);
    compare(&format!("{name}.json"), &written.json);
    compare(&format!("{name}-studies.csv"), &written.csv_studies);
    compare(&format!("{name}-instances.csv"), &written.csv_instances);
}

fn compare(name: &str, made: &Path) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let made = fs::read_to_string(made).unwrap();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(made.lines()).position(|(kept, made)| kept != made);
    assert!(kept == made, "{name} differs from its golden file, first in line {:?}", differs.map(|n| n + 1));
}

#[test]
fn an_empty_report() {
    golden("empty", (sample::empty(), Vec::new(), Vec::new()));
}

#[test]
fn a_clean_export() {
    golden("clean", sample::clean());
}

#[test]
fn an_audit_with_discrepancies() {
    golden("troubled", sample::troubled());
}
