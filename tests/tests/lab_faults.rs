//! What the laboratory can let go wrong, as a program sees it through the kernel's driver.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::fs::File;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use e2e::lab::{self, Backend, Lab, ctl, shell, try_shell};

const RECORD: usize = 65_536;
const EIO: i32 = 5;
const EROFS: i32 = 30;

fn open() -> File {
    File::options().read(true).write(true).open("/dev/nst0").expect("the drive is ready")
}

/// Writes `count` records; how many the driver took before its first error, and that.
fn write(tape: &mut File, count: usize) -> (usize, Option<i32>) {
    let record = vec![0x5a; RECORD];
    for written in 0..count {
        if let Err(error) = tape.write(&record) {
            return (written, error.raw_os_error());
        }
    }
    (count, None)
}

/// The lengths of the records up to a filemark or an error, from the beginning.
fn lengths() -> (Vec<usize>, Option<i32>) {
    shell("mt -f /dev/nst0 rewind");
    let mut tape = open();
    let mut buffer = vec![0; 2 * RECORD];
    let mut lengths = Vec::new();
    loop {
        match tape.read(&mut buffer) {
            Ok(0) => return (lengths, None),
            Ok(length) => lengths.push(length),
            Err(error) => return (lengths, error.raw_os_error()),
        }
    }
}

fn fill(count: usize) {
    shell("mt -f /dev/nst0 rewind");
    assert_eq!(write(&mut open(), count), (count, None));
}

/// Writes records and closes the tape; the error of the close's filemark is nobody's here.
fn fill_anyway(count: usize) {
    assert_eq!(write(&mut open(), count), (count, None));
}

#[test]
fn a_power_cut_loses_what_no_filemark_has_made_durable() {
    lab::in_guest("a_power_cut_loses_what_no_filemark_has_made_durable", &Lab::default(), || {
        // The close writes a filemark that waits for the medium.
        fill(3);
        assert!(ctl("drive 0 status").contains("at object 4 of 4, 0 objects with 0 bytes"));
        let mut tape = open();
        assert_eq!(write(&mut tape, 5), (5, None));
        let before = ctl("drive 0 status");
        assert!(before.contains("of 9") && !before.contains(" 0 objects with 0 bytes"), "{before}");
        ctl("drive 0 power-cut");
        let (_, error) = write(&mut tape, 2);
        assert_eq!(error, Some(EIO));
        assert!(ctl("drive 0 status").contains("at object 0 of 4, 0 objects with 0 bytes"));
    });
}

#[test]
fn more_than_the_memory_holds_reaches_the_medium_without_a_filemark() {
    let lab = Lab { buffer: 1, ..Lab::default() };
    lab::in_guest("more_than_the_memory_holds_reaches_the_medium_without_a_filemark", &lab, || {
        let mut tape = open();
        assert_eq!(write(&mut tape, 40), (40, None));
        ctl("drive 0 power-cut");
        drop(tape);
        // 15 records with their lengths are what fits into 1 MiB, and the driver may hold one.
        let (kept, _) = lengths();
        assert!((24..=25).contains(&kept.len()), "{}", kept.len());
    });
}

#[test]
fn a_bad_spot_is_reported_late_and_the_position_tells_what_arrived() {
    let lab = Lab { buffer: 1, ..Lab::default() };
    lab::in_guest("a_bad_spot_is_reported_late_and_the_position_tells_what_arrived", &lab, || {
        ctl("drive 0 bad-spot 3 0c 0 --after 5");
        let mut tape = open();
        let (written, error) = write(&mut tape, 40);
        assert_eq!(error, Some(EIO));
        assert!(written > 15, "{written} were taken before the error of the sixth came");
        drop(tape);
        let (arrived, _) = lengths();
        assert_eq!(arrived.len(), 5);
        assert!(shell("sg_logs --page=0x2e /dev/tape0-sg").contains("Write failure: 1"));

        // Within the memory it is the filemark that fails.
        shell("mt -f /dev/nst0 rewind");
        ctl("drive 0 bad-spot 3 0c 0 --after 2");
        fill_anyway(4);
        assert_eq!(lengths().0.len(), 2);
    });
}

#[test]
fn injected_sense_comes_with_its_command() {
    lab::in_guest("injected_sense_comes_with_its_command", &Lab::default(), || {
        let mut tape = open();
        ctl("drive 0 fail write 3 0c 0 --nth 3");
        let (written, error) = write(&mut tape, 10);
        // The driver may have sent one record more than it has answered for.
        assert!((2..=3).contains(&written) && error == Some(EIO), "{written} {error:?}");
        drop(tape);
        // A recovered error is no error; a deferred one is about what is gone.
        shell("mt -f /dev/nst0 rewind");
        ctl("drive 0 fail write 1 0c 0");
        assert_eq!(write(&mut open(), 2), (2, None));
        shell("mt -f /dev/nst0 rewind");
        ctl("drive 0 fail filemark 4 44 0 --deferred");
        let mut tape = open();
        write(&mut tape, 4);
        drop(tape);
        assert!(ctl("drive 0 status").contains("at object 0"));
        // Swallowed: good, but not there.
        shell("mt -f /dev/nst0 rewind; mt -f /dev/nst0 erase 0");
        ctl("drive 0 swallow write --nth 2");
        fill(5);
        assert_eq!(lengths().0.len(), 4);
        shell("mt -f /dev/nst0 rewind");
        ctl("drive 0 fail read 4 44 0");
        assert_eq!(open().read(&mut vec![0; RECORD]).expect_err("injected").raw_os_error(), Some(EIO));
        ctl("drive 0 stall 1.5 rewind");
        let started = Instant::now();
        shell("mt -f /dev/nst0 rewind");
        assert!(started.elapsed() >= Duration::from_millis(1400));
    });
}

#[test]
fn damaged_records_are_as_they_were_damaged() {
    lab::in_guest("damaged_records_are_as_they_were_damaged", &Lab::default(), || {
        fill(6);
        ctl("drive 0 rot 1 --byte 100");
        ctl("drive 0 shorten 2 1000");
        ctl("drive 0 add-mark 4");
        assert_eq!(lengths(), (vec![RECORD, RECORD, 1000, RECORD], None));
        let rotten = shell(
            "mt -f /dev/nst0 rewind; dd if=/dev/nst0 bs=64k count=2 status=none | tr -d '\\132' | od -An -tx1",
        );
        assert_eq!(rotten.trim(), "5b");
        ctl("drive 0 drop 4");
        ctl("drive 0 spoil 3");
        assert_eq!(lengths(), (vec![RECORD, RECORD, 1000], Some(EIO)));
    });
}

#[test]
fn hands_change_cartridges_between_two_commands() {
    lab::in_guest("hands_change_cartridges_between_two_commands", &Lab::default(), || {
        fill(3);
        let mut tape = open();
        assert_eq!(write(&mut tape, 1), (1, None));
        assert_eq!(ctl("drive 0 swap P2T005L8"), "P2T001L8\n");
        assert_eq!(write(&mut tape, 3).1, Some(EIO));
        drop(tape);
        // No record of ours is on the other cartridge; but the driver's close has put a filemark at its beginning, see below.
        assert_eq!(lengths(), (vec![], None));
        ctl("drive 0 swap P2T001L8");
        assert_eq!(lengths(), (vec![RECORD; 3], None));
        ctl("drive 0 eject");
        assert!(shell("mt -f /dev/nst0 status").contains("DR_OPEN"));
        ctl("drive 0 insert P2T001L8");
        ctl("drive 0 write-protect on");
        let refused = File::options().read(true).write(true).open("/dev/nst0").expect_err("protected");
        assert_eq!(refused.raw_os_error(), Some(EROFS));
        ctl("drive 0 write-protect off");
        ctl("drive 0 clean on");
        fill(2);
        assert!(shell("mt -f /dev/nst0 status").contains("CLN"));
        ctl("library export P2T006L8");
        ctl("library import P2T006L8");
        let sense = try_shell("sg_turs -v /dev/changer; sg_turs -v /dev/changer; mtx -f /dev/changer status");
        assert!(sense.0.contains("IMPORT/EXPORT:Full :VolumeTag=P2T006L8"), "{sense:?}");
    });
}

#[test]
fn worm_cartridges_take_only_appends() {
    let lab = Lab { barcodes: vec!["P2T001LY"], ..Lab::default() };
    lab::in_guest("worm_cartridges_take_only_appends", &lab, || {
        fill(3);
        shell("mt -f /dev/nst0 rewind");
        assert_eq!(write(&mut open(), 2).1, Some(EIO));
        assert_ne!(try_shell("mt -f /dev/nst0 rewind; mt -f /dev/nst0 erase 0").2, Some(0));
        shell("mt -f /dev/nst0 eod");
        assert_eq!(write(&mut open(), 2), (2, None));
        assert_eq!(lengths(), (vec![RECORD; 3], None));
        assert!(shell("sg_modes --page=0x1d /dev/tape0-sg").contains("1d 1e 01"));
    });
}

#[test]
fn a_reset_goes_to_the_beginning_but_keeps_what_was_in_memory() {
    lab::in_guest("a_reset_goes_to_the_beginning_but_keeps_what_was_in_memory", &Lab::default(), || {
        let mut tape = open();
        assert_eq!(write(&mut tape, 4), (4, None));
        ctl("drive 0 reset");
        assert_eq!(write(&mut tape, 2).1, Some(EIO));
        let status = ctl("drive 0 status");
        assert!(status.contains("at object 0 of 4") || status.contains("at object 0 of 3"), "{status}");
    });
}

#[test]
fn debians_own_library_can_stand_in() {
    let lab = Lab { backend: Backend::Tgt, loaded: 0, ..Lab::default() };
    lab::in_guest("debians_own_library_can_stand_in", &lab, || {
        shell("mtx -f /dev/changer load 2 1");
        shell("echo hello | dd of=/dev/nst1 bs=6 status=none; mt -f /dev/nst1 rewind");
        assert_eq!(shell("dd if=/dev/nst1 bs=6 status=none"), "hello\n");
    });
}
