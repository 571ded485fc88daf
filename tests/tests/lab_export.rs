//! p2t and t2p on the real st driver, in the tape laboratory.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use e2e::disk::scratch;
use e2e::lab::{self, Lab, ctl};
use e2e::program::Exit;
use e2e::readme;
use e2e::tape_job::{self, DRIVE, INSTANCES, Tape};
use e2e::transfer::{self, Balance, text};
use e2e::tree;

const DRIVES: [&str; 2] = [DRIVE, "/dev/nst1"];
const SEGMENT: &str = "4 MiB";
const TICK: Duration = Duration::from_millis(5);

fn restored(folder: &Path) -> PathBuf {
    let out = folder.join("restored");
    for drive in DRIVES {
        let t2p = transfer::without_job(folder);
        t2p.run(&["verify", drive]).expect(Exit::Clean);
        t2p.run(&["extract", drive, "--out", &text(&out)]).expect(Exit::Clean);
    }
    out
}

/// Runs lines of bash in `folder`, all of which must succeed.
fn shell(folder: &Path, lines: &str) {
    lab::shell(&format!("set -eu; cd {}; {lines}", text(folder)));
}

#[test]
fn a_transfer_spans_cartridges_and_is_restored_by_t2p_and_by_their_readmes() {
    let lab = Lab { size: 20, ..Lab::default() };
    lab::in_guest("a_transfer_spans_cartridges_and_is_restored_by_t2p_and_by_their_readmes", &lab, || {
        let folder = scratch();
        let folder = folder.path();
        let (p2t, source) = tape_job::new_export(folder, SEGMENT);
        // The first cartridge ends at early warning, in the middle of a segment.
        p2t.run(&["export"]).expect(Exit::Incomplete).says("the media are full");
        p2t.run(&["export", "--to", DRIVES[1]]).expect(Exit::Clean);
        assert_eq!(transfer::balance(&p2t), Balance::all_done(INSTANCES));
        assert_eq!(tree::contents(&restored(folder)), tree::contents(&source));
        let by_readme = folder.join("by-readme");
        std::fs::create_dir(&by_readme).expect("a folder can be made");
        for cartridge in ["P2T001L8", "P2T002L8"] {
            lab::put_in(cartridge);
            let (said, code) = restored_by_readme(&by_readme);
            assert!(code == Some(0) && said.ends_with("the volume is complete\n"), "{said}");
            assert!(!said.contains("cannot be restored"), "{said}");
        }
        assert_eq!(objects(&by_readme), objects(&source));

        // A segment of the first cartridge is harmed: it is named, and all others come.
        lab::put_in("P2T001L8");
        let harmed = folder.join("harmed");
        std::fs::create_dir(&harmed).expect("a folder can be made");
        ctl("drive 0 spoil 5");
        let (said, code) = restored_by_readme(&harmed);
        assert!(code != Some(0) && said.contains("file-1 cannot be restored whole"), "{said}");
        assert!(said.ends_with("  file-1\n") && !said.contains("file-2 cannot"), "{said}");
        let (all, came) = (objects(&by_readme), objects(&harmed));
        let whole = came.intersection(&all).count();
        // The one in which the damage is is cut off.
        assert!(whole > 0 && whole + 1 >= came.len() && came.len() < all.len(), "{whole} of {}", came.len());
    });
}

/// Reads the README of the cartridge in the first drive and does what it says, in `folder`.
fn restored_by_readme(folder: &Path) -> (String, Option<i32>) {
    shell(folder, "mt -f /dev/nst0 rewind; tar -xf /dev/nst0");
    let readme = std::fs::read_to_string(folder.join("README.txt")).expect("it is on the cartridge");
    let commands = readme::commands(&readme, "From tape");
    let (said, _, code) = lab::try_shell(&format!("cd {}\n{commands}", text(folder)));
    (said, code)
}

/// What b3sum says of each object in these folders.
fn objects(folder: &Path) -> BTreeSet<String> {
    let line = format!("cd {}; find . -mindepth 2 -type f -exec b3sum --no-names {{}} +", text(folder));
    lab::shell(&line).lines().map(str::to_owned).collect()
}

#[test]
fn p2t_killed_while_it_writes_to_tape_goes_on_behind_its_last_commit() {
    let lab = Lab::default();
    lab::in_guest("p2t_killed_while_it_writes_to_tape_goes_on_behind_its_last_commit", &lab, || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        // While the drive does this: records, the filemark of a segment and of a commit, looks at the position.
        let instants = [
            "write",
            "write --nth 2",
            "filemark",
            "write --nth 3",
            "filemark --nth 2",
            "position --nth 3",
            "write --nth 5",
        ];
        for command in instants.iter().cycle().take(20) {
            ctl(&format!("drive 0 stall 0.2 {command}"));
            let mut running = p2t.spawn(&["export"]);
            while Tape::now().faults > 0 {
                assert!(running.is_running(), "the export has ended before {command}");
                sleep(TICK);
            }
            assert!(running.kill(), "{command}");
        }
        p2t.run(&["export"]).expect(Exit::Clean);
        assert_eq!(transfer::balance(&p2t), Balance::all_done(INSTANCES));
        let t2p = transfer::without_job(folder.path());
        let out = folder.path().join("restored");
        t2p.run(&["extract", DRIVES[0], "--out", &text(&out)]).expect(Exit::Clean);
        assert_eq!(tree::contents(&out), tree::contents(&source));
    });
}

#[test]
fn what_must_not_be_written_is_refused() {
    let lab = Lab { size: 20, ..Lab::default() };
    lab::in_guest("what_must_not_be_written_is_refused", &lab, || {
        let folder = scratch();
        let (p2t, _) = tape_job::new_export(folder.path(), SEGMENT);
        p2t.run(&["export", "--to", "/dev/st0"]).expect(Exit::Failed).says("rewinds the tape");
        shell(folder.path(), "tar -b 512 -cf /dev/nst1 /etc/hostname");
        p2t.run(&["export", "--to", DRIVES[1]]).expect(Exit::Failed).says("is not blank");
        shell(folder.path(), "mt -f /dev/nst1 rewind; tar -b 512 -tf /dev/nst1 | grep hostname");
        shell(folder.path(), "mt -f /dev/nst0 offline");
        p2t.run(&["export"]).expect(Exit::Incomplete).says("no cartridge");
    });
}

#[test]
fn an_error_of_the_drive_ends_the_run_and_the_next_one_goes_on() {
    let lab = Lab::default();
    lab::in_guest("an_error_of_the_drive_ends_the_run_and_the_next_one_goes_on", &lab, || {
        let folder = scratch();
        let (p2t, _) = tape_job::new_export(folder.path(), SEGMENT);
        // MEDIUM ERROR, write error, for the next record; then a reset by somebody else.
        for sense in ["3 0c 0", "6 29 0"] {
            ctl(&format!("drive 0 fail write {sense}"));
            p2t.run(&["export"]).expect(Exit::Incomplete).says("could not write its tape");
        }
        p2t.run(&["export"]).expect(Exit::Clean);
        transfer::without_job(folder.path()).run(&["verify", DRIVES[0]]).expect(Exit::Clean);
    });
}

#[test]
fn the_plan_counts_cartridges_like_the_one_in_the_drive() {
    lab::in_guest("the_plan_counts_cartridges_like_the_one_in_the_drive", &Lab::default(), || {
        let folder = scratch();
        let (p2t, _) = tape_job::new_export(folder.path(), SEGMENT);
        p2t.configure("media", "cartridge", "LTO-5");
        let copy = || p2t.run(&["plan"]).json()["forecast"]["copies"][0].clone();
        let loaded = copy();
        assert_eq!((&loaded["cartridge"], &loaded["loaded"]), (&"LTO-8".into(), &true.into()), "{loaded}");
        assert_eq!(
            (&loaded["volume_bytes"], &loaded["volumes"]),
            (&11_640_000_000_000_u64.into(), &1.into())
        );
        ctl("drive 0 eject");
        let configured = copy();
        assert_eq!((&configured["cartridge"], &configured["loaded"]), (&"LTO-5".into(), &false.into()));
    });
}
