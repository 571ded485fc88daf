//! What people and other programs do to the drive while p2t writes: on the real st driver, p2t notices before it writes
//! to a cartridge that is not its own, and goes on when the right one is back.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::thread::sleep;
use std::time::Duration;

use e2e::disk::scratch;
use e2e::lab::{self, Lab, ctl, shell, try_shell};
use e2e::program::{Exit, Finished, Program, Running};
use e2e::tape_job::{self, DRIVE, INSTANCES, Tape};
use e2e::transfer::{self, Balance, text};
use e2e::tree;
use nix::sys::signal::Signal;

const TICK: Duration = Duration::from_millis(5);

/// Starts the export and stops it, as Ctrl-Z does, at the last of these commands to the drive, each waited for in turn: it
/// stands still as soon as it has the answer.
fn stopped(p2t: &Program, commands: &[&str]) -> Running {
    let mut export = p2t.spawn(&["export"]);
    for command in commands {
        ctl(&format!("drive 0 stall 0.5 {command}"));
        while Tape::now().faults > 0 {
            assert!(export.is_running(), "the export has ended before {command}");
            sleep(TICK);
        }
    }
    export.signal(Signal::SIGSTOP);
    while !stands_still(export.id()) {
        sleep(TICK);
    }
    export
}

/// Whether all threads of a process are stopped; one that waits for the drive is not.
fn stands_still(process: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("it has not been waited for");
    threads.flatten().all(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|state| state.starts_with('T'))
    })
}

/// When the third commit of this run was made, and READ POSITION has just confirmed it.
fn stopped_between_commits(p2t: &Program) -> Running {
    let export = stopped(p2t, &["filemark --nth 6", "position"]);
    assert_eq!(Tape::now().in_memory, 0);
    export
}

fn resumed(export: Running) -> Finished {
    export.signal(Signal::SIGCONT);
    export.finish()
}

/// Another program that keeps the drive's generic node open, so that p2t cannot have it for itself. It ends with the machine.
fn watched_by_another_program() {
    shell("sleep 1000 <>/dev/tape0-sg >/dev/null 2>&1 &");
}

/// Takes the unit attentions before st can see them, as a program that watches drives would.
fn unit_attentions_taken() {
    shell("for i in 1 2 3; do sg_turs /dev/tape0-sg 2>/dev/null || true; done; sg_turs /dev/tape0-sg");
}

#[test]
fn another_cartridge_is_noticed_before_anything_is_written_to_it() {
    lab::in_guest("another_cartridge_is_noticed_before_anything_is_written_to_it", &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        shell("tar -b 512 -cf /dev/nst1 /etc/hostname; mt -f /dev/nst1 offline");
        ctl("drive 1 eject");
        watched_by_another_program();
        // Ours is the first; one is somebody else's, and one is blank.
        for (other, objects) in [("P2T002L8", 2), ("P2T003L8", 0)] {
            for taken in [false, true] {
                let export = stopped_between_commits(&p2t);
                ctl(&format!("drive 0 swap {other}"));
                if taken {
                    unit_attentions_taken();
                }
                let run = resumed(export);
                assert_eq!(Tape::now().end, objects, "{other} was written to: {run:?}");
                run.expect(Exit::Incomplete);
                // A blank one would be taken for the next volume's.
                if objects > 0 {
                    p2t.run(&["export"]).expect(Exit::Incomplete).says("put the right one in");
                    assert_eq!(Tape::now().end, objects, "{other} was written to by the next run");
                }
                ctl("drive 0 swap P2T001L8");
            }
        }
        tape_job::completed(&p2t, &source, folder.path());
    });
}

#[test]
fn what_a_power_cut_left_on_a_cartridge_is_read_and_the_rest_goes_to_the_next() {
    let name = "what_a_power_cut_left_on_a_cartridge_is_read_and_the_rest_goes_to_the_next";
    lab::in_guest(name, &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        ctl("drive 0 power-cut --at write --nth 50");
        p2t.run(&["export"]).expect(Exit::Incomplete);
        ctl("drive 0 swap P2T003L8");
        p2t.run(&["export"]).expect(Exit::Clean);
        assert_eq!(transfer::balance(&p2t), Balance::all_done(INSTANCES));
        let t2p = transfer::without_job(folder.path());
        let out = folder.path().join("restored");
        t2p.run(&["verify", DRIVE]).expect(Exit::Clean);
        t2p.run(&["extract", DRIVE, "--out", &text(&out)]).expect(Exit::Clean);
        ctl("drive 0 swap P2T001L8");
        // It has neither index nor trailer, but all segments that were committed to it.
        t2p.run(&["extract", DRIVE, "--out", &text(&out)]).expect(Exit::Discrepancies);
        assert_eq!(tree::contents(&out), tree::contents(&source));
    });
}

#[test]
fn a_cartridge_that_is_taken_out_or_protected_ends_the_run() {
    lab::in_guest("a_cartridge_that_is_taken_out_or_protected_ends_the_run", &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        for (done, says, undone) in [
            ("eject", "no cartridge", "insert P2T001L8"),
            ("write-protect on", "write-protected", "write-protect off"),
        ] {
            let export = stopped_between_commits(&p2t);
            ctl(&format!("drive 0 {done}"));
            resumed(export).expect(Exit::Incomplete);
            p2t.run(&["export"]).expect(Exit::Incomplete).says(says);
            ctl(&format!("drive 0 {undone}"));
        }
        tape_job::completed(&p2t, &source, folder.path());
    });
}

/// Has the export meet a reset that another program was told of: nothing may be written behind it.
fn reset_unseen(p2t: &Program, export: Running) {
    let end = Tape::now().end;
    ctl("drive 0 reset");
    unit_attentions_taken();
    let run = resumed(export);
    assert_eq!(Tape::now().end, end, "the beginning was overwritten: {run:?}");
    run.expect(Exit::Incomplete).says("does not hold what was written to it");
    assert!(transfer::balance(p2t).pending > 0);
}

#[test]
fn a_reset_that_another_program_was_told_of_is_noticed_before_anything_is_written() {
    let name = "a_reset_that_another_program_was_told_of_is_noticed_before_anything_is_written";
    lab::in_guest(name, &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        watched_by_another_program();
        reset_unseen(&p2t, stopped_between_commits(&p2t));
        // Within a segment: behind a record, and behind the last one, before its filemark.
        for command in ["write --nth 15", "write --nth 16", "write --nth 17"] {
            reset_unseen(&p2t, stopped(&p2t, &[command]));
        }
        tape_job::completed(&p2t, &source, folder.path());
    });
}

#[test]
fn no_other_program_is_told_of_a_reset_while_p2t_writes() {
    lab::in_guest("no_other_program_is_told_of_a_reset_while_p2t_writes", &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        let export = stopped(&p2t, &["write --nth 15"]);
        let end = Tape::now().end;
        ctl("drive 0 reset");
        let (_, refused, code) = try_shell("sg_turs /dev/tape0-sg");
        assert!(code != Some(0) && refused.contains("busy"), "{code:?} {refused}");
        let run = resumed(export);
        assert_eq!(Tape::now().end, end, "the beginning was overwritten: {run:?}");
        run.expect(Exit::Incomplete).says("the drive /dev/nst0 could not");
        // Before and after it, anybody may ask.
        shell("sg_turs /dev/tape0-sg || sg_turs /dev/tape0-sg");
        // At a commit it may be p2t itself that is told, and the tape need not have moved.
        ctl("drive 0 fail 4d 6 29 0 --nth 9");
        p2t.run(&["export"]).expect(Exit::Incomplete).says("the drive says: it was switched on or reset");
        tape_job::completed(&p2t, &source, folder.path());
    });
}

#[test]
fn p2t_goes_on_after_it_was_stopped_in_the_middle_of_a_segment() {
    lab::in_guest("p2t_goes_on_after_it_was_stopped_in_the_middle_of_a_segment", &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        let export = stopped(&p2t, &["write --nth 15"]);
        assert_ne!(Tape::now().in_memory, 0);
        sleep(Duration::from_secs(1));
        resumed(export).expect(Exit::Clean);
        tape_job::completed(&p2t, &source, folder.path());
    });
}
