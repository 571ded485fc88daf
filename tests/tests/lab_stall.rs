//! A drive that does not answer: what p2t and t2p make of it on the real st driver, in which nothing interrupts a call.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::thread::sleep;
use std::time::Duration;

use e2e::disk::scratch;
use e2e::lab::{self, Lab, ctl};
use e2e::orthanc::Orthanc;
use e2e::program::{Exit, Program};
use e2e::tape_job::{self, DRIVE, INSTANCES, Tape};
use e2e::transfer::{self, Balance};
use nix::sys::signal::Signal;

const TICK: Duration = Duration::from_millis(20);

/// Sets how many seconds a drive is waited for, until that is said, and until it is given up.
fn patience(program: &Program, warn: i64, limit: i64) {
    for kind in ["transfer", "motion"] {
        program.configure("drive", &format!("{kind}_warn_seconds"), warn);
        program.configure("drive", &format!("{kind}_limit_seconds"), limit);
    }
}

#[test]
fn a_drive_that_stalls_for_a_while_is_told_of_and_waited_for() {
    lab::in_guest("a_drive_that_stalls_for_a_while_is_told_of_and_waited_for", &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        patience(&p2t, 1, 600);
        ctl("drive 0 stall 8 write --nth 30");
        let mut export = p2t.spawn(&["export"]);
        let mut silent = serde_json::Value::Null;
        while export.is_running() && silent.is_null() {
            silent = p2t.run(&["status"]).json()["silent_drives"][0].clone();
        }
        assert_eq!(silent["drive"], DRIVE, "{silent}");
        assert_eq!(silent["doing"], "write a record");
        let run = export.finish();
        run.expect(Exit::Clean).says("/dev/nst0 does not answer: it was asked to write a record");
        run.says("/dev/nst0 answers again");
        assert_eq!(p2t.run(&["status"]).json()["silent_drives"], serde_json::json!([]));
        tape_job::completed(&p2t, &source, folder.path());
    });
}

#[test]
fn a_drive_that_never_answers_keeps_neither_the_other_copy_nor_the_job() {
    let name = "a_drive_that_never_answers_keeps_neither_the_other_copy_nor_the_job";
    lab::in_guest(name, &Lab { memory: 1024, ..Lab::default() }, || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        patience(&p2t, 1, 3);
        p2t.configure("media", "verify", "none");
        ctl("drive 0 stall 25 write --nth 30");
        let copies = ["export", "--copies", "2", "--to", DRIVE, "--to", "/dev/nst1"];
        let mut export = p2t.spawn(&copies);
        // The other copy gets all that there is, and then the job is free for the next command, though the kernel keeps the process.
        while Tape::now().faults > 0 {
            sleep(TICK);
        }
        while !p2t.run(&["plan"]).is(Exit::Clean) {
            sleep(TICK);
        }
        let still_there = export.is_running();
        eprintln!("the process itself is still there: {still_there}");
        let status = p2t.run(&["status"]).json();
        assert_eq!(status["copies"][1]["waiting_segments"], 0, "{status}");
        export
            .finish()
            .expect(Exit::Incomplete)
            .says("/dev/nst0 was asked to write a record and has not answered");
        let report = p2t.run(&["report"]).json();
        let report =
            std::fs::read_to_string(report["json"].as_str().expect("a path")).expect("it was written");
        assert!(report.contains("/dev/nst0 is given up"), "{report}");
        p2t.run(&copies).expect(Exit::Clean);
        assert_eq!(transfer::balance(&p2t), Balance::all_done(INSTANCES));
        tape_job::completed_on(&p2t, &source, folder.path(), &copies);
    });
}

#[test]
fn a_drive_that_does_not_answer_from_the_start_does_not_keep_the_other_copy() {
    let name = "a_drive_that_does_not_answer_from_the_start_does_not_keep_the_other_copy";
    lab::in_guest(name, &Lab { memory: 1024, ..Lab::default() }, || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        patience(&p2t, 1, 3);
        p2t.configure("media", "verify", "none");
        let copies = ["export", "--copies", "2", "--to", DRIVE, "--to", "/dev/nst1"];
        // Both copies have a volume that the next run goes on with.
        ctl("drive 0 stall 0.5 write --nth 30");
        let first = p2t.spawn(&copies);
        while Tape::now().faults > 0 {
            sleep(TICK);
        }
        assert!(first.kill());
        let done = transfer::balance(&p2t).done;
        assert!(done < INSTANCES, "it was killed too late");
        ctl("drive 0 stall 25 rewind");
        let export = p2t.spawn(&copies);
        while Tape::now().faults > 0 {
            sleep(TICK);
        }
        // The job is free when the other copy has everything, whatever the kernel does with the process.
        while !p2t.run(&["plan"]).is(Exit::Clean) {
            sleep(TICK);
        }
        let status = p2t.run(&["status"]).json();
        let [first, second] = [0, 1].map(|copy| status["copies"][copy]["segments"].as_u64());
        assert!(second > first && status["copies"][1]["waiting_segments"] == 0, "{status}");
        let volumes = status["volumes"].as_array().expect("status lists volumes");
        let last = volumes.iter().find(|volume| volume["copy"] == 2).expect("copy 2 has a volume");
        assert_eq!((&last["state"], &last["last"]), (&"sealed".into(), &true.into()), "{status}");
        export.finish().expect(Exit::Incomplete).says("/dev/nst0 was asked to");
        tape_job::completed_on(&p2t, &source, folder.path(), &copies);
    });
}

#[test]
fn one_drive_that_never_answers_ends_the_run_and_what_was_committed_stays() {
    let name = "one_drive_that_never_answers_ends_the_run_and_what_was_committed_stays";
    lab::in_guest(name, &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        patience(&p2t, 1, 2);
        ctl("drive 0 stall 8 filemark --nth 6");
        p2t.run(&["export"]).expect(Exit::Incomplete).says("has not answered: it is given up");
        let balance = transfer::balance(&p2t);
        assert!(balance.done > 0 && balance.pending > 0, "{balance:?}");
        tape_job::completed(&p2t, &source, folder.path());
    });
}

#[test]
fn what_stops_p2t_is_not_held_against_the_drive() {
    lab::in_guest("what_stops_p2t_is_not_held_against_the_drive", &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        patience(&p2t, 2, 3);
        ctl("drive 0 stall 0.5 write --nth 30");
        let export = p2t.spawn(&["export"]);
        while Tape::now().faults > 0 {
            sleep(TICK);
        }
        export.signal(Signal::SIGSTOP);
        sleep(Duration::from_secs(6));
        export.signal(Signal::SIGCONT);
        let run = export.finish();
        run.expect(Exit::Clean);
        assert!(!run.stderr.contains("does not answer"), "{run:?}");
        tape_job::completed(&p2t, &source, folder.path());
    });
}

#[test]
fn a_drive_that_does_not_answer_while_it_is_read_ends_t2p() {
    lab::in_guest(
        "a_drive_that_does_not_answer_while_it_is_read_ends_t2p",
        &Lab { memory: 1024, ..Lab::default() },
        || {
            let folder = scratch();
            let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
            tape_job::completed(&p2t, &source, folder.path());
            let destination = Orthanc::start("SITE_B", &folder.path().join("site"));
            let t2p = transfer::new_ingest(&folder.path().join("ingest"), &destination.node());
            patience(&t2p, 1, 2);
            ctl("drive 0 stall 8 read --nth 40");
            t2p.run(&["ingest", DRIVE])
                .expect(Exit::Incomplete)
                .says("was asked to read a record and has not answered");
            assert_eq!(t2p.run(&["status"]).json()["silent_drives"][0]["drive"], DRIVE);
            // What had come was delivered all the same.
            let delivered = destination.uids().len() as u64;
            assert!((1..INSTANCES).contains(&delivered), "{delivered}");
            // A spool that is soon full makes the drive wait, and start again.
            t2p.configure("spool", "limit_bytes", "6 MiB");
            t2p.run(&["ingest", DRIVE]).expect(Exit::Clean);
            assert_eq!(transfer::balance(&t2p), Balance::all_done(INSTANCES));
        },
    );
}
