//! What was found about a source before anything was taken from it.

use jiff::Timestamp;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::connection::{Catalogue, Reader};
use crate::error::Result;
use crate::rows::{change, first};
use crate::time::Millis;
use crate::volumes::parsed;

/// What was found about a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preflight {
    /// When it was begun.
    pub at: Timestamp,
    /// The source's name for reports.
    pub archive: String,
    /// What was looked at, in this order.
    pub checks: Vec<Check>,
    /// The study that was retrieved, again and again.
    pub study_uid: Option<String>,
    /// Each service by which objects can be asked for.
    pub services: Vec<Tried>,
    /// The service to ask by; none where none works, or there is none to choose.
    pub choice: Option<String>,
    /// Why that one, or what is in the way.
    pub reason: String,
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What.
    pub name: String,
    /// Whether it is as it should be.
    pub good: bool,
    /// What was found.
    pub found: String,
}

/// How a service did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// `C-GET`, `C-MOVE`, `WADO-RS`.
    pub service: String,
    /// Whether it brought every object of the study.
    pub works: bool,
    /// Objects that it brought, of so many.
    pub objects: u64,
    /// Objects that the study has.
    pub expected: u64,
    /// Bytes of their datasets.
    pub bytes: u64,
    /// How long it took.
    pub milliseconds: f64,
    /// Objects whose dataset was another one the second time; none where there was no second time.
    pub changing: Option<u64>,
    /// What the source said, where it did not bring everything.
    pub said: Option<String>,
    /// Whether it would fail again in the same way.
    pub for_good: bool,
}

impl Preflight {
    /// Whether no service brings objects, and none will later.
    pub fn nothing_works(&self) -> bool {
        self.choice.is_none() && !self.services.is_empty() && self.services.iter().all(|tried| tried.for_good)
    }

    /// The service to ask by, or what is in the way.
    pub fn conclusion(&self) -> String {
        let Self { choice, services, reason, .. } = self;
        match choice {
            Some(choice) => format!("objects are asked for by {choice}: {reason}"),
            None if services.is_empty() => format!("nothing was retrieved: {reason}"),
            None => format!("NO WAY TO RETRIEVE A STUDY WAS FOUND: {reason}"),
        }
    }

    /// What the reader of a report must know: checks that are not as they should be.
    pub fn findings(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| !check.good)
    }
}

impl Catalogue {
    /// Keeps what was found.
    pub fn record_preflight(&mut self, preflight: &Preflight) -> Result<()> {
        const SQL: &str = "INSERT INTO preflight (at, document) VALUES (?, ?)";
        let document = serde_json::to_string(preflight)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        self.durable(|tx| {
            change(tx, SQL, params![Millis(preflight.at), document])?;
            Ok(())
        })
    }
}

impl Reader {
    /// What was found last.
    pub fn preflight(&self) -> Result<Option<Preflight>> {
        const SQL: &str = "SELECT document FROM preflight ORDER BY id DESC LIMIT 1";
        first(&self.conn, SQL, [], |row| parsed(row, 0, |text| serde_json::from_str(text)))
    }
}
