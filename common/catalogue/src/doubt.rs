//! Objects in doubt: what a source sent as an instance and cannot be it. A sound object of that instance takes its place.

use rusqlite::{Connection, params};

use crate::connection::Catalogue;
use crate::error::Result;
use crate::ids::InstanceId;
use crate::rows::{all, change};
use crate::states::{DeliveryState, InstanceState};
use crate::transition::advance;

/// Whether the object of a row `o` is in doubt; how that is written: [`manifest::IN_DOUBT`].
pub(crate) const IN_DOUBT: &str = "ifnull(o.findings LIKE 'in doubt: %', 0)";

/// Whether a destination has taken the object of a row `o`.
pub(crate) const TAKEN: &str =
    "EXISTS (SELECT 1 FROM delivery WHERE instance_id = o.id AND delivery.state IN (1, 2))";

const SUPERSEDED: &str = "in doubt; a sound object of this instance has come";

impl Catalogue {
    /// Leaves out what is in doubt of an object's instance where a sound object of it is loaded, too; what a destination has taken
    /// already stays. Returns how many objects.
    pub fn supersede(&mut self, id: InstanceId) -> Result<u64> {
        self.quick(|tx| supersede(tx, id))
    }
}

/// By the index on UIDs: it is asked of every object that is delivered, and few have others beside them.
pub(crate) fn supersede(conn: &Connection, id: InstanceId) -> Result<u64> {
    const CLAIMANTS: &str = "FROM instance i JOIN instance o INDEXED BY instance_identity
        ON o.sop_instance = i.sop_instance AND o.study_id = i.study_id
        WHERE i.id = ? AND i.sop_instance <> '' AND o.state = ?";
    let sql = format!("SELECT o.id, {IN_DOUBT}, {TAKEN} {CLAIMANTS}");
    let loaded: Vec<(InstanceId, bool, bool)> = all(conn, &sql, params![id, InstanceState::Loaded], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    if loaded.iter().all(|(_, in_doubt, _)| *in_doubt) {
        return Ok(0);
    }
    let superseded = loaded.iter().filter(|(_, in_doubt, taken)| *in_doubt && !taken);
    let mut count = 0;
    for (id, ..) in superseded {
        let refused = params![DeliveryState::Pending, id, DeliveryState::Failed];
        change(
            conn,
            "UPDATE delivery SET state = ?, comment = NULL WHERE instance_id = ? AND state = ?",
            refused,
        )?;
        advance(conn, id.0, InstanceState::Excluded, &[("reason = ?", &SUPERSEDED)])?;
        count += 1;
    }
    Ok(count)
}
