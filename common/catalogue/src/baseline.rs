//! How archives answered the same small workload: the source before the transfer, the destinations afterwards.

use manifest::Baseline;
use rusqlite::params;

use crate::connection::{Catalogue, Reader};
use crate::error::Result;
use crate::rows::{all, change};
use crate::time::Millis;
use crate::volumes::parsed;

/// The side of the source; destinations go by their names.
pub const SOURCE: &str = "source";

impl Catalogue {
    /// Keeps a measurement; one of the same side and time is known already. Says whether it is new.
    pub fn record_baseline(&mut self, side: &str, baseline: &Baseline) -> Result<bool> {
        const SQL: &str = "INSERT OR IGNORE INTO baseline (at, side, document) VALUES (?, ?, ?)";
        let document = serde_json::to_string(baseline)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        self.durable(|tx| Ok(change(tx, SQL, params![Millis(baseline.at), side, document])? > 0))
    }
}

impl Reader {
    /// All measurements of a side, the oldest first.
    pub fn baselines(&self, side: &str) -> Result<Vec<Baseline>> {
        const SQL: &str = "SELECT document FROM baseline WHERE side = ? ORDER BY at";
        all(&self.conn, SQL, [side], |row| parsed(row, 0, |text| serde_json::from_str(text)))
    }

    /// Study Instance UIDs of at most `count` studies, evenly spread over the plan.
    pub fn studies_spread(&self, count: usize) -> Result<Vec<String>> {
        const SQL: &str = "SELECT uid FROM (SELECT uid, row_number() OVER (ORDER BY position, id) - 1 AS number,
            count(*) OVER () AS total FROM study WHERE uid <> '') WHERE number % max(total / ?1, 1) = 0 LIMIT ?1";
        all(&self.conn, SQL, [count.max(1)], |row| row.get(0))
    }
}
