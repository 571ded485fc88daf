//! Registering: what volumes hold, learnt from them alone.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::connection::Catalogue;
use crate::error::{Error, Result};
use crate::ids::{SegmentId, StudyId, VolumeId};
use crate::object::{Dataset, Digest};
use crate::plan::Listed;
use crate::rows::{change, first};
use crate::segments::{self, NewSegment};
use crate::states::{SegmentState, VolumeState};
use crate::study::{self, SeriesFinder, StudyRow};
use crate::time::Millis;
use crate::volumes::{self, NewVolume, files_json};
use crate::write::place;

/// An object as a manifest lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectRow {
    /// Study Instance UID.
    pub study_uid: String,
    /// Series Instance UID.
    pub series_uid: String,
    /// Modality of the series.
    pub modality: Option<String>,
    /// SOP Instance UID.
    pub sop_instance: String,
    /// SOP Class UID.
    pub sop_class: Option<String>,
    /// The folder source's relative path, as bytes.
    pub source_ref: Option<Vec<u8>>,
    /// Transfer Syntax UID.
    pub transfer_syntax: Option<String>,
    /// Length of the whole object.
    pub bytes: u64,
    /// BLAKE3 of the whole object.
    pub blake3: Digest,
    /// Its dataset, where one could be told apart.
    pub dataset: Option<Dataset>,
    /// What was odd about it.
    pub findings: Option<String>,
    /// Its name in the tar.
    pub member: String,
    /// Where its first byte lies in the tar.
    pub tar_offset: u64,
    /// False when it had arrived though the source had not listed it.
    pub listed: bool,
}

/// What a volume's index and trailer add to its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeContents<'a> {
    /// Names of its files, in order.
    pub files: &'a [String],
    /// BLAKE3 of its index; none when it was never sealed.
    pub index_blake3: Option<&'a Digest>,
    /// Bytes on it.
    pub bytes: u64,
    /// True for the last volume of its set.
    pub last: bool,
    /// When it was sealed; none when it never was.
    pub sealed_at: Option<Timestamp>,
}

impl Catalogue {
    /// Adds a volume by its label, or finds it: the same volume twice is one volume.
    pub fn register_volume(&mut self, volume: &NewVolume) -> Result<VolumeId> {
        self.quick(|tx| {
            let Some(known) = volumes::by_uuid(tx, volume.uuid)? else {
                return volumes::insert(tx, volume, VolumeState::Known);
            };
            if (known.volume.sequence, known.volume.copy) != (volume.sequence, volume.copy) {
                return Err(Error::VolumeDiffers { uuid: volume.uuid });
            }
            change(
                tx,
                "UPDATE volume SET medium = ?, barcode = ifnull(?, barcode) WHERE id = ?",
                params![volume.medium, volume.barcode, known.id],
            )?;
            Ok(known.id)
        })
    }

    /// Notes a volume that another one names as sealed before it, and that was not seen yet, with the digest of its index.
    pub fn expect_volume(&mut self, volume: &NewVolume, index_blake3: &Digest) -> Result<VolumeId> {
        self.quick(|tx| {
            let id = volumes::insert(tx, volume, VolumeState::Known)?;
            change(tx, "UPDATE volume SET index_blake3 = ? WHERE id = ?", params![index_blake3, id])?;
            Ok(id)
        })
    }

    /// Notes what a volume's index and trailer say of it.
    pub fn describe_volume(&mut self, id: VolumeId, contents: &VolumeContents<'_>) -> Result<()> {
        self.quick(|tx| {
            change(
                tx,
                "UPDATE volume SET files = ?, index_blake3 = ?, bytes = ?, last = ?, sealed_at = ? WHERE id = ?",
                params![
                    files_json(contents.files),
                    contents.index_blake3,
                    contents.bytes,
                    contents.last,
                    contents.sealed_at.map(Millis),
                    id
                ],
            )?;
            Ok(())
        })
    }

    /// Adds a segment that a volume holds, or finds it; refuses another digest under a known number, when an index
    /// stands behind both.
    pub fn register_segment(
        &mut self,
        volume: VolumeId,
        file_number: u64,
        segment: &NewSegment,
    ) -> Result<SegmentId> {
        self.quick(|tx| {
            let id = match segments::by_number(tx, segment.number)? {
                None => segments::insert(tx, segment, SegmentState::Known)?,
                Some(known) if !segment.indexed => known.id,
                Some(known) if !known.segment.indexed => {
                    segments::redescribe(tx, known.id, segment)?;
                    known.id
                }
                Some(known) if known.segment.blake3 == segment.blake3 => known.id,
                Some(_) => return Err(Error::SegmentDiffers { number: segment.number }),
            };
            place_found(tx, volume, id, file_number, segment.indexed)?;
            Ok(id)
        })
    }

    /// Records the studies and objects that a segment's manifest lists; one transaction. Repeating it changes
    /// nothing.
    pub fn register_objects(
        &mut self,
        segment_id: SegmentId,
        studies: impl IntoIterator<Item = StudyRow>,
        objects: impl IntoIterator<Item = ObjectRow>,
    ) -> Result<Listed> {
        self.quick(|tx| {
            let number = segments::by_id(tx, segment_id)?.segment.number;
            for study in studies {
                let (id, _) = study::upsert(tx, &study)?;
                study::mark_enumerated(tx, id)?;
            }
            let mut register = Register { segment_id, number, study: None, series: SeriesFinder::default() };
            let mut listed = Listed::default();
            for object in objects {
                listed.count(register.object(tx, &object)?);
            }
            Ok(listed)
        })
    }
}

/// Notes that a segment is a volume's file. What a volume without an index said of the segment's place or of this file
/// gives way; what an index has said gives way to none of these.
fn place_found(
    conn: &Connection,
    volume: VolumeId,
    segment: SegmentId,
    file_number: u64,
    indexed: bool,
) -> Result<()> {
    const SAME: &str = "placement WHERE volume_id = ?1 AND (segment_id = ?2 OR file_number = ?3)";
    let same = params![volume, segment, file_number];
    change(conn, &format!("DELETE FROM {SAME} AND NOT indexed"), same)?;
    if !indexed && first(conn, &format!("SELECT 1 FROM {SAME}"), same, |_| Ok(()))?.is_some() {
        return Ok(());
    }
    place(conn, volume, segment, file_number, None, indexed)
}

/// Registers a segment's objects one by one; remembers the last study, because a manifest goes study by study.
struct Register {
    segment_id: SegmentId,
    number: u64,
    study: Option<(String, StudyId)>,
    series: SeriesFinder,
}

impl Register {
    /// Adds the object; false when it is known.
    fn object(&mut self, conn: &Connection, row: &ObjectRow) -> Result<bool> {
        let known = first(
            conn,
            "SELECT blake3, sop_instance FROM instance WHERE segment_id = ? AND tar_offset = ?",
            params![self.segment_id, row.tar_offset],
            |found| Ok((found.get::<_, Digest>(0)?, found.get::<_, String>(1)?)),
        )?;
        match known {
            Some((blake3, sop)) if blake3 == row.blake3 && sop == row.sop_instance => return Ok(false),
            Some(_) => return Err(Error::ObjectDiffers { number: self.number, tar_offset: row.tar_offset }),
            None => {}
        }
        let study_id = self.study(conn, &row.study_uid)?;
        let series_id = self.series.id(conn, study_id, &row.series_uid, row.modality.as_deref())?;
        self.insert(conn, study_id, series_id, row)?;
        Ok(true)
    }

    fn study(&mut self, conn: &Connection, uid: &str) -> Result<StudyId> {
        if let Some((last, id)) = &self.study
            && last == uid
        {
            return Ok(*id);
        }
        let (id, _) = study::upsert(conn, &StudyRow { uid: uid.to_owned(), ..StudyRow::default() })?;
        study::mark_enumerated(conn, id)?;
        self.study = Some((uid.to_owned(), id));
        Ok(id)
    }

    fn insert(&self, conn: &Connection, study_id: StudyId, series_id: i64, row: &ObjectRow) -> Result<()> {
        let canonical = format!("{}/{}/{}.dcm", row.study_uid, row.series_uid, row.sop_instance);
        change(
            conn,
            "INSERT INTO instance (study_id, series_id, sop_instance, sop_class, source_ref, version, listed,
                transfer_syntax, bytes, blake3, dataset_offset, dataset_blake3, findings, segment_id, member,
                tar_offset)
             VALUES (?1, ?2, ?3, ?4, ?5,
                (SELECT ifnull(max(version) + 1, 0) FROM instance WHERE sop_instance = ?3 AND series_id = ?2
                 AND ifnull(source_ref, x'') = ifnull(?5, x'')),
                ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
            params![
                study_id,
                series_id,
                row.sop_instance,
                row.sop_class,
                row.source_ref,
                row.listed,
                row.transfer_syntax,
                row.bytes,
                row.blake3,
                row.dataset.map(|dataset| dataset.offset),
                row.dataset.map(|dataset| dataset.blake3),
                row.findings,
                self.segment_id,
                (row.member != canonical).then_some(&row.member),
                row.tar_offset
            ],
        )?;
        Ok(())
    }
}
