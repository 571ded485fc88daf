//! Counting again from the rows themselves: proof that the running counts behind the balance are right.

use crate::connection::Reader;
use crate::error::Result;
use crate::rows::first;

const INSTANCES: &str = "SELECT study_id, state, count(*), sum(ifnull(bytes, 0)) FROM instance GROUP BY 1, 2";
const TALLIED: &str =
    "SELECT study_id, state, instances, bytes FROM tally WHERE instances <> 0 OR bytes <> 0";
const DELIVERIES: &str = "SELECT d.destination_id, i.study_id, i.state, d.state, count(*)
    FROM delivery d JOIN instance i ON i.id = d.instance_id GROUP BY 1, 2, 3, 4";
const TALLIED_DELIVERIES: &str = "SELECT destination_id, study_id, instance_state, state, instances
    FROM delivery_tally WHERE instances <> 0";

impl Reader {
    /// Reads every instance and delivery and returns how many running counts differ; anything but 0 means a damaged
    /// catalogue. Takes minutes for 10^8 instances.
    pub fn recount(&self) -> Result<u64> {
        let mut differing = 0;
        for (counted, tallied) in [(INSTANCES, TALLIED), (DELIVERIES, TALLIED_DELIVERIES)] {
            for (one, other) in [(counted, tallied), (tallied, counted)] {
                let sql =
                    format!("SELECT count(*) FROM (SELECT * FROM ({one}) EXCEPT SELECT * FROM ({other}))");
                differing += first(&self.conn, &sql, [], |row| row.get::<_, u64>(0))?.unwrap_or(0);
            }
        }
        Ok(differing)
    }
}
