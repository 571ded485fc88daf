//! Cartridges labelled ahead, on the real st driver.

use e2e::disk::scratch;
use e2e::lab::{self, Lab, ctl, shell};
use e2e::program::Exit;
use e2e::tape_job::{self, DRIVE, INSTANCES, Tape};
use e2e::transfer::{self, Balance, text};
use e2e::tree;

#[test]
fn cartridges_that_were_labelled_ahead_are_taken_in_their_order() {
    let lab = Lab { size: 20, ..Lab::default() };
    lab::in_guest("cartridges_that_were_labelled_ahead_are_taken_in_their_order", &lab, || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "4 MiB");
        p2t.run(&["label", DRIVE]).expect(Exit::Clean);
        ctl("drive 0 swap P2T003L8");
        // Somebody's data is on the second; it is overwritten only on demand.
        shell("tar -b 512 -cf /dev/nst0 /etc; mt -f /dev/nst0 rewind");
        let end = Tape::now().end;
        p2t.run(&["label", DRIVE]).expect(Exit::Failed).says("on it is a tar archive");
        assert_eq!(Tape::now().end, end);
        p2t.run(&["label", DRIVE, "--force"]).expect(Exit::Clean);
        // Of what was there nothing is left behind the label and its filemark.
        assert_eq!(Tape::now().end, 2);

        p2t.run(&["export"]).expect(Exit::Incomplete).says("holds volume 2 (copy 1)");
        assert_eq!(Tape::now().end, 2);
        ctl("drive 0 swap P2T001L8");
        p2t.run(&["export"]).expect(Exit::Incomplete).says("holds volume 1 (copy 1)");
        let out = folder.path().join("restored");
        let restore = || {
            let t2p = transfer::without_job(folder.path());
            t2p.run(&["extract", DRIVE, "--out", &text(&out)]).expect(Exit::Clean);
        };
        restore();
        ctl("drive 0 swap P2T003L8");
        p2t.run(&["export"]).expect(Exit::Clean);
        restore();
        assert_eq!(transfer::balance(&p2t), Balance::all_done(INSTANCES));
        assert_eq!(tree::contents(&out), tree::contents(&source));
    });
}

#[test]
fn a_robot_finds_cartridges_that_were_labelled_ahead_by_their_barcodes() {
    let lab = Lab { size: 20, drives: 1, loaded: 1, ..Lab::default() };
    lab::in_guest("a_robot_finds_cartridges_that_were_labelled_ahead_by_their_barcodes", &lab, || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "4 MiB");
        shell("mtx -f /dev/changer unload 1 0; mtx -f /dev/changer load 3 0");
        p2t.run(&["label", DRIVE, "--barcode", "P2T009L8"])
            .expect(Exit::Failed)
            .says("its barcode is P2T003L8");
        // As the chip says, and as the library does.
        assert_eq!(p2t.run(&["label", DRIVE]).expect(Exit::Clean).json()["barcode"], "P2T003L8");
        p2t.configure("changer", "device", "/dev/changer");
        shell("mtx -f /dev/changer unload 3 0; mtx -f /dev/changer load 2 0");
        assert_eq!(p2t.run(&["label", DRIVE]).expect(Exit::Clean).json()["barcode"], "P2T002L8");
        shell("mtx -f /dev/changer unload 2 0");
        p2t.run(&["export"]).expect(Exit::Clean);
        let status = p2t.run(&["status"]).json();
        let barcode = |at: usize| status["volumes"][at]["barcode"].as_str();
        assert_eq!((barcode(0), barcode(1)), (Some("P2T003L8"), Some("P2T002L8")));
        let out = folder.path().join("restored");
        for cartridge in ["P2T003L8", "P2T002L8"] {
            lab::put_in(cartridge);
            let t2p = transfer::without_job(folder.path());
            t2p.run(&["extract", DRIVE, "--out", &text(&out)]).expect(Exit::Clean);
        }
        assert_eq!(tree::contents(&out), tree::contents(&source));
    });
}

#[test]
fn a_cartridge_that_tells_another_barcode_than_its_label_s_is_refused_without_a_library_too() {
    let name = "a_cartridge_that_tells_another_barcode_than_its_label_s_is_refused_without_a_library_too";
    lab::in_guest(name, &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "4 MiB");
        p2t.run(&["label", DRIVE, "--barcode", "OTHER1L8", "--force"]).expect(Exit::Clean);
        let end = Tape::now().end;
        let refused = p2t.run(&["export"]);
        refused
            .expect(Exit::Incomplete)
            .says("says that its barcode is P2T001L8, and volume 1 was begun on the one with OTHER1L8");
        assert_eq!((Tape::now().end, transfer::balance(&p2t).done), (end, 0));
        p2t.run(&["export", "--any-barcode"]).expect(Exit::Clean).says("goes on in /dev/nst0 as asked");
        tape_job::completed(&p2t, &source, folder.path());
    });
}

#[test]
fn the_cartridge_s_chip_tells_which_volume_is_on_it_where_the_drive_writes_it() {
    let name = "the_cartridge_s_chip_tells_which_volume_is_on_it_where_the_drive_writes_it";
    lab::in_guest(name, &Lab::default(), || {
        let folder = scratch();
        let (p2t, _) = tape_job::new_export(folder.path(), "4 MiB");
        let on_chip = |volume: &serde_json::Value| {
            let status = p2t.run(&["drive", "status", DRIVE]).json();
            let chip = &status["drives"][0]["health"]["cartridge"]["memory"];
            let label = format!("p2t volume 1 copy 1 {}", volume["id"].as_str().unwrap_or_default());
            assert_eq!(
                (&chip["label"], &chip["application"]),
                (&label.as_str().into(), &"p2t".into()),
                "{status}"
            );
            assert_eq!(chip["barcode"], "P2T001L8");
            p2t.run_for_people(&["drive", "status", DRIVE]).says(&label);
        };
        let labelled = p2t.run(&["label", DRIVE]);
        labelled.expect(Exit::Clean);
        on_chip(&labelled.json());
        assert!(shell("sg_read_attr /dev/tape0-sg").contains("p2t volume 1 copy 1"));
        p2t.run(&["export"]).expect(Exit::Clean);
        on_chip(&p2t.run(&["status"]).json()["volumes"][0]);

        // By an export alone; and on a drive that refuses WRITE ATTRIBUTE.
        for refuses in [false, true] {
            let folder = scratch();
            let (p2t, _) = tape_job::new_export(folder.path(), "4 MiB");
            ctl(if refuses { "drive 0 swap P2T004L8" } else { "drive 0 swap P2T003L8" });
            if refuses {
                ctl("drive 0 fail 8d 5 20 0 --times 2");
            }
            let export = p2t.run(&["export"]);
            export.expect(Exit::Clean);
            let told = export.stderr.contains("/dev/nst0 does not write the cartridge's chip");
            assert_eq!(told, refuses, "{export:?}");
            let chip = shell("sg_read_attr /dev/tape0-sg");
            assert_eq!(chip.contains("p2t volume 1 copy 1"), !refuses, "{chip}");
        }
    });
}
