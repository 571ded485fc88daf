//! A folder of odd, broken and hostile files: what is DICOM travels byte for byte, what is not is listed with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use e2e::corpus;
use e2e::disk::scratch;
use e2e::program::{self, Exit};
use e2e::transfer::{self, text};
use e2e::tree;
use serde_json::Value;

#[test]
fn every_file_comes_back_byte_for_byte_or_is_listed_with_a_reason() {
    let folder = scratch();
    let folder = folder.path();
    let medium = folder.join("disk-{seq}");
    let p2t = transfer::new_export(&folder.join("export"), &text(&corpus::nasty()), &medium);
    p2t.run(&["plan"]).expect(Exit::Clean);
    // Conflicting SOP Instance UIDs are discrepancies, and every object travels all the same.
    let (exported, peak) = program::measure(&p2t.command(&["export"]));
    exported.expect(Exit::Discrepancies);
    assert!(peak < 256_000_000, "deep nests and long elements held {peak} bytes");
    let t2p = transfer::without_job(folder);
    transfer::extract(&t2p, &transfer::volumes(&medium), &folder.join("extracted"));

    let given = tree::digests(&corpus::nasty());
    let excluded = excluded_paths(&p2t.run(&["report"]).json());
    let returned: BTreeSet<String> = tree::contents(&folder.join("extracted")).into_keys().collect();
    let lost: Vec<&PathBuf> = given
        .iter()
        .filter(|(path, digest)| !returned.contains(*digest) && !excluded.contains_key(*path))
        .map(|(path, _)| path)
        .collect();
    assert!(lost.is_empty(), "neither returned nor listed: {lost:?}");
    let invented = returned.iter().filter(|digest| !given.values().any(|given| given == *digest)).count();
    assert_eq!(invented, 0, "files came back that were never given");
    assert!(excluded.values().all(|reason| !reason.is_empty()), "a file is excluded without a reason");
    assert_eq!(excluded.keys().cloned().collect::<BTreeSet<_>>(), not_dicom());
    // Every file is listed; of files with the same bytes one travels, the others are excluded as its copies.
    let balance = transfer::balance(&p2t);
    assert_eq!((balance.listed, balance.failed, balance.pending), (given.len() as u64, 0, 0));
    assert_eq!(balance.done, tree::files(&folder.join("extracted")).len() as u64);
    assert_eq!(balance.done, returned.len() as u64, "one content travels twice");
}

/// The files of the nasty corpus that no program could take for a DICOM object with a place in a study.
fn not_dicom() -> BTreeSet<PathBuf> {
    let given = tree::digests(&corpus::nasty());
    given.into_keys().filter(|path| is_not_dicom(path)).collect()
}

fn is_not_dicom(path: &std::path::Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // The last is a dataset behind a stray byte, which DCMTK and pydicom cannot read either.
    let made = ["11_zero_bytes.dcm", "12_text_file.dcm", "13_preamble_only.dcm", "no_meta.dcm"];
    let endings = [".txt", ".json", ".gz", ".dump", ".icc", ".bz2", ".py"];
    made.contains(&name.as_str())
        || name == "README"
        || name.starts_with("DICOMDIR")
        || endings.iter().any(|ending| name.ends_with(ending))
}

/// Path below the corpus and reason of every file that was left out.
fn excluded_paths(report: &Value) -> BTreeMap<PathBuf, String> {
    let rows =
        report["excluded_files"].as_array().unwrap_or_else(|| panic!("no list of excluded files: {report}"));
    let root = corpus::nasty();
    let path = |row: &Value| {
        let path = PathBuf::from(row["path"].as_str().unwrap_or_default());
        path.strip_prefix(&root).map(PathBuf::from).unwrap_or(path)
    };
    rows.iter().map(|row| (path(row), row["reason"].as_str().unwrap_or_default().to_owned())).collect()
}

#[test]
fn objects_that_share_a_uid_all_travel_and_are_reported_as_a_conflict() {
    let folder = scratch();
    let folder = folder.path();
    let source = folder.join("source");
    std::fs::create_dir(&source).expect("a folder can be made");
    for name in ["30_dup_a.dcm", "31_dup_same_uid_other_pixels.dcm", "32_dup_same_uid_other_study.dcm"] {
        std::fs::copy(corpus::nasty().join("made").join(name), source.join(name))
            .expect("a file can be copied");
    }
    let medium = folder.join("tape-{seq}.tap");
    let p2t = transfer::new_export(&folder.join("export"), &text(&source), &medium);
    p2t.run(&["plan"]).expect(Exit::Clean);
    p2t.run(&["export"]).expect(Exit::Discrepancies);
    let report = p2t.run(&["report"]).json();
    let conflicts = report["conflicts"].as_array().expect("a report lists conflicts").clone();
    assert_eq!(conflicts.len(), 1, "{conflicts:?}");
    assert_eq!(conflicts[0]["objects"], 3);
    let t2p = transfer::without_job(folder);
    transfer::extract(&t2p, &transfer::volumes(&medium), &folder.join("extracted"));
    assert_eq!(tree::contents(&folder.join("extracted")), tree::contents(&source));
}

#[test]
fn a_uid_that_is_a_path_stays_inside_the_target_folder() {
    let folder = scratch();
    let folder = folder.path();
    let source = folder.join("source");
    std::fs::create_dir(&source).expect("a folder can be made");
    let name = "29_sop_uid_path_traversal.dcm";
    std::fs::copy(corpus::nasty().join("made").join(name), source.join(name)).expect("a file can be copied");
    let medium = folder.join("disk-{seq}");
    let p2t = transfer::new_export(&folder.join("export"), &text(&source), &medium);
    p2t.run(&["plan"]).expect(Exit::Clean);
    p2t.run(&["export"]);
    let t2p = transfer::without_job(folder);
    let before = tree::digests(folder);
    let out = folder.join("deep/er/target");
    transfer::extract(&t2p, &transfer::volumes(&medium), &out);
    assert_eq!(tree::contents(&out), tree::contents(&source));
    let grown: Vec<PathBuf> =
        tree::digests(folder).into_keys().filter(|path| !before.contains_key(path)).collect();
    let outside = |path: &&PathBuf| !path.starts_with("deep/er/target") && !path.starts_with("ingest");
    assert_eq!(grown.iter().find(outside), None, "extract wrote outside its target folder");
}
