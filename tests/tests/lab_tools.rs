//! The programs that Debian has for tapes work with the laboratory's drives and library as with real ones.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use e2e::lab::{self, Lab, ctl, shell, try_shell};

#[test]
fn mt_dd_and_tar_write_read_and_position() {
    lab::in_guest("mt_dd_and_tar_write_read_and_position", &Lab::default(), || {
        shell(
            "set -e; cd /tmp; head -c 3000000 /dev/urandom >a; head -c 700000 /dev/urandom >b
             dd if=a of=/dev/nst0 bs=256k 2>/dev/null; mt -f /dev/nst0 eof 0; dd if=b of=/dev/nst0 bs=64k 2>/dev/null
             tar -b 512 -cf /dev/nst0 a b; mt -f /dev/nst0 rewind
             dd if=/dev/nst0 bs=256k 2>/dev/null | cmp - a; mt -f /dev/nst0 rewind; mt -f /dev/nst0 fsf 2
             tar -b 512 -df /dev/nst0; mt -f /dev/nst0 rewind; mt -f /dev/nst0 fsf 1
             dd if=/dev/nst0 bs=64k 2>/dev/null | cmp - b",
        );
        assert_eq!(shell("mt -f /dev/nst0 rewind; mt -f /dev/nst0 tell").trim(), "At block 0.");
        // 12 records and a filemark, then 11 and a filemark, then one record of tar's volume at least.
        shell("mt -f /dev/nst0 seek 13");
        assert_eq!(shell("mt -f /dev/nst0 tell").trim(), "At block 13.");
        let status = shell("mt -f /dev/nst0 rewind; mt -f /dev/nst0 status");
        assert!(status.contains("LTO-8") && status.contains("BOT ONLINE"), "{status}");
    });
}

#[test]
fn tar_spans_cartridges_that_mtx_changes() {
    let lab = Lab { size: 8, early: 1, loaded: 0, drives: 1, ..Lab::default() };
    lab::in_guest("tar_spans_cartridges_that_mtx_changes", &lab, || {
        shell(
            r#"set -e; cd /tmp; head -c 20000000 /dev/urandom >big
               cat >next <<'SCRIPT'
#!/bin/bash
now=$(mtx -f /dev/changer status | sed -n 's/^Data Transfer Element 0:Full (Storage Element \([0-9]*\) Loaded).*/\1/p')
mtx -f /dev/changer unload "$now" 0 >&2 && mtx -f /dev/changer load $((now + 1)) 0 >&2
SCRIPT
               chmod +x next; mtx -f /dev/changer load 1 0
               tar -c -M -b 128 -F /tmp/next -f /dev/nst0 big
               mtx -f /dev/changer unload 3 0; mtx -f /dev/changer load 1 0
               mkdir out; cd out; tar -x -M -b 128 -F /tmp/next -f /dev/nst0; cmp big ../big"#,
        );
    });
}

#[test]
fn mtx_sees_barcodes_and_gets_the_right_refusals() {
    let lab =
        Lab { barcodes: vec!["P2T001L8", "P2T002LY", "CLN001L1", "P2T003L6"], loaded: 1, ..Lab::default() };
    lab::in_guest("mtx_sees_barcodes_and_gets_the_right_refusals", &lab, || {
        let status = shell("mtx -f /dev/changer status");
        for line in [
            "Storage Changer /dev/changer:2 Drives, 8 Slots ( 2 Import/Export )",
            "Data Transfer Element 0:Full (Storage Element 1 Loaded):VolumeTag = P2T001L8",
            "Data Transfer Element 1:Empty",
            "Storage Element 2:Full :VolumeTag=P2T002LY",
            "Storage Element 8 IMPORT/EXPORT:Empty",
        ] {
            assert!(status.contains(line), "{line}\n{status}");
        }
        let refused = |line: &str, code: &str| {
            let (stdout, stderr, exit) = try_shell(line);
            assert_ne!(exit, Some(0), "{line}");
            assert!(stderr.contains(code), "{line}: {stdout}{stderr}");
        };
        refused("mtx -f /dev/changer transfer 2 3", "Full");
        refused("mtx -f /dev/changer transfer 5 6", "Empty");
        refused("mtx -f /dev/changer load 2 0", "Full");
        shell("mtx -f /dev/changer load 2 1; mtx -f /dev/changer transfer 4 8");
        assert!(shell("mtx -f /dev/changer status").contains("8 IMPORT/EXPORT:Full :VolumeTag=P2T003L6"));
        let inventory = ctl("library inventory");
        assert!(
            inventory.contains("drive 1: P2T002LY") && inventory.contains("mail 1: P2T003L6"),
            "{inventory}"
        );
        // The robot takes a cartridge from a drive that has not unloaded it; but not one that a host has locked.
        shell("mt -f /dev/nst1 status && mt -f /dev/nst1 lock");
        refused("mtx -f /dev/changer unload 2 1", "Sense Qualifier = 02");
        shell("mt -f /dev/nst1 unlock; mtx -f /dev/changer unload 2 1");
        // LTO-8 reads LTO-7, not LTO-6; a cleaning cartridge cleans.
        shell("mtx -f /dev/changer load 8 1");
        assert!(try_shell("sg_turs -v /dev/tape1-sg").1.contains("ncompatible medium"));
        ctl("drive 1 clean on");
        assert!(shell("sg_logs --page=0x2e /dev/tape1-sg").contains("Cleaning required: 1"));
        ctl("drive 1 clean on");
        shell("mtx -f /dev/changer unload 4 1; mtx -f /dev/changer load 3 1");
        assert!(try_shell("sg_turs -v /dev/tape1-sg").1.contains("leaning cartridge installed"));
        assert!(shell("sg_logs --page=0x2e /dev/tape1-sg").contains("Cleaning required: 0"));
    });
}

#[test]
fn sg3_utils_understand_every_page() {
    lab::in_guest("sg3_utils_understand_every_page", &Lab::default(), || {
        shell("head -c 5000000 /dev/urandom | dd of=/dev/nst0 bs=100k iflag=fullblock 2>/dev/null");
        let inquiry = shell("sg_inq -d /dev/tape0-sg; sg_inq -d /dev/changer; sg_inq /dev/tape0-sg");
        for words in ["SPC-4", "SSC-4", "SMC-3", "VIRTUAL-LTO8", "TLD00000", "VIRTUAL-LIB"] {
            assert!(inquiry.contains(words), "{words}\n{inquiry}");
        }
        let log = shell("sg_logs --all /dev/tape0-sg");
        for words in [
            "Supported log pages",
            // With what the drive adds to 49 records and a filemark.
            "Total bytes processed = 5000396",
            "Native capacity from BOP to EW of current partition: 65 MB",
            "Last mount megabytes written: 5",
            "MTHRD=1",
            "Tape alert page",
            "Volume statistics page",
            "P2T001L8",
        ] {
            assert!(log.to_lowercase().contains(&words.to_lowercase()), "{words}\n{log}");
        }
        shell("sg_modes /dev/tape0-sg; sg_read_block_limits /dev/tape0-sg; sg_modes /dev/changer");
        let attributes = shell("sg_read_attr /dev/tape0-sg");
        for words in
            ["Load count: 1", "Medium serial number: TLP2T001", "Maximum capacity in partition [MiB]: 62"]
        {
            assert!(attributes.contains(words), "{words}\n{attributes}");
        }
        // WRITE ATTRIBUTE 0806h, and what is then read.
        shell(
            r"{ printf '\0\0\0\x25\x08\x06\x01\0\x20'; printf '%-32s' P2T001L8; } >/tmp/list
              sg_raw -s 41 -i /tmp/list /dev/tape0-sg 8d 00 00 00 00 00 00 00 00 00 00 00 00 29 00 00",
        );
        assert!(shell("sg_read_attr /dev/tape0-sg").contains("Barcode: P2T001L8"));
    });
}
