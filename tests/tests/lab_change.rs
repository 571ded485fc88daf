//! Cartridges changed while p2t exports: by the library's robot and by an operator, on the real st and sg drivers.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::fs::File;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use e2e::disk::scratch;
use e2e::lab::{self, Lab, ctl, loaded, put_in, shell};
use e2e::program::{Exit, Program, Running};
use e2e::tape_job::{self, DRIVE, INSTANCES, Tape};
use e2e::transfer::{self, Balance, text};
use e2e::tree;

const TICK: Duration = Duration::from_millis(20);

/// A machine with small cartridges: a job of 27 MB fills three and begins a fourth.
fn small(barcodes: &[&'static str], drives: usize, loaded: usize) -> Lab {
    Lab { size: 11, early: 2, buffer: 1, drives, loaded, barcodes: barcodes.to_vec(), ..Lab::default() }
}

/// A job that has the library's robot change cartridges.
fn with_robot(folder: &Path) -> (Program, std::path::PathBuf) {
    let (p2t, source) = tape_job::new_export(folder, "2 MiB");
    p2t.configure("changer", "device", "/dev/changer");
    (p2t, source)
}

/// The barcodes of the volumes, in order of copy and sequence.
fn barcodes(p2t: &Program) -> Vec<String> {
    let status = p2t.run(&["status"]).json();
    let volumes = status["volumes"].as_array().expect("status lists volumes");
    volumes.iter().map(|volume| volume["barcode"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Every volume is on a cartridge of its own, is right, and together they hold the source.
fn all_is_on(p2t: &Program, source: &Path, folder: &Path, cartridges: &[String]) {
    all_is_on_but(p2t, source, folder, cartridges, None);
}

/// The same, but the volume on one cartridge was given up, and so has no index and trailer.
fn all_is_on_but(p2t: &Program, source: &Path, folder: &Path, cartridges: &[String], given_up: Option<&str>) {
    assert_eq!(transfer::balance(p2t), Balance::all_done(INSTANCES));
    let (t2p, out) = (transfer::without_job(folder), folder.join("restored"));
    for barcode in cartridges {
        put_in(barcode);
        let end = if given_up == Some(barcode) { Exit::Discrepancies } else { Exit::Clean };
        t2p.run(&["extract", DRIVE, "--out", &text(&out)]).expect(end);
    }
    assert_eq!(tree::contents(&out), tree::contents(source));
}

#[test]
fn a_robot_brings_cartridges_until_all_is_written() {
    let name = "a_robot_brings_cartridges_until_all_is_written";
    // The first is somebody's, and two are none that an export may take.
    let lab = small(
        &["P2T001L8", "CLN001L1", "P2T002LY", "P2T003L8", "P2T004L8", "BAK001L8", "P2T005L8", "P2T006L8"],
        1,
        1,
    );
    lab::in_guest(name, &lab, || {
        let folder = scratch();
        let (p2t, source) = with_robot(folder.path());
        p2t.configure("changer", "cartridges", vec!["P2T"]);
        shell("tar -b 512 -cf /dev/nst0 /etc/hostname");
        let export = p2t.run(&["export"]);
        export.expect(Exit::Clean).says("P2T001L8 holds data that this job did not write: it is set aside");
        let written = barcodes(&p2t);
        assert_eq!(written, ["P2T003L8", "P2T004L8", "P2T005L8", "P2T006L8"]);
        let status = p2t.run(&["status"]).json();
        for volume in status["volumes"].as_array().expect("status lists volumes") {
            assert!(volume["verified_at"].is_string(), "{volume}");
        }
        // Cartridges of 9 MiB up to early warning, which say that they are LTO-8: that is little.
        let held: Vec<_> = (0..4).map(|at| status["volumes"][at]["held_bytes"].as_u64()).collect();
        assert!(
            held[..3].iter().all(|held| held.is_some_and(|held| held.abs_diff(9 << 20) < 1 << 20)),
            "{held:?}"
        );
        assert_eq!((held[3], status["volumes"][0]["held_percent"].as_u64()), (None, Some(0)));
        export.says("The cartridge was full after 0 % of what an LTO-8 cartridge holds");
        all_is_on(&p2t, &source, folder.path(), &written);
        put_in("P2T001L8");
        shell("mt -f /dev/nst0 rewind; tar -b 512 -tf /dev/nst0 | grep hostname");
    });
}

#[test]
fn a_library_without_blank_cartridges_is_refilled_while_the_export_waits() {
    let name = "a_library_without_blank_cartridges_is_refilled_while_the_export_waits";
    let lab = small(&["P2T001L8", "P2T002L8"], 1, 0);
    lab::in_guest(name, &lab, || {
        let folder = scratch();
        let (p2t, source) = with_robot(folder.path());
        let wanted = "the library has no blank cartridge left";
        p2t.run(&["export"]).expect(Exit::Incomplete).says(wanted).says("run the same command again");
        p2t.configure("media", "change", "wait");
        let export = p2t.spawn(&["export"]);
        until(|| p2t.run(&["status"]).stdout.contains("P2T002L8"));
        for barcode in ["P2T003L8", "P2T004L8"] {
            ctl(&format!("library import {barcode}"));
        }
        export.finish().expect(Exit::Clean);
        all_is_on(&p2t, &source, folder.path(), &barcodes(&p2t));
    });
}

/// Kills the export as soon as this is so. False if it has ended before.
fn killed_when(mut export: Running, condition: impl Fn() -> bool) -> bool {
    while !condition() && export.is_running() {
        sleep(TICK);
    }
    export.kill()
}

#[test]
fn p2t_killed_between_two_cartridges_goes_on() {
    let lab = small(&["P2T001L8", "P2T002L8", "P2T003L8", "P2T004L8", "P2T005L8"], 1, 1);
    lab::in_guest("p2t_killed_between_two_cartridges_goes_on", &lab, || {
        let folder = scratch();
        let (p2t, source) = with_robot(folder.path());
        p2t.configure("media", "verify", "none");
        let mut killed = 0;
        // While the next cartridge is brought, and as soon as it is there.
        for full in ["P2T001L8", "P2T002L8"] {
            ctl("library stall 0.5 move --nth 2");
            killed += u32::from(killed_when(p2t.spawn(&["export"]), || loaded().is_none()));
            let arrived = || loaded().is_some_and(|barcode| barcode != full);
            killed += u32::from(killed_when(p2t.spawn(&["export"]), arrived));
        }
        assert!(killed >= 3, "only {killed} runs were killed between two cartridges");
        // And anywhere.
        for instant in 1..=6 {
            let export = p2t.spawn(&["export"]);
            sleep(Duration::from_millis(150 * instant));
            killed += u32::from(export.kill());
        }
        assert!(killed >= 5, "only {killed} runs were killed before they ended");
        p2t.run(&["export"]).expect(Exit::Clean);
        all_is_on(&p2t, &source, folder.path(), &barcodes(&p2t));
    });
}

/// A run that is killed in the middle of the first cartridge.
fn cut_short(p2t: &Program) {
    ctl("drive 0 stall 0.5 write --nth 10");
    assert!(killed_when(p2t.spawn(&["export"]), || Tape::now().faults == 0));
}

#[test]
fn a_cartridge_that_cannot_be_written_any_more_is_followed_by_the_next_and_kept_with_what_is_on_it() {
    let name =
        "a_cartridge_that_cannot_be_written_any_more_is_followed_by_the_next_and_kept_with_what_is_on_it";
    let lab = small(&["P2T001L8", "P2T002L8", "P2T003L8", "P2T004L8", "P2T005L8", "P2T006L8"], 1, 1);
    lab::in_guest(name, &lab, || {
        let folder = scratch();
        let (p2t, source) = with_robot(folder.path());
        // Once in the first cartridge, which goes on; and twice in the second one.
        ctl("drive 0 fail write 3 0c 0 --nth 20");
        ctl("drive 0 fail write 3 0c 0 --nth 75 --times 2");
        let export = p2t.run(&["export"]);
        export
            .expect(Exit::Clean)
            .says("volume 1 is opened anew, and goes on behind its last commit")
            .says("volume 2 is opened anew, and goes on behind its last commit")
            .says("volume 2 on /dev/nst0 is given up, with");
        let status = p2t.run(&["status"]).json();
        let volumes = status["volumes"].as_array().expect("status lists volumes");
        let states: Vec<_> =
            volumes.iter().map(|volume| volume["state"].as_str().unwrap_or_default()).collect();
        assert_eq!(states.iter().filter(|state| **state != "sealed").count(), 1, "{status}");
        assert!(volumes[1]["verified_at"].is_string(), "{status}");
        all_is_on_but(&p2t, &source, folder.path(), &barcodes(&p2t), Some("P2T002L8"));
    });
}

#[test]
fn a_drive_that_fails_with_two_cartridges_in_a_row_ends_the_export_and_leaves_the_others_alone() {
    let name = "a_drive_that_fails_with_two_cartridges_in_a_row_ends_the_export_and_leaves_the_others_alone";
    let lab = small(&["P2T001L8", "P2T002L8", "P2T003L8", "P2T004L8", "P2T005L8", "P2T006L8"], 1, 1);
    lab::in_guest(name, &lab, || {
        let folder = scratch();
        let (p2t, source) = with_robot(folder.path());
        ctl("drive 0 fail write 3 0c 0 --nth 20 --times 1000");
        p2t.run(&["export"]).expect(Exit::Incomplete).says("could not write its tape");
        assert_eq!(
            (barcodes(&p2t), loaded().as_deref()),
            (vec!["P2T001L8".into(), "P2T002L8".into()], Some("P2T002L8"))
        );
        ctl("drive 0 clear");
        p2t.run(&["export"]).expect(Exit::Clean);
        all_is_on_but(&p2t, &source, folder.path(), &barcodes(&p2t), Some("P2T001L8"));
    });
}

#[test]
fn a_drive_that_another_program_has_open_is_asked_how_it_is_when_it_is_free() {
    let name = "a_drive_that_another_program_has_open_is_asked_how_it_is_when_it_is_free";
    lab::in_guest(name, &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "2 MiB");
        cut_short(&p2t);
        ctl("drive 0 alert 21 on");
        let looking = File::open(DRIVE).expect("a cartridge is in the drive");
        let export = p2t.spawn(&["export"]);
        sleep(Duration::from_secs(3));
        drop(looking);
        let export = export.finish();
        export
            .expect(Exit::Clean)
            .says("another program uses /dev/nst0: it is waited for")
            .says("/dev/nst0, volume 1: TapeAlert 21");
        assert!(!export.stderr.contains("does not tell how it is"), "{export:?}");
        all_is_on(&p2t, &source, folder.path(), &barcodes(&p2t));
    });
}

#[test]
fn the_cartridge_of_an_open_volume_is_brought_back() {
    let lab = small(&["P2T001L8", "P2T002L8", "P2T003L8", "P2T004L8", "P2T005L8"], 1, 1);
    lab::in_guest("the_cartridge_of_an_open_volume_is_brought_back", &lab, || {
        let folder = scratch();
        let (p2t, source) = with_robot(folder.path());
        cut_short(&p2t);
        // Somebody else has used the drive meanwhile.
        shell("mtx -f /dev/changer unload 1 0; mtx -f /dev/changer load 4 0");
        p2t.run(&["export"]).expect(Exit::Clean).says("P2T001L8 is loaded into /dev/nst0 again");
        all_is_on(&p2t, &source, folder.path(), &barcodes(&p2t));
    });
}

#[test]
fn a_label_on_a_cartridge_with_another_barcode_is_refused() {
    let cartridges = scratch();
    let library = Some(cartridges.path().to_owned());
    let lab = Lab { library, ..small(&["P2T001L8", "P2T002L8"], 1, 1) };
    lab::in_guest("a_label_on_a_cartridge_with_another_barcode_is_refused", &lab, || {
        let folder = scratch();
        let (p2t, _) = with_robot(folder.path());
        cut_short(&p2t);
        ctl("drive 0 eject");
        // A copy of the cartridge, under another name.
        shell("cd \"$TAPELAB_LIBRARY\" && cp P2T001L8.tap P2T009L8.tap");
        ctl("drive 0 insert P2T009L8");
        let refused = p2t.run(&["export"]);
        refused
            .expect(Exit::Incomplete)
            .says("its barcode is P2T009L8, and volume 1 was begun on the one with P2T001L8");
        put_in("P2T001L8");
        // The library has one blank cartridge, and needs three.
        p2t.run(&["export"]).expect(Exit::Incomplete).says("no blank cartridge left");
    });
}

#[track_caller]
fn until(mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(120), "what is waited for does not happen");
        sleep(TICK);
    }
}

/// Whether the drive holds a cartridge out, to be taken.
fn is_given_out() -> bool {
    ctl("drive 0 status").contains("not loaded")
}

#[test]
fn an_operator_is_asked_for_each_cartridge() {
    let lab = small(&["P2T001L8", "P2T002L8", "P2T003L8", "P2T004L8", "P2T005L8"], 1, 1);
    lab::in_guest("an_operator_is_asked_for_each_cartridge", &lab, || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "2 MiB");
        p2t.configure("media", "change", "wait");
        let mut export = p2t.spawn(&["export"]);
        // Given out by the drive, and taken by the operator.
        let exchange = |barcode: &str| {
            until(is_given_out);
            ctl(&format!("drive 0 swap {barcode}"));
        };
        exchange("P2T002L8");
        // Ctrl-C while the next one is waited for.
        until(is_given_out);
        export.interrupt();
        export
            .finish()
            .expect(Exit::Incomplete)
            .says("insert the next blank cartridge into /dev/nst0 for volume 3");
        export = p2t.spawn(&["export"]);
        // One that is full already is given out again.
        exchange("P2T001L8");
        exchange("P2T003L8");
        exchange("P2T004L8");
        export.finish().expect(Exit::Clean);
        let cartridges = [1, 2, 3, 4].map(|number| format!("P2T00{number}L8"));
        all_is_on(&p2t, &source, folder.path(), &cartridges);
    });
}

#[test]
fn what_a_drive_complains_of_is_told_at_load_and_at_a_commit_and_stops_nothing() {
    let name = "what_a_drive_complains_of_is_told_at_load_and_at_a_commit_and_stops_nothing";
    lab::in_guest(name, &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "2 MiB");
        // Slow enough for the second flag to come in its middle.
        p2t.configure("pace.limits", "bytes_per_second", "4 MB");
        ctl("drive 0 alert 21 on");
        let export = p2t.spawn(&["export"]);
        // Begun, and so asked: the next flag is for a commit.
        until(|| p2t.run(&["status"]).stdout.contains("P2T001L8"));
        ctl("drive 0 alert 4 on");
        let export = export.finish();
        export
            .expect(Exit::Clean)
            .says("/dev/nst0, volume 1: TapeAlert 21")
            .says("/dev/nst0, volume 1: TapeAlert 4");
        // By the cartridge's chip.
        assert_eq!(barcodes(&p2t), ["P2T001L8"]);
        all_is_on(&p2t, &source, folder.path(), &barcodes(&p2t));
    });
}

#[test]
fn a_drive_that_tells_nothing_is_written_all_the_same() {
    lab::in_guest("a_drive_that_tells_nothing_is_written_all_the_same", &Lab::default(), || {
        let folder = scratch();
        let (p2t, _) = tape_job::new_export(folder.path(), "2 MiB");
        shell("rm -f /dev/sg*");
        let export = p2t.run(&["export"]);
        export.expect(Exit::Clean);
        assert_eq!(export.stderr.matches("does not tell how it is").count(), 1, "{export:?}");
    });
}

#[test]
fn a_drive_that_asks_to_be_cleaned_is_told_of_and_a_worm_cartridge_is_not_written() {
    let name = "a_drive_that_asks_to_be_cleaned_is_told_of_and_a_worm_cartridge_is_not_written";
    let lab = Lab { drives: 1, loaded: 1, barcodes: vec!["P2T001LY", "P2T002L8"], ..Lab::default() };
    lab::in_guest(name, &lab, || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "4 MiB");
        for command in ["export", "label /dev/nst0"] {
            let run = p2t.run(&command.split(' ').collect::<Vec<_>>());
            run.expect(Exit::Incomplete).says("can be written only once (WORM)");
        }
        assert!(ctl("drive 0 status").contains("at object 0 of 0,"));
        put_in("P2T002L8");
        ctl("drive 0 clean on");
        // Who may not send commands to the drive hears of it from st.
        p2t.run(&["export"]).expect(Exit::Clean).says("The drive asks to be cleaned");
        tape_job::completed(&p2t, &source, folder.path());
    });
}
