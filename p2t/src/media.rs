//! Which medium the next volume goes to.

use std::sync::Arc;

use job::JobDir;
use medium::{Address, Medium};
use volume::SegmentFile;

use crate::error::{Error, Result};

/// Stands for the volume's number in a medium's name.
const NUMBER: &str = "{seq}";

/// Finds a medium by its name: by what the operator gave, or by what the catalogue keeps of a volume's medium.
type Find = dyn Fn(&str) -> Result<Box<dyn Medium>> + Send + Sync;

/// The media of a job, in the order in which they are filled.
pub struct Media {
    specs: Vec<String>,
    find: Arc<Find>,
}

impl Media {
    /// The media given on the command line, or else those of the configuration: addresses, relative ones below the
    /// job directory.
    pub fn new(given: &[String], configured: &[String], job: &JobDir) -> Result<Self> {
        let specs = if given.is_empty() { configured } else { given };
        let specs: Result<Vec<_>> = specs.iter().map(|spec| Ok(address(spec, job)?.to_string())).collect();
        Self::found_by(specs?, Arc::new(|name| Ok(Box::new(name.parse::<Address>()?))))
    }

    /// Media of any kind.
    pub fn found_by(specs: Vec<String>, find: Arc<Find>) -> Result<Self> {
        if specs.is_empty() {
            return Err(Error::NoMedium);
        }
        Ok(Self { specs, find })
    }

    /// The medium of this name.
    pub fn find(&self, name: &str) -> Result<Box<dyn Medium>> {
        (self.find)(name)
    }

    /// A blank medium for volume `sequence`, on which `segment` finds room. Media of this job's earlier volumes (`used`)
    /// are passed over; anything else that is not blank is an error, because it is somebody's data.
    pub fn blank(&self, sequence: u32, used: &[String], segment: &SegmentFile) -> Result<Box<dyn Medium>> {
        let needed = volume::bytes_alone(segment);
        for spec in &self.specs {
            let medium = self.find(&spec.replace(NUMBER, &format!("{sequence:04}")))?;
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
        Err(Error::MediaFull { used: self.specs.join(", ") })
    }
}

/// An address below the job directory, unless it is absolute.
fn address(text: &str, job: &JobDir) -> Result<Address> {
    Ok(match text.parse()? {
        Address::Tape(path) => Address::Tape(path),
        Address::VirtualTape(path) => Address::VirtualTape(job.resolve(&path)),
        Address::Directory(path) => Address::Directory(job.resolve(&path)),
    })
}
