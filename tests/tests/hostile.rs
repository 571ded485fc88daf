//! Volumes and peers made to do harm: one clear error, bounded memory, nothing outside the target folder.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use e2e::disk::scratch;
use e2e::forge::Forgery;
use e2e::peer::Peer;
use e2e::program::{self, Exit, Finished, Program};
use e2e::synthetic;
use e2e::transfer::{self, text};
use e2e::tree;

const MEMORY: u64 = 256_000_000;

/// A directory volume whose first segment is what `script` leaves in the file `tar`, as one zstd frame; no index or
/// trailer is there to give the lie away, so that the segment itself must be believed.
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
    let segment = volume.join("segment-000001.tar.zst");
    let script = format!("{script}\nzstd -q -f --long=27 tar -o \"$1\"");
    let mut forge = Command::new("bash");
    let status = forge.args(["-ec", &script, "bash"]).arg(segment).current_dir(&work).status();
    assert!(status.expect("bash is there").success());
    volume
}

fn runs_bounded(program: &Program, arguments: &[String]) -> Finished {
    let (finished, peak) = program::measure(&program.command(arguments));
    assert!(peak < MEMORY, "{arguments:?} held {peak} bytes");
    assert!(!finished.is(Exit::Clean), "{arguments:?} saw nothing wrong: {finished:?}");
    finished
}

/// Verifies, extracts and ingests a forged volume: `reason` is said, and nothing is written, in the target folder or
/// elsewhere.
fn survive(folder: &Path, volume: &Path, reason: &str) {
    let t2p = transfer::new_ingest(&folder.join("ingest"), "NOBODY@127.0.0.1:1");
    t2p.configure("retry", "attempts", 1);
    let before = tree::digests(folder);
    let out = folder.join("out/of/the/way");
    runs_bounded(&t2p, &["verify".to_owned(), text(volume)]).says(reason);
    runs_bounded(&t2p, &["extract".to_owned(), text(volume), "--out".to_owned(), text(&out)]);
    runs_bounded(&t2p, &["ingest".to_owned(), text(volume)]);
    let spool = tree::size(&folder.join("ingest/spool"));
    assert!(spool < 10_000_000, "{spool} bytes went to the spool");
    let grown = tree::digests(folder).into_keys().filter(|path| !before.contains_key(path));
    let written: Vec<PathBuf> = grown.filter(|path| !path.starts_with("ingest")).collect();
    assert_eq!(written, Vec::<PathBuf>::new());
}

fn survive_script(script: &str, reason: &str) {
    let folder = scratch();
    let volume = forged(folder.path(), script);
    survive(folder.path(), &volume, reason);
}

/// `change` makes the honest volume lie; then it is written with right digests.
fn survive_forgery(change: impl FnOnce(&mut Forgery), reason: &str) {
    let folder = scratch();
    let volume = folder.path().join("volume");
    let mut forgery = Forgery::honest();
    change(&mut forgery);
    forgery.write(&volume);
    survive(folder.path(), &volume, reason);
}

#[test]
fn the_forger_writes_volumes_that_are_believed() {
    let folder = scratch();
    let volume = folder.path().join("volume");
    Forgery::honest().write(&volume);
    let t2p = transfer::without_job(folder.path());
    transfer::each(&t2p, "verify", std::slice::from_ref(&volume));
    assert_eq!(transfer::extract(&t2p, &[volume], &folder.path().join("out")), 1);
}

#[test]
fn a_volume_that_contradicts_another_is_refused_by_name_and_the_others_go_on() {
    let folder = scratch();
    let folder = folder.path();
    let [honest, other, changed] = ["honest", "other", "changed"].map(|name| folder.join(name));
    let mut forgery = Forgery::honest();
    // It cannot be sent, so that no destination is needed.
    forgery.objects[0].transfer_syntax = None;
    forgery.clone().write(&honest);
    forgery.sealed = zstd::bulk::compress(&[8; 4096], 1).expect("memory can be compressed");
    forgery.clone().write(&changed);
    forgery.volume = uuid::Uuid::from_u128(4);
    forgery.write(&other);
    let t2p = transfer::new_ingest(&folder.join("ingest"), "NOBODY@127.0.0.1:1");
    let media = [honest.clone(), other.clone(), changed.clone(), honest];
    let refused = t2p.run_for_people(&transfer::ingest_arguments(&media));
    refused.expect(Exit::Discrepancies).says(&format!("{}: segment 1 differs", text(&other)));
    refused.says(&format!("{}: the chain of volumes is broken: volume 1 has", text(&changed)));
}

#[test]
fn names_in_an_index_that_lead_elsewhere_are_refused() {
    for name in
        ["../../../evil.dcm", "/tmp/evil/evil.dcm", "a/../evil.dcm", "a/b/..", "a/b/c\\d.dcm", "evil.dcm"]
    {
        survive_forgery(|forgery| forgery.objects[0].member = name.to_owned(), "is no safe member name");
    }
}

/// A manifest that lists one member.
const MANIFEST: &str = r#"
zeros=$(printf '0%.0s' {1..64})
id=00000000-0000-0000-0000-000000000001
manifest() {
    echo '{"type":"manifest","format":1,"transfer":"'$id'","volume_set":"'$id'","segment":1}'
    echo '{"type":"object","member":"'$1'","tar_offset":512,"bytes":5,"blake3":"'$zeros'",'\
        '"dataset_offset":0,"dataset_blake3":"'$zeros'"}'
}
echo evil > evil.dcm
"#;

#[test]
fn a_tar_member_with_a_path_upwards_writes_nothing() {
    let forge = "manifest ../../../evil.dcm > MANIFEST.jsonl
        tar -cf tar --transform 's,^evil,../../../evil,' -P evil.dcm MANIFEST.jsonl";
    survive_script(&format!("{MANIFEST}{forge}"), "is no safe member name");
}

#[test]
fn a_tar_member_with_an_absolute_path_writes_nothing() {
    let forge = "manifest $PWD/evil.dcm > MANIFEST.jsonl; tar -cf tar -P \"$PWD/evil.dcm\" MANIFEST.jsonl";
    survive_script(&format!("{MANIFEST}{forge}"), "is no safe member name");
}

#[test]
fn a_tar_member_that_is_a_link_is_refused() {
    let forge =
        "ln -s /etc link; manifest link/evil.dcm > MANIFEST.jsonl; tar -cf tar link MANIFEST.jsonl; rm link";
    survive_script(&format!("{MANIFEST}{forge}"), "a member that is not a regular file");
}

#[test]
fn a_tar_member_that_claims_terabytes_is_refused() {
    let header = "import sys, tarfile; member = tarfile.TarInfo('big.dcm'); member.size = 1 << 42; \
                  sys.stdout.buffer.write(member.tobuf(tarfile.GNU_FORMAT))";
    let forge = format!("{{ python3 -c \"{header}\"; head -c 1M /dev/zero; }} > tar");
    survive_script(&forge, "the stream ends inside a member");
}

#[test]
fn a_frame_that_unpacks_to_gigabytes_fills_neither_memory_nor_disk() {
    survive_script("truncate -s 1G tar", "bytes of content");
}

#[test]
fn a_frame_of_gigabytes_that_the_index_calls_small_is_refused() {
    let bomb = |forgery: &mut Forgery| {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("zstd works");
        let piece = vec![7; 1 << 20];
        for _ in 0..1024 {
            encoder.write_all(&piece).expect("zstd works");
        }
        forgery.sealed = encoder.finish().expect("zstd works");
        forgery.frames[0].bytes = forgery.sealed.len() as u64;
    };
    survive_forgery(bomb, "does not state its content's length");
}

#[test]
fn a_frame_that_holds_more_than_it_states_is_refused() {
    let lie = |forgery: &mut Forgery| {
        // With 64 MiB of content the length stands in four bytes behind magic number and descriptor (RFC 8878).
        forgery.sealed = zstd::bulk::compress(&vec![7; 64 << 20], 1).expect("zstd works");
        assert_eq!(forgery.sealed[4] >> 6, 2, "the length is not where this test expects it");
        let at = if forgery.sealed[4] & 0x20 == 0 { 6 } else { 5 };
        forgery.sealed[at..at + 4].copy_from_slice(&4096u32.to_le_bytes());
        forgery.frames[0].bytes = forgery.sealed.len() as u64;
    };
    survive_forgery(lie, "frame at byte 0");
}

#[test]
fn giant_lengths_in_an_index_are_refused() {
    survive_forgery(|forgery| forgery.frames[0].tar_bytes = 1 << 60, "does not follow the one before it");
    survive_forgery(|forgery| forgery.frames[0].bytes = u64::MAX, "does not follow the one before it");
    survive_forgery(|forgery| forgery.objects[0].tar_offset = u64::MAX, "overlaps");
    survive_forgery(|forgery| forgery.objects[0].bytes = 1 << 42, "the segment ends before the object does");
    survive_forgery(|forgery| forgery.objects[0].dataset_offset = u64::MAX, "is shorter than its File Meta");
}

#[test]
fn an_object_that_was_swapped_for_another_is_found_by_its_own_digest() {
    // Its dataset stays the same.
    let swap = |forgery: &mut Forgery| {
        let mut content = vec![7; 4096];
        content[0] = 8;
        forgery.sealed = zstd::bulk::compress(&content, 1).expect("zstd works");
        forgery.frames[0].bytes = forgery.sealed.len() as u64;
    };
    survive_forgery(swap, "instead of");
}

#[test]
fn objects_that_overlap_are_refused() {
    survive_forgery(|forgery| forgery.objects.push(forgery.objects[0].clone()), "overlaps the one before it");
}

#[test]
fn an_index_that_would_fill_memory_is_refused() {
    let long = |forgery: &mut Forgery| {
        let object = manifest::Object {
            bytes: 0,
            dataset_offset: 0,
            source: Some("x".repeat(60_000)),
            ..forgery.objects[0].clone()
        };
        let end = forgery.objects[0].bytes;
        forgery.objects.extend((0..10_000).map(|_| manifest::Object { tar_offset: end, ..object.clone() }));
    };
    survive_forgery(long, "a segment's objects are described by more than");
}

#[test]
fn a_trailer_and_a_label_without_end_are_read_in_part_only() {
    for name in ["TRAILER.json", "VOLUME.tar"] {
        let folder = scratch();
        let volume = folder.path().join("volume");
        Forgery::honest().write(&volume);
        let file = std::fs::File::options().write(true).open(volume.join(name)).expect("the volume has it");
        file.set_len(8 << 30).expect("a sparse file can be long");
        let t2p = transfer::without_job(folder.path());
        runs_bounded(&t2p, &["verify".to_owned(), text(&volume)]).says(name);
    }
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

#[test]
fn a_description_that_fits_on_no_line_makes_no_volume_that_cannot_be_read() {
    let folder = scratch();
    let folder = folder.path();
    let files = folder.join("files");
    synthetic::write_many(&files, 2, 2, 5_000);
    let source = Peer::start(folder, &files, &["--long-description", "70000"]);
    let medium = folder.join("disk-{seq}");
    transfer::export(&transfer::new_export(&folder.join("export"), &source.node(), &medium));
    let volumes = transfer::volumes(&medium);
    let t2p = transfer::without_job(folder);
    transfer::each(&t2p, "verify", &volumes);
    assert_eq!(transfer::extract(&t2p, &volumes, &folder.join("out")), 4);
}
