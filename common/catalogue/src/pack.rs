//! Packing: captured objects in plan order, and segments sealed from them.

use rusqlite::{Connection, Row, params};

use crate::connection::{Catalogue, Reader};
use crate::error::{Error, Result};
use crate::ids::{InstanceId, IntakeId, SegmentId, StudyId};
use crate::object::{CANONICAL_MEMBER, FURTHER_COLUMN, Object, object, select_object};
use crate::segments::{self, NewSegment};
use crate::states::{InstanceState, SegmentState};
use crate::study::{self, PlanPosition};
use crate::transition::advance;

/// Studies looked at in one go while captured objects are sought.
const STUDIES_AT_ONCE: usize = 64;

/// An object in an intake, ready to be packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedObject {
    /// The object.
    pub object: Object,
    /// The intake that holds it.
    pub intake_id: IntakeId,
    /// Its first byte there.
    pub offset: u64,
    /// Whether no earlier row claims the same Study, Series and SOP Instance UID.
    pub first_of_its_name: bool,
}

/// Which studies may be packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Only those with nothing left to enumerate or fetch, so that a study's objects stay together.
    Complete,
    /// All, when the spool is full or nothing more will come.
    Any,
}

/// Whether no earlier row claims the same UIDs: then the object's plain name is its own.
const FIRST_OF_ITS_NAME: &str = "NOT EXISTS (SELECT 1 FROM instance o WHERE o.sop_instance = i.sop_instance
    AND o.series_id = i.series_id AND o.id < i.id)";

/// How much to hand over at most; at least one object, whatever its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Bytes of all objects.
    pub bytes: u64,
    /// Their number.
    pub objects: usize,
}

/// How far objects were handed over; the default lies before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ObjectCursor {
    before_study: PlanPosition,
    instance: InstanceId,
}

/// A member of a segment about to be sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The captured instance.
    pub instance_id: InstanceId,
    /// Its name in the tar.
    pub member: String,
    /// Where its first byte lies in the tar.
    pub tar_offset: u64,
}

impl Reader {
    /// Captured objects after `cursor`, study by study in plan order, as many as `budget` allows; moves `cursor` past
    /// them. Empty when there are no more. A fresh cursor starts again at the first that is not packed.
    pub fn captured_objects(
        &self,
        cursor: &mut ObjectCursor,
        readiness: Readiness,
        budget: Budget,
    ) -> Result<Vec<CapturedObject>> {
        let condition = condition(readiness);
        let mut found = Vec::new();
        let mut bytes = 0_u64;
        loop {
            let studies = study::page(&self.conn, &condition, &[], cursor.before_study, STUDIES_AT_ONCE)?;
            if studies.is_empty() {
                return Ok(found);
            }
            for planned in studies {
                if !self.take(planned.id, cursor, budget, &mut bytes, &mut found)? {
                    return Ok(found);
                }
                *cursor = ObjectCursor { before_study: planned.position, instance: InstanceId::default() };
            }
        }
    }

    /// Takes a study's captured objects; false when the budget ended first.
    fn take(
        &self,
        study: StudyId,
        cursor: &mut ObjectCursor,
        budget: Budget,
        bytes: &mut u64,
        found: &mut Vec<CapturedObject>,
    ) -> Result<bool> {
        let sql = select_object(
            &[FIRST_OF_ITS_NAME],
            "WHERE i.study_id = ? AND i.state = ? AND i.id > ? ORDER BY i.id",
        );
        let mut statement = self.conn.prepare_cached(&sql)?;
        let mut rows = statement.query(params![study, InstanceState::Captured, cursor.instance])?;
        while let Some(row) = rows.next()? {
            let next = captured_object(row)?;
            let total = bytes.saturating_add(next.object.bytes);
            if !found.is_empty() && (total > budget.bytes || found.len() >= budget.objects) {
                return Ok(false);
            }
            *bytes = total;
            cursor.instance = next.object.id;
            found.push(next);
        }
        Ok(true)
    }
}

impl Catalogue {
    /// Records a sealed segment, durable in the spool, with its members; one durable transaction.
    pub fn seal_segment(
        &mut self,
        segment: &NewSegment,
        members: impl IntoIterator<Item = Member>,
    ) -> Result<SegmentId> {
        self.durable(|tx| {
            if segments::by_number(tx, segment.number)?.is_some() {
                return Err(Error::SegmentDiffers { number: segment.number });
            }
            let id = segments::insert(tx, segment, SegmentState::Sealed)?;
            let mut found = 0;
            for member in members {
                pack(tx, id, &member)?;
                found += 1;
            }
            if found != segment.objects {
                return Err(Error::MembersMiscounted {
                    number: segment.number,
                    said: segment.objects,
                    found,
                });
            }
            Ok(id)
        })
    }
}

fn condition(readiness: Readiness) -> String {
    let captured = study::has(InstanceState::Captured);
    match readiness {
        Readiness::Any => captured,
        Readiness::Complete => {
            format!("listing = 1 AND {captured} AND NOT {}", study::has(InstanceState::Pending))
        }
    }
}

fn pack(conn: &Connection, segment: SegmentId, member: &Member) -> Result<()> {
    let unless_canonical = format!("member = nullif(?, {CANONICAL_MEMBER})");
    let gone = None::<i64>;
    advance(
        conn,
        member.instance_id.0,
        InstanceState::Packed,
        &[
            ("segment_id = ?", &segment),
            (&unless_canonical, &member.member),
            ("tar_offset = ?", &member.tar_offset),
            ("intake_id = ?", &gone),
            ("spool_offset = ?", &gone),
        ],
    )
}

fn captured_object(row: &Row<'_>) -> rusqlite::Result<CapturedObject> {
    Ok(CapturedObject {
        object: object(row)?,
        offset: row.get(15)?,
        intake_id: row.get(16)?,
        first_of_its_name: row.get(FURTHER_COLUMN)?,
    })
}
