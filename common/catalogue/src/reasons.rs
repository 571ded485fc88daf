//! What a report must tell besides the balance: why things were left out or given up, and which objects conflict.

use rusqlite::params;
use serde::Serialize;

use crate::balance::Side;
use crate::connection::Reader;
use crate::doubt::{IN_DOUBT, TAKEN};
use crate::error::{Error, Result};
use crate::ids::DestinationId;
use crate::rows::{all, each, first};
use crate::states::OddityState;

/// Examples given for a reason, at most.
const EXAMPLES: usize = 5;

/// Why things were left out or given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Excluded or failed.
    pub side: Side,
    /// The reason itself.
    pub reason: String,
    /// How many it holds for.
    pub count: u64,
    /// Up to five SOP Instance UIDs; for files that are no DICOM objects, their paths.
    pub examples: Vec<String>,
}

/// A SOP Instance UID that objects with different datasets claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// SOP Instance UID.
    pub sop_instance: String,
    /// Objects that claim it.
    pub objects: u64,
    /// Different datasets among them.
    pub datasets: u64,
}

impl Reader {
    /// The reasons for listed files that are no DICOM objects, the most frequent first. Examples are paths.
    pub fn oddity_reasons(&self, limit: usize) -> Result<Vec<Reason>> {
        self.reasons(
            "SELECT state, reason, count(*) FROM oddity GROUP BY state, reason ORDER BY count(*) DESC LIMIT ?",
            "SELECT source_ref FROM oddity WHERE state = ? AND reason = ? LIMIT ?",
            limit,
        )
    }

    /// What a destination said to refused instances, the most frequent first.
    pub fn delivery_reasons(&self, destination: DestinationId, limit: usize) -> Result<Vec<Reason>> {
        let groups = all(
            &self.conn,
            "SELECT ifnull(comment, ''), count(*) FROM delivery WHERE destination_id = ? AND state = 3
             GROUP BY comment ORDER BY count(*) DESC LIMIT ?",
            params![destination, limit],
            |row| Ok((row.get::<_, String>(0)?, row.get(1)?)),
        )?;
        let examples = |reason: &str| {
            all(
                &self.conn,
                "SELECT i.sop_instance FROM delivery d JOIN instance i ON i.id = d.instance_id
                 WHERE d.destination_id = ? AND d.state = 3 AND ifnull(d.comment, '') = ? LIMIT ?",
                params![destination, reason, EXAMPLES],
                |row| row.get(0),
            )
        };
        groups
            .into_iter()
            .map(|(reason, count)| {
                Ok(Reason { side: Side::Failed, examples: examples(&reason)?, reason, count })
            })
            .collect()
    }

    /// Calls `visit` for each SOP Instance UID that objects with different datasets claim, ordered by UID. An object in doubt
    /// claims nothing before a destination has taken it.
    pub fn each_conflict<E: From<Error>>(
        &self,
        mut visit: impl FnMut(Conflict) -> Result<(), E>,
    ) -> Result<(), E> {
        // The first query reads the index alone; few UIDs need their rows looked at.
        const SHARED: &str = "SELECT sop_instance FROM instance WHERE sop_instance <> ''
            GROUP BY sop_instance HAVING count(*) > 1";
        let datasets = format!(
            "SELECT count(*), count(DISTINCT ifnull(dataset_blake3, blake3)) FROM instance o
             WHERE sop_instance = ? AND blake3 IS NOT NULL AND state <> 8 AND (NOT {IN_DOUBT} OR {TAKEN})"
        );
        each(
            &self.conn,
            SHARED,
            [],
            |row| row.get::<_, String>(0),
            |sop_instance| {
                let counts =
                    first(&self.conn, &datasets, [&sop_instance], |row| Ok((row.get(0)?, row.get(1)?)))?;
                match counts {
                    Some((objects, datasets)) if datasets > 1 => {
                        visit(Conflict { sop_instance, objects, datasets })
                    }
                    _ => Ok(()),
                }
            },
        )
    }

    fn reasons(&self, groups: &str, examples: &str, limit: usize) -> Result<Vec<Reason>> {
        let groups = all(&self.conn, groups, [limit], |row| {
            Ok((row.get::<_, OddityState>(0)?, row.get::<_, String>(1)?, row.get(2)?))
        })?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        groups
            .into_iter()
            .map(|(state, reason, count)| {
                let examples = all(&self.conn, examples, params![state, reason, EXAMPLES], |row| {
                    Ok(text(row.get_ref(0)?.as_bytes()?))
                })?;
                Ok(Reason { side: Side::from(state), reason, count, examples })
            })
            .collect()
    }
}
