//! Bounded memory: a two-gigabyte object and a hundred thousand small ones, within 256 MB at both ends.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::path::Path;
use std::process::Command;

use e2e::corpus;
use e2e::disk::{self, scratch};
use e2e::orthanc::Orthanc;
use e2e::peer::Peer;
use e2e::program::{self, Exit, Program};
use e2e::storescp::Storescp;
use e2e::synthetic::{self, FRAME, Instance};
use e2e::transfer::{self, text};
use e2e::tree;
use fakepacs::{Archive, FakePacs, Lies, Look, Population};

const LIMIT: u64 = 256_000_000;
/// Two gigabytes and a little: more than 31 bits can count.
const FRAMES: u64 = (1 << 31) / FRAME + 16;
const SMALL_STUDIES: u32 = 200;
const SMALL_INSTANCES: u32 = 500;

fn runs_within_the_limit(program: &Program, arguments: &[String]) {
    ends_within_the_limit(program, arguments, Exit::Clean);
}

fn ends_within_the_limit(program: &Program, arguments: &[String], exit: Exit) {
    let (finished, peak) = program::measure(&program.command(arguments));
    finished.expect(exit);
    assert!(peak < LIMIT, "{arguments:?} held {peak} bytes");
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// Every command of a transfer, each within the limit, to a peer that only stores. The audit asks another one, which
/// has nothing: whatever was delivered is missing there, and it must be named.
fn transfer_within_the_limit(folder: &Path, source: &str, peer: &Storescp) -> (Program, Program) {
    let medium = folder.join("tape-{seq}.tap");
    let p2t = Program::p2t(&folder.join("export"));
    p2t.init(&["--source", source, "--to", &text(&medium)]);
    runs_within_the_limit(&p2t, &words("plan"));
    runs_within_the_limit(&p2t, &words("export"));
    let tapes = transfer::volumes(&medium);
    let t2p = transfer::new_ingest(&folder.join("ingest"), &peer.node());
    let out = folder.join("out");
    for tape in &tapes {
        runs_within_the_limit(&p2t, &["verify".to_owned(), text(tape)]);
        runs_within_the_limit(&t2p, &["verify".to_owned(), text(tape)]);
        runs_within_the_limit(&t2p, &["inspect".to_owned(), text(tape)]);
        runs_within_the_limit(&t2p, &["extract".to_owned(), text(tape), "--out".to_owned(), text(&out)]);
    }
    runs_within_the_limit(&t2p, &transfer::ingest_arguments(&tapes));
    runs_within_the_limit(&p2t, &words("report"));
    runs_within_the_limit(&t2p, &words("report"));
    std::fs::create_dir(folder.join("empty")).expect("a folder can be made");
    let empty = Peer::start(folder, &folder.join("empty"), &[]);
    t2p.redirect(&empty.node());
    ends_within_the_limit(&t2p, &words("audit"), Exit::Discrepancies);
    (p2t, t2p)
}

#[test]
fn a_peak_just_before_the_end_is_seen() {
    let mut hungry = Command::new(corpus::python());
    hungry.args(["-c", "import os, sys; b'x' * int(sys.argv[1]); os._exit(0)", &LIMIT.to_string()]);
    let (finished, peak) = program::measure(&hungry);
    finished.expect(Exit::Clean);
    assert!((LIMIT..2 * LIMIT).contains(&peak), "{peak}");
}

#[test]
fn a_two_gigabyte_object_passes_from_a_folder_to_a_peer() {
    let folder = scratch();
    let folder = folder.path();
    std::fs::create_dir(folder.join("files")).expect("a folder can be made");
    let large = folder.join("files/large.dcm");
    Instance { study: 1, series: 1, number: 1 }.write_large(&large, FRAMES);
    let peer = Storescp::start(&folder.join("b"));
    transfer_within_the_limit(folder, &text(&folder.join("files")), &peer);
    let received = tree::files(peer.folder());
    assert_eq!(received.len(), 1);
    assert_eq!(pixel_digest(&received[0]), pixel_digest(&large));
}

#[test]
fn a_two_gigabyte_object_is_captured_from_a_pacs() {
    let folder = scratch();
    let folder = folder.path();
    let large = folder.join("large.dcm");
    Instance { study: 1, series: 1, number: 1 }.write_large(&large, FRAMES);
    let source = Orthanc::start("SITE_A", &folder.join("a"));
    source.load_bytes(&std::fs::read(&large).expect("a file can be read"));
    let p2t = Program::p2t(&folder.join("export"));
    p2t.init(&["--source", &source.node(), "--to", &text(&folder.join("disk-{seq}"))]);
    runs_within_the_limit(&p2t, &words("plan"));
    runs_within_the_limit(&p2t, &words("export"));
    assert_eq!(transfer::balance(&p2t), transfer::Balance::all_done(1));
}

#[test]
fn a_hundred_thousand_small_objects_pass_from_a_folder_to_a_peer() {
    let folder = scratch();
    let folder = folder.path();
    // Making and removing hundreds of thousands of files on a real disk would take most of the time.
    disk::mount_small(folder, 4_000_000_000);
    let files = folder.join("files");
    synthetic::write_many(&files, SMALL_STUDIES, SMALL_INSTANCES, 512);
    let peer = Storescp::start(&folder.join("b"));
    let (p2t, t2p) = transfer_within_the_limit(folder, &text(&files), &peer);
    let count = u64::from(SMALL_STUDIES * SMALL_INSTANCES);
    assert_eq!(transfer::balance(&p2t), transfer::Balance::all_done(count));
    assert_eq!(transfer::balance(&t2p).done, count);
    assert_eq!(tree::files(peer.folder()).len() as u64, count);
}

#[test]
fn a_hundred_thousand_small_objects_are_captured_from_a_pacs() {
    let folder = scratch();
    let folder = folder.path();
    disk::mount_small(folder, 2_000_000_000);
    let mut studies = Population { studies: SMALL_STUDIES, ..Population::default() }.make();
    for study in &mut studies {
        study.series.truncate(1);
        study.series.iter_mut().for_each(|series| series.instances = SMALL_INSTANCES);
    }
    let look = Look { pixels: 64, ..Look::default() };
    let (title, any_port) = ("SITE_A".parse().expect("it is an AE title"), ([127, 0, 0, 1], 0).into());
    let archive = Archive::new(studies).looking(look);
    let source = FakePacs::start(any_port, title, archive, Lies::default(), |_| {});
    let source = source.expect("loopback has a free port");
    let p2t = Program::p2t(&folder.join("export"));
    let node = format!("SITE_A@{}", source.address());
    p2t.init(&["--source", &node, "--to", &text(&folder.join("disk-{seq}"))]);
    runs_within_the_limit(&p2t, &words("plan"));
    runs_within_the_limit(&p2t, &words("export"));
    let count = u64::from(SMALL_STUDIES * SMALL_INSTANCES);
    assert_eq!(transfer::balance(&p2t), transfer::Balance::all_done(count));
}

/// Digest of the last frames, which both files must end with whatever their headers are.
fn pixel_digest(path: &Path) -> (u64, String) {
    use std::io::{Read, Seek, SeekFrom};
    let mut file = std::fs::File::open(path).expect("a file can be opened");
    let pixels = FRAMES * FRAME;
    let length = file.metadata().expect("a file has a size").len();
    let start = length.checked_sub(pixels).unwrap_or_else(|| panic!("{} is too short", path.display()));
    file.seek(SeekFrom::Start(start)).expect("a file can be sought");
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file.take(pixels)).expect("a file can be read");
    (pixels, hasher.finalize().to_hex().to_string())
}
