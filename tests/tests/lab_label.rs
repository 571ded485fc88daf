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
