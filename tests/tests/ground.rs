//! The ground that the other tests stand on: real servers take the test data, give it back, and behave as described.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use e2e::dcmqrscp::{self, Dcmqrscp};
use e2e::disk::{self, scratch};
use e2e::orthanc::Orthanc;
use e2e::part10::Part10;
use e2e::peer::Peer;
use e2e::proxy::Proxy;
use e2e::storescp::Storescp;
use e2e::synthetic::{self, Instance};
use e2e::{captured, corpus, tree};

fn corpus_objects() -> BTreeMap<String, Part10> {
    let objects = tree::files(&corpus::studies()).into_iter().map(|path| Part10::read(&path));
    objects.map(|object| (object.sop_instance.clone(), object)).collect()
}

/// Transfer syntaxes that the corpus must have, or the round trips would prove less than they say.
const SYNTAXES: [&str; 11] = [
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.5",
];

#[test]
fn the_corpus_has_many_real_studies_in_every_transfer_syntax() {
    let objects = corpus_objects();
    let syntaxes: BTreeSet<&str> = objects.values().map(|object| object.transfer_syntax.as_str()).collect();
    assert_eq!(syntaxes, BTreeSet::from(SYNTAXES));
    assert_eq!(objects.len(), tree::files(&corpus::studies()).len(), "two files share a SOP Instance UID");
    let folders = std::fs::read_dir(corpus::studies()).expect("the corpus is there").count();
    assert!(folders >= 12, "{folders} studies");
    let megabytes = tree::size(&corpus::studies()) / 1_000_000;
    assert!((200..=350).contains(&megabytes), "{megabytes} MB");
}

#[test]
fn orthanc_keeps_what_rest_loads_and_sends_every_object_by_c_move() {
    let folder = scratch();
    let orthanc = Orthanc::start("SOURCE", &folder.path().join("orthanc"));
    orthanc.load(&corpus::studies());
    let originals = corpus_objects();
    assert_eq!(orthanc.uids(), originals.keys().cloned().collect());
    for (uid, id) in orthanc.instances() {
        let stored = Part10::parse(&orthanc.file(&id)).expect("Orthanc returns DICOM files");
        assert!(stored.dataset == originals[&uid].dataset, "Orthanc changed {uid}");
    }
    let sent = captured::by_move(&orthanc, &orthanc.study_uids(), &folder.path().join("reference"));
    assert_eq!(sent.keys().collect::<Vec<_>>(), originals.keys().collect::<Vec<_>>());
    for (uid, object) in &sent {
        assert_eq!(object.transfer_syntax, originals[uid].transfer_syntax, "Orthanc transcoded {uid}");
    }
    let altered = sent.iter().filter(|(uid, object)| object.dataset != originals[*uid].dataset).count();
    println!(
        "{altered} of {} datasets are sent by C-MOVE in other bytes than they are stored in",
        sent.len()
    );
}

#[test]
fn dcmqrscp_serves_ten_studies_in_the_transfer_syntaxes_they_are_in() {
    let folder = scratch();
    let receiver = Storescp::start(&folder.path().join("receiver"));
    let files = dcmqrscp::one_syntax_a_class(&tree::files(&corpus::studies()));
    let server = Dcmqrscp::start(folder.path(), &files, &[(receiver.aet(), receiver.port())]);
    let originals: BTreeMap<String, Part10> = files
        .iter()
        .map(|path| Part10::read(path))
        .map(|object| (object.sop_instance.clone(), object))
        .collect();
    let studies: BTreeSet<String> = files.iter().map(|path| captured::study_uid(path)).collect();
    assert!(studies.len() >= 10, "{} studies", studies.len());
    captured::move_studies("DCMQR", server.port(), &receiver, &studies);
    let sent = receiver.objects();
    assert_eq!(sent.keys().collect::<Vec<_>>(), originals.keys().collect::<Vec<_>>());
    for (uid, object) in &sent {
        assert_eq!(object.transfer_syntax, originals[uid].transfer_syntax, "dcmqrscp transcoded {uid}");
    }
    let syntaxes: BTreeSet<&str> = sent.values().map(|object| object.transfer_syntax.as_str()).collect();
    println!("{} studies, {} objects, {} transfer syntaxes", studies.len(), sent.len(), syntaxes.len());
}

fn storescu(port: u16, folder: &Path) {
    let mut storescu = Command::new("storescu");
    storescu.args(["-xe", "+sd", "+r", "127.0.0.1", &port.to_string()]).arg(folder).env("TCP_NODELAY", "1");
    let output = storescu.output().expect("storescu is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn getscu(port: u16, study: &str, folder: &Path) -> usize {
    std::fs::create_dir_all(folder).expect("a folder can be made");
    let mut getscu = Command::new("getscu");
    getscu.args(["-S", "+B", "-aec", "PEER", "-k", "QueryRetrieveLevel=STUDY", "-k"]);
    getscu.arg(format!("StudyInstanceUID={study}")).arg("-od").arg(folder);
    getscu.args(["127.0.0.1", &port.to_string()]).output().expect("getscu is installed");
    tree::files(folder).len()
}

#[test]
fn orthanc_logs_every_arrival_and_takes_synthetic_objects() {
    let folder = scratch();
    let files = folder.path().join("files");
    synthetic::write_many(&files, 2, 3, 1_000);
    let large = files.join("large.dcm");
    Instance { study: 9, series: 1, number: 1 }.write_large(&large, 20);
    let orthanc = Orthanc::start("SITE_B", &folder.path().join("b"));
    storescu(orthanc.dicom_port(), &files);
    storescu(orthanc.dicom_port(), &files);
    assert_eq!((orthanc.uids().len(), orthanc.received().len()), (7, 14));
    let stored: Vec<Part10> = tree::files(&files).iter().map(|path| Part10::read(path)).collect();
    for (uid, id) in orthanc.instances() {
        let here = Part10::parse(&orthanc.file(&id)).expect("Orthanc returns DICOM files");
        let given = stored.iter().find(|object| object.sop_instance == uid).expect("it was given");
        assert!(here.dataset == given.dataset, "a synthetic object is not what DCMTK would write: {uid}");
    }
}

#[test]
fn orthanc_keeps_what_it_has_through_a_restart_on_the_same_ports() {
    let folder = scratch();
    let mut orthanc = Orthanc::start("SITE_B", &folder.path().join("b"));
    orthanc.load_bytes(&Instance { study: 1, series: 1, number: 1 }.small(100));
    let (node, uids) = (orthanc.node(), orthanc.uids());
    orthanc.restart();
    assert_eq!((orthanc.node(), orthanc.uids()), (node, uids));
}

#[test]
fn the_peer_lies_as_told_and_as_often_as_told() {
    let folder = scratch();
    let folder = folder.path();
    let files = folder.join("files");
    synthetic::write_many(&files, 1, 5, 1_000);
    let study = Instance { study: 1, series: 1, number: 1 }.study_uid();
    let peer = Peer::start(folder, &files, &["--keep-back", "2", "--times", "1"]);
    assert_eq!(getscu(peer.port(), &study, &folder.join("first")), 3);
    assert_eq!(getscu(peer.port(), &study, &folder.join("second")), 5);
    assert_eq!(peer.count("GET"), 2);
    let silent = Peer::start(folder, &files, &["--send-nothing"]);
    assert_eq!(getscu(silent.port(), &study, &folder.join("third")), 0);
}

#[test]
fn the_proxy_counts_and_cuts_the_line() {
    let folder = scratch();
    let files = folder.path().join("files");
    synthetic::write_many(&files, 1, 1, 50_000);
    let receiver = Storescp::start(folder.path());
    let line = Proxy::to(receiver.port());
    storescu(line.port(), &files);
    assert!((50_000..70_000).contains(&line.upstream()), "{}", line.upstream());
    line.break_after(20_000);
    let mut cut = Command::new("storescu");
    cut.args(["127.0.0.1", &line.port().to_string()]).args(tree::files(&files));
    assert!(!cut.output().expect("storescu is installed").status.success());
    assert!(line.is_down());
    line.repair();
    storescu(line.port(), &files);
}

#[test]
fn a_small_disk_is_full_when_it_says_and_can_be_made_larger() {
    let folder = scratch();
    let disk = folder.path().join("disk");
    disk::mount_small(&disk, 100_000);
    let full = std::fs::write(disk.join("file"), vec![1; 200_000]).expect_err("it has less room");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    disk::resize(&disk, 400_000);
    std::fs::write(disk.join("file"), vec![1; 200_000]).expect("now it has room");
}
