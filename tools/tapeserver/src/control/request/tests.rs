use std::sync::{Arc, Mutex};

use tempfile::TempDir;

use super::*;
use crate::cartridge::kind::{Barcode, Generation};
use crate::changer::Shelf;
use crate::device::Device;
use crate::drive::Specification;
use crate::operation as op;

fn laboratory() -> (TempDir, Laboratory) {
    let folder = TempDir::new().unwrap();
    let generation = Generation::new(8).unwrap();
    let specification = Specification { number: 0, generation, early: 1024, memory: 1024, rate: None };
    let drives = vec![Arc::new(Mutex::new(Drive::new(specification)))];
    let shelf = Shelf { folder: folder.path().to_owned(), capacity: 1 << 20 };
    let mut library = Library::new(drives.clone(), 3, 1, shelf);
    library.fill(&[Barcode::new("P2T001L8").unwrap(), Barcode::new("P2T002L8").unwrap()]).unwrap();
    library.load_first(1);
    (folder, Laboratory { drives, library: Arc::new(Mutex::new(library)) })
}

fn ask(laboratory: &Laboratory, line: &str) -> Result<String, String> {
    Request::parse(line.split(' ')).and_then(|request| request.execute(laboratory))
}

fn write(laboratory: &Laboratory) -> Result<(), Sense> {
    let mut cdb = [0; 16];
    (cdb[0], cdb[4]) = (op::WRITE, 4);
    lock(&laboratory.drives[0]).execute(&cdb, b"data", &mut Vec::new())
}

#[test]
fn a_fault_is_what_its_words_say() {
    let (_folder, laboratory) = laboratory();
    assert_eq!(ask(&laboratory, "drive 0 reset").as_deref(), Ok(""));
    assert_eq!(write(&laboratory), Err(Sense::attention((0x29, 0))));
    ask(&laboratory, "drive 0 fail write 3 0c 0x2 --nth 2 --times 2").unwrap();
    ask(&laboratory, "drive 0 fail any 4 44 0 --deferred --nth 4").unwrap();
    let expected = Sense::new(Key::Medium, 0x0c, 2);
    let deferred = Sense::new(Key::Hardware, 0x44, 0).deferred();
    let outcomes: Vec<_> = (0..5).map(|_| write(&laboratory)).collect();
    assert_eq!(outcomes, [Ok(()), Err(expected), Err(expected), Err(deferred), Ok(())]);
    ask(&laboratory, "drive 0 swallow").unwrap();
    assert!(ask(&laboratory, "drive 0 status").unwrap().ends_with("1 faults wait\n"));
    ask(&laboratory, "drive 0 clear").unwrap();
    assert!(ask(&laboratory, "drive 0 status").unwrap().ends_with("0 faults wait\n"));
}

#[test]
fn a_restart_comes_now_or_with_its_command() {
    let (_folder, laboratory) = laboratory();
    let restarted = Err(Sense::attention((0x29, 0)));
    ask(&laboratory, "drive 0 reset").unwrap();
    assert_eq!(write(&laboratory), restarted);
    for (line, left) in
        [("drive 0 power-cut --at write --nth 2", "of 0"), ("drive 0 reset --at write --nth 2", "of 1")]
    {
        ask(&laboratory, line).unwrap();
        assert_eq!([write(&laboratory), write(&laboratory)], [Ok(()), restarted], "{line}");
        let status = ask(&laboratory, "drive 0 status").unwrap();
        assert!(status.contains("at object 0") && status.contains(left), "{line}: {status}");
    }
    assert!(ask(&laboratory, "drive 0 reset --nth 2").is_err());
}

#[test]
fn stalls_are_asked_for_before_the_command() {
    let (_folder, laboratory) = laboratory();
    ask(&laboratory, "drive 0 stall 2.5 write").unwrap();
    let mut cdb = [0; 16];
    cdb[0] = op::WRITE;
    assert_eq!(lock(&laboratory.drives[0]).stall(&cdb), Some(Duration::from_millis(2500)));
    assert!(ask(&laboratory, "drive 0 stall -1 write").is_err());
}

#[test]
fn cartridges_are_changed_and_damaged_by_hand() {
    let (_folder, laboratory) = laboratory();
    lock(&laboratory.drives[0]).reset();
    write(&laboratory).unwrap_err();
    write(&laboratory).unwrap();
    ask(&laboratory, "drive 0 rot 0 --byte 3").unwrap();
    assert!(ask(&laboratory, "drive 0 rot 0 --byte 4").unwrap_err().contains("no such object"));
    for line in ["drive 0 shorten 0 2", "drive 0 add-mark 0", "drive 0 drop 0", "drive 0 spoil 0"] {
        assert_eq!(ask(&laboratory, line).as_deref(), Ok(""), "{line}");
    }
    assert_eq!(ask(&laboratory, "drive 0 swap P2T002L8").as_deref(), Ok("P2T001L8\n"));
    assert_eq!(ask(&laboratory, "drive 0 eject").as_deref(), Ok("P2T002L8\n"));
    assert_eq!(ask(&laboratory, "library import P2T002L8").as_deref(), Ok(""));
    let inventory = ask(&laboratory, "library inventory").unwrap();
    assert_eq!(inventory, "mail 0: P2T002L8\noutside: P2T001L8\n");
    assert_eq!(
        ask(&laboratory, "drive 0 write-protect on").unwrap_err(),
        "there is no such object, or no cartridge is in the drive\n"
    );
}

#[test]
fn wrong_words_say_what_is_right() {
    let (_folder, laboratory) = laboratory();
    for line in
        ["drive 0 explode", "drive 0 fail write 9 0 0", "drive 0 alert 65 on", "drive 0 fail writ 3 0 0"]
    {
        assert!(ask(&laboratory, line).unwrap_err().contains("error:"), "{line}");
    }
    assert!(ask(&laboratory, "drive 1 status").unwrap_err().contains("no drive 1"));
    assert!(ask(&laboratory, "drive 0 help").unwrap_err().contains("power-cut"));
}
