//! What a run knows of a drive that does not answer, for whoever asks how the job is.

use std::path::PathBuf;
use std::time::Duration;

use catalogue::{Catalogue, Error, Reader};
use jiff::{SignedDuration, Timestamp};
use medium::calls::Call;
use serde::{Deserialize, Serialize};

/// Where the catalogue keeps it.
const KEY: &str = "silent_drive";

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

    /// What is known, if any drive is silent.
    pub fn known(reader: &Reader) -> Result<Option<Self>, Error> {
        Ok(reader.job(KEY)?.and_then(|text| serde_json::from_str(&text).ok()))
    }

    /// A line for people.
    #[must_use]
    pub fn text(&self) -> String {
        let (drive, since) = (self.drive.display(), self.since.strftime("%Y-%m-%d %H:%M UTC"));
        format!("{drive} does not answer: it was asked to {} at {since}", self.doing)
    }

    pub(super) fn remember(&self, catalogue: &mut Catalogue) -> Result<(), Error> {
        let text = serde_json::to_string(self).unwrap_or_default();
        catalogue.set_job(KEY, &text)
    }

    pub(super) fn forget(catalogue: &mut Catalogue) -> Result<(), Error> {
        // No text is no drive.
        if catalogue.job(KEY)?.is_some_and(|text| !text.is_empty()) {
            catalogue.set_job(KEY, "")?;
        }
        Ok(())
    }
}
