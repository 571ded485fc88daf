use super::*;
use crate::device::number;

/// r r | r | with all of it on the medium.
fn written() -> Bench {
    let mut bench = Bench::new("P2T001L8");
    for _ in 0..2 {
        assert_eq!(bench.write(b"record"), Ok(()));
    }
    assert_eq!(
        (bench.marks(1, true), bench.write(b"record"), bench.marks(1, false)),
        (Ok(()), Ok(()), Ok(()))
    );
    bench
}

#[test]
fn all_forms_of_read_position_agree() {
    let mut bench = written();
    assert_eq!(bench.position(), (5, 5));
    let long = bench.get(&[op::READ_POSITION, 6, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((long.len(), number(&long[8..16]), number(&long[16..24])), (32, 5, 2));
    let extended = bench.get(&[op::READ_POSITION, 8, 0, 0, 0, 0, 0, 0, 32, 0]);
    assert_eq!((extended.len(), extended[3], number(&extended[8..16])), (32, 28, 5));
    bench.rewind();
    let short = bench.get(&[op::READ_POSITION, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((short.len(), short[0]), (20, 0x80));
    assert_eq!(bench.send(&[op::READ_POSITION, 7, 0, 0, 0, 0, 0, 0, 0, 0], &[]), Err(Sense::invalid_field()));
}

#[test]
fn what_is_in_memory_is_between_first_and_last() {
    let mut bench = written();
    assert_eq!((bench.write(b"12345678"), bench.marks(1, true)), (Ok(()), Ok(())));
    assert_eq!(bench.position(), (7, 5));
    let short = bench.get(&[op::READ_POSITION, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((number(&short[12..16]), number(&short[16..20])), (2, 20));
    let extended = bench.get(&[op::READ_POSITION, 8, 0, 0, 0, 0, 0, 0, 32, 0]);
    assert_eq!((number(&extended[8..16]), number(&extended[16..24]), number(&extended[24..32])), (7, 5, 20));
    let long = bench.get(&[op::READ_POSITION, 6, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(number(&long[16..24]), 3);
    assert_eq!(bench.marks(0, false), Ok(()));
    assert_eq!(bench.position(), (7, 7));
}

#[test]
fn locate_goes_to_objects_and_not_beyond_the_end() {
    let mut bench = written();
    let mut locate = |target: u8| {
        let outcome = bench.send(&[op::LOCATE, 0, 0, 0, 0, 0, target, 0, 0, 0], &[]);
        (outcome, bench.position().0)
    };
    assert_eq!(locate(4), (Ok(()), 4));
    assert_eq!(locate(5), (Ok(()), 5));
    let beyond = Err(Sense { information: None, ..Sense::end_of_data(0) });
    assert_eq!(locate(6), (beyond, 5));
    let other_partition = [op::LOCATE, 2, 0, 0, 0, 0, 1, 0, 1, 0];
    assert_eq!(bench.send(&other_partition, &[]), Err(Sense::invalid_field()));
}

#[test]
fn space_moves_backwards_too() {
    let mut bench = written();
    bench.get(&[op::SPACE, 1, 0xff, 0xff, 0xff, 0]);
    assert_eq!(bench.position().0, 4);
    assert_eq!(bench.send(&[op::SPACE, 0, 0xff, 0xff, 0xfe, 0], &[]), Err(Sense::at_filemark(1)));
    assert_eq!(bench.position().0, 2);
    assert_eq!(bench.send(&[op::SPACE, 2, 0, 0, 1, 0], &[]), Err(Sense::invalid_field()));
}

#[test]
fn an_end_that_is_lost_is_not_found_until_something_is_written() {
    let mut bench = written();
    bench.drive.lose_end().unwrap();
    let lost = Err(Sense::no_end_of_data());
    assert_eq!((bench.send(&[op::SPACE, 3, 0, 0, 0, 0], &[]), bench.position().0), (lost, 5));
    bench.rewind();
    assert_eq!(bench.send(&[op::SPACE, 1, 0, 0, 2, 0], &[]), Ok(()));
    assert_eq!(bench.send(&[op::SPACE, 1, 0, 0, 1, 0], &[]), lost);
    assert_eq!(bench.send(&[op::READ, 0, 0, 0, 9, 0], &[]), lost);
    assert_eq!((bench.write(b"record"), bench.marks(0, false)), (Ok(()), Ok(())));
    assert_eq!(bench.send(&[op::SPACE, 3, 0, 0, 0, 0], &[]), Ok(()));
}
