//! Resets, power cuts and errors of the drive at every kind of command, on the real st driver: a run ends there, nothing
//! that was committed is lost, and the next run goes on.

use e2e::disk::scratch;
use e2e::lab::{self, Lab, ctl, shell};
use e2e::program::{Exit, Program};
use e2e::tape_job::{self, Tape};
use e2e::transfer;

/// A run of the export that must meet the fault and end with it.
fn interrupted(p2t: &Program, fault: &str) {
    ctl(&format!("drive 0 {fault}"));
    let run = p2t.run(&["export"]);
    let tape = Tape::now();
    assert_eq!(tape.faults, 0, "{fault} did not happen: {run:?}");
    run.expect(Exit::Incomplete);
    // Each instance is more than two records. One filemark written at the beginning would end the data there.
    let written = transfer::balance(p2t).done;
    assert!(tape.end > 2 * written, "{fault}: {written} instances are written, but {tape:?}");
}

#[test]
fn a_reset_or_power_cut_at_any_command_costs_nothing_that_was_committed() {
    let name = "a_reset_or_power_cut_at_any_command_costs_nothing_that_was_committed";
    lab::in_guest(name, &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        // A segment is three records, a filemark, a flush and two looks at the position: these are in the third or later.
        for command in ["write --nth 14", "filemark --nth 6", "filemark --nth 7", "position --nth 10"] {
            for restart in ["reset", "power-cut"] {
                interrupted(&p2t, &format!("{restart} --at {command}"));
            }
        }
        // While the label and the committed files are looked at.
        for command in ["rewind", "space"] {
            interrupted(&p2t, &format!("power-cut --at {command}"));
        }
        // A read is made again.
        ctl("drive 0 power-cut --at read");
        tape_job::completed(&p2t, &source, folder.path());
    });
}

#[test]
fn no_error_or_lie_of_the_drive_costs_what_was_committed() {
    lab::in_guest("no_error_or_lie_of_the_drive_costs_what_was_committed", &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        for fault in [
            "fail write 3 0c 0 --deferred --nth 14",
            "fail filemark 4 44 0 --deferred --nth 7",
            "fail write 3 0c 0 --landed --nth 9",
            "fail filemark 3 0c 0 --landed --nth 4",
            "fail write b 47 0 --nth 9",
            "fail position 4 44 0 --nth 8",
            "swallow write --nth 9",
            "swallow filemark --nth 3",
            "fail rewind 4 15 1",
            "fail space 4 15 1",
        ] {
            interrupted(&p2t, fault);
        }
        shell("mt -f /dev/nst0 rewind");
        interrupted(&p2t, &format!("bad-spot 3 0c 0 --after {}", Tape::now().end + 8));
        // Corrected errors, a request for cleaning and a drive that thinks for a while do not stop it.
        for harmless in ["fail write 1 0c 0 --nth 3", "stall 1.5 write --nth 5", "clean on"] {
            ctl(&format!("drive 0 {harmless}"));
        }
        tape_job::completed(&p2t, &source, folder.path());
    });
}

#[test]
fn a_drive_that_is_switched_off_and_on_while_it_keeps_p2t_waiting_keeps_its_cartridge() {
    let name = "a_drive_that_is_switched_off_and_on_while_it_keeps_p2t_waiting_keeps_its_cartridge";
    lab::in_guest(name, &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        for kind in ["transfer", "motion"] {
            p2t.configure("drive", &format!("{kind}_warn_seconds"), 1);
            p2t.configure("drive", &format!("{kind}_limit_seconds"), 2);
        }
        for command in ["write --nth 15", "filemark --nth 6"] {
            ctl(&format!("drive 0 stall 5 {command}"));
            interrupted(&p2t, &format!("power-cut --at {command}"));
        }
        tape_job::completed(&p2t, &source, folder.path());
    });
}
