//! Volumes as rows, at either end.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use crate::connection::{Catalogue, Reader};
use crate::error::{Error, Result};
use crate::ids::VolumeId;
use crate::object::Digest;
use crate::rows::{all, change, first};
use crate::states::{InstanceState, SegmentState, VolumeState};
use crate::time::Millis;
use crate::transition::advance;

/// What a volume's label says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewVolume {
    /// The volume's id.
    pub uuid: Uuid,
    /// Its number in the volume set, from 1.
    pub sequence: u32,
    /// Which copy of the set it belongs to, from 1.
    pub copy: u32,
    /// Where it is or was last seen.
    pub medium: String,
    /// The barcode of its cartridge, where one was told.
    pub barcode: Option<String>,
}

impl NewVolume {
    /// The volume as an operator names it: `SEQUENCE:COPY`.
    #[must_use]
    pub fn which(&self) -> String {
        format!("{}:{}", self.sequence, self.copy)
    }
}

/// A volume that the catalogue knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeRow {
    /// The volume's row.
    pub id: VolumeId,
    /// What its label says.
    pub volume: NewVolume,
    /// Where it is in its life.
    pub state: VolumeState,
    /// Names of its committed files, in order.
    pub files: Vec<String>,
    /// BLAKE3 of its index, once sealed.
    pub index_blake3: Option<Digest>,
    /// Bytes committed on it.
    pub bytes: u64,
    /// True for the last volume of its set.
    pub last: bool,
    /// When it was begun, or first seen (`t2p`).
    pub created_at: Timestamp,
    /// When its trailer was committed.
    pub sealed_at: Option<Timestamp>,
    /// What is wrong with its label, index or trailer (`p2t`).
    pub unsound: Option<String>,
    /// When it was last read back and found right.
    pub verified_at: Option<Timestamp>,
    /// How it was verified.
    pub verified_how: Option<String>,
    /// What its cartridge had taken when its drive told that the end is near (`p2t`).
    pub held: Option<Held>,
}

/// How much a cartridge held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Bytes without compression.
    pub bytes: u64,
    /// What it is, where that is known.
    pub cartridge: Option<Cartridge>,
}

/// What a cartridge is sold as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cartridge {
    /// Its format, such as `LTO-9`.
    pub format: String,
    /// Its native capacity.
    pub native_bytes: u64,
}

impl Held {
    /// How much of its native capacity that is, in per cent.
    #[must_use]
    pub fn percent(&self) -> Option<u64> {
        let native = self.cartridge.as_ref()?.native_bytes;
        Some(self.bytes.saturating_mul(100) / native.max(1))
    }

    /// For people, as in `99 % of an LTO-9 cartridge`.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let (percent, cartridge) = (self.percent()?, self.cartridge.as_ref()?);
        Some(format!("{percent} % of an {} cartridge", cartridge.format))
    }
}

/// What [`VolumeRow::verified_how`] begins with when not all was read back.
pub const SAMPLE: &str = "sample: ";

impl VolumeRow {
    /// Whether all of it was read back and found right.
    pub fn is_verified_whole(&self) -> bool {
        self.verified_at.is_some() && !self.is_verified_by_sample()
    }

    /// Whether a sample of it was read back and found right.
    pub fn is_verified_by_sample(&self) -> bool {
        self.verified_at.is_some() && self.verified_how.as_ref().is_some_and(|how| how.starts_with(SAMPLE))
    }
}

const SELECT: &str =
    "SELECT id, uuid, sequence, copy, medium, state, files, index_blake3, bytes, last, created_at,
    sealed_at, verified_at, verified_how, unsound, barcode, held_bytes, cartridge, native_bytes FROM volume ";

impl Reader {
    /// All volumes, in order of copy and sequence.
    pub fn volumes(&self) -> Result<Vec<VolumeRow>> {
        all(&self.conn, &format!("{SELECT} ORDER BY copy, sequence, id"), [], volume_row)
    }

    /// A volume by its id on the label.
    pub fn volume(&self, uuid: Uuid) -> Result<Option<VolumeRow>> {
        by_uuid(&self.conn, uuid)
    }

    /// `t2p`: whether every segment known to lie on a volume is done with, at least one is known, and so are all that
    /// its list of files names: one that could not be made out has no row, and nobody else would miss its objects.
    pub fn is_volume_settled(&self, id: VolumeId) -> Result<bool> {
        const SQL: &str = "SELECT count(*) > 0 AND count(*) = sum(s.state = ?2)
            AND count(*) >= (SELECT count(*) FROM volume v, json_each(v.files) f WHERE v.id = ?1 AND f.value GLOB 'segment-*')
            FROM placement p JOIN segment s ON s.id = p.segment_id WHERE p.volume_id = ?1";
        let settled =
            first(&self.conn, SQL, params![id, SegmentState::Done], |row| row.get::<_, Option<bool>>(0))?;
        Ok(settled.flatten().unwrap_or(false))
    }

    /// `t2p`: whether the volume is settled, and no object that lies on it has failed.
    pub fn is_volume_whole(&self, id: VolumeId) -> Result<bool> {
        const SQL: &str =
            "SELECT EXISTS (SELECT 1 FROM placement p JOIN instance i ON i.segment_id = p.segment_id
            WHERE p.volume_id = ? AND i.state = ?)";
        let failed = first(&self.conn, SQL, params![id, InstanceState::Failed], |row| row.get::<_, bool>(0))?;
        Ok(failed == Some(false) && self.is_volume_settled(id)?)
    }

    /// The volume of `copy` that was begun and is neither sealed nor abandoned.
    pub fn volume_in_work(&self, copy: u32) -> Result<Option<VolumeRow>> {
        let sql = format!("{SELECT} WHERE copy = ? AND state IN (?, ?) ORDER BY sequence LIMIT 1");
        first(&self.conn, &sql, params![copy, VolumeState::Labelling, VolumeState::Open], volume_row)
    }
}

impl Catalogue {
    /// Records the barcode of a volume's cartridge, which has another than it was begun with.
    pub fn volume_has_barcode(&mut self, id: VolumeId, barcode: &str) -> Result<()> {
        self.durable(|tx| {
            change(tx, "UPDATE volume SET barcode = ? WHERE id = ?", params![barcode, id]).map(drop)
        })
    }

    /// Records how much a volume's cartridge held.
    pub fn cartridge_held(&mut self, id: VolumeId, held: &Held) -> Result<()> {
        self.durable(|tx| {
            const SQL: &str =
                "UPDATE volume SET held_bytes = ?, cartridge = ?, native_bytes = ? WHERE id = ?";
            let format = held.cartridge.as_ref().map(|cartridge| &cartridge.format);
            let native = held.cartridge.as_ref().map(|cartridge| cartridge.native_bytes);
            change(tx, SQL, params![held.bytes, format, native, id]).map(drop)
        })
    }

    /// Records that a volume was read back and how, and forgets what was wrong with it unless it was read by sample. At
    /// `t2p` it becomes Verified; at `p2t` it stays Sealed, or Abandoned.
    pub fn volume_verified(&mut self, id: VolumeId, how: &str) -> Result<()> {
        self.durable(|tx| {
            let row = by_id(tx, id)?;
            if !how.starts_with(SAMPLE) {
                change(tx, "UPDATE volume SET unsound = NULL WHERE id = ?", [id])?;
                change(tx, "UPDATE placement SET harmed = 0 WHERE volume_id = ? AND harmed = 1", [id])?;
            }
            let stays = matches!(row.state, VolumeState::Sealed | VolumeState::Abandoned);
            let to = if stays { row.state } else { VolumeState::Verified };
            let columns: [(&str, &dyn rusqlite::ToSql); 2] =
                [("verified_at = ?", &Millis::now()), ("verified_how = ?", &how)];
            if row.state == to {
                crate::transition::advance_from(tx, id.0, &[to], to, &columns)
            } else {
                advance(tx, id.0, to, &columns)
            }
        })
    }
}

pub(crate) fn insert(conn: &Connection, volume: &NewVolume, state: VolumeState) -> Result<VolumeId> {
    let NewVolume { uuid, sequence, copy, medium, barcode } = volume;
    Ok(conn
        .prepare_cached(
            "INSERT INTO volume (uuid, sequence, copy, medium, barcode, state, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)
             RETURNING id",
        )?
        .query_row(params![uuid.to_string(), sequence, copy, medium, barcode, state, Millis::now()], |row| {
            row.get(0)
        })?)
}

pub(crate) fn by_uuid(conn: &Connection, uuid: Uuid) -> Result<Option<VolumeRow>> {
    first(conn, &format!("{SELECT} WHERE uuid = ?"), [uuid.to_string()], volume_row)
}

pub(crate) fn by_id(conn: &Connection, id: VolumeId) -> Result<VolumeRow> {
    first(conn, &format!("{SELECT} WHERE id = ?"), [id], volume_row)?
        .ok_or_else(|| Error::Unknown { what: "volume", id: id.to_string() })
}

/// The names of files as the column holds them.
pub(crate) fn files_json(files: &[String]) -> String {
    serde_json::Value::from(files.to_vec()).to_string()
}

fn cartridge(row: &Row<'_>) -> rusqlite::Result<Option<Cartridge>> {
    let (format, native_bytes): (Option<String>, Option<u64>) = (row.get(17)?, row.get(18)?);
    Ok(format.zip(native_bytes).map(|(format, native_bytes)| Cartridge { format, native_bytes }))
}

fn volume_row(row: &Row<'_>) -> rusqlite::Result<VolumeRow> {
    let time = |index| Ok::<_, rusqlite::Error>(row.get::<_, Option<Millis>>(index)?.map(|at| at.0));
    Ok(VolumeRow {
        id: row.get(0)?,
        volume: NewVolume {
            uuid: parsed(row, 1, Uuid::parse_str)?,
            sequence: row.get(2)?,
            copy: row.get(3)?,
            medium: row.get(4)?,
            barcode: row.get(15)?,
        },
        state: row.get(5)?,
        files: parsed(row, 6, |text| serde_json::from_str(text))?,
        index_blake3: row.get(7)?,
        bytes: row.get(8)?,
        last: row.get(9)?,
        created_at: row.get::<_, Millis>(10)?.0,
        sealed_at: time(11)?,
        verified_at: time(12)?,
        verified_how: row.get(13)?,
        unsound: row.get(14)?,
        held: match row.get(16)? {
            Some(bytes) => Some(Held { bytes, cartridge: cartridge(row)? }),
            None => None,
        },
    })
}

pub(crate) fn parsed<T, E: std::error::Error + Send + Sync + 'static>(
    row: &Row<'_>,
    index: usize,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> rusqlite::Result<T> {
    let text: String = row.get(index)?;
    parse(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, Box::new(error))
    })
}
