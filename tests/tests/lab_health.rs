//! What drives, cartridges and the library tell by SCSI commands, through the kernel's real drivers: as their own programs see it.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use e2e::lab::{self, Lab, ctl, shell, try_shell};
use e2e::program::binary;
use medium::changer::{Changer, ChangerError, Pick};
use medium::scsi::{Device, Failure, Health, HostText, Readiness, Reading, Sense, Severity, tape_drives};

const DRIVE: &str = "/dev/nst0";

fn library() -> Changer {
    Changer::open(Path::new("/dev/changer"), &[]).unwrap()
}

#[test]
fn drive_and_cartridge_tell_what_sg3_utils_read() {
    lab::in_guest("drive_and_cartridge_tell_what_sg3_utils_read", &Lab::default(), || {
        shell("dd if=/dev/zero of=/dev/nst0 bs=256k count=8 2>/dev/null; mt -f /dev/nst0 rewind");
        let health = Health::of_idle(Path::new(DRIVE));
        let identity = health.drive.identity.known().unwrap();
        let inquiry = shell("sg_inq /dev/tape0-sg");
        for told in [&identity.vendor, &identity.product, identity.serial.as_ref().unwrap()] {
            assert!(inquiry.contains(told.as_str()), "{told}\n{inquiry}");
        }
        assert_eq!(health.drive.readiness, Reading::Known(Readiness::Ready));
        assert_eq!(health.findings(), []);

        let cartridge = health.cartridge.unwrap();
        let memory = cartridge.memory.known().unwrap();
        let attributes = shell("sg_read_attr /dev/tape0-sg");
        for told in [memory.serial.as_ref().unwrap(), memory.manufacturer.as_ref().unwrap()] {
            assert!(attributes.contains(told.as_str()), "{told}\n{attributes}");
        }
        let mebibytes = memory.remaining_bytes.unwrap() >> 20;
        assert!(attributes.contains(&format!("capacity in partition [MiB]: {mebibytes}")), "{attributes}");
        assert_eq!(cartridge.capacity.known().unwrap().remaining_bytes, memory.remaining_bytes);

        let statistics = cartridge.statistics.known().unwrap();
        assert_eq!(statistics.bytes_written_since_load, Some(2_000_000));
        let page = shell("sg_logs --page=0x17 /dev/tape0-sg");
        assert!(page.contains("Last mount megabytes written: 2"), "{page}");
        assert_eq!((cartridge.worm(), cartridge.format().unwrap().name), (Some(false), "LTO-8"));
    });
}

#[test]
fn alerts_and_errors_are_told_once_and_named() {
    lab::in_guest("alerts_and_errors_are_told_once_and_named", &Lab::default(), || {
        ctl("drive 0 alert 4 on");
        let findings = Health::of_idle(Path::new(DRIVE)).findings();
        assert_eq!((findings.len(), findings[0].severity), (1, Severity::Critical));
        assert!(findings[0].text.starts_with("TapeAlert 4 (Media)"), "{findings:?}");
        let device = Device::open(Path::new(DRIVE));
        assert_eq!(device.unwrap().alerts(), Ok(Vec::new()));
    });
}

#[test]
fn a_host_s_text_is_on_the_chip() {
    lab::in_guest("a_host_s_text_is_on_the_chip", &Lab::default(), || {
        let text = HostText {
            application: "p2t".into(),
            version: "0.1.0".into(),
            label: "volume 1 of Größe".into(),
            barcode: Some("P2T001L8".into()),
            written: "202611260830".into(),
        };
        Device::open(Path::new(DRIVE)).unwrap().write_host_text(&text).unwrap();
        let attributes = shell("sg_read_attr /dev/tape0-sg");
        assert!(attributes.contains("P2T001L8") && attributes.contains("volume 1 of Gr"), "{attributes}");
        shell("mt -f /dev/nst0 offline; mt -f /dev/nst0 load");
        let memory = Device::open(Path::new(DRIVE)).unwrap().cartridge_memory().unwrap();
        assert_eq!(memory.label.as_deref(), Some("volume 1 of Größe"));
        assert_eq!(
            (memory.application.as_deref(), memory.last_written.as_deref()),
            (Some("p2t"), Some("202611260830"))
        );
    });
}

#[test]
fn worm_and_write_protection_are_seen() {
    let lab = Lab { barcodes: vec!["P2T001LY"], ..Lab::default() };
    lab::in_guest("worm_and_write_protection_are_seen", &lab, || {
        ctl("drive 0 write-protect on");
        let cartridge = Health::of_idle(Path::new(DRIVE)).cartridge.unwrap();
        assert_eq!(
            cartridge.medium.known().map(|medium| (medium.worm, medium.write_protected)),
            Some((Some(true), true))
        );
        assert_eq!(cartridge.memory.known().map(|memory| memory.worm), Some(true));
    });
}

#[test]
fn a_drive_in_use_is_not_disturbed() {
    lab::in_guest("a_drive_in_use_is_not_disturbed", &Lab::default(), || {
        let node = OpenOptions::new().read(true).write(true).custom_flags(0o4000).open(DRIVE).unwrap();
        ctl("drive 0 reset");
        let health = Health::of_idle(Path::new(DRIVE));
        assert!(health.drive.identity.known().is_some() && health.cartridge.is_none());
        assert!(matches!(health.drive.alerts, Reading::NotAvailable { .. }));
        // The reset is still to be told to whoever writes; who holds the drive open may take it, and is told.
        let held = Health::at_commit(Path::new(DRIVE));
        assert!(held.drive.attentions.iter().any(Sense::loses_position), "{held:?}");
        drop(node);
    });
}

#[test]
fn an_empty_drive_says_so() {
    lab::in_guest("an_empty_drive_says_so", &Lab { loaded: 0, ..Lab::default() }, || {
        let health = Health::of_idle(Path::new(DRIVE));
        assert_eq!(health.drive.readiness, Reading::Known(Readiness::NoCartridge));
        assert_eq!(health.cartridge, None);
    });
}

#[test]
fn without_a_generic_node_the_tape_node_is_asked_while_it_is_idle() {
    lab::in_guest("without_a_generic_node_the_tape_node_is_asked_while_it_is_idle", &Lab::default(), || {
        shell("rm -f /dev/sg*");
        assert!(Health::of_idle(Path::new(DRIVE)).drive.alerts.known().is_some());
        // Whoever writes through it goes on, without.
        let health = Health::at_load(Path::new(DRIVE));
        assert!(
            matches!(health.drive.alerts, Reading::NotAvailable { not_available } if not_available.contains("module sg"))
        );
        assert!(matches!(Device::open(Path::new("/dev/sg0")).map(drop), Err(Failure::Missing)));
    });
}

#[test]
fn the_inventory_is_what_mtx_sees() {
    let lab =
        Lab { barcodes: vec!["P2T001L8", "P2T002LY", "CLN001L1", "P2T003L8"], loaded: 1, ..Lab::default() };
    lab::in_guest("the_inventory_is_what_mtx_sees", &lab, || {
        let inventory = library().inventory().unwrap();
        let status = shell("mtx -f /dev/changer status");
        for slot in &inventory.slots {
            let kind = if slot.mail { " IMPORT/EXPORT" } else { "" };
            let line = match &slot.cartridge {
                Some(held) => {
                    format!("Storage Element {}{kind}:Full :VolumeTag={}", slot.number, held.name())
                }
                None => format!("Storage Element {}{kind}:Empty", slot.number),
            };
            assert!(status.contains(&line), "{line}\n{status}");
        }
        assert!(status.contains(&format!(
            "{} Drives, {} Slots",
            inventory.drives.len(),
            inventory.slots.len()
        )));
        let first = &inventory.drives[0];
        let held = first.cartridge.as_ref().unwrap();
        assert!(
            status.contains("Data Transfer Element 0:Full (Storage Element 1 Loaded):VolumeTag = P2T001L8")
        );
        assert_eq!((held.name(), held.home), ("P2T001L8", Some(1)));
        let cleaning: Vec<_> = inventory
            .slots
            .iter()
            .filter_map(|slot| slot.cartridge.as_ref())
            .map(|held| held.cleaning)
            .collect();
        assert_eq!(cleaning, [false, true, false]);
        assert_eq!(
            inventory.available().map(|(_, held)| held.name()).collect::<Vec<_>>(),
            ["P2T002LY", "P2T003L8"]
        );
    });
}

#[test]
fn each_drive_of_the_library_is_its_own_node() {
    lab::in_guest("each_drive_of_the_library_is_its_own_node", &Lab::default(), || {
        let drives = library().inventory().unwrap().drives;
        assert_eq!(drives.len(), 2);
        for drive in &drives {
            let node = drive.node.as_ref().unwrap();
            let serial = Device::open(node).unwrap().identity().unwrap().serial;
            assert_eq!(serial, drive.serial);
            let known = tape_drives().into_iter().find(|tape| tape.path == *node).unwrap();
            assert_eq!(known.serial, drive.serial);
        }
        assert_ne!(drives[0].node, drives[1].node);
    });
}

#[test]
fn cartridges_are_changed_by_barcode() {
    let lab =
        Lab { loaded: 1, drives: 1, barcodes: vec!["P2T001L8", "P2T002L8", "CLN001L1"], ..Lab::default() };
    lab::in_guest("cartridges_are_changed_by_barcode", &lab, || {
        let mut changer = library();
        let pick = |barcode: &str| Pick::Barcode(barcode.into());
        assert!(matches!(changer.load(&pick("P2T002L8"), 0), Err(ChangerError::DriveFull { .. })));
        // Not from under a program that uses it.
        let node = OpenOptions::new().read(true).open(DRIVE).unwrap();
        assert!(matches!(changer.unload(0, None), Err(ChangerError::DriveInUse { .. })));
        drop(node);
        let (cartridge, slot) = changer.unload(0, None).unwrap();
        assert_eq!((cartridge.name(), slot.number), ("P2T001L8", 1));
        assert!(matches!(changer.load(&pick("CLN001L1"), 0), Err(ChangerError::Cleaning { .. })));
        assert_eq!(changer.load(&pick("P2T002L8"), 0).unwrap().home, Some(2));
        let health = Health::of_idle(Path::new(DRIVE));
        assert_eq!(health.cartridge.unwrap().barcode(), Some("P2T002L8"));
        // And one that was ejected by hand before.
        shell("mt -f /dev/nst0 offline");
        assert_eq!(changer.unload(0, Some(4)).unwrap().1.number, 4);
    });
}

#[test]
fn a_library_that_nobody_here_made_works_too() {
    let lab = Lab { backend: lab::Backend::Tgt, drives: 2, loaded: 0, ..Lab::default() };
    lab::in_guest("a_library_that_nobody_here_made_works_too", &lab, || {
        let nodes = [PathBuf::from("/dev/nst0"), PathBuf::from("/dev/nst1")];
        let mut changer = Changer::open(Path::new("/dev/changer"), &nodes).unwrap();
        let before = changer.inventory().unwrap();
        let (slot, cartridge) = before.available().next().unwrap();
        let loaded = changer.load(&Pick::Slot(slot.number), 0).unwrap();
        assert_eq!(loaded.barcode, cartridge.barcode);
        let status = shell("mtx -f /dev/changer status");
        assert!(
            status
                .contains(&format!("Data Transfer Element 0:Full (Storage Element {} Loaded)", slot.number)),
            "{status}"
        );
        changer.unload(0, None).unwrap();
        assert_eq!(changer.inventory().unwrap().slots, before.slots);
    });
}

/// One of our commands inside the machine, where it needs no job.
fn p2t(arguments: &str) -> (String, Option<i32>) {
    let (stdout, stderr, code) = try_shell(&format!("cd /tmp; {} {arguments}", binary("p2t").display()));
    (stdout + &stderr, code)
}

#[test]
fn an_operator_sees_drives_and_changes_cartridges() {
    let lab = Lab { barcodes: vec!["P2T001L8", "P2T002L8", "CLN001L1"], loaded: 1, ..Lab::default() };
    lab::in_guest("an_operator_sees_drives_and_changes_cartridges", &lab, || {
        let (text, code) = p2t("drive status");
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("/dev/nst0: TAPELAB") && text.contains("cartridge: P2T001L8, LTO-8"), "{text}");
        assert!(text.contains("/dev/nst1: TAPELAB") && text.contains("no cartridge in it"), "{text}");
        ctl("drive 0 alert 6 on");
        let (json, code) = p2t("drive status /dev/nst0 --json");
        let document: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((code, &document["drives"][0]["findings"][0]["severity"]), (Some(3), &"critical".into()));

        let (text, _) = p2t("changer list");
        assert!(text.contains("drive 0   P2T001L8, from slot 1 (/dev/nst0, serial number"), "{text}");
        assert!(text.contains("slot 3    CLN001L1, a cleaning cartridge"), "{text}");
        let (text, code) = p2t("changer load P2T002L8 --drive 1");
        assert_eq!(code, Some(0), "{text}");
        let (json, _) = p2t("changer unload --json");
        let document: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((&document["slot"], &document["cartridge"]["barcode"]), (&1.into(), &"P2T001L8".into()));
        let (text, code) = p2t("changer load CLN001L1");
        assert!(code == Some(1) && text.contains("CLN001L1 is a cleaning cartridge"), "{code:?} {text}");
        let (text, code) = p2t("changer list --device /dev/nst1");
        assert!(code == Some(1) && text.contains("/dev/nst1 is no library"), "{code:?} {text}");
    });
}

#[test]
fn a_member_of_the_nodes_group_may_ask_everything_and_nobody_else() {
    lab::in_guest("a_member_of_the_nodes_group_may_ask_everything_and_nobody_else", &Lab::default(), || {
        let as_user = |arguments: &str| {
            let program = binary("p2t");
            let line =
                format!("cd /tmp; setpriv --reuid 65534 --clear-groups {} {arguments}", program.display());
            let (stdout, stderr, code) = try_shell(&line);
            (stdout + &stderr, code)
        };
        shell("chmod 666 /dev/nst*; chmod 600 /dev/sg*");
        let (text, code) = as_user("drive status /dev/nst0");
        assert!(code == Some(1) && text.contains("this user may not send it commands"), "{code:?} {text}");
        assert_eq!(as_user("changer list").1, Some(1));
        // No privilege is needed but that of opening the generic node for writing.
        shell("chmod 666 /dev/sg*");
        let (text, _) = as_user("drive status /dev/nst0");
        assert!(text.contains("cartridge: P2T001L8, LTO-8, serial number"), "{text}");
        let (text, code) = as_user("changer unload");
        assert!(code == Some(0), "{text}");
    });
}
