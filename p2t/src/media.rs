//! Which medium the next volume goes to.

use job::JobDir;
use medium::{Address, Medium};
use volume::SegmentFile;

use crate::error::{Error, Result};

/// Stands for the volume's number in a medium's name.
const NUMBER: &str = "{seq}";

/// The media of a job, in the order in which they are filled.
pub struct Media {
    specs: Vec<String>,
    job: JobDir,
}

impl Media {
    /// The media given on the command line, or else those of the configuration.
    pub fn new(given: &[String], configured: &[String], job: &JobDir) -> Result<Self> {
        let specs = if given.is_empty() { configured } else { given };
        if specs.is_empty() {
            return Err(Error::NoMedium);
        }
        Ok(Self { specs: specs.to_vec(), job: job.clone() })
    }

    /// A blank medium for volume `sequence`, on which `segment` finds room. Media of this job's earlier volumes (`used`)
    /// are passed over; anything else that is not blank is an error, because it is somebody's data.
    pub fn blank(&self, sequence: u32, used: &[String], segment: &SegmentFile) -> Result<Address> {
        let needed = volume::bytes_alone(segment);
        for spec in &self.specs {
            let named = spec.replace(NUMBER, &format!("{sequence:04}"));
            let address = self.address(&named)?;
            if address.is_blank()? {
                if address.has_room(needed, segment.bytes) {
                    return Ok(address);
                }
                continue;
            }
            if !used.contains(&address.to_string()) {
                let path = address.path().to_owned();
                let found = "data that this job did not write".to_owned();
                return Err(medium::Error::NotBlank { path, found }.into());
            }
        }
        Err(Error::MediaFull { used: self.specs.join(", ") })
    }

    /// An address below the job directory, unless it is absolute.
    fn address(&self, text: &str) -> Result<Address> {
        let address: Address = text.parse()?;
        Ok(match address {
            Address::Tape(_) => address,
            Address::VirtualTape(path) => Address::VirtualTape(self.job.resolve(&path)),
            Address::Directory(path) => Address::Directory(self.job.resolve(&path)),
        })
    }
}
