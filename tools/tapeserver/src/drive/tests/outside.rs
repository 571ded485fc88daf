//! Faults, power, hands.

use super::*;
use crate::fault::Trigger;

const BAD: Sense = Sense::new(Key::Medium, 0x0c, 0);

#[test]
fn memory_overflows_to_the_medium_and_the_rest_dies_with_the_power() {
    let mut bench = Bench::new("P2T001L8");
    for _ in 0..6 {
        assert_eq!(bench.write(&[1; 1016]), Ok(()));
    }
    assert_eq!(bench.position(), (6, 2));
    bench.drive.power_cut();
    assert_eq!(bench.send(&[op::TEST_UNIT_READY], &[]), Err(Sense::attention((0x29, 0))));
    bench.get(&[op::SPACE, 3, 0, 0, 0, 0]);
    assert_eq!(bench.position(), (2, 2));
}

#[test]
fn unbuffered_writes_are_on_the_medium_at_once() {
    let mut bench = Bench::new("P2T001L8");
    bench.drive.mode.buffered = false;
    assert_eq!((bench.write(b"x"), bench.position()), (Ok(()), (1, 1)));
    bench.drive.bad_spot(0, BAD);
    assert_eq!(bench.write(b"y"), Err(BAD));
    assert_eq!(bench.position(), (1, 1));
}

#[test]
fn a_bad_spot_is_current_at_a_filemark_and_deferred_elsewhere() {
    let mut bench = Bench::new("P2T001L8");
    bench.drive.bad_spot(1, BAD);
    for _ in 0..3 {
        assert_eq!(bench.write(b"x"), Ok(()));
    }
    assert_eq!(bench.marks(1, false), Err(BAD.with_information(1)));
    assert_eq!(bench.position(), (1, 1));

    bench.drive.bad_spot(0, BAD);
    assert_eq!(bench.write(b"x"), Ok(()));
    assert_eq!(bench.send(&[op::REWIND], &[]), Err(BAD.deferred()));
    assert_eq!(bench.position(), (1, 1));

    bench.drive.bad_spot(0, BAD);
    let outcomes: Vec<_> = (0..6).map(|_| bench.write(&[0; 1016])).collect();
    // The fifth no longer fits: the drive writes the first, fails, and says so to the sixth.
    assert_eq!(outcomes[..5], vec![Ok(()); 5]);
    assert_eq!(outcomes[5], Err(BAD.deferred()));
    assert_eq!(bench.position(), (1, 1));
}

#[test]
fn injected_errors_come_instead_or_besides_and_can_lie() {
    let mut bench = Bench::new("P2T001L8");
    bench.drive.faults.add(Trigger::Write, Effect::fail(BAD, false), 1, 1);
    bench.drive.faults.add(Trigger::Write, Effect::fail(BAD, true), 1, 1);
    bench.drive.faults.add(Trigger::Write, Effect::Swallow, 1, 1);
    assert_eq!((bench.write(b"x"), bench.position().0), (Err(BAD), 0));
    assert_eq!((bench.write(b"x"), bench.position().0), (Err(BAD), 1));
    assert_eq!((bench.write(b"x"), bench.position().0), (Ok(()), 1));
    bench.drive.faults.add(Trigger::Filemark, Effect::fail(BAD.deferred(), false), 1, 1);
    assert_eq!((bench.marks(1, false), bench.position()), (Err(BAD.deferred()), (0, 0)));
}

#[test]
fn attentions_come_once_and_not_with_inquiry() {
    let mut bench = Bench::new("P2T001L8");
    bench.drive.reset();
    bench.get(&[op::INQUIRY, 0, 0, 0, 36, 0]);
    let sense = bench.get(&[op::REQUEST_SENSE, 0, 0, 0, 18, 0]);
    assert_eq!((sense[2], sense[12]), (6, 0x29));
    assert_eq!(bench.get(&[op::REQUEST_SENSE, 0, 0, 0, 18, 0])[2], 0);
    bench.get(&[op::TEST_UNIT_READY]);
}

#[test]
fn cartridges_leave_only_when_nobody_holds_them_and_what_is_in_memory_arrived() {
    let mut bench = Bench::new("P2T001L8");
    assert_eq!(bench.write(b"x"), Ok(()));
    bench.get(&[op::PREVENT_ALLOW, 0, 0, 0, 1, 0]);
    assert_eq!(bench.send(&[op::LOAD_UNLOAD, 0, 0, 0, 0, 0], &[]), Err(Sense::removal_prevented()));
    assert_eq!(bench.drive.remove().unwrap_err(), Sense::removal_prevented());
    bench.get(&[op::PREVENT_ALLOW, 0, 0, 0, 0, 0]);
    bench.drive.bad_spot(0, BAD);
    bench.drive.position = 0;
    bench.drive.seat.as_mut().unwrap().cartridge.medium.set_bad_spot(0, BAD);
    assert_eq!(bench.drive.remove().unwrap_err(), Sense::eject_failed());
    assert_eq!(bench.send(&[op::TEST_UNIT_READY], &[]), Err(BAD.deferred()));
    assert_eq!(bench.drive.remove().unwrap().unwrap().barcode().as_str(), "P2T001L8");
    assert_eq!(bench.send(&[op::TEST_UNIT_READY], &[]), Err(Sense::no_medium()));
    assert_eq!(bench.send(&[op::LOAD_UNLOAD, 0, 0, 0, 1, 0], &[]), Err(Sense::no_medium()));
}

#[test]
fn unloaded_cartridges_are_loaded_again_with_an_attention() {
    let mut bench = Bench::new("P2T001L8");
    assert_eq!(bench.write(b"x"), Ok(()));
    bench.get(&[op::LOAD_UNLOAD, 0, 0, 0, 0, 0]);
    assert_eq!(bench.read(1).0, Err(Sense::no_medium()));
    bench.get(&[op::LOAD_UNLOAD, 0, 0, 0, 1, 0]);
    assert_eq!(bench.read(1).0, Err(Sense::attention((0x28, 0))));
    assert_eq!(bench.read(1), (Ok(()), b"x".to_vec()));
    assert_eq!(bench.drive.cartridge().unwrap().properties.loads, 2);
}

#[test]
fn cleaning_is_requested_once_and_done_by_a_cleaning_cartridge() {
    let mut bench = Bench::new("P2T001L8");
    bench.drive.request_cleaning(true);
    assert_eq!(bench.write(b"x"), Err(Sense::new(Key::Recovered, 0, 0x17)));
    assert_eq!((bench.write(b"x"), bench.position().0), (Ok(()), 2));
    assert!(bench.drive.tally.alert(20));
    bench.drive.remove().unwrap();
    bench.insert("CLN001L1");
    assert!(!bench.drive.tally.alert(20));
    assert_eq!(bench.send(&[op::TEST_UNIT_READY], &[]), Err(Sense::new(Key::NotReady, 0x30, 3)));
    let mut worn = bench.drive.remove().unwrap().unwrap();
    assert_eq!(worn.properties.cleanings, 49);
    worn.properties.cleanings = 0;
    assert!(bench.drive.insert(worn).is_ok() && bench.drive.tally.alert(22));
}
