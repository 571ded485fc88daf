use super::*;

#[test]
fn mode_sense_has_medium_density_and_block_size() {
    let mut bench = Bench::new("P2T001LY");
    bench.drive.mode.block_size = 0x01_0203;
    let answer = bench.get(&[op::MODE_SENSE_6, 0, 0, 0, 255, 0]);
    assert_eq!(answer, [11, 0x8c, 0x10, 8, 0x5e, 0, 0, 0, 0, 1, 2, 3]);
    bench.drive.write_protect(true).unwrap();
    let ten = bench.get(&[op::MODE_SENSE_10, 8, 0x1d, 0, 0, 0, 0, 0, 255, 0]);
    assert_eq!(ten[..8], [0, 38, 0x8c, 0x90, 0, 0, 0, 0]);
    assert_eq!(ten[8..14], [0x1d, 30, 1, 0, 0, 2]);
    assert_eq!(bench.send(&[op::MODE_SENSE_6, 0, 0x3e, 0, 255, 0], &[]), Err(Sense::invalid_field()));
    assert_eq!(bench.send(&[op::MODE_SENSE_6, 0, 0xff, 0, 255, 0], &[]), Err(Sense::saving_parameters()));
    // All pages, in one chain.
    let all = bench.get(&[op::MODE_SENSE_10, 8, 0x3f, 0, 0, 0, 0, 1, 0, 0]);
    let (mut at, mut pages) = (8, Vec::new());
    while at < all.len() {
        pages.push(all[at]);
        at += 2 + usize::from(all[at + 1]);
    }
    assert_eq!((at, pages), (all.len(), vec![0x01, 0x02, 0x0a, 0x0f, 0x10, 0x11, 0x1c, 0x1d]));
}

#[test]
fn mode_select_sets_block_size_buffering_and_compression_or_nothing() {
    let mut bench = Bench::new("P2T001L8");
    let select = |bench: &mut Bench, list: &[u8]| bench.send(&[op::MODE_SELECT_6, 0x10, 0, 0, 0, 0], list);
    assert_eq!(select(&mut bench, &[0, 0, 0x00, 8, 0x7f, 0, 0, 0, 0, 0, 2, 0]), Ok(()));
    assert_eq!((bench.drive.mode.block_size, bench.drive.mode.buffered), (512, false));
    let compression = |on: u8| [0, 0, 0x10, 0, 0x0f, 14, on, 0x80, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0];
    assert_eq!(select(&mut bench, &compression(0x40)), Ok(()));
    assert!(!bench.drive.mode.compression && bench.drive.mode.buffered);
    let parameter = Err(Sense::invalid_parameter());
    assert_eq!(select(&mut bench, &[0, 0, 0x10, 8, 0x58, 0, 0, 0, 0, 0, 4, 0]), parameter);
    assert_eq!(select(&mut bench, &[0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff]), parameter);
    assert_eq!(select(&mut bench, &[0, 0, 0x70, 0]), parameter);
    assert_eq!(select(&mut bench, &[0, 0, 0x10, 0, 0x1d, 30]), Err(Sense::parameter_length()));
    assert_eq!(select(&mut bench, &[0, 0, 0x10, 8, 0]), Err(Sense::parameter_length()));
    assert_eq!(bench.drive.mode.block_size, 512);
    bench.drive.reset();
    assert_eq!(bench.drive.mode.block_size, 0);
}

#[test]
fn block_limits_are_those_of_lto_drives() {
    let mut bench = Bench::new("P2T001L7");
    assert_eq!(bench.get(&[op::READ_BLOCK_LIMITS, 0, 0, 0, 0, 0]), [0, 0x80, 0, 0, 0, 1]);
}
