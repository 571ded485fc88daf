//! Cartridges on a shelf, one modelled drive, and who puts them in.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use medium::model::{Cartridge, ModelDrive};
use medium::{Error, Medium, MediumReader, MediumWriter, Reopened, Settings};

/// Where the tape ends: behind the label and about two segments.
const EARLY_WARNING: u64 = 64 << 10;
const END: u64 = EARLY_WARNING + (64 << 10);
/// The drive, where somebody puts the cartridges in by hand.
const DRIVE: &str = "/model/nst0";

/// Who puts the cartridges in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Handling {
    /// Each volume has a name, by which its cartridge is fetched.
    Changer,
    /// Whatever is in the drive is used; between two runs somebody puts another cartridge in.
    Operator,
    /// As [`Changer`](Self::Changer) for each of two copies, with a drive each; the fault is the first one's.
    TwoCopies,
}

impl Handling {
    pub const ALL: [Self; 3] = [Self::Changer, Self::Operator, Self::TwoCopies];

    pub fn copies(self) -> u32 {
        if self == Self::TwoCopies { 2 } else { 1 }
    }
}

/// Clones are the same library.
#[derive(Clone)]
pub struct Library(Arc<Mutex<Shelf>>);

struct Shelf {
    handling: Handling,
    /// The copy whose cartridges are on it.
    copy: u32,
    drive: ModelDrive,
    /// Whose place the cartridge in the drive has on the shelf.
    loaded: String,
    slots: BTreeMap<String, Cartridge>,
    /// Full or spoiled, and put away.
    archive: Vec<Cartridge>,
    /// Threads that have asked for a medium.
    users: HashSet<ThreadId>,
}

impl Library {
    pub fn new(handling: Handling, copy: u32) -> Self {
        let drive = ModelDrive::with(blank());
        let loaded = match handling {
            Handling::Changer | Handling::TwoCopies => format!("{}0001", prefix(copy)),
            Handling::Operator => DRIVE.to_owned(),
        };
        Self(Arc::new(Mutex::new(Shelf {
            handling,
            copy,
            drive,
            loaded,
            slots: BTreeMap::new(),
            archive: Vec::new(),
            users: HashSet::new(),
        })))
    }

    pub fn drive(&self) -> ModelDrive {
        self.shelf().drive.clone()
    }

    /// The media of a job, as its configuration would name them.
    pub fn specs(&self) -> Vec<String> {
        let shelf = self.shelf();
        match shelf.handling {
            Handling::Changer | Handling::TwoCopies => vec![format!("{}{{seq}}", prefix(shelf.copy))],
            Handling::Operator => vec![DRIVE.to_owned()],
        }
    }

    /// Whether the medium of this name is one of its own.
    pub fn has(&self, name: &str) -> bool {
        let shelf = self.shelf();
        shelf.handling == Handling::Operator || name.starts_with(&prefix(shelf.copy))
    }

    /// The medium of a name.
    pub fn find(&self, name: &str) -> Box<dyn Medium> {
        self.shelf().users.insert(thread::current().id());
        Box::new(Slot { library: self.clone(), name: name.to_owned() })
    }

    /// Whether the calling thread writes volumes.
    pub fn is_used_here(&self) -> bool {
        self.shelf().users.contains(&thread::current().id())
    }

    /// Mends what somebody who stands before the drive can: power, cable, the right cartridge, its tab. An error says what
    /// was done to a cartridge that came in place of another.
    pub fn mend(&self) -> Result<(), String> {
        let mut shelf = self.shelf();
        let drive = shelf.drive.clone();
        drive.restore();
        for own in drive.take_outside() {
            let Some(other) = drive.load(own) else { continue };
            let files = other.files();
            let is_volume = files.first().is_some_and(|label| label.starts_with(b"README.txt"));
            if is_volume {
                // The next volume went onto the blank one: whoever put it there wanted that.
                let own = drive.load(other);
                shelf.archive.extend(own);
            } else if !files.is_empty() && files != [b"backup of the accounts"] {
                return Err("a cartridge was written that came in place of the volume's".to_owned());
            }
        }
        if let Some(cartridge) = drive.eject() {
            drive.load(cartridge.protected(false));
        }
        Ok(())
    }

    /// Puts the cartridge in the drive away, and a blank one in its place.
    pub fn replace(&self) {
        let mut shelf = self.shelf();
        let old = shelf.drive.load(blank());
        shelf.archive.extend(old);
    }

    /// All cartridges as they are at this moment.
    pub fn cartridges(&self) -> Vec<Cartridge> {
        let shelf = self.shelf();
        let (in_drive, outside) = (shelf.drive.on_tape(), shelf.drive.outside());
        shelf.slots.values().chain(&shelf.archive).cloned().chain(in_drive).chain(outside).collect()
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The drive with this cartridge in it.
    fn load(&self, name: &str) -> ModelDrive {
        let mut shelf = self.shelf();
        if shelf.handling != Handling::Operator && shelf.loaded != name {
            let cartridge = shelf.slots.remove(name).unwrap_or_else(blank);
            let before = std::mem::replace(&mut shelf.loaded, name.to_owned());
            let in_drive = shelf.drive.load(cartridge);
            // One that was taken out of the drive is found, and what came in its place is none of ours.
            let own = shelf.drive.take_outside().pop().or(in_drive);
            shelf.slots.extend(own.map(|own| (before, own)));
        }
        shelf.drive.clone()
    }
}

/// How the names of a copy's media begin.
fn prefix(copy: u32) -> String {
    format!("copy-{copy}-slot-")
}

fn blank() -> Cartridge {
    Cartridge::with_end(EARLY_WARNING, END)
}

/// A place on the shelf.
struct Slot {
    library: Library,
    name: String,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Medium for Slot {
    fn is_blank(&self) -> Result<bool, Error> {
        self.library.load(&self.name).is_blank()
    }

    fn is_drive(&self) -> bool {
        true
    }

    fn free_bytes(&self) -> Option<u64> {
        None
    }

    fn has_room(&self, _: u64, _: u64) -> bool {
        true
    }

    fn create(&self, settings: &Settings) -> Result<Box<dyn MediumWriter>, Error> {
        self.library.load(&self.name).create(settings)
    }

    fn reopen(&self, settings: &Settings) -> Result<Box<dyn Reopened>, Error> {
        self.library.load(&self.name).reopen(settings)
    }

    fn open(&self) -> Result<Box<dyn MediumReader>, Error> {
        self.library.load(&self.name).open()
    }
}
