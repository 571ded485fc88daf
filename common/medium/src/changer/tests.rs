//! Against the library that is played.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::operate::{Changer, Pick};
use super::played::{self, Shelf};
use super::{ChangerError, Inventory};
use crate::scsi::testing::Model;
use crate::scsi::{Command, Device, TapeNode};

struct Library {
    shelf: Arc<Mutex<Shelf>>,
    changer: Changer,
}

impl Library {
    fn new(shelf: Shelf) -> Self {
        Self::with(shelf, &[], Vec::new())
    }

    fn with(shelf: Shelf, configured: &[PathBuf], nodes: Vec<TapeNode>) -> Self {
        let shelf = Arc::new(Mutex::new(shelf));
        let changer = played::with(&shelf, configured, nodes).unwrap();
        Self { shelf, changer }
    }

    fn inventory(&mut self) -> Inventory {
        self.changer.inventory().unwrap()
    }

    fn load(&mut self, pick: &str, drive: usize) -> Result<String, ChangerError> {
        let pick: Pick = pick.parse().unwrap();
        Ok(self.changer.load(&pick, drive)?.name().to_owned())
    }
}

/// P2T001L8 and a cleaning cartridge in slots 1 and 2, P2T009L9 in the mail slot.
fn shelf() -> Shelf {
    let cartridges =
        [(4096, ("P2T001L8", None)), (4097, ("CLN001L1", None)), (16, ("P2T009L9", None))].into();
    Shelf { cartridges, at_once: 100, knows_drives: true, ..Shelf::default() }
}

#[test]
fn the_inventory_tells_what_is_where() {
    for at_once in [1, 2, 100] {
        let inventory = Library::new(Shelf { at_once, ..shelf() }).inventory();
        let slots: Vec<_> = inventory
            .slots
            .iter()
            .map(|slot| {
                (slot.number, slot.mail, slot.cartridge.as_ref().map(|held| (held.name(), held.cleaning)))
            })
            .collect();
        let expected = [
            (1, false, Some(("P2T001L8", false))),
            (2, false, Some(("CLN001L1", true))),
            (3, false, None),
            (4, true, Some(("P2T009L9", false))),
        ];
        assert_eq!(slots, expected);
        assert_eq!(inventory.drives[1].serial.as_deref(), Some("S1"));
        let available: Vec<_> =
            inventory.available().map(|(slot, held)| (slot.number, held.name())).collect();
        assert_eq!(available, [(1, "P2T001L8"), (4, "P2T009L9")]);
        let lto9 = inventory.slots[3].cartridge.as_ref().unwrap().format.unwrap();
        assert_eq!((lto9.name, inventory.slots[1].cartridge.as_ref().unwrap().format), ("LTO-9", None));
    }
}

#[test]
fn a_library_that_answers_nothing_ends_the_list() {
    assert_eq!(Library::new(Shelf { at_once: 0, ..shelf() }).inventory().slots, []);
}

#[test]
fn a_cartridge_is_loaded_by_barcode_or_slot_and_goes_back_to_its_slot() {
    let mut library = Library::new(shelf());
    assert_eq!(library.load("P2T001L8", 1).unwrap(), "P2T001L8");
    assert_eq!(library.load("P2T001L8", 1).unwrap(), "P2T001L8");
    assert_eq!(library.shelf.lock().unwrap().moves, [[1, 4096, 257]]);
    assert_eq!(library.inventory().drives[1].cartridge.as_ref().unwrap().home, Some(1));
    assert!(matches!(library.load("P2T001L8", 0), Err(ChangerError::InOtherDrive { drive: 1, .. })));
    assert!(matches!(library.load("4", 1), Err(ChangerError::DriveFull { drive: 1, .. })));
    assert_eq!(library.load("4", 0).unwrap(), "P2T009L9");

    let (cartridge, slot) = library.changer.unload(1, None).unwrap();
    assert_eq!((cartridge.name(), slot.number), ("P2T001L8", 1));
    // One that came from the mail slot has no home: it goes to the first slot that is empty and no mail slot.
    assert_eq!(library.changer.unload(0, None).unwrap().1.number, 3);
    assert!(matches!(library.changer.unload(0, None), Err(ChangerError::DriveEmpty { drive: 0 })));
}

#[test]
fn a_slot_can_be_named_for_unloading() {
    let mut library = Library::new(shelf());
    library.load("1", 0).unwrap();
    assert!(matches!(library.changer.unload(0, Some(2)), Err(ChangerError::SlotFull { slot: 2 })));
    assert!(matches!(library.changer.unload(0, Some(9)), Err(ChangerError::NoElement { .. })));
    assert_eq!(library.changer.unload(0, Some(3)).unwrap().1.number, 3);
    library.load("3", 0).unwrap();
    for slot in [4096, 4098] {
        library.shelf.lock().unwrap().cartridges.insert(slot, ("P2T777L8", None));
    }
    assert!(matches!(library.changer.unload(0, None), Err(ChangerError::NoFreeSlot)));
}

#[test]
fn what_cannot_be_loaded_is_refused_before_anything_moves() {
    let mut library = Library::new(shelf());
    assert!(matches!(library.load("CLN001L1", 0), Err(ChangerError::Cleaning { .. })));
    assert!(matches!(library.load("2", 0), Err(ChangerError::Cleaning { .. })));
    assert!(matches!(library.load("3", 0), Err(ChangerError::NoCartridge { .. })));
    assert!(matches!(library.load("P2T999L8", 0), Err(ChangerError::NoCartridge { .. })));
    assert!(matches!(library.load("5", 0), Err(ChangerError::NoElement { .. })));
    assert!(matches!(library.load("1", 2), Err(ChangerError::NoElement { .. })));
    assert_eq!(library.shelf.lock().unwrap().moves, [[0; 3]; 0]);
}

#[test]
fn a_move_is_believed_only_when_the_cartridge_is_there() {
    let mut library = Library::new(Shelf { idle: true, ..shelf() });
    let error = library.load("P2T001L8", 0).unwrap_err();
    assert!(error.to_string().contains("moved P2T001L8, and drive 0 has nothing"), "{error}");
    let mut full = shelf();
    full.cartridges.insert(256, ("P2T002L8", Some(4098)));
    let mut library = Library::new(Shelf { idle: true, ..full });
    assert!(matches!(library.changer.unload(0, None), Err(ChangerError::NotMoved { .. })));
}

#[test]
fn drives_are_known_by_serial_number_and_else_by_configuration() {
    let node = |path: &str, serial: &str| TapeNode {
        path: path.into(),
        serial: Some(serial.into()),
        designators: Vec::new(),
    };
    let nodes = vec![node("/dev/nst0", "S1"), node("/dev/nst1", "X")];
    let configured = ["/dev/nst8".into(), "/dev/nst9".into()];
    let nodes_of = |knows_drives| {
        let mut library = Library::with(Shelf { knows_drives, ..shelf() }, &configured, nodes.clone());
        let inventory = library.inventory();
        assert_eq!(inventory.drive_of(Path::new("/dev/nst5")), None);
        inventory.drives.into_iter().map(|drive| drive.node.unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(nodes_of(true), [PathBuf::from("/dev/nst8"), "/dev/nst0".into()]);
    assert_eq!(nodes_of(false), [PathBuf::from("/dev/nst8"), "/dev/nst9".into()]);
}

#[test]
fn the_drive_lets_go_before_the_robot_takes() {
    let mut full = shelf();
    full.cartridges.insert(256, ("P2T002L8", Some(4098)));
    let mut library = Library::with(full, &["/dev/nst-none".into()], Vec::new());
    assert!(matches!(library.changer.unload(0, None), Err(ChangerError::NotEjected { drive: 0, .. })));
    assert_eq!(library.shelf.lock().unwrap().moves, [[0; 3]; 0]);
}

#[test]
fn the_robot_looks_and_locks() {
    let mut library = Library::new(shelf());
    library.changer.rescan().unwrap();
    let locked = |library: &Library| library.shelf.lock().unwrap().locked;
    assert_eq!(library.shelf.lock().unwrap().looked, 1);
    assert_eq!(locked(&library), None);
    library.changer.lock(true).unwrap();
    assert_eq!(locked(&library), Some(true));
    library.changer.lock(false).unwrap();
    assert_eq!(locked(&library), Some(false));
}

#[test]
fn what_is_no_library_is_refused() {
    let drive =
        Model(
            |_: &Command| Ok([&[1, 0x80, 6, 2, 31, 0, 0, 2][..], b"IBM     ULT3580-HH8     L9F1"].concat()),
        );
    let device = Device::over(Path::new("/dev/sg1"), Box::new(drive));
    assert!(matches!(Changer::over(device, &[], Vec::new()), Err(ChangerError::NoLibrary { .. })));
    assert!(matches!(Changer::open(Path::new("/dev/none"), &[]), Err(ChangerError::Library { .. })));
}
