//! The kernel's tape driver does with the laboratory's drive what its documentation says.

use e2e::lab::{self, Lab, shell};
use e2e::program::binary;

#[test]
fn the_driver_behaves_as_documented() {
    let lab = Lab { size: 16, ..Lab::default() };
    lab::in_guest("the_driver_behaves_as_documented", &lab, || {
        let checks = shell(&format!("{} /dev/nst0", binary("stprobe").display()));
        let last = checks.lines().last().unwrap_or_default();
        assert!(last.ends_with(" passed, 0 failed"), "{checks}");
        let passed: usize = last.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0);
        assert!(passed >= 200, "{checks}");
    });
}

#[test]
fn the_probe_finds_a_drive_that_misbehaves() {
    let lab = Lab { size: 16, ..Lab::default() };
    lab::in_guest("the_probe_finds_a_drive_that_misbehaves", &lab, || {
        for fault in ["swallow write --nth 12", "fail space 4 44 0 --landed", "swallow locate"] {
            lab::ctl(&format!("drive 0 {fault}"));
            let (checks, _, code) = lab::try_shell(&format!("{} /dev/nst0", binary("stprobe").display()));
            assert_eq!(code, Some(1), "{fault}:\n{checks}");
            assert!(checks.contains("FAIL"), "{fault}:\n{checks}");
        }
    });
}

/// A program that writes must know this, so it is kept true here: see tools/tapeserver/src/bin/stprobe/reset.rs.
#[test]
fn the_driver_overwrites_the_beginning_after_a_reset_unless_it_is_stopped() {
    lab::in_guest(
        "the_driver_overwrites_the_beginning_after_a_reset_unless_it_is_stopped",
        &Lab::default(),
        || {
            let checks = shell(&format!("{} /dev/nst0 reset", binary("stprobe").display()));
            assert!(checks.ends_with(" passed, 0 failed\n"), "{checks}");
        },
    );
}
