//! Which medium the next volume goes to.

mod assign;
pub mod barcode;
mod change;
pub mod library;
mod patient;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use job::JobDir;
use medium::{Address, Medium};
use volume::SegmentFile;

use crate::error::{Error, Result};

pub use assign::{NUMBER, assign, split};
pub use change::Change;
pub use patient::Patience;
use patient::Patient;

/// Finds a medium by its name: by what the operator gave, or by what the catalogue keeps of a volume's medium.
type Find = dyn Fn(&str) -> Result<Box<dyn Medium>> + Send + Sync;

/// The media of a job, for each copy in the order in which they are filled.
pub struct Media {
    copies: Vec<Vec<String>>,
    find: Arc<Find>,
    patience: Option<Patience>,
    /// How drives get their next cartridges.
    pub change: Change,
}

impl Media {
    /// The media of each of `copies`, given on the command line or else those of the configuration: addresses, relative
    /// ones below the job directory.
    pub fn new(given: &[String], configured: &[String], copies: u32, job: &JobDir) -> Result<Self> {
        let assigned = assign(given, configured, copies)?;
        let resolved = |specs: Vec<String>| {
            specs.iter().map(|spec| Ok(address(spec, job)?.to_string())).collect::<Result<Vec<_>>>()
        };
        let copies = assigned.into_iter().map(resolved).collect::<Result<_>>()?;
        Ok(Self::found_by(copies, Arc::new(|name| Ok(Box::new(name.parse::<Address>()?)))))
    }

    /// Media of any kind, by the names of each copy's.
    pub fn found_by(copies: Vec<Vec<String>>, find: Arc<Find>) -> Self {
        Self { copies, find, patience: None, change: Change::default() }
    }

    /// The same media, waited for while other programs use them.
    pub fn waited_for(self, patience: Patience) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// The same media, their cartridges changed in this way.
    pub fn changed_by(self, change: Change) -> Self {
        Self { change, ..self }
    }

    /// How many copies are written.
    pub fn copies(&self) -> u32 {
        self.copies.len() as u32
    }

    /// Whether two copies are to be written in the same place, one after the other.
    pub fn share_a_drive(&self) -> bool {
        let mut seen = BTreeSet::new();
        self.copies.iter().any(|specs| {
            let places: BTreeSet<String> = specs.iter().map(|spec| place(spec)).collect();
            places.into_iter().any(|place| !seen.insert(place))
        })
    }

    /// Whether volumes of `copy` go to a drive that must be kept streaming.
    pub fn streams(&self, copy: u32) -> bool {
        self.specs(copy).iter().any(|spec| is_tape(spec))
    }

    /// The first drive of `copy`, in which one cartridge may follow another.
    pub fn drive(&self, copy: u32) -> Result<Option<Box<dyn Medium>>> {
        for spec in self.specs(copy).iter().filter(|spec| !spec.contains(NUMBER)) {
            let medium = self.find(spec)?;
            if medium.is_drive() {
                return Ok(Some(medium));
            }
        }
        Ok(None)
    }

    /// The names of the media on which volume `sequence` of `copy` may be.
    pub fn named(&self, copy: u32, sequence: u32) -> Vec<String> {
        self.specs(copy).iter().map(|spec| spec.replace(NUMBER, &format!("{sequence:04}"))).collect()
    }

    /// The medium of this name.
    pub fn find(&self, name: &str) -> Result<Box<dyn Medium>> {
        let medium = (self.find)(name)?;
        Ok(match &self.patience {
            Some(patience) => Box::new(Patient { medium, patience: patience.clone() }),
            None => medium,
        })
    }

    /// Asks a drive for something that it tells only while no other program has it open, which is waited for.
    pub fn when_free<T>(
        &self,
        drive: &Path,
        mut ask: impl FnMut(&Path) -> Result<T, medium::Error>,
    ) -> Result<T> {
        Ok(match &self.patience {
            Some(patience) => patience.when_free(&drive.display(), || ask(drive))?,
            None => ask(drive)?,
        })
    }

    /// A blank medium for volume `sequence` of `copy`, on which `segment` finds room. Media of this job's earlier volumes
    /// (`used`) are passed over; anything else that is not blank is an error, because it is somebody's data.
    pub fn blank(
        &self,
        copy: u32,
        sequence: u32,
        used: &[String],
        segment: &SegmentFile,
    ) -> Result<Box<dyn Medium>> {
        let needed = volume::bytes_alone(segment);
        for name in self.named(copy, sequence) {
            let medium = self.find(&name)?;
            if medium.is_blank()? {
                if medium.has_room(needed, segment.bytes) {
                    return Ok(medium);
                }
                continue;
            }
            let name = medium.to_string();
            if !used.contains(&name) {
                let found = "data that this job did not write".to_owned();
                return Err(medium::Error::NotBlank { path: name.into(), found }.into());
            }
        }
        let (of_copy, to) = match self.copies() {
            1 => (String::new(), "MEDIUM".to_owned()),
            _ => (format!(" of copy {copy}"), format!("copy{copy}=MEDIUM")),
        };
        Err(Error::MediaFull { of_copy, used: self.specs(copy).join(", "), to })
    }

    fn specs(&self, copy: u32) -> &[String] {
        self.copies.get(copy as usize - 1).map_or(&[], Vec::as_slice)
    }
}

/// Whether a medium, as it is configured, is a tape drive.
pub fn is_tape(spec: &str) -> bool {
    matches!(split(spec).1.parse(), Ok(Address::Tape(_)))
}

/// Whether two names stand for the same medium.
pub fn is_same(one: &str, other: &str) -> bool {
    place(one) == place(other)
}

/// What a name stands for, whatever link leads to a drive.
fn place(spec: &str) -> String {
    let resolved = spec.starts_with("/dev/").then(|| std::fs::canonicalize(spec).ok()).flatten();
    resolved.map_or_else(|| spec.to_owned(), |path| path.display().to_string())
}

/// An address below the job directory, unless it is absolute.
pub fn address(text: &str, job: &JobDir) -> Result<Address> {
    Ok(match text.parse()? {
        Address::Tape(path) => Address::Tape(path),
        Address::VirtualTape(path) => Address::VirtualTape(job.resolve(&path)),
        Address::Directory(path) => Address::Directory(job.resolve(&path)),
    })
}
