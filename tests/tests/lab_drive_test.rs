//! `p2t drive test` on the real st driver: a sound drive passes, and what is wrong is found.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use e2e::disk::scratch;
use e2e::lab::{self, Lab, ctl, shell};
use e2e::program::{Exit, Finished};
use e2e::tape_job::{DRIVE, Tape};
use e2e::transfer;
use serde_json::Value;

/// Runs it; a drive of the laboratory takes records up to 1 MiB.
fn test(options: &[&str]) -> Finished {
    let folder = scratch();
    transfer::p2t_without_job(folder.path())
        .run(&[&["drive", "test", DRIVE, "--speed", "8 MB"], options].concat())
}

fn check<'a>(document: &'a Value, name: &str) -> &'a Value {
    let checks = document["trial"]["checks"].as_array().expect("there are checks");
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name}: {document:#}"))
}

#[test]
fn a_sound_drive_passes_to_the_end_of_its_cartridge() {
    let lab = Lab { size: 40, ..Lab::default() };
    lab::in_guest("a_sound_drive_passes_to_the_end_of_its_cartridge", &lab, || {
        let run = test(&["--to-end"]);
        run.expect(Exit::Clean);
        let document = run.json();
        assert_eq!(
            (&document["passed"], &document["trial"]["largest_record_bytes"]),
            (&true.into(), &(1 << 20).into())
        );
        let warning = document["trial"]["early_warning_bytes"].as_u64().expect("it was met");
        let end = document["trial"]["end_bytes"].as_u64().expect("it was met");
        assert!(warning > 36 << 20 && end > warning && end <= 40 << 20, "{warning} {end}");
        // It takes its own leavings, but nothing else, for scratch.
        test(&[]).expect(Exit::Clean);
    });
}

#[test]
fn a_cartridge_with_something_on_it_is_not_overwritten() {
    lab::in_guest("a_cartridge_with_something_on_it_is_not_overwritten", &Lab::default(), || {
        shell("tar -b 512 -cf /dev/nst0 /etc/hostname; mt -f /dev/nst0 rewind");
        let end = Tape::now().end;
        test(&[]).expect(Exit::Failed).says("on it is a tar archive");
        assert_eq!(Tape::now().end, end);
        test(&["--force"]).expect(Exit::Clean);
    });
}

#[test]
fn what_a_drive_does_wrong_is_found() {
    lab::in_guest("what_a_drive_does_wrong_is_found", &Lab::default(), || {
        for (fault, name) in [
            ("fail write 3 0c 0 --nth 9", "record sizes"),
            ("swallow write --nth 9", "record sizes"),
            ("fail filemark 3 0c 0 --nth 7", "filemarks"),
            ("swallow filemark --nth 7", "filemarks"),
            ("fail locate 4 15 1", "spacing"),
            ("fail read 3 11 0 --nth 40", "reading back"),
        ] {
            ctl(&format!("drive 0 {fault}"));
            let run = test(&["--force"]);
            run.expect(Exit::Discrepancies);
            let document = run.json();
            assert_eq!(check(&document, name)["verdict"], "failed", "{fault}: {document:#}");
            assert_eq!(document["passed"], false);
            ctl("drive 0 clear");
        }
        test(&["--force"]).expect(Exit::Clean);
    });
}
