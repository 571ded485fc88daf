//! Delivery: what each destination still has to get, and what the spool may let go.

use rusqlite::params;

use crate::connection::Reader;
use crate::error::Result;
use crate::ids::{DestinationId, InstanceId, StudyId};
use crate::object::{PackedObject, packed_object, select_object};
use crate::rows::{all, first};
use crate::segments::{self, SegmentRow};
use crate::states::{DeliveryState, InstanceState, SegmentState};
use crate::study::{self, PlanPosition, PlannedStudy};

/// A destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationRow {
    /// The destination's row.
    pub id: DestinationId,
    /// Its name in the configuration.
    pub name: String,
    /// `AETITLE@host:port`, a URL or a path.
    pub node: String,
}

/// What must be known of a delivery before the spool lets the object go, unless the destination refused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The destination accepted it.
    Accepted,
    /// The destination gave evidence that it holds it.
    Proved,
}

impl Reader {
    /// The destinations of the job.
    pub fn destinations(&self) -> Result<Vec<DestinationRow>> {
        all(&self.conn, "SELECT id, name, node FROM destination ORDER BY id", [], |row| {
            Ok(DestinationRow { id: row.get(0)?, name: row.get(1)?, node: row.get(2)? })
        })
    }

    /// The studies with loaded instances that the destination still has to get, in plan order.
    pub fn studies_to_deliver(
        &self,
        destination: DestinationId,
        after: PlanPosition,
        limit: usize,
    ) -> Result<Vec<PlannedStudy>> {
        let condition = format!(
            "ifnull((SELECT instances FROM tally WHERE study_id = study.id AND state = {loaded}), 0) >
             ifnull((SELECT sum(instances) FROM delivery_tally WHERE destination_id = :destination
                     AND study_id = study.id AND instance_state = {loaded} AND state <> {pending}), 0)",
            loaded = InstanceState::Loaded as i64,
            pending = DeliveryState::Pending as i64
        );
        study::page(&self.conn, &condition, &[(":destination", &destination)], after, limit)
    }

    /// The loaded objects of a study after `after` that the destination still has to get.
    pub fn objects_to_deliver(
        &self,
        destination: DestinationId,
        study_id: StudyId,
        after: InstanceId,
        limit: usize,
    ) -> Result<Vec<PackedObject>> {
        let sql = select_object(
            &[],
            "LEFT JOIN delivery d ON d.instance_id = i.id AND d.destination_id = ?1
             WHERE i.study_id = ?2 AND i.state = ?3 AND i.id > ?4
               AND ifnull(d.state = ?5, 1)
             ORDER BY i.id LIMIT ?6",
        );
        let values =
            params![destination, study_id, InstanceState::Loaded, after, DeliveryState::Pending, limit];
        all(&self.conn, &sql, values, packed_object)
    }

    /// Where an object begins in the spool, while it is loaded.
    pub fn spool_offset(&self, id: InstanceId) -> Result<Option<u64>> {
        const SQL: &str = "SELECT spool_offset FROM instance WHERE id = ? AND state = ?";
        Ok(first(&self.conn, SQL, params![id, InstanceState::Loaded], |row| row.get(0))?.flatten())
    }

    /// How many instances a destination has in each state of delivery; those never tried are not counted.
    pub fn delivery_counts(&self, destination: DestinationId) -> Result<Vec<(DeliveryState, u64)>> {
        all(
            &self.conn,
            "SELECT state, sum(instances) FROM delivery_tally WHERE destination_id = ? GROUP BY state",
            [destination],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
    }

    /// Segments in the spool of which every loaded object is settled at every destination, or was refused by it: their
    /// spool files may go. None while there is no destination.
    pub fn segments_to_free(&self, settled: Settled) -> Result<Vec<SegmentRow>> {
        let least = match settled {
            Settled::Accepted => DeliveryState::Sent,
            Settled::Proved => DeliveryState::Delivered,
        };
        segments::select(
            &self.conn,
            "WHERE s.state IN (?1, ?2) AND EXISTS (SELECT 1 FROM destination)
             AND NOT EXISTS (SELECT 1 FROM instance i JOIN destination t
                LEFT JOIN delivery d ON d.instance_id = i.id AND d.destination_id = t.id
                WHERE i.segment_id = s.id AND i.state = ?3 AND ifnull(d.state NOT IN (?4, ?5, ?6), 1))
             ORDER BY s.number",
            params![
                SegmentState::Loaded,
                SegmentState::Damaged,
                InstanceState::Loaded,
                least,
                DeliveryState::Delivered,
                DeliveryState::Failed
            ],
        )
    }

    /// Segments that are done with and hold objects that a destination still needs: an audit missed them, they are to be
    /// offered again, or the destination is new. They must be loaded again.
    pub fn segments_to_reload(&self) -> Result<Vec<SegmentRow>> {
        segments::select(
            &self.conn,
            "WHERE s.state = ?1 AND EXISTS (SELECT 1 FROM instance i JOIN destination t
                LEFT JOIN delivery d ON d.instance_id = i.id AND d.destination_id = t.id
                WHERE i.segment_id = s.id AND i.state = ?2 AND ifnull(d.state = ?3, 1))
             ORDER BY s.number",
            params![SegmentState::Done, InstanceState::Loaded, DeliveryState::Pending],
        )
    }
}
