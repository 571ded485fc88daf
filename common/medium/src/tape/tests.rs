use std::collections::VecDeque;
use std::io::{Read, Write};
use std::path::Path;

use super::Filemark;
use crate::model::{Cartridge, FaultKind, ModelDrive};
use crate::scsi::testing::Model;
use crate::scsi::{Command, Device, Failure, Health, Sense};
use crate::{
    CommittedFile, Damage, EarlyWarning, Error, FileId, FileReader, FileWriter, Finding, Medium,
    MediumReader, MediumWriter, Settings,
};

const SETTINGS: Settings = Settings { record_bytes: 16, capacity_bytes: None };

type Content = (String, Vec<u8>);

fn file(number: usize, bytes: usize) -> Content {
    let name = if number == 0 { "VOLUME.tar".to_owned() } else { format!("segment-{number:06}.tar.zst") };
    (name, (0..bytes).map(|at| (at * 7 + number) as u8).collect())
}

fn put(medium: &mut dyn MediumWriter, (name, content): &Content) -> Result<(), Error> {
    let mut file = FileWriter::begin(medium, name)?;
    file.write_all(content).map_err(|error| crate::medium_error(error).unwrap())?;
    file.finish().map(drop)
}

/// A drive with a blank cartridge.
fn drive() -> ModelDrive {
    ModelDrive::with(Cartridge::blank())
}

fn append(drive: &ModelDrive, files: &[Content]) -> Result<Box<dyn MediumWriter>, Error> {
    let committed =
        |(name, content): &Content| CommittedFile { name: name.clone(), bytes: content.len() as u64 };
    drive.reopen(&SETTINGS)?.append(&files.iter().map(committed).collect::<Vec<_>>())
}

/// A drive on which nothing went wrong while the files were written.
fn clean(files: &[Content]) -> ModelDrive {
    let drive = drive();
    assert!(write(&mut *drive.create(&SETTINGS).unwrap(), files).1.is_none());
    drive
}

fn spoil(drive: &ModelDrive, block: usize, times: u32) {
    let mut cartridge = drive.eject().unwrap();
    cartridge.spoil(block, times);
    drive.load(cartridge);
}

fn get(reader: &mut dyn MediumReader, number: usize) -> Option<Vec<u8>> {
    let id = FileId { number: number as u32, name: String::new() };
    let mut content = Vec::new();
    FileReader::open(reader, &id).unwrap()?.read_to_end(&mut content).unwrap();
    Some(content)
}

fn assert_holds(drive: &ModelDrive, files: &[Content]) {
    let mut reader = drive.open().unwrap();
    assert_eq!(reader.files().unwrap().len(), files.len());
    // Forwards, then backwards.
    for number in (0..files.len()).chain((0..files.len()).rev()) {
        assert_eq!(get(&mut *reader, number).as_ref(), Some(&files[number].1), "file {number}");
    }
    assert_eq!(get(&mut *reader, files.len()), None);
    let findings: Vec<_> = reader.findings().into_iter().map(|finding| finding.what).collect();
    let has_no_end = drive.on_tape().unwrap().has_no_end;
    assert_eq!(findings, vec![Damage::EndNotFound; usize::from(has_no_end)]);
}

/// Writes and commits file after file; the files of which the commit came back, and the error if one did not.
fn write(writer: &mut dyn MediumWriter, files: &[Content]) -> (usize, Option<Error>) {
    for (done, file) in files.iter().enumerate() {
        if let Err(error) = put(writer, file).and_then(|()| writer.commit().map(drop)) {
            return (done, Some(error));
        }
    }
    (files.len(), None)
}

#[test]
fn files_come_back_in_any_order() {
    let drive = drive();
    assert!(drive.is_blank().unwrap());
    let files = [file(0, 40), file(1, 0), file(2, 64), file(3, 7)];
    assert!(write(&mut *drive.create(&SETTINGS).unwrap(), &files).1.is_none());
    assert!(!drive.is_blank().unwrap());
    assert_holds(&drive, &files);
    assert!(matches!(drive.create(&SETTINGS), Err(Error::NotBlank { .. })));
}

#[test]
fn a_protected_cartridge_is_not_written() {
    let drive = ModelDrive::with(Cartridge::blank().protected(true));
    assert!(matches!(drive.create(&SETTINGS), Err(Error::WriteProtected { .. })));
    assert!(matches!(append(&drive, &[]), Err(Error::WriteProtected { .. })));
}

#[test]
fn what_is_abandoned_leaves_nothing() {
    let drive = drive();
    let files = [file(0, 40), file(1, 50)];
    let mut writer = drive.create(&SETTINGS).unwrap();
    put(&mut *writer, &files[0]).unwrap();
    writer.begin_file("segment-000009.tar.zst").unwrap();
    writer.write_record(&[9; 16]).unwrap();
    writer.abandon_file().unwrap();
    put(&mut *writer, &files[1]).unwrap();
    assert_eq!(writer.commit().unwrap(), 2);
    drop(writer);
    assert_holds(&drive, &files);
}

#[test]
fn a_reset_before_a_file_is_abandoned_harms_nothing_that_was_committed() {
    let drive = drive();
    let files = [file(0, 40), file(1, 50)];
    let mut writer = drive.create(&SETTINGS).unwrap();
    assert!(write(&mut *writer, &files).1.is_none());
    writer.begin_file("segment-000009.tar.zst").unwrap();
    writer.write_record(&[9; 16]).unwrap();
    drive.fail_at(FaultKind::Reset, drive.operations(FaultKind::Reset));
    assert!(matches!(writer.abandon_file(), Err(Error::Drive { .. })));
    drop(writer);
    drop(append(&drive, &files).unwrap());
    let mut reader = drive.open().unwrap();
    for (number, (_, content)) in files.iter().enumerate() {
        assert_eq!(get(&mut *reader, number).as_ref(), Some(content));
    }
}

#[test]
fn a_tape_that_was_moved_in_a_pause_is_noticed_before_anything_is_written() {
    type Step = fn(&mut dyn MediumWriter) -> Result<(), Error>;
    let files = [file(0, 40), file(1, 50)];
    let steps: [Step; 3] = [
        |writer| writer.begin_file("segment-000009.tar.zst"),
        |writer| writer.write_record(&[9; 16]),
        |writer| writer.end_file(),
    ];
    for before in 0..steps.len() {
        let drive = drive();
        let mut writer = drive.create(&SETTINGS).unwrap();
        assert!(write(&mut *writer, &files).1.is_none());
        steps[..before].iter().for_each(|step| step(&mut *writer).unwrap());
        drive.fail_at(FaultKind::SilentReset, drive.operations(FaultKind::SilentReset));
        let refused = steps[before](&mut *writer);
        assert!(matches!(refused, Err(Error::PositionLost { .. })), "{before}: {refused:?}");
        drop(writer);
        // Of the file that was begun, only the first record may be there.
        assert_eq!(drive.on_tape().unwrap().files()[..2], files.clone().map(|(_, content)| content));
    }
}

#[test]
fn a_reset_of_which_the_drive_tells_the_writer_ends_it_wherever_the_tape_is() {
    for (asc, ends) in [(0x29, true), (0x28, true), (0x2a, false)] {
        let told = Sense::parse(&[0x70, 0, 6, 0, 0, 0, 0, 6, 0, 0, 0, 0, asc, 0]).unwrap();
        let mut answers = VecDeque::from([Err(Failure::Sense(told))]);
        let answer = move |_: &Command| answers.pop_front().unwrap_or(Err(Failure::TimedOut));
        let mut device = Device::over(Path::new("/dev/sg0"), Box::new(Model(answer)));
        let drive = drive();
        let mut writer = drive.create(&SETTINGS).unwrap();
        put(&mut *writer, &file(0, 40)).unwrap();
        drive.tell_at_commit(Health::read_counters(&mut device));
        let committed = writer.commit();
        assert_eq!(matches!(committed, Err(Error::PositionLost { .. })), ends, "{committed:?}");
        assert_eq!(writer.begin_file("segment-000009.tar.zst").is_err(), ends);
    }
}

#[test]
fn a_volume_goes_on_behind_its_last_commit_after_a_kill_and_after_a_power_cut() {
    for power_cut in [false, true] {
        let drive = drive();
        let files = [file(0, 40), file(1, 50), file(2, 33)];
        let mut writer = drive.create(&SETTINGS).unwrap();
        assert!(write(&mut *writer, &files[..2]).1.is_none());
        put(&mut *writer, &file(7, 90)).unwrap();
        writer.begin_file("segment-000008.tar.zst").unwrap();
        writer.write_record(&[9; 16]).unwrap();
        if power_cut {
            drive.cut_power();
            drive.restore();
        }
        drop(writer);
        let mut writer = append(&drive, &files[..2]).unwrap();
        put(&mut *writer, &files[2]).unwrap();
        assert_eq!(writer.commit().unwrap(), 3);
        drop(writer);
        assert_holds(&drive, &files);
        let four = [&files[..], &[file(3, 1)]].concat();
        let missing = append(&drive, &four);
        assert!(matches!(missing, Err(Error::FilesMissing { found: 3, committed: 4, .. })));
    }
}

#[test]
fn how_much_a_cartridge_held_is_known_once_its_end_is_near() {
    let drive = ModelDrive::with(Cartridge::with_end(100, 180).of_density(0x60));
    let mut blank = drive.create(&SETTINGS).unwrap();
    assert_eq!(blank.remaining_bytes(), Some(17_460_000_000_000), "segments leave room for the index");
    blank.begin_file("INDEX.jsonl.zst").unwrap();
    assert_eq!(blank.remaining_bytes(), None, "which may have all there is");
    blank.abandon_file().unwrap();
    blank.close().unwrap();
    for (set, of_segments) in [(18_000_000_000_000, 17_460_000_000_000), (100, 100)] {
        let mut limited = drive.create(&Settings { capacity_bytes: Some(set), ..SETTINGS }).unwrap();
        assert_eq!(limited.remaining_bytes(), Some(of_segments), "the smaller of both");
        limited.begin_file("INDEX.jsonl.zst").unwrap();
        assert_eq!(limited.remaining_bytes(), Some(set));
        limited.abandon_file().unwrap();
        limited.close().unwrap();
    }
    let mut writer = drive.create(&SETTINGS).unwrap();
    put(&mut *writer, &file(0, 40)).unwrap();
    put(&mut *writer, &file(1, 16)).unwrap();
    assert_eq!(writer.early_warning(), None);
    assert!(matches!(put(&mut *writer, &file(2, 100)), Err(Error::Full { .. })));
    let Some(EarlyWarning { bytes, format: Some(format) }) = writer.early_warning() else {
        panic!("{:?}", writer.early_warning())
    };
    // The record that crossed it is on the tape; that the segment is taken back changes nothing.
    assert_eq!((bytes, format.name), (104, "LTO-9"));
    writer.abandon_file().unwrap();
    assert_eq!((writer.used_bytes(), writer.early_warning().unwrap().bytes), (56, 104));
}

#[test]
fn at_early_warning_segments_end_and_the_index_still_fits() {
    // Wherever early warning falls, the segment that meets it is taken back and the rest of the volume is written.
    for early_warning in 61..240 {
        let drive = ModelDrive::with(Cartridge::with_end(early_warning, early_warning + 80));
        let mut writer = drive.create(&SETTINGS).unwrap();
        let segments: Vec<Content> = (1..9).map(|number| file(number, 40)).collect();
        put(&mut *writer, &file(0, 16)).unwrap();
        let mut written = vec![file(0, 16)];
        let refused = segments.iter().find_map(|segment| match put(&mut *writer, segment) {
            Ok(()) => {
                written.push(segment.clone());
                None
            }
            Err(error) => Some(error),
        });
        assert!(matches!(refused, Some(Error::Full { .. })), "{refused:?}");
        writer.abandon_file().unwrap();
        assert_eq!(writer.remaining_bytes(), Some(0));
        for name in ["INDEX.jsonl.zst", "TRAILER.json"] {
            let end = (name.to_owned(), vec![3; 20]);
            put(&mut *writer, &end).unwrap();
            written.push(end);
        }
        assert_eq!(writer.commit().unwrap() as usize, written.len());
        drop(writer);
        assert_holds(&drive, &written);
    }
}

#[test]
fn a_record_that_landed_although_it_was_refused_is_not_written_twice() {
    let files = [file(0, 40), ("INDEX.jsonl.zst".to_owned(), vec![5; 50])];
    for index in 0..clean(&files).operations(FaultKind::NoSpaceButWritten) {
        let drive = drive();
        drive.fail_at(FaultKind::NoSpaceButWritten, index);
        let mut writer = drive.create(&SETTINGS).unwrap();
        let (done, error) = write(&mut *writer, &files);
        assert!(error.is_none() && done == files.len(), "{error:?} at {index}");
        drop(writer);
        assert_holds(&drive, &files);
    }
}

/// What a fault may do to files of which the commit came back.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Harm {
    None,
    /// One file cannot be read as it was written: only reading it back shows that.
    OneFile,
    /// The drive overwrites the volume; that is noticed.
    Everything,
}

fn harm(kind: FaultKind) -> Harm {
    match kind {
        FaultKind::BitRot | FaultKind::Unreadable => Harm::OneFile,
        FaultKind::SuddenReset => Harm::Everything,
        _ => Harm::None,
    }
}

/// Whether the volume can be gone on with on the same cartridge.
fn can_go_on(kind: FaultKind) -> bool {
    !matches!(
        kind,
        FaultKind::WriteProtect
            | FaultKind::Worm
            | FaultKind::EndOfTape
            | FaultKind::EarlyWarning
            | FaultKind::NoSpaceTwice
    )
}

#[test]
fn no_fault_at_any_operation_loses_what_was_committed() {
    let files: Vec<Content> = (0..4).map(|number| file(number, 20 + 9 * number)).collect();
    let clean = clean(&files);
    let (mut runs, mut stopped) = (0, 0);
    for &kind in FaultKind::ALL {
        for index in 0..clean.operations(kind) {
            let drive = drive();
            drive.fail_at(kind, index);
            let (done, error) = match drive.create(&SETTINGS) {
                Ok(mut writer) => {
                    let (done, error) = write(&mut *writer, &files);
                    if error.as_ref().is_some_and(|error| !matches!(error, Error::Full { .. })) {
                        let refused = writer.begin_file("segment-000099.tar.zst");
                        assert!(matches!(refused, Err(Error::WriterFailed { .. })), "{kind:?} at {index}");
                    }
                    let closed = writer.close().err();
                    (done, error.or(closed))
                }
                Err(refused) => (0, Some(refused)),
            };
            (runs, stopped) = (runs + 1, stopped + u32::from(error.is_some()));
            assert_eq!(drive.faults_met(), [kind], "at {index}");
            let what = format!("{kind:?} at {index}, {done} files committed, {error:?}");
            // The operator mends what can be mended.
            drive.restore();
            for own in drive.take_outside() {
                let other = drive.load(own).unwrap_or_default();
                match other.files().first().map(Vec::as_slice) {
                    None | Some(b"backup of the accounts") => {}
                    // Exchanged before a blank cartridge was even looked at: as good as the other.
                    Some(_) => assert!(error.is_none() && drive.load(other).unwrap().is_blank(), "{what}"),
                }
            }
            let found = drive.on_tape().unwrap().files();
            let lost = files[..done].iter().zip(0..).filter(|(file, at)| found.get(*at) != Some(&file.1));
            match harm(kind) {
                Harm::None => assert_eq!(lost.count(), 0, "{what}"),
                Harm::OneFile => assert!(lost.count() <= 1, "{what}"),
                Harm::Everything => assert!(error.is_some() || lost.count() == 0, "{what}"),
            }
            if harm(kind) == Harm::None && can_go_on(kind) {
                let mut writer = append(&drive, &files[..done]).expect(&what);
                let error = write(&mut *writer, &files[done..]).1;
                assert!(error.is_none(), "{what}, then {error:?}");
                drop(writer);
                assert_holds(&drive, &files);
            }
        }
    }
    assert!(runs > 400 && stopped > runs / 2, "{stopped} of {runs} runs stopped");
}

#[test]
fn an_unreadable_record_costs_its_file_only() {
    let files = [file(0, 40), file(1, 50), file(2, 33)];
    let drive = clean(&files);
    spoil(&drive, 6, u32::MAX);
    let mut reader = drive.open().unwrap();
    assert_eq!(get(&mut *reader, 0).unwrap(), files[0].1);
    assert_eq!(get(&mut *reader, 1).unwrap(), files[1].1[..32]);
    assert_eq!(get(&mut *reader, 2).unwrap(), files[2].1);
    let found = Finding { file_number: 1, byte_offset: 6, what: Damage::UnreadableRecord };
    assert_eq!(reader.findings(), [found]);
}

#[test]
fn a_record_that_is_read_at_the_third_attempt_is_not_damaged() {
    let files = [file(0, 40), file(1, 50), file(2, 33)];
    let drive = clean(&files);
    for block in [0, 3, 6] {
        spoil(&drive, block, 2);
    }
    assert_holds(&drive, &files);
}

#[test]
fn a_file_without_its_filemark_is_read_and_reported() {
    let drive = drive();
    let mut writer = drive.create(&SETTINGS).unwrap();
    put(&mut *writer, &file(0, 40)).unwrap();
    drop(writer);
    let mut device = drive.device(true).unwrap();
    device.to_end_of_data().unwrap();
    device.write_record(&[1; 16]).unwrap();
    device.filemark(Filemark::FlushOnly).unwrap();
    drop(device);
    let mut reader = drive.open().unwrap();
    assert_eq!(reader.files().unwrap().len(), 2);
    assert_eq!(get(&mut *reader, 1).unwrap(), [1; 16]);
    let found = Finding { file_number: 1, byte_offset: 5, what: Damage::CutShort };
    assert_eq!(reader.findings(), [found]);
}

#[test]
fn files_come_back_from_a_tape_of_which_the_end_is_lost() {
    let files = [file(0, 40), file(1, 50), file(2, 33)];
    for is_cut_off in [false, true] {
        let drive = clean(&files);
        if is_cut_off {
            let mut device = drive.device(true).unwrap();
            device.to_end_of_data().unwrap();
            device.write_record(&[1; 16]).unwrap();
            device.filemark(Filemark::FlushOnly).unwrap();
        }
        let mut cartridge = drive.eject().unwrap();
        cartridge.lose_end();
        drive.load(cartridge);
        let mut reader = drive.open().unwrap();
        let found = reader.files().unwrap().len();
        assert_eq!(found, files.len() + usize::from(is_cut_off));
        let end = Finding { file_number: found as u32, byte_offset: 13, what: Damage::EndNotFound };
        assert_eq!(reader.findings(), [end]);
        for number in (0..files.len()).chain((0..files.len()).rev()) {
            assert_eq!(get(&mut *reader, number).as_ref(), Some(&files[number].1), "file {number}");
        }
        assert_eq!(reader.findings(), []);
        if is_cut_off {
            assert_eq!(get(&mut *reader, 3).unwrap(), [1; 16]);
            let cut = Finding { file_number: 3, byte_offset: 14, what: Damage::UnreadableRecord };
            assert_eq!(reader.findings(), [cut]);
        }
        assert_eq!(get(&mut *reader, files.len() + 1), None);
        drop(reader);
        // Whoever goes on with it gives it an end.
        let mut writer = append(&drive, &files).unwrap();
        put(&mut *writer, &file(3, 20)).unwrap();
        writer.commit().unwrap();
        drop(writer);
        assert_holds(&drive, &[&files[..], &[file(3, 20)]].concat());
    }
}

#[test]
fn a_record_that_cannot_be_read_is_not_taken_for_an_end_that_is_lost() {
    let files = [file(0, 40), file(1, 50), file(2, 33)];
    let drive = clean(&files);
    let mut cartridge = drive.eject().unwrap();
    cartridge.spoil(6, u32::MAX);
    cartridge.lose_end();
    drive.load(cartridge);
    let mut reader = drive.open().unwrap();
    assert_eq!(get(&mut *reader, 1).unwrap(), files[1].1[..32]);
    let findings: Vec<_> = reader.findings().into_iter().map(|finding| finding.what).collect();
    assert_eq!(findings, [Damage::EndNotFound, Damage::UnreadableRecord]);
    assert_eq!(get(&mut *reader, 2).unwrap(), files[2].1);
}

#[test]
fn a_tape_with_other_blocks_than_were_committed_is_not_written() {
    let files = [file(0, 40), file(1, 50)];
    let drive = clean(&files);
    let cartridge = drive.on_tape().unwrap();
    for bytes in [33, 48, 49, 64] {
        let other = [file(0, bytes), file(1, 50)];
        let appended = append(&drive, &other).err();
        assert_eq!(matches!(appended, Some(Error::PositionLost { .. })), bytes > 48, "{bytes}: {appended:?}");
    }
    assert_eq!(drive.on_tape().unwrap().files(), cartridge.files());
}

#[test]
fn records_may_be_longer_than_a_reader_s_buffer() {
    let drive = drive();
    let settings = Settings { record_bytes: 600_000, capacity_bytes: None };
    let files = [file(0, 1_500_000), file(1, 9)];
    write(&mut *drive.create(&settings).unwrap(), &files);
    assert_holds(&drive, &files);
}
