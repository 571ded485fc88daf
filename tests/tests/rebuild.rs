//! The catalogue of the receiving end is lost, and made anew from the volumes.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use e2e::disk::scratch;
use e2e::orthanc::Orthanc;
use e2e::program::{Exit, Finished, Program};
use e2e::synthetic;
use e2e::transfer::{self, Balance, text};
use serde_json::Value;

const STUDIES: u32 = 8;
const OBJECTS: u64 = (STUDIES * 4) as u64;
/// Nobody listens there.
const NOBODY: &str = "NOBODY@127.0.0.1:9";

/// The volumes of a transfer, at least three, on media of this name.
fn volumes(folder: &Path, medium: &str) -> Vec<PathBuf> {
    let files = folder.join("files");
    synthetic::write_many(&files, STUDIES, 4, 60_000);
    let medium = folder.join(medium);
    let p2t = transfer::new_export(&folder.join("export"), &text(&files), &medium);
    p2t.configure("segment", "frame_bytes", "64 KiB");
    p2t.configure("segment", "bytes", "256 KiB");
    p2t.configure("media", "volume_bytes", "900 kB");
    transfer::export(&p2t);
    let volumes = transfer::volumes(&medium);
    assert!(volumes.len() > 2, "{volumes:?}");
    volumes
}

fn rebuild(t2p: &Program, volumes: &[PathBuf]) -> Finished {
    let words = ["catalogue".to_owned(), "rebuild".to_owned()];
    t2p.run(&words.into_iter().chain(volumes.iter().map(|volume| text(volume))).collect::<Vec<_>>())
}

/// What the catalogue holds, but for when and where.
fn known(t2p: &Program) -> (Value, Vec<(Value, Value)>) {
    let status = t2p.run(&["status"]).json();
    let volumes = status["volumes"].as_array().expect("volumes are listed");
    let names = volumes.iter().map(|volume| (volume["id"].clone(), volume["bytes"].clone())).collect();
    (status["loaded"]["listed"].clone(), names)
}

#[test]
fn a_lost_catalogue_is_made_anew_and_an_audit_proves_what_was_delivered() {
    let folder = scratch();
    let folder = folder.path();
    let volumes = volumes(folder, "vol-{seq}.tap");
    let destination = Orthanc::start("SITE_B", &folder.join("b"));
    let t2p = transfer::new_ingest(&folder.join("ingest"), &destination.node());
    // All but the last were delivered before the job directory was lost.
    let (last, others) = volumes.split_last().expect("there are some");
    t2p.run(&transfer::ingest_arguments(others)).expect(Exit::Clean);
    let delivered = destination.received().len() as u64;
    fs::remove_dir_all(t2p.job()).expect("a job can be lost");

    let t2p = transfer::new_ingest(&folder.join("ingest"), &destination.node());
    let run = rebuild(&t2p, &volumes);
    run.expect(Exit::Clean);
    assert_eq!((&run.json()["instances"], &run.json()["volumes"]), (&OBJECTS.into(), &volumes.len().into()));
    let before = known(&t2p);
    rebuild(&t2p, &volumes).expect(Exit::Clean);
    assert_eq!(known(&t2p), before, "nothing is taken twice");
    assert_eq!(destination.received().len() as u64, delivered, "nothing is delivered by it");

    // What is there is proved, what is not is told, and only that is sent.
    let audit = t2p.run(&["audit"]);
    audit.expect(Exit::Discrepancies);
    let found = &audit.json()["destinations"][0];
    assert_eq!((&found["delivered"], &found["missing"]), (&delivered.into(), &(OBJECTS - delivered).into()));
    t2p.run(&transfer::ingest_arguments(std::slice::from_ref(last))).expect(Exit::Clean);
    assert_eq!(destination.received().len() as u64, OBJECTS, "something was sent twice");
    t2p.run(&["audit"]).expect(Exit::Clean);
    t2p.run(&["report"]).expect(Exit::Clean);
}

#[test]
fn what_is_missing_from_the_chain_is_told_and_can_follow() {
    let folder = scratch();
    let folder = folder.path();
    let volumes = volumes(folder, "vol-{seq}");
    let t2p = transfer::new_ingest(&folder.join("ingest"), NOBODY);
    let run = rebuild(&t2p, &volumes[1..2]);
    run.expect(Exit::Discrepancies);
    let told = run.json();
    assert_eq!(
        (&told["missing_volumes"], &told["more_volumes_follow"]),
        (&serde_json::json!(["1"]), &true.into())
    );
    rebuild(&t2p, &volumes[2..]).expect(Exit::Discrepancies);
    let run = rebuild(&t2p, &volumes[..1]);
    run.expect(Exit::Clean);
    assert_eq!(run.json()["instances"], OBJECTS);
}

#[test]
fn without_an_index_the_segments_lists_take_its_place() {
    for medium in ["vol-{seq}", "vol-{seq}.tap"] {
        let folder = scratch();
        let folder = folder.path();
        let volumes = volumes(folder, medium);
        let intact = transfer::new_ingest(&folder.join("intact"), NOBODY);
        rebuild(&intact, &volumes).expect(Exit::Clean);
        spoil_end(&volumes[0]);
        fs::write(folder.join("foreign.tap"), b"x").expect("a file can be written");
        let mut all = volumes.clone();
        all.push(folder.join("foreign.tap"));

        let destination = Orthanc::start("SITE_B", &folder.join("b"));
        let t2p = transfer::new_ingest(&folder.join("ingest"), &destination.node());
        for _ in 0..2 {
            let run = rebuild(&t2p, &all);
            run.expect(Exit::Discrepancies);
            let told = run.json();
            assert_eq!(
                (&told["instances"], &told["unsound_volumes"]),
                (&OBJECTS.into(), &1.into()),
                "{told:#}"
            );
            assert_eq!(told["unreadable_volumes"].as_array().map(Vec::len), Some(1), "{told:#}");
            assert_eq!(known(&t2p).0, known(&intact).0);
        }
        // And all of it can still be delivered.
        t2p.run(&transfer::ingest_arguments(&volumes)).expect(Exit::Discrepancies);
        assert_eq!(destination.received().len() as u64, OBJECTS);
        assert_eq!(transfer::balance(&t2p), Balance::all_done(OBJECTS));
    }
}

/// Takes index and trailer away, as a crash or damage does.
fn spoil_end(volume: &Path) {
    if volume.is_dir() {
        for name in ["INDEX.jsonl.zst", "TRAILER.json"] {
            fs::remove_file(volume.join(name)).expect("it was there");
        }
        return;
    }
    // Of a tape image, enough of its end that neither is left whole: the index comes before the trailer.
    let image = fs::read(volume).expect("the image can be read");
    let index =
        image.windows(4).rposition(|bytes| bytes == 0xfd2f_b528_u32.to_le_bytes()).expect("there is one");
    fs::write(volume, &image[..index + 40]).expect("the image can be written");
}
