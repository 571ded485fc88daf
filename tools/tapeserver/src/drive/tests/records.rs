use super::*;

#[test]
fn records_come_back_with_their_lengths_and_filemarks() {
    let mut bench = Bench::new("P2T001L8");
    for record in [&b"first"[..], b"second one"] {
        assert_eq!(bench.write(record), Ok(()));
    }
    assert_eq!(bench.marks(1, false), Ok(()));
    bench.rewind();
    assert_eq!(bench.read(5), (Ok(()), b"first".to_vec()));
    // Too short and too long a request: data, and how much differs.
    assert_eq!(bench.read(20), (Err(Sense::odd_length(10)), b"second one".to_vec()));
    assert_eq!(bench.read(20), (Err(Sense::at_filemark(20)), vec![]));
    assert_eq!(bench.read(20), (Err(Sense::end_of_data(20)), vec![]));
    bench.rewind();
    assert_eq!(bench.read(3), (Err(Sense::odd_length(-2)), b"fir".to_vec()));
    assert_eq!(bench.read(10).0, Ok(()));
}

#[test]
fn silence_about_short_records_is_not_about_long_ones_in_fixed_mode() {
    let mut bench = Bench::new("P2T001L8");
    assert_eq!(bench.write(b"record"), Ok(()));
    let silent = |bench: &mut Bench, length| bench.both(&[op::READ, 2, 0, 0, length, 0], &[]);
    bench.rewind();
    assert_eq!(silent(&mut bench, 10), (Ok(()), b"record".to_vec()));
    bench.rewind();
    assert_eq!(silent(&mut bench, 3), (Ok(()), b"rec".to_vec()));
    bench.rewind();
    bench.drive.mode.block_size = 512;
    assert_eq!(silent(&mut bench, 3).0, Err(Sense::odd_length(-3)));
    assert_eq!(bench.send(&[op::READ, 3, 0, 0, 1, 0], &[]), Err(Sense::invalid_field()));
}

#[test]
fn fixed_mode_counts_blocks() {
    let mut bench = Bench::new("P2T001L8");
    let fixed = |operation, count| [operation, 1, 0, 0, count, 0];
    assert_eq!(bench.send(&fixed(op::WRITE, 1), &[0; 512]), Err(Sense::invalid_field()));
    bench.drive.mode.block_size = 512;
    let data: Vec<u8> = (0..3 * 512_usize).map(|byte| (byte / 512) as u8).collect();
    assert_eq!(bench.send(&fixed(op::WRITE, 3), &data), Ok(()));
    assert_eq!(bench.position().0, 3);
    assert_eq!(bench.marks(1, false), Ok(()));
    bench.rewind();
    assert_eq!(bench.both(&fixed(op::READ, 2), &[]), (Ok(()), data[..1024].to_vec()));
    assert_eq!(bench.both(&fixed(op::READ, 4), &[]), (Err(Sense::at_filemark(3)), data[1024..].to_vec()));
    bench.rewind();
    bench.drive.mode.block_size = 500;
    assert_eq!(bench.both(&fixed(op::READ, 2), &[]), (Err(Sense::odd_length(2)), vec![]));
}

#[test]
fn early_warning_comes_with_a_good_write_and_the_hard_end_with_a_refused_one() {
    let mut bench = Bench::new("P2T001L8");
    let record = vec![1; 32_760];
    let mut outcomes = Vec::new();
    while outcomes.last() != Some(&Err(Sense::overflow(32_760))) {
        outcomes.push(bench.write(&record));
    }
    // 1 MiB holds 32 of 32 KiB with their lengths; the last two are behind the early warning, but for one byte.
    assert_eq!(outcomes.len(), 33);
    assert_eq!(outcomes[..30], vec![Ok(()); 30]);
    assert_eq!(outcomes[30..32], [Err(Sense::early_warning()); 2]);
    assert_eq!(bench.position(), (32, 32));
    assert_eq!(bench.marks(1, false), Err(Sense::overflow(1)));
    bench.rewind();
    assert_eq!(bench.get(&[op::SPACE, 3, 0, 0, 0, 0]).len(), 0);
    assert_eq!(bench.position().0, 32);
}

#[test]
fn protected_cartridges_refuse_and_worm_takes_only_appends() {
    let mut bench = Bench::new("P2T001L8");
    bench.drive.write_protect(true).unwrap();
    assert_eq!(bench.write(b"x"), Err(Sense::new(Key::DataProtect, 0x27, 0)));
    assert_eq!(bench.marks(1, true), Err(Sense::new(Key::DataProtect, 0x27, 0)));
    assert_eq!(bench.marks(0, false), Ok(()));

    let mut bench = Bench::new("P2T001LY");
    let overwrite = Err(Sense::new(Key::DataProtect, 0x30, 0x0c));
    assert_eq!((bench.write(b"one"), bench.marks(2, false)), (Ok(()), Ok(())));
    bench.rewind();
    assert_eq!(bench.write(b"two"), overwrite);
    assert_eq!(bench.send(&[op::ERASE, 1, 0, 0, 0, 0], &[]), overwrite);
    // Over the second of the filemarks at the end, not over the first.
    bench.get(&[op::LOCATE, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(bench.write(b"two"), overwrite);
    bench.get(&[op::LOCATE, 0, 0, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(bench.write(b"two"), Ok(()));
}

#[test]
fn lto_8_writes_lto_7_and_does_not_read_lto_6() {
    let mut bench = Bench::new("P2T001L7");
    assert_eq!(bench.write(b"x"), Ok(()));
    let bench = &mut Bench::new("P2T001L6");
    assert_eq!(bench.write(b"x"), Err(Sense::new(Key::Medium, 0x30, 0)));
}

#[test]
fn erase_ends_the_data_here() {
    let mut bench = Bench::new("P2T001L8");
    for _ in 0..3 {
        assert_eq!(bench.write(b"record"), Ok(()));
    }
    bench.get(&[op::LOCATE, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    bench.get(&[op::ERASE, 1, 0, 0, 0, 0]);
    assert_eq!(bench.read(6).0, Err(Sense::end_of_data(6)));
    assert_eq!(bench.position().0, 1);
}
