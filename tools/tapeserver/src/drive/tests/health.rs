use super::*;
use crate::device::number;

fn log(bench: &mut Bench, page: u8) -> Vec<(u16, Vec<u8>)> {
    let answer = bench.get(&[op::LOG_SENSE, 0, 0x40 | page, 0, 0, 0, 0, 0x10, 0, 0]);
    assert_eq!((answer[0], number(&answer[2..4]) as usize + 4), (page, answer.len()));
    let (mut parameters, mut rest) = (Vec::new(), &answer[4..]);
    while let [high, low, _, size, tail @ ..] = rest {
        let (value, tail) = tail.split_at(usize::from(*size));
        parameters.push((u16::from_be_bytes([*high, *low]), value.to_vec()));
        rest = tail;
    }
    parameters
}

fn value(parameters: &[(u16, Vec<u8>)], code: u16) -> u64 {
    number(&parameters.iter().find(|parameter| parameter.0 == code).unwrap().1)
}

#[test]
fn tape_alerts_are_up_until_they_were_read() {
    let mut bench = Bench::new("P2T001L8");
    bench.drive.write_protect(true).unwrap();
    assert!(bench.write(b"x").is_err());
    bench.drive.set_alert(64, true);
    // The header alone is no reading.
    bench.get(&[op::LOG_SENSE, 0, 0x6e, 0, 0, 0, 0, 0, 4, 0]);
    let alerts = log(&mut bench, 0x2e);
    let raised: Vec<u16> = alerts.iter().filter(|alert| alert.1 == [1]).map(|alert| alert.0).collect();
    assert_eq!((alerts.len(), raised), (64, vec![9, 64]));
    assert!(log(&mut bench, 0x2e).iter().all(|alert| alert.1 == [0]));
}

#[test]
fn counters_count_bytes_and_errors() {
    let mut bench = Bench::new("P2T001L8");
    for _ in 0..3 {
        assert_eq!(bench.write(&[7; 1000]), Ok(()));
    }
    assert_eq!(bench.marks(1, false), Ok(()));
    bench.drive.spoil(1).unwrap();
    bench.rewind();
    assert_eq!(bench.read(1000).0, Ok(()));
    assert_eq!(bench.read(1000).0, Err(Sense::new(Key::Medium, 0x11, 0).with_information(1000)));
    assert_eq!(bench.read(1000).0, Ok(()));
    assert_eq!(value(&log(&mut bench, 0x02), 5), 3 * 1008 + 4);
    assert_eq!(value(&log(&mut bench, 0x03), 5), 2000);
    assert_eq!(value(&log(&mut bench, 0x03), 6), 1);
    let access = log(&mut bench, 0x0c);
    assert_eq!((value(&access, 0), value(&access, 3), value(&access, 0x100)), (3000, 2000, 0));
    let volume = log(&mut bench, 0x17);
    assert_eq!((value(&volume, 9), value(&volume, 0xd), value(&volume, 1)), (1, 1, 1));
    let barcode = &volume.iter().find(|parameter| parameter.0 == 0x42).unwrap().1;
    assert_eq!(barcode[..8], *b"P2T001L8");
    assert!(volume.is_sorted_by_key(|parameter| parameter.0));
    bench.drive.power_cut();
    assert_eq!(bench.send(&[op::TEST_UNIT_READY], &[]), Err(Sense::attention((0x29, 0))));
    assert_eq!(value(&log(&mut bench, 0x03), 6), 0);
}

#[test]
fn attributes_begin_at_the_one_asked_for_which_must_exist() {
    let mut bench = Bench::new("P2T001L8");
    let ask = |id: u16| {
        let [high, low] = id.to_be_bytes();
        [op::READ_ATTRIBUTE, 0, 0, 0, 0, 0, 0, 0, high, low, 0, 0, 4, 0, 0, 0]
    };
    let all = bench.get(&ask(0));
    assert_eq!(number(&all[..4]) as usize + 4, all.len());
    assert_eq!((number(&all[4..6]), number(&all[9..17])), (0, 0));
    let serial = bench.get(&ask(0x0401));
    assert_eq!(serial[4..9], [0x04, 0x01, 0x81, 0, 32]);
    assert_eq!(serial[9..17], *b"TLP2T001");
    assert_eq!(bench.send(&ask(0x0806), &[]), Err(Sense::invalid_field()));
    let list = bench.get(&[op::READ_ATTRIBUTE, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0]);
    assert!(list[4..].chunks(2).any(|id| id == [0x04, 0x01]));
}

#[test]
fn hosts_write_their_attributes_all_or_none() {
    let mut bench = Bench::new("P2T001L8");
    let mut list = vec![0, 0, 0, 13, 0x08, 0x00, 1, 0, 8];
    list.extend(b"P2T     ");
    let write = |bench: &mut Bench, list: &[u8]| {
        bench.send(&[op::WRITE_ATTRIBUTE, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, list.len() as u8, 0, 0], list)
    };
    let written = |bench: &Bench| bench.drive.cartridge().unwrap().properties.attributes.len();
    assert_eq!((write(&mut bench, &list), written(&bench)), (Ok(()), 1));
    let mut mixed = list.clone();
    mixed[3] += 5 + 8;
    mixed.extend([0x04, 0x00, 1, 0, 8]);
    mixed.extend(b"FORGED  ");
    mixed[9] = b'X';
    assert_eq!(write(&mut bench, &mixed), Err(Sense::invalid_parameter()));
    let kept = bench.drive.cartridge().unwrap().properties.attributes[&0x0800].attribute(0x0800);
    assert_eq!(kept.value, b"P2T     ");
    assert_eq!(write(&mut bench, &list[..12]), Err(Sense::parameter_length()));
    assert_eq!((write(&mut bench, &[0, 0, 0, 5, 8, 0, 1, 0, 0]), written(&bench)), (Ok(()), 0));
}
