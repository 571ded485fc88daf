use super::*;
use crate::sense::Sense;

const SIZE: usize = 1 << 16;
const RING: usize = 4096;
const RING_SIZE: usize = 1024;
const DATA: usize = 8192;

/// What the kernel would have put into the mailbox: one command with this CDB, and data in two pieces.
fn mailbox(cdb: &[u8], tail: usize) -> Vec<u8> {
    let mut memory = vec![0; SIZE];
    let mut put = |at: usize, bytes: &[u8]| memory[at..at + bytes.len()].copy_from_slice(bytes);
    put(COMMANDS_OFFSET, &(RING as u32).to_ne_bytes());
    put(COMMANDS_SIZE, &(RING_SIZE as u32).to_ne_bytes());
    put(HEAD, &(((tail + 128) % RING_SIZE) as u32).to_ne_bytes());
    put(TAIL, &(tail as u32).to_ne_bytes());
    let entry = RING + tail;
    put(entry, &(128 | OPERATION_COMMAND).to_ne_bytes());
    put(entry + VECTORS, &2u32.to_ne_bytes());
    put(entry + CDB_OFFSET, &(DATA as u64).to_ne_bytes());
    put(entry + FIRST_VECTOR, &(DATA as u64 + 100).to_ne_bytes());
    put(entry + FIRST_VECTOR + 8, &4u64.to_ne_bytes());
    put(entry + FIRST_VECTOR + 16, &(DATA as u64 + 200).to_ne_bytes());
    put(entry + FIRST_VECTOR + 24, &6u64.to_ne_bytes());
    put(DATA, cdb);
    put(DATA + 100, b"abcd");
    put(DATA + 200, b"efghij");
    memory
}

fn open(memory: &[u8]) -> (tempfile::NamedTempFile, Ring) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), memory).unwrap();
    let ring = Ring::open(file.path(), SIZE).unwrap();
    (file, ring)
}

#[test]
fn a_command_comes_with_its_data_from_all_pieces() {
    let (_file, mut ring) = open(&mailbox(&[0x0a, 0, 0, 0, 10, 0], 0));
    let request = ring.take().unwrap().unwrap();
    assert_eq!(request.cdb[..6], [0x0a, 0, 0, 0, 10, 0]);
    let mut out = Vec::new();
    ring.gather(&request, &mut out).unwrap();
    assert_eq!(out, b"abcdefghij");
    ring.complete(&request, Ok(()), None).unwrap();
    assert!(ring.take().unwrap().is_none());
}

#[test]
fn an_answer_fills_the_pieces_and_may_have_data_beside_sense() {
    let (file, mut ring) = open(&mailbox(&[0x08, 0, 0, 0, 10, 0], 0));
    let request = ring.take().unwrap().unwrap();
    ring.complete(&request, Err(Sense::at_filemark(5)), Some(b"0123456")).unwrap();
    let memory = std::fs::read(file.path()).unwrap();
    assert_eq!(memory[DATA + 100..][..4], *b"0123");
    assert_eq!(memory[DATA + 200..][..6], *b"456hij");
    assert_eq!(memory[RING + STATUS], CHECK_CONDITION);
    assert_eq!(memory[RING + READ_LENGTH..][..4], 7u32.to_ne_bytes());
    assert_eq!(memory[RING + SENSE..][..18], Sense::at_filemark(5).bytes());
    assert_eq!(memory[RING + USER_FLAGS], HAS_READ_LENGTH);
    assert_eq!(memory[TAIL..][..4], 128u32.to_ne_bytes());
}

#[test]
fn the_ring_begins_again_at_its_end() {
    let (file, mut ring) = open(&mailbox(&[0x00], RING_SIZE - 128));
    let request = ring.take().unwrap().unwrap();
    ring.complete(&request, Ok(()), Some(&[])).unwrap();
    assert_eq!(std::fs::read(file.path()).unwrap()[TAIL..][..4], [0; 4]);
}

#[test]
fn offsets_outside_the_memory_are_refused() {
    let mut memory = mailbox(&[0x0a], 0);
    memory[RING + FIRST_VECTOR..][..8].copy_from_slice(&(SIZE as u64 - 2).to_ne_bytes());
    let (_file, mut ring) = open(&memory);
    let request = ring.take().unwrap().unwrap();
    assert!(ring.gather(&request, &mut Vec::new()).is_err());
    let mut memory = mailbox(&[0x0a], 0);
    memory[RING + CDB_OFFSET..][..8].copy_from_slice(&u64::MAX.to_ne_bytes());
    assert!(open(&memory).1.take().is_err());
}
