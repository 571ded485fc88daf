//! The catalogue of the receiving end is lost, and made anew from cartridges on the real st driver.

use e2e::disk::scratch;
use e2e::lab::{self, Lab, ctl, put_in};
use e2e::program::{Exit, Program};
use e2e::tape_job::{self, DRIVE, INSTANCES, Tape};
use e2e::transfer;
use serde_json::{Value, json};

/// Nobody listens there.
const NOBODY: &str = "NOBODY@127.0.0.1:9";

fn rebuild(t2p: &Program, drives: &[&str], end: Exit) -> Value {
    let run = t2p.run(&[&["catalogue", "rebuild"], drives].concat());
    run.expect(end);
    run.json()
}

#[test]
fn a_catalogue_is_made_anew_from_two_cartridges_whole_and_without_an_index() {
    let name = "a_catalogue_is_made_anew_from_two_cartridges_whole_and_without_an_index";
    lab::in_guest(name, &Lab { size: 20, ..Lab::default() }, || {
        let folder = scratch();
        let folder = folder.path();
        let (p2t, _) = tape_job::new_export(folder, "4 MiB");
        p2t.run(&["export"]).expect(Exit::Incomplete);
        p2t.run(&["export", "--to", "/dev/nst1"]).expect(Exit::Clean);
        let job = |name: &str| transfer::new_ingest(&folder.join(name), NOBODY);
        let listed = |t2p: &Program| t2p.run(&["status"]).json()["loaded"]["listed"].clone();

        // Two drives at once.
        let at_once = job("at-once");
        let told = rebuild(&at_once, &[DRIVE, "/dev/nst1"], Exit::Clean);
        assert_eq!((&told["instances"], &told["volumes"]), (&INSTANCES.into(), &2.into()), "{told:#}");

        // One cartridge after the other in one drive, the second one first.
        let one_by_one = job("one-by-one");
        put_in("P2T002L8");
        let told = rebuild(&one_by_one, &[DRIVE], Exit::Discrepancies);
        assert_eq!(told["missing_volumes"], json!(["1"]), "{told:#}");
        put_in("P2T001L8");
        let told = rebuild(&one_by_one, &[DRIVE], Exit::Clean);
        assert_eq!(told["instances"], INSTANCES, "{told:#}");
        assert_eq!(listed(&one_by_one), listed(&at_once));

        // Behind the index's one record are its filemark, the trailer's record and another filemark.
        ctl(&format!("drive 0 spoil {}", Tape::now().end - 4));
        let by_segments = job("by-segments");
        let told = rebuild(&by_segments, &[DRIVE], Exit::Discrepancies);
        assert_eq!(told["unsound_volumes"], 1, "{told:#}");
        put_in("P2T002L8");
        let told = rebuild(&by_segments, &[DRIVE], Exit::Clean);
        assert_eq!(told["instances"], INSTANCES, "{told:#}");
        assert_eq!(listed(&by_segments), listed(&at_once));
    });
}
