//! Answers: what each destination said to what it was offered, and evidence of what it holds.

use rusqlite::{Connection, params};

use crate::connection::Catalogue;
use crate::doubt::supersede;
use crate::error::{Error, Result};
use crate::ids::{DestinationId, InstanceId, SegmentId};
use crate::rows::{change, first};
use crate::states::{DeliveryState, SegmentState};
use crate::time::Millis;
use crate::transition::advance;

/// What a destination answered to one C-STORE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreResult {
    /// The instance that was offered.
    pub instance_id: InstanceId,
    /// True for Success and warnings (PS3.4 B.2.3).
    pub accepted: bool,
    /// The DIMSE status; none when no answer came.
    pub status_code: Option<u16>,
    /// Error Comment, or why no answer came. Must not hold patient data.
    pub comment: Option<String>,
}

impl Catalogue {
    /// Adds a destination or finds it by its name; a new node replaces the old.
    pub fn add_destination(&mut self, name: &str, node: &str) -> Result<DestinationId> {
        self.durable(|tx| {
            let sql = "INSERT INTO destination (name, node) VALUES (?, ?)
                ON CONFLICT (name) DO UPDATE SET node = excluded.node RETURNING id";
            Ok(tx.prepare_cached(sql)?.query_row([name, node], |row| row.get(0))?)
        })
    }

    /// Records what a destination answered, each an attempt, and leaves out what was in doubt of these instances; one quick
    /// transaction. Returns how many of them had failed before.
    pub fn record_store_results(&mut self, destination: DestinationId, batch: &[StoreResult]) -> Result<u64> {
        self.quick(|tx| {
            let mut failed_before = 0;
            for result in batch {
                let to = if result.accepted { DeliveryState::Sent } else { DeliveryState::Failed };
                let answer = Answer {
                    status_code: result.status_code,
                    comment: result.comment.as_deref(),
                    attempts: 1,
                };
                let before = deliver(tx, result.instance_id, destination, to, &answer)?;
                failed_before += u64::from(before == Some(DeliveryState::Failed));
                supersede(tx, result.instance_id)?;
            }
            Ok(failed_before)
        })
    }

    /// Records that the destination gave evidence for these instances, sent by us or there before; durable.
    pub fn record_delivered(&mut self, destination: DestinationId, instances: &[InstanceId]) -> Result<()> {
        self.settle(destination, instances, DeliveryState::Delivered)
    }

    /// Makes deliveries pending again: an audit misses what was sent.
    pub fn deliver_again(&mut self, destination: DestinationId, instances: &[InstanceId]) -> Result<()> {
        self.settle(destination, instances, DeliveryState::Pending)
    }

    /// Makes all that a destination refused pending again; returns how many deliveries. Their number of attempts stays.
    pub fn retry_refused(&mut self, destination: DestinationId) -> Result<u64> {
        const SQL: &str =
            "UPDATE delivery SET state = ?, comment = NULL WHERE destination_id = ? AND state = 3";
        self.durable(|tx| change(tx, SQL, params![DeliveryState::Pending, destination]))
    }

    /// Records that a segment's spool file is deleted.
    pub fn segment_done(&mut self, id: SegmentId) -> Result<()> {
        self.quick(|tx| advance(tx, id.0, SegmentState::Done, &[]))
    }

    fn settle(
        &mut self,
        destination: DestinationId,
        instances: &[InstanceId],
        to: DeliveryState,
    ) -> Result<()> {
        let answer = Answer { status_code: None, comment: None, attempts: 0 };
        self.durable(|tx| {
            instances.iter().try_for_each(|id| deliver(tx, *id, destination, to, &answer).map(|_| ()))
        })
    }
}

/// What goes into a delivery's row besides its state.
struct Answer<'a> {
    status_code: Option<u16>,
    comment: Option<&'a str>,
    attempts: u32,
}

/// Moves a delivery to another state and returns the one before.
fn deliver(
    conn: &Connection,
    id: InstanceId,
    destination: DestinationId,
    to: DeliveryState,
    answer: &Answer<'_>,
) -> Result<Option<DeliveryState>> {
    const FOUND: &str = "SELECT state FROM delivery WHERE instance_id = ? AND destination_id = ?";
    let found: Option<DeliveryState> = first(conn, FOUND, params![id, destination], |row| row.get(0))?;
    if !to.reached_from().contains(&found) {
        let found = found.map_or_else(|| "never tried".to_owned(), |state| format!("{state:?}"));
        return Err(Error::IllegalTransition {
            what: "delivery of instance",
            id: id.0,
            found,
            to: format!("{to:?}"),
        });
    }
    if first(conn, "SELECT 1 FROM instance WHERE id = ?", [id], |_| Ok(()))?.is_none() {
        return Err(Error::Unknown { what: "instance", id: id.to_string() });
    }
    change(
        conn,
        "INSERT INTO delivery (instance_id, destination_id, state, status_code, comment, attempts, at)
         VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET state = excluded.state, status_code = ifnull(excluded.status_code, status_code),
            comment = excluded.comment, attempts = attempts + excluded.attempts, at = excluded.at",
        params![id, destination, to, answer.status_code, answer.comment, answer.attempts, Millis::now()],
    )?;
    Ok(found)
}
