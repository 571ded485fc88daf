//! dcmqrscp, to disk directories, to Orthanc: a second PACS that nobody here wrote, over the other medium.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use e2e::dcmqrscp::{self, Dcmqrscp};
use e2e::disk::scratch;
use e2e::orthanc::Orthanc;
use e2e::part10::Part10;
use e2e::program::Exit;
use e2e::storescp::Storescp;
use e2e::transfer::{self, Balance};
use e2e::{captured, corpus, tree};

#[test]
fn ten_studies_in_eight_transfer_syntaxes_arrive_with_the_bytes_that_dcmqrscp_sent() {
    let folder = scratch();
    let folder = folder.path();
    let receiver = Storescp::start(&folder.join("receiver"));
    let files = dcmqrscp::one_syntax_a_class(&tree::files(&corpus::studies()));
    let source = Dcmqrscp::start(&folder.join("source"), &files, &[(receiver.aet(), receiver.port())]);
    let destination = Orthanc::start("SITE_B", &folder.join("b"));

    let medium = folder.join("disk-{seq}");
    let p2t = transfer::new_export(&folder.join("export"), &source.node(), &medium);
    p2t.configure("segment", "bytes", "8 MiB");
    p2t.configure("media", "volume_bytes", "16 MB");
    transfer::export(&p2t);
    let disks = transfer::volumes(&medium);
    assert!(disks.len() >= 2, "{} directories: the test needs several", disks.len());
    transfer::each(&p2t, "verify", &disks);

    let t2p = transfer::new_ingest(&folder.join("ingest"), &destination.node());
    transfer::each(&t2p, "verify", &disks);
    t2p.run(&transfer::ingest_arguments(&disks)).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&t2p), Balance::all_done(files.len() as u64));

    transfer::extract(&t2p, &disks, &folder.join("extracted"));
    let extracted = transfer::objects(&folder.join("extracted"));
    let studies: BTreeSet<String> = files.iter().map(|path| captured::study_uid(path)).collect();
    captured::move_studies("DCMQR", source.port(), &receiver, &studies);
    let reference = receiver.objects();
    assert_eq!(destination.uids(), reference.keys().cloned().collect());
    assert_eq!(extracted.len(), reference.len());
    for (uid, object) in &reference {
        assert_eq!(extracted[uid].transfer_syntax, object.transfer_syntax);
        assert!(
            extracted[uid].dataset == object.dataset,
            "{uid}: captured bytes are not those that dcmqrscp sends"
        );
    }
}

/// Studies with several compressed transfer syntaxes of one SOP class, and uncompressed objects among them.
const MIXED: [&str; 5] =
    ["ct-chest-compressed", "cr-plates", "enhanced-multiframe", "sc-mixed-syntaxes", "us-mixed-syntaxes"];

/// What dcmqrscp sends of these files when it need not choose between syntaxes.
fn sent_in_layers(folder: &std::path::Path, files: &[PathBuf]) -> BTreeMap<String, Part10> {
    let mut sent = BTreeMap::new();
    for (number, layer) in dcmqrscp::layers(files).iter().enumerate() {
        let place = folder.join(number.to_string());
        let receiver = Storescp::start(&place);
        let server = Dcmqrscp::start(&place, layer, &[(receiver.aet(), receiver.port())]);
        let studies: BTreeSet<String> = layer.iter().map(|path| captured::study_uid(path)).collect();
        captured::move_studies("DCMQR", server.port(), &receiver, &studies);
        sent.extend(receiver.objects());
    }
    sent
}

#[test]
fn every_syntax_of_a_class_comes_from_a_pacs_that_chooses_contexts_by_class_alone() {
    let folder = scratch();
    let folder = folder.path();
    let files: Vec<PathBuf> =
        MIXED.iter().flat_map(|study| tree::files(&corpus::studies().join(study))).collect();
    let source = Dcmqrscp::start(&folder.join("source"), &files, &[]);
    let medium = folder.join("disk-{seq}");
    let p2t = transfer::new_export(&folder.join("export"), &source.node(), &medium);
    transfer::export(&p2t);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(files.len() as u64));

    let t2p = transfer::without_job(folder);
    transfer::extract(&t2p, &transfer::volumes(&medium), &folder.join("extracted"));
    let extracted = transfer::objects(&folder.join("extracted"));
    let reference = sent_in_layers(&folder.join("layers"), &files);
    assert_eq!(extracted.keys().collect::<Vec<_>>(), reference.keys().collect::<Vec<_>>());
    for (uid, object) in &reference {
        assert_eq!(extracted[uid].transfer_syntax, object.transfer_syntax, "{uid}");
        assert!(extracted[uid].dataset == object.dataset, "{uid}: other bytes than dcmqrscp sends");
    }
    let syntaxes: BTreeSet<&str> = extracted.values().map(|object| object.transfer_syntax.as_str()).collect();
    assert!(syntaxes.len() >= 8, "{syntaxes:?}");
}
