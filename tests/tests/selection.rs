//! What travels is what was selected.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use e2e::disk::scratch;
use e2e::orthanc::Orthanc;
use e2e::program::{Exit, Program};
use e2e::synthetic::{self, Instance};
use e2e::transfer::{self, Balance, text};

const INSTANCES: u32 = 3;

fn planned(p2t: &Program, options: &[&str]) -> u64 {
    p2t.run(&[&["plan"], options].concat()).expect(Exit::Clean).json()["studies"]["listed"]
        .as_u64()
        .expect("the plan counts studies")
}

#[test]
fn a_list_in_the_job_directory_is_found_from_everywhere_and_selects_its_studies_alone() {
    let folder = scratch();
    let folder = folder.path();
    let files = folder.join("files");
    synthetic::write_many(&files, 4, INSTANCES, 1000);
    let source = Orthanc::start("SITE_A", &folder.join("a"));
    source.load(&files);
    let study = |study| Instance { study, series: 1, number: 1 }.study_uid();
    let p2t = transfer::new_export(&folder.join("export"), &source.node(), &folder.join("disk-{seq}"));
    p2t.configure("selection", "csv", "studies.csv");
    let list = format!("Study Instance UID\n{}\n{}\n", study(2), study(4));
    std::fs::write(p2t.job().join("studies.csv"), list).expect("a list can be written");
    assert_eq!(planned(&p2t, &[]), 2);
    // An option takes the place of the configuration; what was planned before stays.
    let other = folder.join("other.csv");
    std::fs::write(&other, format!("StudyInstanceUID\n{}\n", study(1))).expect("a list can be written");
    assert_eq!(planned(&p2t, &["--csv", &text(&other)]), 3);
    p2t.run(&["export"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(u64::from(3 * INSTANCES)));
}

#[test]
fn each_option_selects_what_it_says_and_the_report_says_what_was_selected() {
    let folder = scratch();
    let folder = folder.path();
    let files = folder.join("files");
    synthetic::write_many(&files, 6, 1, 1000);
    let source = Orthanc::start("SITE_A", &folder.join("a"));
    source.load(&files);
    let job = |name: &str| {
        transfer::new_export(&folder.join(name), &source.node(), &folder.join(format!("{name}-{{seq}}")))
    };
    // Studies 1 to 6 are of 2 to 7 January 2022, each with a patient of its own.
    for (name, options, studies) in [
        ("dates", vec!["--from", "2022-01-03", "--until", "2022-01-05"], 3),
        ("patients", vec!["--patient-id", "SYN000002", "--patient-id", "SYN000006"], 2),
        ("accessions", vec!["--accession", "S000004"], 1),
        ("modality", vec!["--modality", "CT"], 6),
        ("another", vec!["--modality", "MR"], 0),
        ("both", vec!["--accession", "S000004", "--patient-id", "SYN000002", "--from", "2022-01-04"], 1),
    ] {
        assert_eq!(planned(&job(name), &options), studies, "{options:?}");
    }
    let p2t = job("report");
    planned(&p2t, &["--modality", "CT", "--patient-id", "SYN000002"]);
    planned(&p2t, &["--from", "2022-01-06"]);
    let report = p2t.run(&["report"]).json();
    let page =
        std::fs::read_to_string(report["html"].as_str().expect("it is named")).expect("it can be read");
    assert!(page.contains("modalities CT; 1 patients — and studies from 2022-01-06"), "{page}");
    assert!(!page.contains("SYN000002"), "a patient is named");
}
