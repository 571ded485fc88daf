//! Volumes and peers made to do harm: one clear error, bounded memory, nothing outside the target folder.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use e2e::disk::scratch;
use e2e::program::{Exit, Finished, Program};
use e2e::synthetic;
use e2e::transfer::{self, text};
use e2e::tree;

const MEMORY: u64 = 256_000_000;

/// A directory volume whose first segment is what `script` writes to its stdout, and which has no index or trailer
/// that would give the lie away.
fn forged(folder: &Path, script: &str) -> PathBuf {
    let files = folder.join("files");
    synthetic::write_many(&files, 2, 2, 5_000);
    let medium = folder.join("disk-{seq}");
    transfer::export(&transfer::new_export(&folder.join("export"), &text(&files), &medium));
    let volume = transfer::volumes(&medium).remove(0);
    for name in ["INDEX.jsonl.zst", "TRAILER.json"] {
        std::fs::remove_file(volume.join(name)).expect("a complete volume has it");
    }
    let work = folder.join("forge");
    std::fs::create_dir(&work).expect("a folder can be made");
    let segment = std::fs::File::create(volume.join("segment-000001.tar.zst")).expect("a file can be made");
    let mut forge = Command::new("bash");
    let status =
        forge.args(["-ec", script]).current_dir(&work).stdout(segment).status().expect("bash is there");
    assert!(status.success());
    volume
}

fn runs_bounded(program: &Program, arguments: &[String]) -> Finished {
    let (finished, peak) = program.spawn(arguments).finish_with_peak_memory();
    assert!(peak < MEMORY, "{arguments:?} held {peak} bytes");
    assert!(!finished.is(Exit::Clean), "{arguments:?} saw nothing wrong: {finished:?}");
    finished
}

/// Verifies and extracts a forged volume; returns what was written into the target folder.
fn survive(folder: &Path, volume: &Path) -> Vec<PathBuf> {
    let t2p = transfer::without_job(folder);
    runs_bounded(&t2p, &["verify".to_owned(), text(volume)]);
    let before = tree::digests(folder);
    let out = folder.join("out/of/the/way");
    runs_bounded(&t2p, &["extract".to_owned(), text(volume), "--out".to_owned(), text(&out)]);
    let grown = tree::digests(folder).into_keys().filter(|path| !before.contains_key(path));
    let (inside, outside): (Vec<PathBuf>, Vec<PathBuf>) =
        grown.filter(|path| !path.starts_with("ingest")).partition(|path| path.starts_with("out/of/the/way"));
    assert_eq!(outside, Vec::<PathBuf>::new(), "something was written outside the target folder");
    inside
}

#[test]
fn a_tar_member_with_a_path_upwards_writes_nothing() {
    let folder = scratch();
    let forge = "echo evil > evil.dcm; tar -cf - --transform 's,^,../../../,' -P evil.dcm | zstd -q";
    let volume = forged(folder.path(), forge);
    assert_eq!(survive(folder.path(), &volume), Vec::<PathBuf>::new());
}

#[test]
fn a_tar_member_with_an_absolute_path_or_a_link_writes_nothing() {
    let folder = scratch();
    let forge =
        "ln -s /etc link; mkdir d; echo evil > d/evil.dcm; tar -cf - -P link \"$PWD/d/evil.dcm\" | zstd -q";
    let volume = forged(folder.path(), forge);
    assert_eq!(survive(folder.path(), &volume), Vec::<PathBuf>::new());
}

#[test]
fn a_frame_that_unpacks_to_gigabytes_fills_neither_memory_nor_disk() {
    let folder = scratch();
    let volume = forged(folder.path(), "head -c 2G /dev/zero | zstd -q --long=27");
    assert_eq!(survive(folder.path(), &volume), Vec::<PathBuf>::new());
}

#[test]
fn a_tar_member_that_claims_terabytes_is_refused() {
    let folder = scratch();
    let header = "import sys, tarfile; member = tarfile.TarInfo('big.dcm'); member.size = 1 << 42; \
                  sys.stdout.buffer.write(member.tobuf(tarfile.GNU_FORMAT))";
    let forge = format!("{{ python3 -c \"{header}\"; head -c 1M /dev/zero; }} | zstd -q");
    let volume = forged(folder.path(), &forge);
    assert_eq!(survive(folder.path(), &volume), Vec::<PathBuf>::new());
}

/// A server that answers whatever it hears with `answer`, and then keeps sending.
fn shouting(answer: &'static [u8]) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            thread::spawn(move || shout(client, answer));
        }
    });
    port
}

fn shout(mut client: TcpStream, answer: &[u8]) {
    let mut heard = [0; 1024];
    let _ = client.read(&mut heard);
    let _ = client.write_all(answer);
    let noise = vec![0; 65_536];
    while client.write_all(&noise).is_ok() {}
}

fn plan_against(port: u16) -> Finished {
    let folder = scratch();
    let node = format!("EVIL@127.0.0.1:{port}");
    let p2t = transfer::new_export(&folder.path().join("export"), &node, &folder.path().join("disk-{seq}"));
    p2t.configure("timeouts", "associate_seconds", 5);
    p2t.configure("retry", "attempts", 1);
    runs_bounded(&p2t, &["plan".to_owned()])
}

#[test]
fn a_pdu_of_four_gigabytes_is_refused() {
    plan_against(shouting(&[2, 0, 0xFF, 0xFF, 0xFF, 0xFF])).says("EVIL");
}

#[test]
fn a_peer_that_does_not_speak_dicom_is_named() {
    plan_against(shouting(b"HTTP/1.1 400 Bad Request\r\n\r\n")).says("EVIL");
}
