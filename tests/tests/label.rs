//! Media that are labelled before the export needs them.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::path::Path;

use e2e::disk::scratch;
use e2e::program::{Exit, Program};
use e2e::synthetic;
use e2e::transfer::{self, Balance, text};
use e2e::tree;
use serde_json::Value;

const OBJECTS: u64 = 32;

/// A planned job that fills about two volumes with the names `first` and `second`.
fn new_export(folder: &Path, name: &str, [first, second]: [&str; 2]) -> Program {
    let files = folder.join("files");
    if !files.exists() {
        synthetic::write_many(&files, 8, 4, 60_000);
    }
    let p2t = transfer::new_export(&folder.join(name), &text(&files), &folder.join(first));
    let media = [first, second].map(|name| toml::Value::String(text(&folder.join(name))));
    p2t.configure("media", "to", media.to_vec());
    p2t.configure("segment", "frame_bytes", "64 KiB");
    p2t.configure("segment", "bytes", "256 KiB");
    p2t.configure("media", "volume_bytes", "1300 kB");
    p2t.run(&["plan"]).expect(Exit::Clean);
    p2t
}

fn label(p2t: &Program, medium: &Path) -> Value {
    let run = p2t.run(&["label", &text(medium)]);
    run.expect(Exit::Clean);
    run.json()
}

/// All that is on a medium.
fn bytes(medium: &Path) -> Vec<u8> {
    let read = |file: &Path| fs::read(file).expect("a medium can be read");
    if medium.is_dir() {
        return tree::files(medium).iter().flat_map(|file| read(file)).collect();
    }
    read(medium)
}

#[test]
fn labelled_media_are_taken_in_their_order_and_not_mixed_up() {
    for names in [["a.tap", "b.tap"], ["a", "b"]] {
        let folder = scratch();
        let folder = folder.path();
        let p2t = new_export(folder, "export", names);
        let [first, second] = names.map(|name| folder.join(name));
        let labels = [label(&p2t, &first), label(&p2t, &second)];
        assert_eq!((&labels[0]["sequence"], &labels[1]["sequence"]), (&1.into(), &2.into()));
        assert_eq!(label(&p2t, &first)["id"], labels[0]["id"], "it is labelled already");

        // Somebody mixes them up.
        let other = folder.join("other");
        let swap = || {
            for (from, to) in [(&first, &other), (&second, &first), (&other, &second)] {
                fs::rename(from, to).expect("a medium can be renamed");
            }
        };
        swap();
        // The only medium that is named holds the volume after the next one.
        let before = [&first, &second].map(|medium| bytes(medium));
        let wrong = p2t.run(&["export", "--to", &text(&first)]);
        wrong.expect(Exit::Incomplete).says("holds volume 2 (copy 1)");
        assert_eq!([&first, &second].map(|medium| bytes(medium)), before, "something was written");
        // Where both are named, each is found by its label.
        p2t.run(&["export"]).expect(Exit::Clean);
        assert_eq!(transfer::balance(&p2t), Balance::all_done(OBJECTS));
        let status = p2t.run(&["status"]).json();
        for (volume, label) in status["volumes"].as_array().expect("there are some").iter().zip(&labels) {
            assert_eq!((&volume["id"], &volume["state"]), (&label["id"], &"sealed".into()));
        }
        let out = folder.join("out");
        transfer::extract(&transfer::without_job(folder), &[first, second], &out);
        assert_eq!(tree::contents(&out), tree::contents(&folder.join("files")));
    }
}

#[test]
fn what_is_on_a_medium_is_told_and_only_overwritten_by_force() {
    let folder = scratch();
    let folder = folder.path();
    let p2t = new_export(folder, "export", ["a.tap", "b.tap"]);
    let other = new_export(folder, "other-export", ["c.tap", "d.tap"]);
    let (ours, theirs) = (folder.join("a.tap"), folder.join("c.tap"));
    other.run(&["export"]).expect(Exit::Clean);
    let kept = fs::read(&theirs).expect("it was written");
    p2t.run(&["label", &text(&theirs)]).expect(Exit::Failed).says("on it is volume 1 (copy 1) of transfer");
    assert_eq!(fs::read(&theirs).expect("it is there"), kept);
    p2t.run(&["label", &text(&theirs), "--force"]).expect(Exit::Clean);
    p2t.run(&["label", &text(&ours), "--copy", "2"]).expect(Exit::Usage);
    // The job that had written it does not take it for its own any more.
    other.run(&["verify", &text(&theirs)]).expect(Exit::Discrepancies);

    p2t.run(&["export"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(OBJECTS));
    for medium in ["c.tap", "a.tap"] {
        p2t.run(&["verify", &text(&folder.join(medium))]).expect(Exit::Clean);
        p2t.run(&["label", &text(&folder.join(medium)), "--force"]).expect(Exit::Failed).says("of this job");
        p2t.run(&["verify", &text(&folder.join(medium))]).expect(Exit::Clean);
    }
}

#[test]
fn what_holds_segments_is_not_overwritten_though_its_label_cannot_be_read() {
    for names in [["a.tap", "b.tap"], ["a", "b"]] {
        let folder = scratch();
        let folder = folder.path();
        let p2t = new_export(folder, "export", names);
        p2t.run(&["export"]).expect(Exit::Clean);
        let medium = folder.join(names[0]);
        let label = if medium.is_dir() { medium.join("VOLUME.tar") } else { medium.clone() };
        let mut spoilt = fs::read(&label).expect("it was written");
        spoilt[4..6_000].fill(b'x');
        fs::write(&label, spoilt).expect("it can be written");
        let before = bytes(&medium);
        p2t.run(&["label", &text(&medium), "--force"]).expect(Exit::Failed).says("volume 1 of this job");
        assert!(bytes(&medium) == before, "something was written");
    }
}

#[test]
fn a_label_for_one_copy_over_that_of_the_other_leaves_no_volume_behind() {
    let folder = scratch();
    let folder = folder.path();
    let p2t = new_export(folder, "export", ["a.tap", "b.tap"]);
    let [first, second] = ["a.tap", "b.tap"].map(|name| format!("{}/{name}", folder.display()));
    p2t.configure("media", "copies", 2);
    p2t.configure("media", "volume_bytes", "20 MB");
    p2t.configure("media", "to", vec![format!("copy1={second}"), format!("copy2={first}")]);
    p2t.run(&["label", &second, "--copy", "2"]).expect(Exit::Clean);
    p2t.run(&["label", &second, "--copy", "1"]).expect(Exit::Failed).says("--force");
    p2t.run(&["label", &second, "--copy", "1", "--force"]).expect(Exit::Clean);
    p2t.run(&["export"]).expect(Exit::Clean);
    assert_eq!(transfer::balance(&p2t), Balance::all_done(OBJECTS));
}

#[test]
fn what_was_labelled_and_is_not_needed_keeps_nothing_from_being_done() {
    let folder = scratch();
    let folder = folder.path();
    let p2t = new_export(folder, "export", ["a.tap", "b.tap"]);
    for name in ["a.tap", "b.tap", "c.tap"] {
        label(&p2t, &folder.join(name));
    }
    fs::remove_file(folder.join("c.tap")).expect("it is put away");
    for _ in 0..2 {
        p2t.run(&["export"]).expect(Exit::Clean);
    }
    assert_eq!(transfer::balance(&p2t), Balance::all_done(OBJECTS));
}
