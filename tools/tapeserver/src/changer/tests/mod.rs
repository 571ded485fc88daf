//! Commands to a library, as the kernel would send them.

use tempfile::TempDir;

use super::*;
use crate::cartridge::kind::Generation;
use crate::device::number;
use crate::drive::Specification;

const FULL: Sense = Sense::new(Key::IllegalRequest, 0x3b, 0x0d);
const EMPTY: Sense = Sense::new(Key::IllegalRequest, 0x3b, 0x0e);

/// Two drives, four slots, two mail slots, three cartridges in the first slots.
fn library() -> (TempDir, Library) {
    let folder = TempDir::new().unwrap();
    let library = at(&folder);
    (folder, library)
}

fn at(folder: &TempDir) -> Library {
    let generation = Generation::new(8).unwrap();
    let drives = (0..2).map(|number| {
        Arc::new(Mutex::new(Drive::new(Specification {
            number,
            generation,
            early: 1024,
            memory: 1024,
            rate: None,
        })))
    });
    let shelf = Shelf { folder: folder.path().to_owned(), capacity: 1 << 20 };
    let mut library = Library::new(drives.collect(), 4, 2, shelf);
    let barcodes = ["P2T001L8", "P2T002L8", "CLN001L1"].map(|text| Barcode::new(text).unwrap());
    library.fill(&barcodes).unwrap();
    library.attentions.clear();
    library
}

fn command(library: &mut Library, cdb: &[u8]) -> (Outcome, Vec<u8>) {
    let mut whole = [0; 16];
    whole[..cdb.len()].copy_from_slice(cdb);
    let mut data = Vec::new();
    let outcome = library.execute(&whole, &[], &mut data);
    (outcome, data)
}

fn carry(library: &mut Library, source: Place, destination: Place) -> Outcome {
    let [s1, s2] = source.address().to_be_bytes();
    let [d1, d2] = destination.address().to_be_bytes();
    command(library, &[op::MOVE_MEDIUM, 0, 0, 0, s1, s2, d1, d2, 0, 0, 0, 0]).0
}

#[test]
fn cartridges_move_and_only_into_empty_places() {
    let (_folder, mut library) = library();
    assert_eq!(carry(&mut library, Place::Slot(0), Place::Drive(1)), Ok(()));
    assert!(lock(&library.drives[1]).is_loaded());
    assert_eq!(carry(&mut library, Place::Slot(1), Place::Drive(1)), Err(FULL));
    assert_eq!(carry(&mut library, Place::Slot(0), Place::Drive(0)), Err(EMPTY));
    assert_eq!(carry(&mut library, Place::Drive(1), Place::Mail(0)), Ok(()));
    assert_eq!(library.inventory(), "mail 0: P2T001L8\nslot 1: P2T002L8\nslot 2: CLN001L1");
    let nowhere = command(&mut library, &[op::MOVE_MEDIUM, 0, 0, 0, 0x20, 0, 0x10, 0, 0, 0, 0, 0]).0;
    assert_eq!(nowhere, Err(Sense::new(Key::IllegalRequest, 0x21, 1)));
}

#[test]
fn a_locked_cartridge_stays_in_its_drive() {
    let (_folder, mut library) = library();
    assert_eq!(carry(&mut library, Place::Slot(0), Place::Drive(0)), Ok(()));
    let mut prevent = [0; 16];
    (prevent[0], prevent[4]) = (op::PREVENT_ALLOW, 1);
    let drive = library.drives[0].clone();
    let attention = lock(&drive).execute(&prevent, &[], &mut Vec::new());
    assert_eq!(attention, Err(Sense::attention((0x29, 0))));
    lock(&drive).execute(&prevent, &[], &mut Vec::new()).unwrap_err();
    lock(&drive).execute(&prevent, &[], &mut Vec::new()).unwrap();
    assert_eq!(carry(&mut library, Place::Drive(0), Place::Slot(0)), Err(Sense::removal_prevented()));
    assert!(matches!(library.eject(0), Err(NotDone::Locked)));
    assert!(library.is_full(Place::Drive(0)));
}

#[test]
fn element_status_has_places_barcodes_sources_and_drives() {
    let (_folder, mut library) = library();
    assert_eq!(carry(&mut library, Place::Slot(1), Place::Drive(0)), Ok(()));
    let (outcome, all) =
        command(&mut library, &[op::READ_ELEMENT_STATUS, 0x10, 0, 0, 0xff, 0xff, 0, 1, 0, 0, 0, 0]);
    assert_eq!(outcome, Ok(()));
    assert_eq!((number(&all[..2]), number(&all[2..4]), number(&all[5..8]) as usize), (1, 9, all.len() - 8));
    let (_, drives) = command(&mut library, &[op::READ_ELEMENT_STATUS, 0x14, 0, 0, 0, 9, 1, 0, 1, 0, 0, 0]);
    assert_eq!(drives[8..10], [4, 0x80]);
    let size = number(&drives[10..12]) as usize;
    let first = &drives[16..16 + size];
    assert_eq!((number(&first[..2]), first[2], first[9]), (256, 0x01, 0x81));
    assert_eq!(number(&first[10..12]), u64::from(Place::Slot(1).address()));
    assert_eq!(first[12..20], *b"P2T002L8");
    assert_eq!(first[48..52], [2, 1, 0, 32]);
    assert_eq!(first[52..], *b"TAPELAB VIRTUAL-LTO8    TLD00000");
    let second = &drives[16 + size..];
    assert_eq!((second[2], second[9], second[12]), (0x08, 0, 0));
    // From an address on, at most so many, cut to the room that the host has.
    let [high, low] = Place::Slot(2).address().to_be_bytes();
    let (_, some) = command(&mut library, &[op::READ_ELEMENT_STATUS, 0, high, low, 0, 1, 0, 0, 0, 32, 0, 0]);
    assert_eq!((some.len(), number(&some[2..4]), some[16 + 9]), (32, 1, 2));
    assert_eq!(command(&mut library, &[op::READ_ELEMENT_STATUS, 5]).0, Err(Sense::invalid_field()));
}

#[test]
fn the_mode_page_says_where_elements_are() {
    let (_folder, mut library) = library();
    let (_, page) = command(&mut library, &[op::MODE_SENSE_6, 8, 0x1d, 0, 255, 0]);
    assert_eq!(page[4..], [0x1d, 18, 0, 1, 0, 1, 0x10, 0, 0, 4, 0, 16, 0, 2, 1, 0, 0, 2, 0, 0]);
    assert_eq!(command(&mut library, &[op::MODE_SENSE_6, 8, 0x0f, 0, 255, 0]).0, Err(Sense::invalid_field()));
    let (_, all) = command(&mut library, &[op::MODE_SENSE_10, 8, 0x3f, 0, 0, 0, 0, 0, 255, 0]);
    assert_eq!(number(&all[..2]) as usize + 2, all.len());
}

#[test]
fn hands_take_and_bring_cartridges() {
    let (_folder, mut library) = library();
    library.insert(0, "P2T001L8").unwrap();
    assert!(matches!(library.insert(0, "P2T002L8"), Err(NotDone::DriveFull(0))));
    assert!(matches!(library.insert(1, "P2T001L8"), Err(NotDone::NotFound(_))));
    assert!(matches!(library.insert(1, "nonsense"), Err(NotDone::NoBarcode(_))));
    assert_eq!(library.eject(0).unwrap().as_str(), "P2T001L8");
    assert!(matches!(library.eject(0), Err(NotDone::DriveEmpty(0))));
    assert!(matches!(library.eject(7), Err(NotDone::NoDrive(7))));
    library.import("P2T001L8").unwrap();
    library.import("P2T009L8").unwrap();
    assert!(matches!(library.import("P2T002L8"), Err(NotDone::NoSlot)));
    assert_eq!(command(&mut library, &[op::TEST_UNIT_READY]).0, Err(Sense::attention((0x28, 1))));
    library.export("P2T002L8").unwrap();
    assert!(library.inventory().ends_with("outside: P2T002L8"));
}

#[test]
fn everything_lies_where_it_was_after_a_restart() {
    let (folder, mut library) = library();
    assert_eq!(carry(&mut library, Place::Slot(0), Place::Drive(1)), Ok(()));
    assert_eq!(carry(&mut library, Place::Slot(2), Place::Mail(1)), Ok(()));
    let before = library.inventory();
    drop(library);
    assert_eq!(at(&folder).inventory(), before);
}

#[test]
fn only_data_cartridges_are_loaded_at_first() {
    let (_folder, mut library) = library();
    library.load_first(2);
    assert_eq!(library.inventory(), "drive 0: P2T001L8\ndrive 1: P2T002L8\nslot 2: CLN001L1");
}
