//! Intakes: spool files that hold captured objects one behind the other, until all are in sealed segments.

use crate::connection::{Catalogue, Reader};
use crate::error::{Error, Result};
use crate::ids::IntakeId;
use crate::rows::{all, change, first};
use crate::states::{InstanceState, IntakeState};
use crate::transition::{advance, advance_all};

/// An intake that the catalogue knows. Whatever else of this kind lies in the spool is an orphan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intake {
    /// The intake's row.
    pub id: IntakeId,
    /// Whether it still grows.
    pub state: IntakeState,
    /// Objects in it that are in no sealed segment yet.
    pub objects: u64,
    /// Where the last of these ends; bytes beyond belong to nothing.
    pub end: u64,
}

/// The file name of an intake in the spool.
pub fn file_name(id: IntakeId) -> String {
    format!("intake-{:08}", id.0)
}

impl Intake {
    /// Its file name in the spool; never used twice in a job.
    pub fn file_name(&self) -> String {
        file_name(self.id)
    }

    /// True when nothing needs it any more: it grows no more and every object of it is in a sealed segment.
    pub fn is_deletable(&self) -> bool {
        self.state == IntakeState::Closed && self.objects == 0
    }
}

impl Catalogue {
    /// Adds an intake and so reserves its file name.
    pub fn open_intake(&mut self) -> Result<Intake> {
        self.durable(|tx| {
            let id = tx
                .prepare_cached("INSERT INTO intake (state) VALUES (?) RETURNING id")?
                .query_row([IntakeState::Open], |row| row.get(0))?;
            Ok(Intake { id, state: IntakeState::Open, objects: 0, end: 0 })
        })
    }

    /// Says that the intake grows no more.
    pub fn close_intake(&mut self, id: IntakeId) -> Result<()> {
        self.quick(|tx| advance(tx, id.0, IntakeState::Closed, &[]))
    }

    /// Forgets an intake whose file is deleted. Refuses one that still holds unpacked objects.
    pub fn forget_intake(&mut self, id: IntakeId) -> Result<()> {
        self.quick(|tx| {
            let used = first(tx, "SELECT 1 FROM instance WHERE intake_id = ? LIMIT 1", [id], |_| Ok(()))?;
            if used.is_some() {
                return Err(Error::IntakeInUse(id.0));
            }
            change(tx, "DELETE FROM intake WHERE id = ?", [id])?;
            Ok(())
        })
    }

    /// Makes what an intake held pending again, because its file was lost or damaged; returns how many objects.
    pub fn release_intake(&mut self, id: IntakeId) -> Result<u64> {
        self.durable(|tx| {
            let step = (InstanceState::Captured, InstanceState::Pending);
            let forget = ["intake_id = NULL", "spool_offset = NULL"];
            advance_all(tx, step, &forget, "intake_id = :intake", &[(":intake", &id)])
        })
    }
}

impl Reader {
    /// Every intake that the spool should hold.
    pub fn intakes(&self) -> Result<Vec<Intake>> {
        all(
            &self.conn,
            "SELECT k.id, k.state, count(i.id), ifnull(max(i.spool_offset + i.bytes), 0)
             FROM intake k LEFT JOIN instance i ON i.intake_id = k.id GROUP BY k.id ORDER BY k.id",
            [],
            |row| Ok(Intake { id: row.get(0)?, state: row.get(1)?, objects: row.get(2)?, end: row.get(3)? }),
        )
    }
}
