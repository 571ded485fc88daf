use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::errno::Errno;

use super::{Cartridge, FaultKind, ModelDrive, Timing};
use crate::Error;
use crate::tape::{Filemark, TapeDevice};

fn device(drive: &ModelDrive) -> Box<dyn TapeDevice> {
    drive.device(true).unwrap()
}

fn on_tape(drive: &ModelDrive) -> Vec<Vec<u8>> {
    drive.on_tape().unwrap().files()
}

/// A drive with one file of two records, flushed.
fn written() -> ModelDrive {
    let drive = ModelDrive::with(Cartridge::blank());
    let mut device = device(&drive);
    for record in [b"one", b"two"] {
        device.write_record(record).unwrap();
    }
    device.filemark(Filemark::Buffered).unwrap();
    device.filemark(Filemark::FlushOnly).unwrap();
    drop(device);
    drive
}

#[test]
fn what_was_not_flushed_goes_with_the_power_and_what_it_was_to_overwrite_stays() {
    let drive = written();
    let cuts = Arc::new(AtomicU32::new(0));
    let counted = cuts.clone();
    drive.on_end(move || _ = counted.fetch_add(1, Ordering::Relaxed));
    let mut writer = device(&drive);
    writer.rewind().unwrap();
    writer.write_record(b"three").unwrap();
    assert_eq!(writer.block(), Ok(1));
    assert_eq!(on_tape(&drive), [b"onetwo"]);
    drive.cut_power();
    assert_eq!(writer.block(), Err(Errno::ENXIO));
    assert!(matches!(drive.device(false), Err(Error::DriveGone { .. })));
    drive.restore();
    assert_eq!(writer.block(), Err(Errno::ENODEV), "what was open is no more");
    drop(writer);
    assert_eq!(on_tape(&drive), [b"onetwo"]);
    assert_eq!(device(&drive).block(), Ok(0));
    assert_eq!(cuts.load(Ordering::Relaxed), 1);
}

#[test]
fn a_file_that_is_closed_in_the_middle_gets_a_filemark_on_the_tape() {
    let drive = ModelDrive::with(Cartridge::blank());
    device(&drive).write_record(b"one").unwrap();
    drive.cut_power();
    drive.restore();
    let mut reader = device(&drive);
    let mut buffer = [0; 8];
    assert_eq!(reader.read_record(&mut buffer), Ok(3));
    assert_eq!(reader.read_record(&mut buffer), Ok(0));
    assert_eq!(reader.block(), Ok(2));
    // The first read behind a filemark gives nothing, any other an error; neither is an end of data that one can see.
    assert_eq!(reader.read_record(&mut buffer), Ok(0));
    assert_eq!(reader.read_record(&mut buffer), Err(Errno::EIO));
    assert!(!reader.status().unwrap().at_end_of_data);
}

#[test]
fn after_a_reset_st_ends_the_file_at_the_beginning_of_the_tape_unless_it_was_flushed() {
    for flushed in [false, true] {
        let drive = written();
        let mut device = device(&drive);
        device.to_end_of_data().unwrap();
        device.write_record(b"three").unwrap();
        drive.fail_at(FaultKind::Reset, drive.operations(FaultKind::Reset));
        assert_eq!(device.write_record(b"four"), Err(Errno::EIO));
        if flushed {
            device.filemark(Filemark::FlushOnly).unwrap();
        }
        drop(device);
        let expected: &[&[u8]] = if flushed { &[b"onetwo", b"three"] } else { &[b""] };
        assert_eq!(on_tape(&drive), expected);
    }
}

#[test]
fn behind_early_warning_every_other_write_is_refused_and_at_the_end_all_are() {
    let drive = ModelDrive::with(Cartridge::with_end(20, 40));
    let mut device = device(&drive);
    let mut answers = Vec::new();
    for _ in 0..10 {
        answers.push((device.write_record(&[1; 10]).is_ok(), device.block().unwrap()));
    }
    let (landed, refused) = (true, false);
    let expected = [
        (landed, 1),
        (landed, 2),
        (refused, 2),
        (landed, 3),
        (refused, 3),
        (landed, 4),
        (refused, 4),
        (refused, 4),
    ];
    assert_eq!(answers[..8], expected);
    assert!(answers[8..].iter().all(|answer| *answer == (refused, 4)));
}

#[test]
fn an_unalterable_cartridge_is_only_added_to() {
    let drive = written();
    let mut device = device(&drive);
    drive.fail_at(FaultKind::Worm, drive.operations(FaultKind::Worm));
    device.rewind().unwrap();
    assert_eq!(device.write_record(b"three"), Err(Errno::EIO));
    device.to_end_of_data().unwrap();
    device.write_record(b"three").unwrap();
    drop(device);
    assert_eq!(on_tape(&drive), [b"onetwo".as_slice(), b"three"]);
}

#[test]
fn a_lost_position_is_told_until_the_drive_is_moved_or_opened_anew() {
    let drive = written();
    let mut lost = device(&drive);
    lost.to_end_of_data().unwrap();
    assert_eq!(drive.operations(FaultKind::PositionLost), 4, "counted from the drive's beginning");
    drive.fail_at(FaultKind::PositionLost, 4);
    assert_eq!(lost.write_record(b"three"), Err(Errno::EIO));
    assert_eq!(lost.block(), Err(Errno::EIO));
    assert_eq!(lost.write_record(b"three"), Err(Errno::EIO));
    assert_eq!(lost.status().unwrap().files_before, None);
    drop(lost);
    let mut forgetful = device(&drive);
    assert_eq!(forgetful.block(), Ok(1), "somewhere, and nobody says so");
    forgetful.rewind().unwrap();
    assert_eq!(forgetful.block(), Ok(0));
}

#[test]
fn a_cartridge_is_exchanged_under_an_open_drive_and_the_next_command_is_told() {
    let drive = written();
    let mut open = device(&drive);
    assert!(matches!(drive.device(false), Err(Error::InUse { .. })));
    let own = drive.load(Cartridge::blank()).unwrap();
    assert_eq!(open.block(), Err(Errno::EIO));
    assert_eq!(open.block(), Ok(0));
    drive.eject();
    drop(open);
    assert!(matches!(drive.device(false), Err(Error::NoCartridge { .. })));
    drive.load(own.protected(true));
    assert!(matches!(drive.device(true), Err(Error::WriteProtected { .. })));
    assert!(drive.device(false).is_ok());
}

#[test]
fn a_cartridge_is_saved_as_a_tape_image_and_loaded_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("cartridge.tap");
    let drive = written();
    let mut device = device(&drive);
    device.to_end_of_data().unwrap();
    device.write_record(&[7; 301]).unwrap();
    device.filemark(Filemark::FlushOnly).unwrap();
    drop(device);
    for _ in 0..2 {
        let cartridge = drive.eject().unwrap();
        cartridge.save(&image).unwrap();
        let loaded = Cartridge::load(&image).unwrap();
        assert_eq!(loaded.blocks, cartridge.blocks);
        assert!(matches!(cartridge.save(&image), Err(Error::Io { .. })), "an image is not written over");
        // In the second round with its last filemark.
        std::fs::remove_file(&image).unwrap();
        drive.load(loaded);
        let mut again = drive.device(true).unwrap();
        again.to_end_of_data().unwrap();
        again.filemark(Filemark::Buffered).unwrap();
        again.filemark(Filemark::FlushOnly).unwrap();
    }
    std::fs::write(&image, b"no tape image, as anybody can see").unwrap();
    assert!(matches!(Cartridge::load(&image), Err(Error::NotAMedium { .. })));
}

#[test]
fn of_a_large_cartridge_only_the_lengths_are_kept() {
    let drive = ModelDrive::timed(Cartridge::blank().without_content(), Timing::LTO9);
    let mut device = device(&drive);
    let record = vec![1; 1 << 20];
    for _ in 0..1000 {
        device.write_record(&record).unwrap();
    }
    device.filemark(Filemark::FlushOnly).unwrap();
    let statistics = drive.statistics();
    assert_eq!((statistics.bytes, statistics.commits), (1000 << 20, 1));
    assert!(statistics.streaming >= Duration::from_secs_f64(f64::from(1000 << 20) / 408e6));
    device.rewind().unwrap();
    let mut buffer = vec![9; 1 << 20];
    assert_eq!(device.read_record(&mut buffer), Ok(1 << 20));
    assert!(buffer.iter().all(|byte| *byte == 0));
}

#[test]
fn there_are_more_than_eighteen_kinds_and_each_has_its_operations() {
    assert!(FaultKind::ALL.len() >= 18);
    assert!(FaultKind::ALL.iter().all(|kind| !kind.operations().is_empty()));
}
