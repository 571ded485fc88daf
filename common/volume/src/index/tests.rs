//! Changes at the source, and lines that come from a later writer.

use std::io::Cursor;

use manifest::{Change, Presence, Reidentified, Study};
use uuid::Uuid;

use super::*;

fn head() -> IndexHead {
    let [transfer, volume_set, volume] = [1, 2, 3].map(Uuid::from_u128);
    IndexHead { format: 1, transfer, volume_set, volume, copy: 1, sequence: 1 }
}

fn state() -> TransferState {
    TransferState { listed: 1, written: 0, excluded: 1, failed: 0, pending: 0, last: true }
}

fn changes() -> Vec<Change> {
    let at = "2026-12-01T09:00:00Z".parse().unwrap();
    let presence = |change, sop: Option<&str>| Presence {
        change,
        delta: 2,
        seen_at: at,
        study: "1.2".into(),
        sop_instance: sop.map(str::to_owned),
    };
    let of = |patient: &str| Study { patient_id: Some(patient.into()), ..Study::default() };
    let (old, new) = (of("P1"), of("P2"));
    let reidentified = Reidentified { change: 7, delta: 2, seen_at: at, study: "1.2".into(), old, new };
    vec![
        Change::Deleted(presence(3, Some("1.2.3"))),
        Change::Restored(presence(4, None)),
        Change::Reidentified(Box::new(reidentified)),
    ]
}

fn written(changes: &[Change]) -> Vec<u8> {
    let mut index = IndexWriter::new(Vec::new(), head(), &[]).unwrap();
    changes.iter().try_for_each(|change| index.change(change.clone())).unwrap();
    index.finish(state()).unwrap()
}

fn open(sealed: Vec<u8>) -> Result<IndexReader, Error> {
    IndexReader::new(Cursor::new(sealed))
}

fn of_lines(lines: &[&str]) -> Vec<u8> {
    let mut text = Vec::new();
    manifest::write_line(&mut text, &Line::Index(head())).unwrap();
    for line in lines {
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }
    manifest::write_line(&mut text, &Line::TransferState(state())).unwrap();
    zstd::bulk::compress(&text, 1).unwrap()
}

const SEGMENT: &str = r#"{"type":"segment","number":1,"file":1,"name":"segment-000001.tar.zst","bytes":1,
    "blake3":"0000000000000000000000000000000000000000000000000000000000000000","tar_bytes":1,
    "tar_blake3":"0000000000000000000000000000000000000000000000000000000000000000","objects":0}"#;
const DELETED: &str =
    r#"{"type":"deleted","change":1,"delta":1,"seen_at":"2026-12-01T09:00:00Z","study":"1.2"}"#;

#[test]
fn changes_come_back_as_they_were_written_and_the_balance_behind_them() {
    let mut index = open(written(&changes())).unwrap();
    let mut found = Vec::new();
    while let Some(change) = index.next_change().unwrap() {
        found.push(change);
    }
    assert_eq!(found, changes());
    assert!(index.next_segment().unwrap().is_none());
    assert_eq!(index.state, Some(state()));
}

#[test]
fn who_asks_for_segments_alone_gets_them() {
    let segment = SEGMENT.replace('\n', "");
    let mut index = open(of_lines(&[DELETED, DELETED, &segment])).unwrap();
    assert_eq!(index.next_segment().unwrap().unwrap().segment.number, 1);
    assert!(index.next_segment().unwrap().is_none() && index.state.is_some());
}

#[test]
fn lines_of_a_kind_that_is_not_known_are_passed_over_wherever_they_stand() {
    let segment = SEGMENT.replace('\n', "");
    let later = r#"{"type":"thumbnail","of":"1.2.3","size":{"rows":1}}"#;
    let mut index = open(of_lines(&[later, DELETED, later, later, &segment, later])).unwrap();
    assert!(index.next_change().unwrap().is_some() && index.next_change().unwrap().is_none());
    assert_eq!(index.next_segment().unwrap().unwrap().segment.number, 1);
    assert!(index.next_segment().unwrap().is_none() && index.state.is_some());
}

#[test]
fn a_change_behind_a_segment_or_an_index_that_breaks_off_is_refused() {
    let segment = SEGMENT.replace('\n', "");
    let mut index = open(of_lines(&[&segment, DELETED])).unwrap();
    let refused = index.next_segment().unwrap_err().to_string();
    assert!(refused.contains("a change follows a segment"), "{refused}");
    let mut text = Vec::new();
    manifest::write_line(&mut text, &Line::Index(head())).unwrap();
    text.extend_from_slice(DELETED.as_bytes());
    text.push(b'\n');
    let mut index = open(zstd::bulk::compress(&text, 1).unwrap()).unwrap();
    assert!(index.next_change().is_err());
}
