//! Rejection notes (IHE IOCM) are delivered when everything else was.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use e2e::disk::scratch;
use e2e::orthanc::Orthanc;
use e2e::program::Exit;
use e2e::synthetic::{self, Instance};
use e2e::transfer::{self, Balance, text};

const STUDIES: u32 = 12;

fn document(study: u32) -> Instance {
    Instance { study, series: 9, number: 1 }
}

#[test]
fn rejection_notes_wait_for_the_whole_transfer_and_other_key_objects_do_not() {
    let folder = scratch();
    let folder = folder.path();
    let files = folder.join("files");
    // Pixels enough for two volumes.
    synthetic::write_many(&files, STUDIES, 2, 60_000);
    // Of the first studies, long before the others.
    let write = |study, title: &str| {
        let path = files.join(format!("{study:06}")).join("key-objects.dcm");
        std::fs::write(path, document(study).key_objects(title)).expect("there is room for a document");
    };
    write(1, "113001");
    write(2, "113039");
    write(3, "113000");
    let medium = folder.join("disk-{seq}.tap");
    let p2t = transfer::new_export(&folder.join("export"), &text(&files), &medium);
    p2t.configure("segment", "frame_bytes", "64 KiB");
    p2t.configure("segment", "bytes", "256 KiB");
    p2t.configure("media", "volume_bytes", "1 MB");
    transfer::export(&p2t);
    let volumes = transfer::volumes(&medium);
    assert!(volumes.len() >= 2, "the test needs two volumes");

    let destination = Orthanc::start("SITE_B", &folder.join("b"));
    let t2p = transfer::new_ingest(&folder.join("ingest"), &destination.node());
    let first = t2p.run(&["ingest", &text(&volumes[0])]);
    first.expect(Exit::Incomplete).says("2 objects that are delivered last (rejection notes, and what is in doubt) wait for the rest of the transfer");
    let received = destination.received();
    assert!(
        received.contains(&document(3).uid()),
        "a key object selection that rejects nothing was held back"
    );
    t2p.run(&transfer::ingest_arguments(&volumes)).expect(Exit::Clean);
    t2p.run(&["audit"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&t2p), Balance::all_done(u64::from(STUDIES) * 2 + 3));
    let mut last = destination.received().split_off(STUDIES as usize * 2 + 1);
    last.sort();
    assert_eq!(last, [document(1).uid(), document(2).uid()]);
}
