//! Volumes of which the end of the data is not found, on the real st driver: a power cut or a damaged cartridge may cost it.

use std::collections::BTreeMap;
use std::path::Path;

use e2e::disk::scratch;
use e2e::lab::{self, Lab, ctl, shell};
use e2e::program::{Exit, Program};
use e2e::tape_job::{self, DRIVE};
use e2e::transfer::{self, Balance, text};
use e2e::tree;

const LOST: &str = "the drive does not find the end of the data";

/// What `t2p extract` gives, and says.
fn extracted(folder: &Path, name: &str) -> (BTreeMap<String, usize>, String) {
    let out = folder.join(name);
    let run = transfer::without_job(folder).run(&["extract", DRIVE, "--out", &text(&out)]);
    run.expect(Exit::Discrepancies);
    (tree::contents(&out), run.stderr + &run.stdout)
}

/// A job of which so many instances are written, when the power of the drive goes.
fn interrupted(p2t: &Program) -> u64 {
    ctl("drive 0 power-cut --at write --nth 50");
    p2t.run(&["export"]).expect(Exit::Incomplete);
    let Balance { done, pending, .. } = transfer::balance(p2t);
    assert!(done > 0 && pending > 0, "{done} {pending}");
    done
}

#[test]
fn a_volume_is_read_to_its_trailer_though_its_end_is_lost() {
    lab::in_guest("a_volume_is_read_to_its_trailer_though_its_end_is_lost", &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        tape_job::completed(&p2t, &source, folder.path());
        let t2p = transfer::without_job(folder.path());
        ctl("drive 0 lose-end");
        let verified = t2p.run(&["verify", DRIVE]);
        verified.expect(Exit::Discrepancies).says(LOST).says("\"harmed\": 0");
        let (found, said) = extracted(folder.path(), "all");
        assert!(said.contains(LOST), "{said}");
        assert_eq!(found, tree::contents(&source));
        p2t.run(&["verify", DRIVE]).expect(Exit::Discrepancies).says(LOST);
    });
}

#[test]
fn what_a_power_cut_left_without_an_end_is_read_and_gone_on_with() {
    let name = "what_a_power_cut_left_without_an_end_is_read_and_gone_on_with";
    lab::in_guest(name, &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        let written = interrupted(&p2t);
        ctl("drive 0 lose-end");
        let (found, said) = extracted(folder.path(), "some");
        assert!(said.contains(LOST), "{said}");
        assert!(found.values().sum::<usize>() as u64 >= written, "{found:?} of {written}");
        // The next record gives it an end.
        tape_job::completed(&p2t, &source, folder.path());
    });
}

#[test]
fn files_are_counted_though_the_driver_does_not_count_on_its_way_to_the_end() {
    let name = "files_are_counted_though_the_driver_does_not_count_on_its_way_to_the_end";
    lab::in_guest(name, &Lab::default(), || {
        let folder = scratch();
        let (p2t, source) = tape_job::new_export(folder.path(), "1 MiB");
        shell("mt -f /dev/nst0 stsetoptions fast-eod");
        assert!(shell("mt -f /dev/nst0 eod; mt -f /dev/nst0 status").contains("File number=-1"));
        let written = interrupted(&p2t);
        // Without a trailer only the count tells which files there are.
        let (found, said) = extracted(folder.path(), "some");
        assert!(found.values().sum::<usize>() as u64 >= written, "{found:?} of {written}");
        assert!(!said.contains(LOST), "{said}");
        tape_job::completed(&p2t, &source, folder.path());
    });
}
