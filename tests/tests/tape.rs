//! p2t and t2p on the real st driver, in the tape laboratory.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use e2e::disk::scratch;
use e2e::lab::Lab;
use e2e::program::{Exit, Program};
use e2e::synthetic;
use e2e::transfer::{self, Balance, text};
use e2e::tree;

const DRIVES: [&str; 2] = ["/dev/nst0", "/dev/nst1"];

/// About 27 MB that do not compress, in twelve studies.
fn new_export(folder: &Path) -> (Program, PathBuf) {
    let source = folder.join("source");
    synthetic::write_many(&source, 12, 4, 560_000);
    let p2t = transfer::new_export(&folder.join("export"), &text(&source), Path::new(DRIVES[0]));
    p2t.configure("segment", "frame_bytes", "1 MiB");
    p2t.configure("segment", "bytes", "4 MiB");
    p2t.run(&["plan"]).expect(Exit::Clean);
    (p2t, source)
}

fn restored(folder: &Path) -> PathBuf {
    let out = folder.join("restored");
    for drive in DRIVES {
        let t2p = transfer::without_job(folder);
        t2p.run(&["verify", drive]).expect(Exit::Clean);
        t2p.run(&["extract", drive, "--out", &text(&out)]).expect(Exit::Clean);
    }
    out
}

fn shell(script: &str, folder: &Path) {
    let output =
        Command::new("bash").args(["-euc", script]).current_dir(folder).output().expect("bash is there");
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_transfer_spans_cartridges_and_is_restored_by_t2p_and_by_standard_tools() {
    let lab = Lab { drives: 2, cartridge_mib: 20 };
    lab.run("a_transfer_spans_cartridges_and_is_restored_by_t2p_and_by_standard_tools", || {
        let folder = scratch();
        let (p2t, source) = new_export(folder.path());
        // The first cartridge ends at early warning, in the middle of a segment.
        p2t.run(&["export"]).expect(Exit::Incomplete).says("the media are full");
        p2t.run(&["export", "--to", DRIVES[1]]).expect(Exit::Clean);
        assert_eq!(transfer::balance(&p2t), Balance::all_done(48));
        assert_eq!(tree::contents(&restored(folder.path())), tree::contents(&source));
        let by_readme = "mt -f /dev/nst0 rewind; mt -f /dev/nst0 fsf 1
            dd if=/dev/nst0 bs=262144 of=segment.tar.zst
            mkdir segment; zstd -d < segment.tar.zst | tar xf - -C segment; cd segment; b3sum --check B3SUMS";
        shell(by_readme, folder.path());
    });
}

#[test]
fn p2t_killed_while_it_writes_to_tape_goes_on_behind_its_last_commit() {
    let lab = Lab { drives: 2, cartridge_mib: 64 };
    lab.run("p2t_killed_while_it_writes_to_tape_goes_on_behind_its_last_commit", || {
        let folder = scratch();
        let (p2t, source) = new_export(folder.path());
        let mut killed = 0;
        for instant in 1..=20 {
            let running = p2t.spawn(&["export"]);
            sleep(Duration::from_millis(40 * instant));
            killed += u32::from(running.kill());
        }
        assert!(killed >= 5, "only {killed} runs were killed before they ended");
        p2t.run(&["export"]).expect(Exit::Clean);
        assert_eq!(transfer::balance(&p2t), Balance::all_done(48));
        let t2p = transfer::without_job(folder.path());
        let out = folder.path().join("restored");
        t2p.run(&["extract", DRIVES[0], "--out", &text(&out)]).expect(Exit::Clean);
        assert_eq!(tree::contents(&out), tree::contents(&source));
    });
}

#[test]
fn what_must_not_be_written_is_refused() {
    let lab = Lab { drives: 2, cartridge_mib: 20 };
    lab.run("what_must_not_be_written_is_refused", || {
        let folder = scratch();
        let (p2t, _) = new_export(folder.path());
        p2t.run(&["export", "--to", "/dev/st0"]).expect(Exit::Failed).says("rewinds the tape");
        shell("tar -b 512 -cf /dev/nst1 /etc/hostname", folder.path());
        p2t.run(&["export", "--to", DRIVES[1]]).expect(Exit::Failed).says("is not blank");
        shell("mt -f /dev/nst1 rewind; tar -b 512 -tf /dev/nst1 | grep hostname", folder.path());
        shell("mt -f /dev/nst0 offline", folder.path());
        p2t.run(&["export"]).expect(Exit::Incomplete).says("no cartridge");
    });
}

#[test]
fn an_error_of_the_drive_ends_the_run_and_the_next_one_goes_on() {
    let lab = Lab { drives: 2, cartridge_mib: 64 };
    lab.run("an_error_of_the_drive_ends_the_run_and_the_next_one_goes_on", || {
        let folder = scratch();
        let (p2t, _) = new_export(folder.path());
        // MEDIUM ERROR, write error, for the next record; then a reset by somebody else.
        for sense in ["03 0c 00", "06 29 00"] {
            tell_device_server(&format!("0 fail write {sense}"));
            p2t.run(&["export"]).expect(Exit::Incomplete).says("could not write its tape");
        }
        p2t.run(&["export"]).expect(Exit::Clean);
        transfer::without_job(folder.path()).run(&["verify", DRIVES[0]]).expect(Exit::Clean);
    });
}

/// Sends a line to the control socket of the laboratory's drives.
fn tell_device_server(line: &str) {
    let mut server = UnixStream::connect("/run/tapectl").expect("the device server listens");
    writeln!(server, "{line}").expect("it reads");
    let mut answer = [0; 16];
    let read = server.read(&mut answer).expect("it answers");
    assert!(read > 0, "no answer to {line}");
}
