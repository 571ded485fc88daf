//! What travels is what was selected.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;

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

/// The day so many days ago on a wall clock in UTC, as DICOM writes it.
fn days_ago(days: i64) -> String {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    today.saturating_sub(jiff::Span::new().days(days)).strftime("%Y%m%d").to_string()
}

/// A source of studies 1, 2, 3 … with these ages in days and these patients, one instance each; its job goes by UTC.
fn dated_site(folder: &Path, studies: &[(i64, u32)]) -> (Orthanc, Program) {
    let source = Orthanc::start("SITE_A", &folder.join("a"));
    for (study, (days, patient)) in (1..).zip(studies) {
        let patient = format!("SYN{patient:06}");
        source.load_bytes(&instance(study, 1).small_of(400, &days_ago(*days), "120000", &patient));
    }
    let p2t = transfer::new_export(&folder.join("export"), &source.node(), &folder.join("disk-{seq}"));
    p2t.configure("pace", "time_zone", "UTC");
    p2t.configure("pace.limits", "associations", 1);
    p2t.configure("segment", "bytes", "8 MiB");
    (source, p2t)
}

fn instance(study: u32, number: u32) -> Instance {
    Instance { study, series: 1, number }
}

/// The numbers of the studies on a directory volume, in the order of its index.
fn studies_in_order(volume: &Path) -> Vec<u32> {
    let index = std::fs::File::open(volume.join("INDEX.jsonl.zst")).expect("the volume has an index");
    let index = zstd::decode_all(index).expect("the index is compressed");
    let lines = index.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let studies = lines.filter_map(|line| {
        let line: serde_json::Value = serde_json::from_slice(line).expect("each line is JSON");
        let uid =
            (line["type"] == "study").then(|| line["uid"].as_str().expect("it has a UID").to_owned())?;
        Some(uid.rsplit('.').next().expect("it has a number").parse().expect("it is a number"))
    });
    studies.collect()
}

#[test]
fn the_window_of_the_last_days_moves_and_what_leaves_it_is_neither_deleted_nor_carried_again() {
    let folder = scratch();
    let folder = folder.path();
    let (source, p2t) = dated_site(folder, &[(2, 1), (8, 2), (20, 3)]);
    p2t.run(&["plan", "--last-days", "10", "--from", "2022-01-01"]).expect(Exit::Usage);
    p2t.configure("selection", "last_days", 10);
    p2t.run(&["plan", "--from", "2022-01-01"]).expect(Exit::Usage).says("set only one of them");
    assert_eq!(planned(&p2t, &[]), 2);
    p2t.run(&["export"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(2));
    // As if five days had passed: a new study comes, one that left the window grows, and one is deleted.
    assert_eq!(planned(&p2t, &["--last-days", "5"]), 2);
    let later = ["plan", "--delta", "--last-days", "5"];
    source.load_bytes(&instance(4, 1).small_of(400, &days_ago(0), "000001", "SYN000004"));
    source.load_bytes(&instance(2, 2).small_of(400, &days_ago(8), "120000", "SYN000002"));
    let delta = p2t.run(&later).expect(Exit::Clean).json();
    let changes = delta["changes"].as_array().expect("changes are a list");
    assert_eq!((changes.len(), &changes[0]["class"], &changes[0]["studies"]), (1, &"new".into(), &1.into()));
    source.delete(&source.instances()[&instance(2, 1).uid()]);
    source.delete(&source.instances()[&instance(2, 2).uid()]);
    let delta = p2t.run(&later).expect(Exit::Clean).json();
    assert_eq!(delta["changes"].as_array().map(Vec::len), Some(0), "{delta}");
    p2t.run(&["export"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(3));
    let volumes = transfer::volumes(&folder.join("disk-{seq}"));
    assert_eq!(
        volumes.iter().map(|volume| studies_in_order(volume)).collect::<Vec<_>>(),
        [vec![1, 2], vec![4]]
    );
}

#[test]
fn a_delta_takes_nobody_whom_the_options_of_the_plan_did_not_take() {
    let folder = scratch();
    let folder = folder.path();
    let (source, p2t) = dated_site(folder, &[(2, 1), (8, 2), (20, 3)]);
    let plan =
        ["--patient-id", "SYN000001", "--patient-id", "SYN000003", "--exclude-patient-id", "SYN000003"];
    assert_eq!(planned(&p2t, &plan), 2);
    for (study, patient) in [(4, "SYN000001"), (5, "SYN000002"), (6, "SYN000003")] {
        source.load_bytes(&instance(study, 1).small_of(400, &days_ago(1), "120000", patient));
    }
    let delta = p2t.run(&["plan", "--delta"]).expect(Exit::Clean).json();
    assert_eq!(delta["studies"]["listed"], 4, "{delta}");
    p2t.run(&["export"]).expect(Exit::Clean);
    let volumes = transfer::volumes(&folder.join("disk-{seq}"));
    assert_eq!(volumes.iter().map(|volume| studies_in_order(volume)).collect::<Vec<_>>(), [[1, 4]]);
    let wider = p2t.run(&["plan", "--delta", "--patient-id", "SYN000002"]);
    wider.expect(Exit::Usage).says("what was planned, which is: 2 patients").says("now it is: 1 patients");
}

#[test]
fn the_order_is_kept_to_the_volume_through_a_stop_and_a_delta() {
    let folder = scratch();
    let folder = folder.path();
    let (source, p2t) = dated_site(folder, &[(30, 1), (10, 2), (20, 1), (5, 3), (40, 3), (15, 4)]);
    let list = p2t.job().join("clinic.csv");
    std::fs::write(&list, "PatientID\nSYN000003\nSYN000001\n").expect("a list can be written");
    p2t.run(&["plan", "--order", "patient-list"]).expect(Exit::Usage).says("set patient_list");
    p2t.run(&["plan", "--patient-list", &text(&list)]).expect(Exit::Clean);
    // Stopped when a part is fetched, whatever part that is.
    p2t.configure("pace.limits", "instances_per_second", 5.0);
    let running = p2t.spawn(&["export"]);
    std::thread::sleep(std::time::Duration::from_millis(700));
    running.interrupt();
    running.finish();
    p2t.configure("pace.limits", "instances_per_second", 500.0);
    let late = instance(7, 1).small_of(400, &days_ago(1), "120000", "SYN000001");
    source.load_bytes(&late);
    source.load_bytes(&instance(8, 1).small_of(400, &days_ago(1), "120000", "SYN000008"));
    let delta = p2t.run(&["plan", "--delta"]).expect(Exit::Clean).json();
    assert_eq!(delta["order"], "patient-list");
    p2t.run(&["export"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(8));
    let volumes = transfer::volumes(&folder.join("disk-{seq}"));
    assert_eq!(studies_in_order(&volumes[0]), [4, 5, 7, 3, 1, 8, 2, 6]);
}

#[test]
fn what_is_on_a_list_of_exclusions_is_in_the_balance_with_its_reason_and_on_no_volume() {
    let folder = scratch();
    let folder = folder.path();
    let (source, p2t) = dated_site(folder, &[(1, 1), (2, 2), (3, 3), (4, 2)]);
    std::fs::write(p2t.job().join("withdrawn.csv"), "Patient ID\nSYN000002\n")
        .expect("a list can be written");
    p2t.configure("selection.exclude", "csv", "withdrawn.csv");
    let document = p2t.run(&["plan"]).expect(Exit::Clean).json();
    assert_eq!((&document["studies"]["listed"], &document["studies"]["excluded"]), (&4.into(), &2.into()));
    assert_eq!(document["excluded_studies"][0]["studies"], 2);
    p2t.run(&["export"]).expect(Exit::Clean);
    let status = p2t.run(&["status"]).json();
    assert_eq!((&status["studies"]["done"], &status["studies"]["excluded"]), (&2.into(), &2.into()));
    assert_eq!(transfer::balance(&p2t), Balance::all_done(2));
    // What becomes of a study that is left out is not told either.
    source.delete(&source.instances()[&instance(2, 1).uid()]);
    let delta = p2t.run(&["plan", "--delta"]).expect(Exit::Clean).json();
    assert_eq!(delta["changes"].as_array().map(Vec::len), Some(0), "{delta}");
    let report = p2t.run(&["report"]).json();
    let page =
        std::fs::read_to_string(report["html"].as_str().expect("it is named")).expect("it can be read");
    assert!(page.contains("its patient is on the list of what is excluded"), "{page}");
    assert!(!page.contains("SYN000002"), "a patient is named");
    // A shorter list takes nothing back by itself.
    std::fs::write(p2t.job().join("withdrawn.csv"), "Patient ID\n").expect("a list can be written");
    assert_eq!(p2t.run(&["plan"]).expect(Exit::Clean).json()["studies"]["excluded"], 2);
    p2t.run(&["plan", "--delta", "--readmit"]).expect(Exit::Clean);
    p2t.run(&["export"]).expect(Exit::Clean);
    // Of the two that are taken again one was deleted meanwhile.
    let studies = &p2t.run(&["status"]).json()["studies"];
    assert_eq!((&studies["done"], &studies["excluded"]), (&3.into(), &1.into()));
}

#[test]
fn of_two_patients_with_one_study_uid_the_excluded_ones_images_stay_where_they_are() {
    for (wanted, excluded) in [(1, 2), (2, 1)] {
        let folder = scratch();
        let folder = folder.path();
        let source = Orthanc::start("SITE_A", &folder.join("a"));
        // Orthanc keeps one study for each of them, under the one UID.
        for patient in [1, 2] {
            let object =
                instance(7, patient).small_of(400, &days_ago(3), "120000", &format!("SYN00000{patient}"));
            source.load_bytes(&object);
        }
        let p2t = transfer::new_export(&folder.join("export"), &source.node(), &folder.join("disk-{seq}"));
        let excluded = format!("SYN00000{excluded}");
        p2t.run(&["plan", "--exclude-patient-id", &excluded]).expect(Exit::Clean);
        // The option is not given again.
        p2t.run(&["plan"]).expect(Exit::Clean);
        p2t.run(&["export"]).expect(Exit::Clean);
        let balance = transfer::balance(&p2t);
        assert_eq!((balance.done, balance.excluded, balance.failed, balance.pending), (1, 1, 0, 0));
        let index =
            std::fs::File::open(transfer::volumes(&folder.join("disk-{seq}"))[0].join("INDEX.jsonl.zst"));
        let index =
            zstd::decode_all(index.expect("the volume has an index")).expect("the index is compressed");
        let index = String::from_utf8(index).expect("the index is text");
        assert!(!index.contains(&excluded), "{index}");
        assert!(index.contains(&instance(7, wanted).uid()), "{index}");
    }
}

#[test]
fn a_status_that_the_source_tells_selects_and_one_that_it_does_not_tell_does_not() {
    let folder = scratch();
    let folder = folder.path();
    let told = serde_json::json!({ "ExtraMainDicomTags": { "Study": ["StudyStatusID"] } });
    let source = Orthanc::start_with("SITE_A", &folder.join("a"), told);
    source.load_bytes(&instance(1, 1).small_with_status(400, "VERIFIED"));
    source.load_bytes(&instance(2, 1).small_with_status(400, "STARTED"));
    source.load_bytes(&instance(3, 1).small(400));
    let p2t = transfer::new_export(&folder.join("export"), &source.node(), &folder.join("disk-{seq}"));
    let document = p2t.run(&["plan", "--status", "VERIFIED"]).expect(Exit::Clean).json();
    assert_eq!((&document["studies"]["listed"], &document["studies"]["excluded"]), (&3.into(), &1.into()));
    assert_eq!(document["excluded_studies"][0]["reason"], "left out: its status at the source is STARTED");
    p2t.run(&["export"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(2));
}

#[test]
fn what_is_excluded_in_a_folder_is_in_the_balance_and_nothing_is_told_of_it() {
    let folder = scratch();
    let folder = folder.path();
    let files = folder.join("files");
    synthetic::write_many(&files, 3, INSTANCES, 1000);
    let p2t = transfer::new_export(&folder.join("export"), &text(&files), &folder.join("disk-{seq}"));
    p2t.run(&["plan", "--exclude-patient-id", "SYN000002"]).expect(Exit::Clean);
    p2t.run(&["export"]).expect(Exit::Clean);
    let balance = transfer::balance(&p2t);
    assert_eq!((balance.done, balance.excluded), (6, 3));
    let path = |study: u32, number: u32| files.join(format!("{study:06}/{number:06}.dcm"));
    std::fs::remove_file(path(2, 1)).expect("a file can be removed");
    std::fs::write(path(2, 2), instance(2, 2).small(1200)).expect("a file can be written");
    std::fs::write(path(2, 9), instance(2, 9).small(1000)).expect("a file can be written");
    std::fs::remove_file(path(3, 1)).expect("a file can be removed");
    let delta = p2t.run(&["plan", "--delta"]).expect(Exit::Clean).json();
    let told: Vec<_> =
        delta["changes"].as_array().expect("a list").iter().map(|change| &change["class"]).collect();
    assert!(told.contains(&&"shrank".into()) && !told.contains(&&"deleted".into()), "{delta}");
    assert_eq!(
        delta["changes"][told.iter().position(|class| **class == "shrank").expect("it is there")]["studies"],
        1
    );
    p2t.run(&["export"]).expect(Exit::Clean);
    let balance = transfer::balance(&p2t);
    assert_eq!((balance.done, balance.excluded, balance.pending), (6, 4, 0));
}
