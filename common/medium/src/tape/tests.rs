use std::io::{Read, Write};

use nix::errno::Errno;

use super::model::{Fault, ModelDrive};
use super::{Filemark, TapeDevice, create, is_blank, open, reopen};
use crate::{Damage, Error, FileId, FileReader, FileWriter, Finding, MediumReader, MediumWriter, Settings};

const SETTINGS: Settings = Settings { record_bytes: 16, capacity_bytes: None };

type Content = (String, Vec<u8>);

fn file(number: usize, bytes: usize) -> Content {
    let name = if number == 0 { "VOLUME.tar".to_owned() } else { format!("segment-{number:06}.tar.zst") };
    (name, (0..bytes).map(|at| (at * 7 + number) as u8).collect())
}

fn names(files: &[Content]) -> Vec<String> {
    files.iter().map(|(name, _)| name.clone()).collect()
}

fn put(medium: &mut dyn MediumWriter, (name, content): &Content) -> Result<(), Error> {
    let mut file = FileWriter::begin(medium, name)?;
    file.write_all(content).map_err(|error| crate::medium_error(error).unwrap())?;
    file.finish().map(drop)
}

fn append(
    device: Box<dyn TapeDevice>,
    settings: &Settings,
    committed: &[String],
) -> Result<Box<dyn MediumWriter>, Error> {
    reopen(device, settings)?.append(committed)
}

fn get(reader: &mut dyn MediumReader, number: usize) -> Option<Vec<u8>> {
    let id = FileId { number: number as u32, name: String::new() };
    let mut content = Vec::new();
    FileReader::open(reader, &id).unwrap()?.read_to_end(&mut content).unwrap();
    Some(content)
}

fn assert_holds(drive: &ModelDrive, files: &[Content]) {
    let mut reader = open(drive.open()).unwrap();
    assert_eq!(reader.files().unwrap().len(), files.len());
    // Forwards, then backwards.
    for number in (0..files.len()).chain((0..files.len()).rev()) {
        assert_eq!(get(&mut *reader, number).as_ref(), Some(&files[number].1), "file {number}");
    }
    assert_eq!(get(&mut *reader, files.len()), None);
    assert_eq!(reader.findings(), []);
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
    let drive = ModelDrive::default();
    assert!(is_blank(drive.open().as_mut()).unwrap());
    let files = [file(0, 40), file(1, 0), file(2, 64), file(3, 7)];
    let mut writer = create(drive.open(), &SETTINGS).unwrap();
    assert!(write(&mut *writer, &files).1.is_none());
    assert!(!is_blank(drive.open().as_mut()).unwrap());
    assert_holds(&drive, &files);
    assert!(matches!(create(drive.open(), &SETTINGS), Err(Error::NotBlank { .. })));
}

#[test]
fn a_protected_cartridge_is_not_written() {
    let drive = ModelDrive::default();
    drive.protect();
    assert!(matches!(create(drive.open(), &SETTINGS), Err(Error::WriteProtected { .. })));
    assert!(matches!(append(drive.open(), &SETTINGS, &[]), Err(Error::WriteProtected { .. })));
}

#[test]
fn what_is_abandoned_leaves_nothing() {
    let drive = ModelDrive::default();
    let files = [file(0, 40), file(1, 50)];
    let mut writer = create(drive.open(), &SETTINGS).unwrap();
    put(&mut *writer, &files[0]).unwrap();
    writer.begin_file("segment-000009.tar.zst").unwrap();
    writer.write_record(&[9; 16]).unwrap();
    writer.abandon_file().unwrap();
    put(&mut *writer, &files[1]).unwrap();
    assert_eq!(writer.commit().unwrap(), 2);
    assert_holds(&drive, &files);
}

#[test]
fn a_reset_before_a_file_is_abandoned_harms_nothing_that_was_committed() {
    let drive = ModelDrive::default();
    let files = [file(0, 40), file(1, 50)];
    let mut writer = create(drive.open(), &SETTINGS).unwrap();
    assert!(write(&mut *writer, &files).1.is_none());
    writer.begin_file("segment-000009.tar.zst").unwrap();
    writer.write_record(&[9; 16]).unwrap();
    drive.fail_at(drive.writing_calls(), Fault::Reset);
    assert!(matches!(writer.abandon_file(), Err(Error::Drive { .. })));
    drop(writer);
    drop(append(drive.open(), &SETTINGS, &names(&files)).unwrap());
    let mut reader = open(drive.open()).unwrap();
    for (number, (_, content)) in files.iter().enumerate() {
        assert_eq!(get(&mut *reader, number).as_ref(), Some(content));
    }
}

#[test]
fn a_reset_between_two_files_is_noticed_although_nobody_says_so() {
    let drive = ModelDrive::default();
    let files = [file(0, 40), file(1, 50)];
    let mut writer = create(drive.open(), &SETTINGS).unwrap();
    assert!(write(&mut *writer, &files[..1]).1.is_none());
    drive.power_cut();
    assert!(matches!(put(&mut *writer, &files[1]), Err(Error::PositionLost { .. })));
    drop(writer);
    assert_holds(&drive, &files[..1]);
}

#[test]
fn a_volume_goes_on_behind_its_last_commit_after_a_kill_and_after_a_power_cut() {
    for cut in [ModelDrive::kill, ModelDrive::power_cut] {
        let drive = ModelDrive::default();
        let files = [file(0, 40), file(1, 50), file(2, 33)];
        let mut writer = create(drive.open(), &SETTINGS).unwrap();
        assert!(write(&mut *writer, &files[..2]).1.is_none());
        put(&mut *writer, &file(7, 90)).unwrap();
        writer.begin_file("segment-000008.tar.zst").unwrap();
        writer.write_record(&[9; 16]).unwrap();
        cut(&drive);
        let mut writer = append(drive.open(), &SETTINGS, &names(&files[..2])).unwrap();
        put(&mut *writer, &files[2]).unwrap();
        assert_eq!(writer.commit().unwrap(), 3);
        assert_holds(&drive, &files);
        let four = names(&[file(0, 1), file(1, 1), file(2, 1), file(3, 1)]);
        let missing = append(drive.open(), &SETTINGS, &four);
        assert!(matches!(missing, Err(Error::FilesMissing { found: 3, committed: 4, .. })));
    }
}

#[test]
fn at_early_warning_segments_end_and_the_index_still_fits() {
    // Wherever early warning falls, the segment that meets it is taken back and the rest of the volume is written.
    for early_warning in 6..20 {
        let drive = ModelDrive::with_end(early_warning, early_warning + 8);
        let mut writer = create(drive.open(), &SETTINGS).unwrap();
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
        assert_holds(&drive, &written);
    }
}

#[test]
fn a_record_that_landed_although_it_was_refused_is_not_written_twice() {
    let files = [file(0, 40), ("INDEX.jsonl.zst".to_owned(), vec![5; 50])];
    let clean = ModelDrive::default();
    write(&mut *create(clean.open(), &SETTINGS).unwrap(), &files);
    for call in 0..clean.writing_calls() {
        let drive = ModelDrive::default();
        drive.fail_at(call, Fault::WorksAndFails(Errno::ENOSPC));
        let mut writer = create(drive.open(), &SETTINGS).unwrap();
        match write(&mut *writer, &files) {
            (2, None) => assert_holds(&drive, &files),
            // A flush puts nothing on the tape that could have landed.
            (done, Some(error)) => {
                assert!(matches!(error, Error::Io { .. } | Error::NoSpace { .. }), "{error}");
                assert!(done < 2);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn no_fault_at_any_call_loses_what_was_committed() {
    let files: Vec<Content> = (0..4).map(|number| file(number, 20 + 9 * number)).collect();
    let clean = ModelDrive::default();
    write(&mut *create(clean.open(), &SETTINGS).unwrap(), &files);
    let mut stopped = 0;
    for fault in [
        Fault::Fails(Errno::EIO),
        Fault::WorksAndFails(Errno::EIO),
        Fault::Torn,
        Fault::Reset,
        Fault::SilentReset,
    ] {
        for call in 0..clean.writing_calls() {
            let drive = ModelDrive::default();
            drive.fail_at(call, fault);
            let mut writer = create(drive.open(), &SETTINGS).unwrap();
            let (done, error) = write(&mut *writer, &files);
            if let Some(error) = error {
                stopped += 1;
                assert!(matches!(error, Error::Drive { .. } | Error::PositionLost { .. }), "{error}");
                writer.abandon_file().unwrap();
                assert!(matches!(
                    writer.begin_file("segment-000099.tar.zst"),
                    Err(Error::WriterFailed { .. })
                ));
            }
            if fault == Fault::SilentReset {
                continue; // The tape is overwritten from its beginning: noticed, and its volume lost.
            }
            drop(writer);
            let mut writer = append(drive.open(), &SETTINGS, &names(&files[..done])).unwrap();
            assert!(write(&mut *writer, &files[done..]).1.is_none());
            assert_holds(&drive, &files);
        }
    }
    assert!(stopped > 4 * clean.writing_calls(), "{stopped} of {} runs stopped", 5 * clean.writing_calls());
}

#[test]
fn an_unreadable_record_costs_its_file_only() {
    let drive = ModelDrive::default();
    let files = [file(0, 40), file(1, 50), file(2, 33)];
    write(&mut *create(drive.open(), &SETTINGS).unwrap(), &files);
    drive.spoil(6, u32::MAX);
    let mut reader = open(drive.open()).unwrap();
    assert_eq!(get(&mut *reader, 0).unwrap(), files[0].1);
    assert_eq!(get(&mut *reader, 1).unwrap(), files[1].1[..32]);
    assert_eq!(get(&mut *reader, 2).unwrap(), files[2].1);
    let found = Finding { file_number: 1, byte_offset: 6, what: Damage::UnreadableRecord };
    assert_eq!(reader.findings(), [found]);
}

#[test]
fn a_record_that_is_read_at_the_third_attempt_is_not_damaged() {
    let drive = ModelDrive::default();
    let files = [file(0, 40), file(1, 50), file(2, 33)];
    write(&mut *create(drive.open(), &SETTINGS).unwrap(), &files);
    for block in [0, 3, 6] {
        drive.spoil(block, 2);
    }
    assert_holds(&drive, &files);
}

#[test]
fn a_file_without_its_filemark_is_read_and_reported() {
    let drive = ModelDrive::default();
    let mut writer = create(drive.open(), &SETTINGS).unwrap();
    put(&mut *writer, &file(0, 40)).unwrap();
    drop(writer);
    let mut device = drive.open();
    device.to_end_of_data().unwrap();
    device.write_record(&[1; 16]).unwrap();
    device.filemark(Filemark::FlushOnly).unwrap();
    let mut reader = open(drive.open()).unwrap();
    assert_eq!(reader.files().unwrap().len(), 2);
    assert_eq!(get(&mut *reader, 1).unwrap(), [1; 16]);
    let found = Finding { file_number: 1, byte_offset: 5, what: Damage::CutShort };
    assert_eq!(reader.findings(), [found]);
}

#[test]
fn records_may_be_longer_than_a_reader_s_buffer() {
    let drive = ModelDrive::default();
    let settings = Settings { record_bytes: 600_000, capacity_bytes: None };
    let files = [file(0, 1_500_000), file(1, 9)];
    write(&mut *create(drive.open(), &settings).unwrap(), &files);
    assert_holds(&drive, &files);
}
