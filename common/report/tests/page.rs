//! What must hold for every page: nothing from outside is taken for markup, nothing broken is hidden,
//! nothing is fetched, and size does not matter.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod sample;

use std::convert::Infallible;
use std::fs;

use report::*;
use sample::Rows;

fn page(report: &Report, studies: Rows<StudyRow>) -> (String, Written) {
    let dir = tempfile::tempdir().unwrap();
    let written =
        write_all(dir.path(), report, studies, Rows::<InstanceRow>::new(), Rows::<ChangeRow>::new()).unwrap();
    (fs::read_to_string(&written.html).unwrap(), written)
}

#[test]
fn pages_have_no_scripts_and_fetch_nothing() {
    let (clean, troubled) = (sample::clean(), sample::troubled());
    for (report, studies) in [(clean.0, clean.1), (troubled.0, troubled.1), (sample::empty(), Vec::new())] {
        let html = page(&report, studies).0.to_lowercase();
        for forbidden in ["http", "src=", "<script", "url(", "@import", "<link", "<iframe", "javascript:"] {
            assert!(!html.contains(forbidden), "{forbidden} in the page");
        }
    }
}

#[test]
fn outside_text_stays_text_wherever_it_stands() {
    let evil = "</style></td><script>x</script>\" onload='y'";
    let (mut report, _, _) = sample::troubled();
    let transfer = &mut report.transfer;
    for field in [&mut transfer.id, &mut transfer.volume_set, &mut transfer.source, &mut transfer.operator] {
        *field = evil.into();
    }
    transfer.config_digest = evil.into();
    transfer.destinations = vec![evil.into(); 2];
    (report.version, report.time_zone, report.summary) = (evil.into(), evil.into(), evil.into());
    report.evidence.iter_mut().for_each(|row| row.detail = evil.into());
    report.reasons.iter_mut().for_each(|row| (row.reason, row.examples) = (evil.into(), vec![evil.into()]));
    for volume in &mut report.volumes {
        (volume.id, volume.medium, volume.index_blake3) = (evil.into(), evil.into(), evil.into());
        volume.findings = vec![evil.into()];
        volume.verified.iter_mut().for_each(|verified| verified.how = evil.into());
    }
    report.missing_volumes.iter_mut().for_each(|row| (row.id, row.known_from) = (evil.into(), evil.into()));
    for row in &mut report.damage {
        (row.volume, row.finding, row.examples) = (evil.into(), evil.into(), vec![evil.into()]);
    }
    report.conflicts.iter_mut().for_each(|row| row.sop_instance_uid = evil.into());
    for row in &mut report.pace {
        (row.signal, row.value, row.baseline) = (evil.into(), evil.into(), evil.into());
    }
    (report.plan.method, report.plan.selection) = (evil.into(), evil.into());
    report.plan.queries = vec![PlanQuery {
        at: report.generated_at,
        query: evil.into(),
        count: 1,
        matches: 1,
        note: evil.into(),
    }];
    report.events.iter_mut().for_each(|row| row.message = evil.into());
    let mut study = sample::study(1, evil, 1, Verdict::Failed);
    (study.study_instance_uid, study.study_date, study.reasons) =
        (evil.into(), evil.into(), vec![evil.into()]);

    let (html, _) = page(&report, vec![Ok(study)]);
    assert!(!html.contains("<script"));
    assert_eq!(html.matches("</style>").count(), 1);
    assert!(!html.contains("onload='"));
    assert!(html.matches("&#60;script&#62;").count() > 40);
}

#[test]
fn a_broken_balance_is_shown_and_overrules_clean() {
    let (mut report, studies, _) = sample::clean();
    report.balance.instances.listed += 7;
    let (html, written) = page(&report, studies);
    assert_eq!(written.verdict, Overall::Discrepancies);
    assert!(html.contains("does not hold: 7 unaccounted for"));
    assert!(html.contains("<strong>Discrepancies</strong>") && !html.contains("<strong>Clean</strong>"));
}

#[test]
fn rows_that_do_not_add_up_overrule_clean_in_every_file() {
    let (report, mut studies, _) = sample::clean();
    studies.pop();
    let dir = tempfile::tempdir().unwrap();
    let written =
        write_all(dir.path(), &report, studies, Rows::<InstanceRow>::new(), Rows::<ChangeRow>::new())
            .unwrap();
    assert_eq!(written.verdict, Overall::Discrepancies);
    assert_eq!(written.footing.studies.listed, 11);
    assert!(fs::read_to_string(&written.html).unwrap().contains("add up to other numbers"));
    let json: serde_json::Value = serde_json::from_slice(&fs::read(&written.json).unwrap()).unwrap();
    assert_eq!(json["report"]["verdict"], "discrepancies");
    assert_eq!(json["studies"].as_array().unwrap().len(), 11);
}

#[test]
fn the_page_of_a_huge_transfer_is_bounded_and_the_other_files_are_whole() {
    let rows = (0..60_000).map(|n| {
        let verdict = if n % 4 == 0 { Verdict::Missing } else { Verdict::Delivered };
        let mut row = sample::study(n, "CT", 1, verdict);
        row.reasons = vec!["x".repeat(100); usize::from(n % 4 == 0) * 9];
        Ok::<_, Infallible>(row)
    });
    let mut report = sample::empty();
    report.events =
        vec![
            EventRow { at: report.generated_at, severity: Severity::Info, message: "long ".repeat(9000) };
            700
        ];
    let dir = tempfile::tempdir().unwrap();
    let written =
        write_all(dir.path(), &report, rows, Rows::<InstanceRow>::new(), Rows::<ChangeRow>::new()).unwrap();
    let html = fs::read_to_string(&written.html).unwrap();
    assert_eq!(html.matches("<tbody class=\"study\">").count(), MOST_DISCREPANCIES + MOST_OTHERS);
    assert!(html.contains("5,000 more in the CSV and the JSON"));
    assert!(html.contains("43,000 more in the CSV and the JSON"));
    assert!(html.contains("200 more in the JSON"));
    assert!(html.len() < 16_000_000, "{} bytes", html.len());
    assert_eq!(fs::read_to_string(&written.csv_studies).unwrap().lines().count(), 60_001);
    let json: serde_json::Value = serde_json::from_slice(&fs::read(&written.json).unwrap()).unwrap();
    assert_eq!(json["studies"].as_array().unwrap().len(), 60_000);
}

#[test]
fn a_row_that_cannot_be_read_leaves_the_earlier_report() {
    let dir = tempfile::tempdir().unwrap();
    let (report, studies, _) = sample::clean();
    let before =
        write_all(dir.path(), &report, studies, Rows::<InstanceRow>::new(), Rows::<ChangeRow>::new())
            .unwrap();
    let html = fs::read(&before.html).unwrap();
    let broken: Rows<StudyRow> =
        vec![Ok(sample::study(1, "CT", 1, Verdict::Written)), Err("disk gone".into())];
    let error = write_all(dir.path(), &report, broken, Rows::<InstanceRow>::new(), Rows::<ChangeRow>::new())
        .unwrap_err();
    assert!(error.to_string().contains("studies") && error.to_string().contains("disk gone"));
    assert_eq!(fs::read(&before.html).unwrap(), html);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4);
}

#[test]
fn the_page_names_the_digests_of_the_files_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let (report, studies, instances) = sample::troubled();
    let written = write_all(dir.path(), &report, studies, instances, Rows::<ChangeRow>::new()).unwrap();
    let html = fs::read_to_string(&written.html).unwrap();
    for file in [&written.json, &written.csv_studies, &written.csv_instances] {
        let digest = manifest::Digest::of(&fs::read(file).unwrap());
        assert!(html.contains(&digest.to_string()), "{}", file.display());
    }
}
