//! The library that brings cartridges to an export, shared by the legs of its copies.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use job::Stop;
use job::config::ChangerConfig;
use medium::Status;
use medium::changer::{Cartridge, Changer, ChangerError, Inventory, Pick, Slot};
use medium::scsi::Format;

use super::barcode::agree;
use crate::error::{Error, Result};

/// How long a library may be busy with something else: a door that was open, an inventory.
const BUSY: Duration = Duration::from_secs(15 * 60);
const ASK_EVERY: Duration = Duration::from_secs(5);

/// A robot, and which cartridges it may take.
pub struct Library {
    changer: Mutex<Changer>,
    /// What the barcodes begin with of those that may be taken; all if there is none.
    prefixes: Vec<String>,
}

impl Library {
    /// The configured library; none if there is none.
    pub fn open(config: &ChangerConfig) -> Result<Option<Self>> {
        let Some(device) = &config.device else { return Ok(None) };
        let changer = Changer::open(device, &config.drives).map_err(Error::Library)?;
        Ok(Some(Self::over(changer, config.cartridges.clone())))
    }

    /// A library that was opened.
    pub fn over(changer: Changer, prefixes: Vec<String>) -> Self {
        Self { changer: Mutex::new(changer), prefixes }
    }

    /// The number of the drive behind a tape node; none if the library does not know such a drive.
    pub fn number_of(&self, node: &Path, stop: &Stop) -> Result<Option<usize>> {
        let resolved = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let node = resolved(node);
        let drives = self.ask(stop, Changer::inventory)?.drives;
        let same = |known: &Path| resolved(known) == node;
        Ok(drives.into_iter().find(|drive| drive.node.as_deref().is_some_and(same)).map(|drive| drive.number))
    }

    /// What is in a drive.
    pub fn cartridge_in(&self, drive: usize, stop: &Stop) -> Result<Option<Cartridge>> {
        let drives = self.ask(stop, Changer::inventory)?.drives;
        Ok(drives.into_iter().find(|found| found.number == drive).and_then(|found| found.cartridge))
    }

    /// The barcode, as the library reads it, of the cartridge in a slot that a label calls `barcode`; none if there is no such.
    pub fn in_slot(&self, barcode: &str, stop: &Stop) -> Result<Option<String>> {
        Ok(known_as(&self.ask(stop, Changer::inventory)?, barcode))
    }

    /// Why a cartridge is none for this export, as the end of a sentence; none if it may be written, as far as the library tells.
    pub fn bars(&self, cartridge: &Cartridge) -> Option<&'static str> {
        bars(&self.prefixes, cartridge)
    }

    /// Loads the first cartridge that may be taken and is not passed over; none if there is no such.
    pub fn load_next(
        &self,
        drive: usize,
        passed_over: &BTreeSet<String>,
        stop: &Stop,
    ) -> Result<Option<Cartridge>> {
        // Under one lock, so that no other leg chooses the same.
        self.ask(stop, |changer| {
            let inventory = changer.inventory()?;
            let Some(slot) = choose(&inventory, &self.prefixes, passed_over) else { return Ok(None) };
            changer.load(&Pick::Slot(slot.number), drive).map(Some)
        })
    }

    /// Loads a certain cartridge.
    pub fn load(&self, drive: usize, barcode: &str, stop: &Stop) -> Result<Cartridge> {
        self.ask(stop, |changer| changer.load(&Pick::Barcode(barcode.to_owned()), drive))
    }

    /// Puts the cartridge in a drive into its own slot, or else a free one, once `eject` has had the drive wind back and let it
    /// go. That takes minutes, or for ever when the drive does not answer: the robot is free for other drives meanwhile.
    pub fn unload(
        &self,
        drive: usize,
        eject: impl FnOnce() -> Result<()>,
        stop: &Stop,
    ) -> Result<(Cartridge, Slot)> {
        self.ask(stop, |changer| changer.leaving(drive, None))?;
        eject()?;
        self.ask(stop, |changer| changer.put_away(drive, None))
    }

    /// Asks for something, again and again while the library is busy.
    fn ask<T>(
        &self,
        stop: &Stop,
        mut request: impl FnMut(&mut Changer) -> Result<T, ChangerError>,
    ) -> Result<T> {
        let begun = Instant::now();
        loop {
            let asked = request(&mut self.changer.lock().unwrap_or_else(PoisonError::into_inner));
            match asked {
                Err(error)
                    if error.status() == Status::Transient && begun.elapsed() < BUSY && !stop.requested() =>
                {
                    tracing::info!(%error, "the library is asked again");
                    thread::sleep(ASK_EVERY);
                }
                other => return other.map_err(Error::Library),
            }
        }
    }
}

/// By what a cartridge is told from others: its barcode, or where it belongs.
pub fn name_of(cartridge: &Cartridge) -> String {
    let by_slot = || cartridge.home.map_or_else(|| cartridge.name().to_owned(), of_slot);
    cartridge.barcode.clone().unwrap_or_else(by_slot)
}

fn of_slot(number: usize) -> String {
    format!("the cartridge of slot {number}")
}

/// What the library calls the cartridge with this barcode that lies in a slot: exactly that, or else one that agrees with it.
fn known_as(inventory: &Inventory, barcode: &str) -> Option<String> {
    let in_slots = inventory.slots.iter().filter_map(|slot| slot.cartridge.as_ref()?.barcode.as_deref());
    let agreeing = in_slots.filter(|read| agree(read, barcode));
    agreeing.min_by_key(|read| *read != barcode).map(str::to_owned)
}

/// WORM cartridges take nothing back, as an export must at early warning.
fn bars(prefixes: &[String], cartridge: &Cartridge) -> Option<&'static str> {
    let barcode = cartridge.barcode.as_deref().unwrap_or_default();
    if cartridge.cleaning {
        return Some("is a cleaning cartridge");
    }
    if Format::of_barcode(barcode).is_some_and(|(_, worm)| worm) {
        return Some("can be written only once (WORM)");
    }
    let is_ours = prefixes.is_empty() || prefixes.iter().any(|prefix| barcode.starts_with(prefix));
    (!is_ours).then_some("is none of the `cartridges` under [changer]")
}

/// The first cartridge that an export may take.
fn choose<'all>(
    inventory: &'all Inventory,
    prefixes: &[String],
    passed_over: &BTreeSet<String>,
) -> Option<&'all Slot> {
    let may_be_taken = |slot: &Slot, cartridge: &Cartridge| {
        let name = cartridge.barcode.clone().unwrap_or_else(|| of_slot(slot.number));
        bars(prefixes, cartridge).is_none() && !passed_over.iter().any(|other| agree(other, &name))
    };
    inventory.available().find(|(slot, cartridge)| may_be_taken(slot, cartridge)).map(|(slot, _)| slot)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use medium::changer::played::{self, Shelf};

    use super::*;

    /// A library with these barcodes in its slots; an empty text is a cartridge without one.
    fn inventory(barcodes: &[&str]) -> Inventory {
        let cartridge = |barcode: &str| Cartridge {
            barcode: (!barcode.is_empty()).then(|| barcode.to_owned()),
            cleaning: barcode.starts_with("CLN"),
            format: None,
            home: None,
        };
        let slot = |(at, barcode): (usize, &&str)| Slot {
            number: at + 1,
            mail: false,
            address: 0x1000 + at as u16,
            trouble: None,
            cartridge: Some(cartridge(barcode)),
        };
        Inventory { drives: Vec::new(), slots: barcodes.iter().enumerate().map(slot).collect() }
    }

    fn chosen(barcodes: &[&str], prefixes: &[&str], passed_over: &[&str]) -> Option<usize> {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let passed_over = texts(passed_over).into_iter().collect();
        choose(&inventory(barcodes), &texts(prefixes), &passed_over).map(|slot| slot.number)
    }

    #[test]
    fn the_first_cartridge_that_may_be_taken_is_taken() {
        let all = ["CLN001L1", "P2T001LY", "BAK001L8", "P2T002L8", "", "P2T003L8"];
        assert_eq!(chosen(&all, &[], &[]), Some(3), "neither a cleaning nor a WORM cartridge");
        assert_eq!(chosen(&all, &["P2T"], &[]), Some(4), "nobody else's");
        assert_eq!(chosen(&all, &["P2T", "ARC"], &["P2T002L8"]), Some(6));
        assert_eq!(chosen(&all, &[], &["BAK001L8", "P2T002L8"]), Some(5), "one without a barcode");
        let passed_over = ["BAK001L8", "P2T002L8", "the cartridge of slot 5", "P2T003L8"];
        assert_eq!(chosen(&all, &[], &passed_over), None);
    }

    #[test]
    fn what_a_cartridge_is_called_is_the_same_in_its_slot_and_in_a_drive() {
        let bare = Cartridge { barcode: None, cleaning: false, format: None, home: Some(5) };
        assert_eq!(name_of(&bare), of_slot(5));
        let labelled = Cartridge { barcode: Some("P2T001L8".to_owned()), ..bare };
        assert_eq!(name_of(&labelled), "P2T001L8");
    }

    /// A library with P2T001L8 in slot 1, and a cartridge in each drive.
    fn played() -> Library {
        let cartridges =
            [(4096, ("P2T001L8", None)), (256, ("P2T002L8", Some(4097))), (257, ("P2T003L8", Some(4098)))];
        let shelf = Shelf { cartridges: cartridges.into(), at_once: 100, ..Shelf::default() };
        Library::over(played::open(&Arc::new(Mutex::new(shelf)), &[]).unwrap(), Vec::new())
    }

    #[test]
    fn the_robot_serves_others_while_a_drive_winds_back_or_never_lets_go() {
        let (library, stop) = (played(), Stop::new());
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            let eject = || {
                scope.spawn(|| tell.send(library.cartridge_in(1, &stop).unwrap()).unwrap());
                let other = told.recv_timeout(Duration::from_secs(60)).expect("the robot is free");
                assert_eq!(other.unwrap().name(), "P2T003L8");
                Ok(())
            };
            let (cartridge, slot) = library.unload(0, eject, &stop).unwrap();
            assert_eq!((cartridge.name(), slot.number), ("P2T002L8", 2));
        });
    }

    #[test]
    fn a_cartridge_that_its_drive_keeps_stays_there() {
        let (library, stop) = (played(), Stop::new());
        let kept = library.unload(0, || Err(Error::NoMedium), &stop);
        assert!(matches!(kept, Err(Error::NoMedium)));
        assert_eq!(library.cartridge_in(0, &stop).unwrap().unwrap().name(), "P2T002L8");
    }

    #[test]
    fn a_cartridge_is_found_by_a_label_that_leaves_its_kind_out() {
        let (library, stop) = (played(), Stop::new());
        assert_eq!(library.in_slot("P2T001", &stop).unwrap().as_deref(), Some("P2T001L8"));
        assert_eq!(library.in_slot("P2T001L8", &stop).unwrap().as_deref(), Some("P2T001L8"));
        assert_eq!(library.in_slot("P2T001L9", &stop).unwrap(), None);
        assert_eq!(library.in_slot("P2T002L8", &stop).unwrap(), None, "it is in a drive");
        let several = inventory(&["P2T001L8", "P2T001", "P2T002L8"]);
        assert_eq!(known_as(&several, "P2T001").as_deref(), Some("P2T001"), "exactly that one first");
        assert_eq!(chosen(&["P2T001L8", "P2T002L8"], &[], &["P2T001"]), Some(2), "a volume's own");
    }
}
