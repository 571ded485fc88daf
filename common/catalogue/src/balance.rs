//! The balance: `listed = done + excluded + failed + pending`, for studies and instances, at either end.

use rusqlite::{Row, params};
use serde::Serialize;

use crate::connection::Reader;
use crate::error::{Error, Result};
use crate::ids::{DestinationId, StudyId};
use crate::rows::{all, each, first};
use crate::states::{DeliveryState, InstanceState, OddityState, StudyListing};
pub use crate::tally::{Side, Tally};

/// What counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// `p2t`: committed on a volume of every copy.
    Export,
    /// `t2p`: in the spool, digest checked.
    Load,
    /// `t2p`: accepted by the destination.
    Deliver(DestinationId),
    /// `t2p`: proved by evidence from the destination.
    Audit(DestinationId),
}

/// The balance of a job at one stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Balance {
    /// Studies: failed when any instance failed and none is pending, or when none was found at all; done when all
    /// instances are done or excluded; excluded when all are excluded, when it is left out as a whole, or the source
    /// deleted it before any was listed.
    pub studies: Tally,
    /// Instances, and listed files that are no DICOM objects.
    pub instances: Tally,
}

/// The instances of one study at one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyBalance {
    /// The study's row.
    pub id: StudyId,
    /// Study Instance UID.
    pub uid: String,
    /// The side that the study is on.
    pub side: Side,
    /// Its instances.
    pub instances: Tally,
}

impl Balance {
    /// Whether both equations hold.
    pub fn holds(&self) -> bool {
        self.studies.holds() && self.instances.holds()
    }

    /// Whether nothing is left to do.
    pub fn is_complete(&self) -> bool {
        self.studies.pending == 0 && self.instances.pending == 0
    }
}

impl Reader {
    /// The balance at a stage, from the running counts: one row a study and state.
    pub fn balance(&self, stage: Stage) -> Result<Balance> {
        let mut balance = Balance::default();
        self.each_study_balance(stage, |study| {
            balance.studies.list(study.side, 1);
            balance.instances.add(&study.instances);
            Ok::<_, Error>(())
        })?;
        let oddities = all(&self.conn, "SELECT state, count(*) FROM oddity GROUP BY state", [], |row| {
            Ok((row.get::<_, OddityState>(0)?, row.get(1)?))
        })?;
        for (state, count) in oddities {
            balance.instances.list(Side::from(state), count);
        }
        Ok(balance)
    }

    /// Calls `visit` for each study with its instances at a stage, in the order the studies were listed.
    pub fn each_study_balance<E: From<Error>>(
        &self,
        stage: Stage,
        visit: impl FnMut(StudyBalance) -> Result<(), E>,
    ) -> Result<(), E> {
        self.each_study_balance_between(stage, StudyId(i64::MIN), StudyId(i64::MAX), visit)
    }

    /// As [`Self::each_study_balance`] for the studies after `after` up to `last`.
    pub(crate) fn each_study_balance_between<E: From<Error>>(
        &self,
        stage: Stage,
        after: StudyId,
        last: StudyId,
        mut visit: impl FnMut(StudyBalance) -> Result<(), E>,
    ) -> Result<(), E> {
        // Both parts come from their keys almost in this order, so that no more than a study's rows are sorted.
        const COUNTS: &str = "SELECT s.id, s.uid, s.listing, t.state, NULL, t.instances, s.gone IS NOT NULL, s.excluded IS NOT NULL
            FROM study s LEFT JOIN tally t ON t.study_id = s.id WHERE s.id > ?2 AND s.id <= ?3
            UNION ALL
            SELECT d.study_id, s.uid, s.listing, d.instance_state, d.state, d.instances, s.gone IS NOT NULL, s.excluded IS NOT NULL
            FROM delivery_tally d CROSS JOIN study s ON s.id = d.study_id
            WHERE d.destination_id = ?1 AND d.study_id > ?2 AND d.study_id <= ?3
            ORDER BY 1, 5";
        let mut current: Option<Counted> = None;
        each(&self.conn, COUNTS, params![stage.destination(), after, last], counts, |row| {
            if current.as_ref().is_none_or(|counted| counted.id != row.id)
                && let Some(counted) = current.replace(Counted::from(&row))
            {
                visit(counted.balance())?;
            }
            if let Some(counted) = &mut current {
                counted.count(stage, &row);
            }
            Ok::<_, E>(())
        })?;
        current.map_or(Ok(()), |counted| visit(counted.balance()))
    }
}

impl Reader {
    /// How many instances are in each state.
    pub fn instance_states(&self) -> Result<Vec<(InstanceState, u64)>> {
        const SQL: &str = "SELECT state, sum(instances) FROM tally GROUP BY state HAVING sum(instances) > 0";
        all(&self.conn, SQL, [], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    /// Instances of a study that are past Pending: captured, on their way, or given up.
    pub fn instances_past_pending(&self, study: StudyId) -> Result<u64> {
        const SQL: &str = "SELECT ifnull(sum(instances), 0) FROM tally WHERE study_id = ? AND state <> ?";
        let count = first(&self.conn, SQL, params![study, InstanceState::Pending], |row| row.get(0))?;
        Ok(count.unwrap_or_default())
    }

    /// The mean length of an object, over all that were written.
    pub fn mean_object_bytes(&self) -> Result<Option<f64>> {
        const SQL: &str = "SELECT CAST(sum(bytes) AS REAL) / sum(instances) FROM tally WHERE state = ?";
        Ok(first(&self.conn, SQL, [InstanceState::Written], |row| row.get::<_, Option<f64>>(0))?.flatten())
    }

    /// Bytes of all instances that are not left out, where the source or their capture told the size of every one.
    pub fn planned_bytes(&self) -> Result<Option<u64>> {
        const BYTES: &str = "SELECT ifnull(sum(bytes), 0) FROM tally WHERE state <> 8";
        const UNKNOWN: &str = "SELECT 1 FROM instance WHERE bytes IS NULL AND state <> 8 LIMIT 1";
        if first(&self.conn, UNKNOWN, [], |_| Ok(()))?.is_some() {
            return Ok(None);
        }
        first(&self.conn, BYTES, [], |row| row.get(0))
    }
}

impl Stage {
    fn destination(self) -> Option<DestinationId> {
        match self {
            Self::Export | Self::Load => None,
            Self::Deliver(destination) | Self::Audit(destination) => Some(destination),
        }
    }

    /// The side of an instance about which its destination, if the stage has one, has said nothing.
    fn side(self, state: InstanceState) -> Side {
        match (self, state) {
            (_, InstanceState::Excluded) => Side::Excluded,
            (_, InstanceState::Failed) => Side::Failed,
            (Self::Export, InstanceState::Written) | (Self::Load, InstanceState::Loaded) => Side::Done,
            _ => Side::Pending,
        }
    }

    fn delivered_side(self, state: DeliveryState) -> Side {
        match (self, state) {
            (_, DeliveryState::Delivered) | (Self::Deliver(_), DeliveryState::Sent) => Side::Done,
            (_, DeliveryState::Failed) => Side::Failed,
            (_, DeliveryState::Sent | DeliveryState::Pending) => Side::Pending,
        }
    }
}

/// One row of the counts.
struct Counts {
    id: StudyId,
    uid: String,
    listing: StudyListing,
    state: Option<InstanceState>,
    delivery: Option<DeliveryState>,
    instances: Option<u64>,
    gone: bool,
    excluded: bool,
}

fn counts(row: &Row<'_>) -> rusqlite::Result<Counts> {
    Ok(Counts {
        id: row.get(0)?,
        uid: row.get(1)?,
        listing: row.get(2)?,
        state: row.get(3)?,
        delivery: row.get(4)?,
        instances: row.get(5)?,
        gone: row.get(6)?,
        excluded: row.get(7)?,
    })
}

/// A study while its rows are read.
struct Counted {
    id: StudyId,
    uid: String,
    listing: StudyListing,
    gone: bool,
    excluded: bool,
    instances: Tally,
}

impl From<&Counts> for Counted {
    fn from(row: &Counts) -> Self {
        let (uid, instances) = (row.uid.clone(), Tally::default());
        Self { id: row.id, uid, listing: row.listing, gone: row.gone, excluded: row.excluded, instances }
    }
}

impl Counted {
    fn count(&mut self, stage: Stage, row: &Counts) {
        let (Some(reached), Some(count)) = (row.state, row.instances) else { return };
        match row.delivery {
            None => self.instances.list(stage.side(reached), count),
            // What is left out stays so, whatever a destination said of it before.
            Some(_) if reached == InstanceState::Excluded => {}
            Some(delivery) => {
                self.instances.shift(stage.side(reached), stage.delivered_side(delivery), count);
            }
        }
    }

    fn balance(self) -> StudyBalance {
        let instances = self.instances;
        let is_to_be_listed = self.listing == StudyListing::Listed && !self.excluded;
        let side = if is_to_be_listed || instances.pending > 0 {
            Side::Pending
        } else if instances.failed > 0 || instances.listed == 0 && !self.gone && !self.excluded {
            Side::Failed
        } else if instances.done > 0 {
            Side::Done
        } else {
            Side::Excluded
        };
        StudyBalance { id: self.id, uid: self.uid, side, instances }
    }
}
