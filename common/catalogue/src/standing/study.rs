//! Where studies stand.

use rusqlite::params;

use crate::balance::{Side, Stage, Tally};
use crate::connection::Reader;
use crate::error::{Error, Result};
use crate::ids::StudyId;
use crate::rows::{all, first};
use crate::states::{DeliveryState, InstanceState, Verdict};

/// A study and what became of it at one stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyStanding {
    /// The study's row; start of the next page.
    pub id: StudyId,
    /// Study Instance UID.
    pub uid: String,
    /// Study Date, as DICOM writes it.
    pub study_date: Option<String>,
    /// Modalities, joined by backslashes or commas: of the study, or else of its series.
    pub modalities: Option<String>,
    /// Number of Study Related Instances: the source's claim.
    pub claimed_instances: Option<u64>,
    /// Why the last attempt to list or fetch it failed.
    pub last_error: Option<String>,
    /// Why it is left out as a whole.
    pub excluded: Option<String>,
    /// What it waits for.
    pub waits_for: Option<String>,
    /// The side that the study is on.
    pub side: Side,
    /// Its instances.
    pub instances: Tally,
    /// Bytes of its instances that are done.
    pub bytes: u64,
    /// Instances that the last audit did not find.
    pub missing: u64,
    /// Instances that the last audit found and no manifest lists.
    pub extra: u64,
}

impl Reader {
    /// The studies after `after`, in the order they were listed, and where each stands at a stage.
    pub fn study_standings(&self, stage: Stage, after: StudyId, limit: usize) -> Result<Vec<StudyStanding>> {
        let mut page = self.study_page(stage, after, limit)?;
        let Some(last) = page.last().map(|study| study.id) else { return Ok(page) };
        let mut studies = page.iter_mut();
        self.each_study_balance_between(stage, after, last, |balance| {
            if let Some(study) = studies.find(|study| study.id == balance.id) {
                (study.side, study.instances) = (balance.side, balance.instances);
            }
            Ok::<_, Error>(())
        })?;
        for study in &mut page {
            study.bytes = self.bytes_done(stage, study)?;
        }
        Ok(page)
    }

    fn study_page(&self, stage: Stage, after: StudyId, limit: usize) -> Result<Vec<StudyStanding>> {
        const SQL: &str = "SELECT s.id, s.uid, s.study_date,
                ifnull(s.modalities, (SELECT group_concat(DISTINCT modality) FROM series WHERE study_id = s.id)),
                s.claimed_instances, s.last_error,
                (SELECT count(*) FROM verdict WHERE destination_id = ?1 AND study_uid = s.uid AND verdict = ?2),
                (SELECT count(*) FROM verdict WHERE destination_id = ?1 AND study_uid = s.uid AND verdict = ?3),
                ifnull(s.excluded, iif(s.gone IS NULL, NULL, 'deleted at the source before it was listed')),
                iif(s.waits_until IS NULL, NULL, ifnull(s.waits_for, ''))
            FROM study s WHERE s.id > ?4 ORDER BY s.id LIMIT ?5";
        let audited = match stage {
            Stage::Audit(destination) => Some(destination),
            _ => None,
        };
        all(&self.conn, SQL, params![audited, Verdict::Missing, Verdict::Extra, after, limit], |row| {
            Ok(StudyStanding {
                id: row.get(0)?,
                uid: row.get(1)?,
                study_date: row.get(2)?,
                modalities: row.get(3)?,
                claimed_instances: row.get(4)?,
                last_error: row.get(5)?,
                side: Side::Pending,
                instances: Tally::default(),
                bytes: 0,
                missing: row.get(6)?,
                extra: row.get(7)?,
                excluded: row.get(8)?,
                waits_for: row.get(9)?,
            })
        })
    }

    /// The running counts do not know the bytes at a destination: they are added up where a study is only half there.
    fn bytes_done(&self, stage: Stage, study: &StudyStanding) -> Result<u64> {
        const ALL: &str = "SELECT ifnull(sum(bytes), 0) FROM tally WHERE study_id = ?";
        const IN_STATE: &str = "SELECT ifnull(sum(bytes), 0) FROM tally WHERE study_id = ? AND state = ?";
        const AT_DESTINATION: &str = "SELECT ifnull(sum(i.bytes), 0) FROM instance i
            JOIN delivery d ON d.instance_id = i.id AND d.destination_id = ?2
            WHERE i.study_id = ?1 AND d.state IN (?3, ?4)";
        let in_state = |state| first(&self.conn, IN_STATE, params![study.id, state], |row| row.get(0));
        let at = |destination, least| {
            let values = params![study.id, destination, least, DeliveryState::Delivered];
            first(&self.conn, AT_DESTINATION, values, |row| row.get(0))
        };
        let bytes = match stage {
            _ if study.instances.done == 0 => None,
            _ if study.instances.done == study.instances.listed => {
                first(&self.conn, ALL, [study.id], |row| row.get(0))?
            }
            Stage::Export => in_state(InstanceState::Written)?,
            Stage::Load => in_state(InstanceState::Loaded)?,
            Stage::Deliver(destination) => at(destination, DeliveryState::Sent)?,
            Stage::Audit(destination) => at(destination, DeliveryState::Delivered)?,
        };
        Ok(bytes.unwrap_or(0))
    }
}
