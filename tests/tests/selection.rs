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
