//! What goes wrong in a hospital: full disks, dead, stalling, refusing and lying peers. It stops cleanly, says why, resumes.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;
use std::time::{Duration, Instant};

use e2e::disk::{self, scratch};
use e2e::orthanc::Orthanc;
use e2e::peer::Peer;
use e2e::process::free_port;
use e2e::program::{Exit, Program};
use e2e::proxy::Proxy;
use e2e::synthetic::{self, Instance};
use e2e::transfer::{self, Balance, text};
use e2e::tree;
use serde_json::json;

const STUDIES: u32 = 4;
const INSTANCES: u32 = 10;
const OBJECTS: u64 = (STUDIES * INSTANCES) as u64;
const PIXELS: u32 = 60_000;

fn files(folder: &Path) -> std::path::PathBuf {
    let files = folder.join("files");
    synthetic::write_many(&files, STUDIES, INSTANCES, PIXELS);
    files
}

/// Volumes with all objects, made from a folder.
fn volumes(folder: &Path) -> Vec<std::path::PathBuf> {
    let medium = folder.join("made-{seq}");
    transfer::export(&transfer::new_export(&folder.join("made"), &text(&files(folder)), &medium));
    transfer::volumes(&medium)
}

/// A job that fails fast: the tests are about what happens, not about how long one waits.
fn impatient(program: &Program) {
    program.configure("timeouts", "connect_seconds", 2);
    program.configure("timeouts", "associate_seconds", 5);
    program.configure("timeouts", "idle_seconds", 5);
    program.configure("retry", "attempts", 2);
    program.configure("retry", "delay_seconds", 0);
}

fn export_from(folder: &Path, node: &str) -> Program {
    let p2t = transfer::new_export(&folder.join("export"), node, &folder.join("disk-{seq}"));
    impatient(&p2t);
    p2t
}

fn ingest_to(folder: &Path, node: &str) -> Program {
    let t2p = transfer::new_ingest(&folder.join("ingest"), node);
    impatient(&t2p);
    t2p
}

/// A source with all objects, the line to it, and a job for it.
fn export_through_a_line(folder: &Path) -> (Orthanc, Proxy, Program) {
    let source = Orthanc::start("SITE_A", &folder.join("a"));
    source.load(&files(folder));
    let line = Proxy::to(source.dicom_port());
    let p2t = export_from(folder, &format!("SITE_A@127.0.0.1:{}", line.port()));
    (source, line, p2t)
}

/// A destination, the line to it, and a job for it.
fn ingest_through_a_line(folder: &Path) -> (Orthanc, Proxy, Program) {
    let destination = Orthanc::start("SITE_B", &folder.join("b"));
    let line = Proxy::to(destination.dicom_port());
    let t2p = ingest_to(folder, &format!("SITE_B@127.0.0.1:{}", line.port()));
    (destination, line, t2p)
}

/// A destination that is down, and a job for it.
fn ingest_to_one_that_is_down(folder: &Path) -> (Orthanc, Program) {
    let mut destination = Orthanc::start("SITE_B", &folder.join("b"));
    destination.stop();
    let t2p = ingest_to(folder, &destination.node());
    (destination, t2p)
}

fn is_whole(p2t: &Program) {
    assert_eq!(transfer::balance(p2t), Balance::all_done(OBJECTS));
}

#[test]
fn a_full_spool_stops_p2t_which_says_so_and_resumes_when_there_is_room() {
    let folder = scratch();
    let folder = folder.path();
    let source = Orthanc::start("SITE_A", &folder.join("a"));
    source.load(&files(folder));
    let p2t = export_from(folder, &source.node());
    p2t.run(&["plan"]).expect(Exit::Clean);
    let spool = p2t.job().join("spool");
    disk::mount_small(&spool, 1_000_000);
    p2t.run(&["export"]).expect(Exit::Incomplete).says("spool");
    disk::resize(&spool, 100_000_000);
    p2t.run(&["export"]).expect(Exit::Clean);
    is_whole(&p2t);
}

#[test]
fn a_full_disk_stops_an_extraction_which_says_so_and_goes_on_when_there_is_room() {
    let folder = scratch();
    let folder = folder.path();
    let volumes = volumes(folder);
    let disk = folder.join("out");
    disk::mount_small(&disk, 1_000_000);
    let t2p = transfer::without_job(folder);
    let extract = ["extract", &text(&volumes[0]), "--out", &text(&disk)];
    t2p.run(&extract).expect(Exit::Incomplete).says("no room").says("--out");
    disk::resize(&disk, 100_000_000);
    t2p.run(&extract).expect(Exit::Clean);
    assert_eq!(tree::contents(&disk), tree::contents(&folder.join("files")));
}

/// A disk with room for a part of all objects.
fn small_disk(folder: &Path, name: &str) -> std::path::PathBuf {
    let disk = folder.join(name);
    disk::mount_small(&disk, OBJECTS * u64::from(PIXELS) * 2 / 3);
    disk.join("tape-{seq}.tap")
}

#[test]
fn a_disk_that_is_full_of_volumes_makes_nothing_fail_and_the_next_disk_takes_the_rest() {
    let folder = scratch();
    let folder = folder.path();
    let disks = ["one", "two", "three"].map(|name| small_disk(folder, name));
    for given_at_once in [false, true] {
        let p2t =
            transfer::new_export(&folder.join(format!("{given_at_once}")), &text(&files(folder)), &disks[0]);
        p2t.configure("segment", "bytes", "512 KiB");
        p2t.configure("segment", "frame_bytes", "64 KiB");
        p2t.run(&["plan"]).expect(Exit::Clean);
        if given_at_once {
            let to = disks.each_ref().map(|disk| text(disk));
            p2t.run(&["export", "--to", &to[0], "--to", &to[1], "--to", &to[2]]).expect(Exit::Clean);
        } else {
            p2t.run(&["export"]).expect(Exit::Incomplete).says("full");
            p2t.run(&["export"]).expect(Exit::Incomplete).says("full");
            p2t.run(&["export", "--to", &text(&disks[1])]).expect(Exit::Clean);
        }
        is_whole(&p2t);
        for disk in &disks {
            transfer::each(&p2t, "verify", &transfer::volumes(disk));
            for volume in transfer::volumes(disk) {
                std::fs::remove_file(volume).expect("a volume can be deleted");
            }
        }
    }
}

#[test]
fn a_full_disk_of_the_job_stops_the_plan_which_says_so_and_goes_on_when_there_is_room() {
    let folder = scratch();
    let folder = folder.path();
    let files = folder.join("files");
    synthetic::write_many(&files, 20, 100, 100);
    let job = folder.join("export");
    disk::mount_small(&job, 700_000);
    let p2t = transfer::new_export(&job, &text(&files), &folder.join("disk-{seq}"));
    p2t.run(&["plan"]).expect(Exit::Incomplete).says("full");
    disk::resize(&job, 200_000_000);
    transfer::export(&p2t);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(2000));
}

#[test]
fn a_full_spool_stops_t2p_which_says_so_and_resumes_when_there_is_room() {
    let folder = scratch();
    let folder = folder.path();
    let volumes = volumes(folder);
    let destination = Orthanc::start("SITE_B", &folder.join("b"));
    let t2p = ingest_to(folder, &destination.node());
    let spool = t2p.job().join("spool");
    disk::mount_small(&spool, 1_000_000);
    let ingest = transfer::ingest_arguments(&volumes);
    t2p.run(&ingest).expect(Exit::Incomplete).says("spool");
    disk::resize(&spool, 100_000_000);
    t2p.run(&ingest).expect(Exit::Clean);
    assert_eq!(destination.uids().len() as u64, OBJECTS);
}

#[test]
fn a_source_that_dies_in_mid_study_is_resumed_where_it_stopped() {
    let folder = scratch();
    let folder = folder.path();
    let (_source, line, p2t) = export_through_a_line(folder);
    p2t.run(&["plan"]).expect(Exit::Clean);
    line.break_after(u64::from(PIXELS) * 5 / 2);
    p2t.run(&["export"]).expect(Exit::Incomplete).says("SITE_A");
    assert!(line.is_down(), "the line was never cut");
    line.repair();
    let before = line.downstream();
    p2t.run(&["export"]).expect(Exit::Clean);
    is_whole(&p2t);
    let again = line.downstream() - before;
    assert!(again < OBJECTS * u64::from(PIXELS), "{again} bytes: everything was fetched again");
}

#[test]
fn an_object_that_changed_in_the_spool_of_t2p_is_not_delivered_but_loaded_again() {
    let folder = scratch();
    let folder = folder.path();
    let volumes = volumes(folder);
    let (mut destination, t2p) = ingest_to_one_that_is_down(folder);
    let ingest = transfer::ingest_arguments(&volumes);
    t2p.configure("pace.limits", "associations", i64::from(STUDIES));
    transfer::load_only(&t2p, &volumes, OBJECTS);
    let spooled = t2p.job().join("spool/segment-000001.objects");
    let mut bytes = std::fs::read(&spooled).expect("the segment is in the spool");
    // The middle is where an object begins, with a preamble that is not sent.
    let pixel = bytes.len() / 2 - 1000;
    bytes[pixel] ^= 1;
    std::fs::write(&spooled, bytes).expect("the spool can be written");
    destination.restart();
    t2p.run(&ingest).expect(Exit::Incomplete).says("changed");
    let before = destination.received().len() as u64;
    assert!(before < OBJECTS, "the object that changed was delivered");
    t2p.run(&ingest).expect(Exit::Clean);
    assert_eq!(destination.received().len() as u64, OBJECTS, "something was sent twice");
    assert_eq!(transfer::balance(&t2p), Balance::all_done(OBJECTS));
}

#[test]
fn a_segment_that_changed_in_the_spool_of_p2t_is_not_written_but_fetched_again() {
    let folder = scratch();
    let folder = folder.path();
    let files = files(folder);
    let p2t = export_from(folder, &text(&files));
    p2t.run(&["plan"]).expect(Exit::Clean);
    // Without a medium the sealed segments stay in the spool.
    p2t.run(&["export", "--to", &text(&files)]).expect(Exit::Failed);
    let sealed = p2t.job().join("spool/segment-000001.tar.zst");
    let mut bytes = std::fs::read(&sealed).expect("a sealed segment is in the spool");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&sealed, bytes).expect("the spool can be written");
    p2t.run(&["export"]).expect(Exit::Incomplete).says("changed");
    p2t.run(&["export"]).expect(Exit::Clean);
    is_whole(&p2t);
}

#[test]
fn a_source_folder_whose_disk_is_taken_away_is_no_file_s_fault() {
    let folder = scratch();
    let folder = folder.path();
    let files = files(folder);
    let p2t = export_from(folder, &text(&files));
    p2t.run(&["plan"]).expect(Exit::Clean);
    let away = folder.join("away");
    std::fs::rename(&files, &away).expect("a folder can be moved");
    std::fs::create_dir(&files).expect("a folder can be made");
    p2t.run(&["export"]).expect(Exit::Incomplete).says("source folder");
    assert_eq!(transfer::balance(&p2t).pending, OBJECTS);
    std::fs::remove_dir(&files).expect("an empty folder can be removed");
    std::fs::rename(&away, &files).expect("a folder can be moved");
    p2t.run(&["export"]).expect(Exit::Clean);
    is_whole(&p2t);
}

#[test]
fn a_study_that_the_source_lists_without_uid_is_reported_and_does_not_stand_for_every_study() {
    let folder = scratch();
    let folder = folder.path();
    let files = files(folder);
    let nameless = Instance { study: 99, series: 1, number: 1 };
    let mut object = nameless.small(1000);
    let element = *b"\x20\0\x0D\0UI";
    let at = object.windows(element.len()).position(|window| window == element).expect("it names its study");
    let value = at + element.len() + 2;
    object[value..value + nameless.study_uid().len()].fill(0);
    std::fs::write(files.join("nameless.dcm"), object).expect("a file can be written");
    let source = Peer::start(folder, &files, &[]);
    let p2t = export_from(folder, &source.node());
    p2t.run_for_people(&["plan"]).expect(Exit::Discrepancies).says("without Study Instance UID");
    p2t.run(&["export"]).expect(Exit::Discrepancies);
    let balance = transfer::balance(&p2t);
    assert_eq!((balance.done, balance.failed, balance.pending), (OBJECTS, 1, 0));
}

#[test]
fn a_study_that_the_source_cannot_list_keeps_no_other_from_being_exported() {
    let folder = scratch();
    let folder = folder.path();
    let silent = Instance { study: 2, series: 1, number: 1 };
    let source = Peer::start(folder, &files(folder), &["--find-fails", &silent.study_uid()]);
    let p2t = export_from(folder, &source.node());
    p2t.run_for_people(&["plan"]).expect(Exit::Discrepancies).says("run `p2t plan` again");
    p2t.run(&["export"]).expect(Exit::Incomplete).says("the plan is not whole");
    p2t.run_for_people(&["plan"]).expect(Exit::Discrepancies).says("given up");
    p2t.run(&["export"]).expect(Exit::Discrepancies);
    let status = p2t.run(&["status"]).json();
    assert_eq!((&status["studies"]["done"], &status["studies"]["failed"]), (&3.into(), &1.into()));
    let report = p2t.run(&["report"]);
    report.expect(Exit::Discrepancies);
    let csv = std::fs::read_to_string(p2t.job().join("reports/p2t-export-studies.csv"));
    let csv = csv.expect("there is a report");
    let line = csv.lines().find(|line| line.contains(&silent.study_uid())).expect("the study is in it");
    assert!(line.contains("could not be listed"), "{line}");
}

#[test]
fn a_destination_that_is_down_is_named_and_delivery_resumes_when_it_is_back() {
    let folder = scratch();
    let folder = folder.path();
    let volumes = volumes(folder);
    let (mut destination, t2p) = ingest_to_one_that_is_down(folder);
    let ingest = transfer::ingest_arguments(&volumes);
    t2p.run(&ingest).expect(Exit::Incomplete).says(&destination.node());
    assert_eq!(transfer::balance(&t2p).pending, OBJECTS);
    destination.restart();
    t2p.run(&ingest).expect(Exit::Clean);
    assert_eq!(destination.received().len() as u64, OBJECTS);
}

#[test]
fn a_destination_that_is_down_is_waited_for_however_many_associations_find_it_so() {
    let folder = scratch();
    let folder = folder.path();
    let volumes = volumes(folder);
    let t2p = ingest_to(folder, "NOBODY@127.0.0.1:1");
    t2p.configure("pace.limits", "associations", i64::from(STUDIES));
    t2p.configure("retry", "delay_seconds", 2);
    let started = Instant::now();
    t2p.run(&transfer::ingest_arguments(&volumes)).expect(Exit::Incomplete).says("after 2 attempts");
    assert!(started.elapsed() >= Duration::from_secs(2), "it was given up after {:?}", started.elapsed());
}

#[test]
fn a_destination_that_dies_while_storing_gets_the_rest_when_it_is_back() {
    let folder = scratch();
    let folder = folder.path();
    let volumes = volumes(folder);
    let (destination, line, t2p) = ingest_through_a_line(folder);
    line.break_after(u64::from(PIXELS) * 9 / 2);
    let ingest = transfer::ingest_arguments(&volumes);
    t2p.run(&ingest).expect(Exit::Incomplete);
    line.repair();
    t2p.run(&ingest).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    let repeated = destination.received().len() as u64 - OBJECTS;
    assert!(repeated <= 1, "{repeated} objects were sent twice");
}

#[test]
fn a_rejected_association_says_which_title_was_refused() {
    let folder = scratch();
    let folder = folder.path();
    let strict = json!({"DicomCheckCalledAet": true});
    let source = Orthanc::start_with("SITE_A", &folder.join("a"), strict);
    let p2t = export_from(folder, &format!("WRONG@127.0.0.1:{}", source.dicom_port()));
    p2t.run(&["plan"]).expect(Exit::Incomplete).says("WRONG").says("reject");
}

#[test]
fn a_source_that_is_not_there_is_named_at_once() {
    let folder = scratch();
    let p2t = export_from(folder.path(), &format!("NOBODY@127.0.0.1:{}", free_port()));
    let refused = p2t.run(&["plan"]);
    refused.expect(Exit::Incomplete).says("NOBODY");
    assert_eq!(refused.json()["exit_code"], 4);
    p2t.run_for_people(&["plan"]).expect(Exit::Incomplete).says("NOBODY");
}

#[test]
fn a_source_that_dies_while_it_is_listed_leaves_a_plan_that_the_same_command_finishes() {
    let folder = scratch();
    let folder = folder.path();
    let (_source, line, p2t) = export_through_a_line(folder);
    line.break_after(5000);
    let cut = p2t.run(&["plan"]);
    cut.expect(Exit::Incomplete).says("SITE_A");
    assert_eq!(cut.json()["exit_code"], 4);
    assert!(line.is_down(), "the line was never cut");
    line.repair();
    transfer::export(&p2t);
    is_whole(&p2t);
}

#[test]
fn a_destination_that_is_down_leaves_an_audit_that_the_same_command_finishes() {
    let folder = scratch();
    let folder = folder.path();
    let volumes = volumes(folder);
    let (mut destination, line, t2p) = ingest_through_a_line(folder);
    t2p.run(&transfer::ingest_arguments(&volumes)).expect(Exit::Clean);
    line.break_after(5000);
    let cut = t2p.run(&["audit"]);
    cut.expect(Exit::Incomplete).says("SITE_B");
    assert_eq!(cut.json()["exit_code"], 4);
    assert!(line.is_down(), "the line was never cut");
    line.repair();
    destination.stop();
    t2p.run_for_people(&["audit"]).expect(Exit::Incomplete).says("SITE_B");
    destination.restart();
    t2p.run(&["audit"]).expect(Exit::Clean);
}

#[test]
fn a_source_that_says_success_and_sends_nothing_is_never_done() {
    let folder = scratch();
    let folder = folder.path();
    let source = Peer::start(folder, &files(folder), &["--send-nothing"]);
    let p2t = export_from(folder, &source.node());
    p2t.run(&["plan"]).expect(Exit::Clean);
    let ended = p2t.run(&["export"]);
    assert!(!ended.is(Exit::Clean), "nothing arrived, and p2t is content: {ended:?}");
    let balance = transfer::balance(&p2t);
    assert_eq!((balance.listed, balance.done), (OBJECTS, 0));
    assert!(source.count("GET") > STUDIES as usize, "it was not asked again");
}

#[test]
fn a_source_that_sends_nothing_at_first_is_asked_again_for_each_study() {
    let folder = scratch();
    let folder = folder.path();
    // An attempt asks for a study, and then, with every transfer syntax there is, for a list of its instances and each.
    let first_attempts = ((2 + INSTANCES) * STUDIES).to_string();
    let source = Peer::start(folder, &files(folder), &["--send-nothing", "--times", &first_attempts]);
    let p2t = export_from(folder, &source.node());
    p2t.run(&["plan"]).expect(Exit::Clean);
    p2t.run(&["export"]).expect(Exit::Clean).says("10 of 10 instances did not come");
    is_whole(&p2t);
}

#[test]
fn a_source_that_sends_less_than_it_says_is_asked_again_for_the_rest() {
    let folder = scratch();
    let folder = folder.path();
    let times = STUDIES.to_string();
    let source = Peer::start(folder, &files(folder), &["--keep-back", "3", "--times", &times]);
    let p2t = export_from(folder, &source.node());
    transfer::export(&p2t);
    is_whole(&p2t);
}

#[test]
fn a_destination_that_says_success_and_keeps_nothing_is_found_out_by_the_audit() {
    let folder = scratch();
    let folder = folder.path();
    let volumes = volumes(folder);
    let empty = folder.join("empty");
    std::fs::create_dir(&empty).expect("a folder can be made");
    let destination = Peer::start(folder, &empty, &["--forget", "--times", "7"]);
    let t2p = ingest_to(folder, &destination.node());
    let ingest = transfer::ingest_arguments(&volumes);
    t2p.run(&ingest);
    let audit = t2p.run(&["audit"]);
    audit.expect(Exit::Discrepancies).says("MISSING");
    assert_eq!(transfer::balance(&t2p).done, OBJECTS - 7);
    t2p.run(&ingest).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&t2p), Balance::all_done(OBJECTS));
}

#[test]
fn a_destination_out_of_resources_gets_the_objects_again_later() {
    let folder = scratch();
    let folder = folder.path();
    let volumes = volumes(folder);
    let empty = folder.join("empty");
    std::fs::create_dir(&empty).expect("a folder can be made");
    let destination = Peer::start(folder, &empty, &["--store-status", "A700", "--times", "3"]);
    let t2p = ingest_to(folder, &destination.node());
    let ingest = transfer::ingest_arguments(&volumes);
    let first = t2p.run(&ingest);
    if !first.is(Exit::Clean) {
        first.expect(Exit::Incomplete).says("A700");
        t2p.run(&ingest).expect(Exit::Clean);
    }
    t2p.run(&["audit"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&t2p), Balance::all_done(OBJECTS));
}

#[test]
fn a_destination_that_refuses_for_good_leaves_a_reason_for_every_object() {
    let folder = scratch();
    let folder = folder.path();
    let volumes = volumes(folder);
    let empty = folder.join("empty");
    std::fs::create_dir(&empty).expect("a folder can be made");
    let destination = Peer::start(folder, &empty, &["--store-status", "C000"]);
    let t2p = ingest_to(folder, &destination.node());
    t2p.run(&transfer::ingest_arguments(&volumes)).expect(Exit::Discrepancies);
    let balance = transfer::balance(&t2p);
    assert_eq!((balance.done, balance.failed), (0, OBJECTS));
    t2p.run(&["audit"]).expect(Exit::Discrepancies).says("C000");
}

#[test]
fn a_destination_that_stalls_is_given_up_and_resumed() {
    let folder = scratch();
    let folder = folder.path();
    let volumes = volumes(folder);
    let empty = folder.join("empty");
    std::fs::create_dir(&empty).expect("a folder can be made");
    let destination = Peer::start(folder, &empty, &["--stall", "60"]);
    let t2p = ingest_to(folder, &destination.node());
    t2p.run(&transfer::ingest_arguments(&volumes)).expect(Exit::Incomplete).says(&destination.node());
    assert_eq!(transfer::balance(&t2p).pending, OBJECTS);
}
