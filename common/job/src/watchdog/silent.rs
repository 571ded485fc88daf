//! What a run knows of drives that do not answer, for whoever asks how the job is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use catalogue::{Catalogue, Error, Reader};
use jiff::{SignedDuration, Timestamp};
use medium::calls::Call;
use serde::{Deserialize, Serialize};

/// Where the catalogue keeps them.
const KEY: &str = "silent_drives";

/// A drive that does not answer, or did not when the last run gave it up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SilentDrive {
    /// Its node.
    pub drive: PathBuf,
    /// What it was asked to do.
    pub doing: String,
    /// When.
    pub since: Timestamp,
}

impl SilentDrive {
    pub(super) fn new(call: &Call, age: Duration) -> Self {
        let age = SignedDuration::try_from(age).unwrap_or_default();
        let since = Timestamp::now().checked_sub(age).unwrap_or_default();
        Self { drive: call.drive.clone(), doing: call.doing.to_owned(), since }
    }

    /// All that are known to be silent.
    pub fn known(reader: &Reader) -> Result<Vec<Self>, Error> {
        Ok(reader.job(KEY)?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    /// A line for people.
    #[must_use]
    pub fn text(&self) -> String {
        let (drive, since) = (self.drive.display(), self.since.strftime("%Y-%m-%d %H:%M UTC"));
        format!("{drive} does not answer: it was asked to {} at {since}", self.doing)
    }

    /// Takes the place of what was known of the same drive.
    pub(super) fn remember(self, catalogue: &mut Catalogue) -> Result<(), Error> {
        let mut all = others(catalogue, &self.drive)?;
        all.push(self);
        keep(catalogue, &all)
    }

    pub(super) fn forget(catalogue: &mut Catalogue, drive: &Path) -> Result<(), Error> {
        let others = others(catalogue, drive)?;
        keep(catalogue, &others)
    }

    pub(super) fn forget_all(catalogue: &mut Catalogue) -> Result<(), Error> {
        keep(catalogue, &[])
    }
}

fn others(catalogue: &Catalogue, drive: &Path) -> Result<Vec<SilentDrive>, Error> {
    let all = SilentDrive::known(catalogue)?;
    Ok(all.into_iter().filter(|silent| silent.drive != drive).collect())
}

fn keep(catalogue: &mut Catalogue, all: &[SilentDrive]) -> Result<(), Error> {
    if SilentDrive::known(catalogue)? == all {
        return Ok(());
    }
    catalogue.set_job(KEY, &serde_json::to_string(all).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent(drive: &str, doing: &str) -> SilentDrive {
        SilentDrive { drive: drive.into(), doing: doing.to_owned(), since: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn each_drive_is_known_until_it_answers_or_the_next_run_begins() {
        let dir = tempfile::tempdir().unwrap();
        let mut catalogue = Catalogue::open(&dir.path().join("catalogue.sqlite")).unwrap();
        assert_eq!(SilentDrive::known(&catalogue).unwrap(), []);
        let [first, second] = ["/dev/nst0", "/dev/nst1"].map(|drive| silent(drive, "write a record"));
        let later = silent("/dev/nst0", "rewind");
        for told in [&first, &second, &later] {
            told.clone().remember(&mut catalogue).unwrap();
        }
        assert_eq!(SilentDrive::known(&catalogue).unwrap(), [second.clone(), later]);
        SilentDrive::forget(&mut catalogue, Path::new("/dev/nst0")).unwrap();
        assert_eq!(SilentDrive::known(&catalogue).unwrap(), [second]);
        SilentDrive::forget_all(&mut catalogue).unwrap();
        assert_eq!(SilentDrive::known(&catalogue).unwrap(), []);
    }
}
