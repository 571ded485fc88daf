use super::*;
use crate::sense::Key;

fn blank() -> (tempfile::TempDir, Medium) {
    let folder = tempfile::tempdir().unwrap();
    let medium = Medium::open(&folder.path().join("tape"), 1 << 20).unwrap();
    (folder, medium)
}

fn record(medium: &mut Medium, position: usize, bytes: &[u8]) {
    medium.accept(position, Object::Record(bytes.len() as u32), bytes);
}

fn read(medium: &Medium, position: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    medium.read(position, usize::MAX, &mut bytes).unwrap();
    bytes
}

#[test]
fn the_file_is_a_simh_image_and_is_read_again() {
    let (folder, mut medium) = blank();
    record(&mut medium, 0, b"odd");
    medium.accept(1, Object::Mark, &[]);
    record(&mut medium, 2, b"even");
    medium.settle(0).unwrap();
    let path = folder.path().join("tape");
    let expected = b"\x03\0\0\0odd\0\x03\0\0\0\0\0\0\0\x04\0\0\0even\x04\0\0\0";
    assert_eq!(std::fs::read(&path).unwrap(), expected);
    let again = Medium::open(&path, 1 << 20).unwrap();
    assert_eq!((again.end(), again.file_number(2), again.file_number(3)), (3, 1, 1));
    assert_eq!(read(&again, 2), b"even");
    assert_eq!(again.used(3), expected.len() as u64);
}

#[test]
fn half_a_record_at_the_end_of_the_file_is_not_there() {
    let (folder, mut medium) = blank();
    record(&mut medium, 0, b"whole");
    medium.settle(0).unwrap();
    let path = folder.path().join("tape");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend(b"\x0a\0\0\0half");
    std::fs::write(&path, &bytes).unwrap();
    let mut again = Medium::open(&path, 1 << 20).unwrap();
    assert_eq!(again.end(), 1);
    again.accept(1, Object::Mark, &[]);
    again.settle(0).unwrap();
    assert_eq!(Medium::open(&path, 1 << 20).unwrap().end(), 2);
}

#[test]
fn a_power_cut_loses_what_is_in_memory_and_leaves_what_it_was_to_overwrite() {
    let (_folder, mut medium) = blank();
    record(&mut medium, 0, b"first");
    record(&mut medium, 1, b"second");
    medium.settle(0).unwrap();
    record(&mut medium, 1, b"other");
    assert_eq!((medium.end(), medium.pending()), (2, (1, 14)));
    medium.forget_pending();
    assert_eq!((medium.end(), read(&medium, 1)), (2, b"second".to_vec()));
    record(&mut medium, 0, b"new");
    medium.settle(0).unwrap();
    assert_eq!((medium.end(), read(&medium, 0)), (1, b"new".to_vec()));
}

#[test]
fn memory_over_its_limit_goes_to_the_medium_oldest_first() {
    let (_folder, mut medium) = blank();
    for position in 0..5 {
        record(&mut medium, position, &[position as u8; 100]);
    }
    medium.settle(250).unwrap();
    assert_eq!(medium.pending(), (2, 216));
    assert_eq!((medium.next_to_arrive(5), medium.end()), (3, 5));
    assert_eq!(medium.used(5), 540);
    medium.forget_pending();
    assert_eq!(medium.end(), 3);
}

#[test]
fn file_numbers_count_marks_in_memory_too() {
    let (_folder, mut medium) = blank();
    medium.accept(0, Object::Mark, &[]);
    medium.settle(0).unwrap();
    medium.accept(1, Object::Mark, &[]);
    record(&mut medium, 2, b"x");
    assert_eq!(medium.file_number(3), 2);
    assert_eq!(medium.file_number(1), 1);
    assert_eq!(medium.file_number(0), 0);
}

#[test]
fn a_bad_spot_keeps_what_came_before_and_loses_the_rest() {
    let (_folder, mut medium) = blank();
    let sense = Sense::new(Key::Medium, 0x0c, 0);
    medium.set_bad_spot(1, sense);
    for position in 0..3 {
        record(&mut medium, position, b"data");
    }
    assert!(matches!(medium.settle(0), Err(NotWritten::BadSpot(found)) if found == sense));
    assert_eq!((medium.end(), medium.pending()), (1, (0, 0)));
    record(&mut medium, 1, b"again");
    medium.settle(0).unwrap();
    assert_eq!(medium.end(), 2);
}

#[test]
fn damage_is_on_the_medium() {
    let (folder, mut medium) = blank();
    for position in 0..3 {
        record(&mut medium, position, b"data");
    }
    medium.settle(0).unwrap();
    assert!(medium.rot(0, 3).unwrap());
    assert!(!medium.rot(0, 4).unwrap());
    assert!(medium.spoil(1).unwrap());
    assert!(medium.splice(2, 1, &[(Object::Record(2), b"da".to_vec()), (Object::Mark, vec![])]).unwrap());
    let again = Medium::open(&folder.path().join("tape"), 1 << 20).unwrap();
    for medium in [medium, again] {
        assert_eq!(read(&medium, 0), b"dat`");
        let objects: Vec<_> = (0..5).map(|position| medium.object(position)).collect();
        let expected = [Object::Record(4), Object::Unreadable(4), Object::Record(2), Object::Mark].map(Some);
        assert_eq!(objects[..4], expected);
        assert_eq!(objects[4], None);
    }
}

#[test]
fn the_hard_end_counts_what_is_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut medium = Medium::open(&folder.path().join("tape"), 120).unwrap();
    record(&mut medium, 0, &[0; 100]);
    assert_eq!(medium.left(1), 12);
    assert!(medium.fits(1, 4) && !medium.fits(1, 5) && medium.fits_mark(1));
}
