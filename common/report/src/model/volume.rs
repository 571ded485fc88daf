//! Volumes as the report shows them: what was written or arrived, what was not, and what is damaged.

use jiff::Timestamp;
use serde::Serialize;

/// One volume.
#[derive(Debug, Clone, Serialize)]
pub struct VolumeRow {
    /// Its place in the volume set, from 1.
    pub sequence: u32,
    /// Volume id.
    pub id: String,
    /// Kind of medium, such as `virtual tape` or `directory`.
    pub medium: String,
    /// Copy number, from 1.
    pub copy: u32,
    /// How far it has come.
    pub state: VolumeState,
    /// Segments on it.
    pub segments: u64,
    /// Objects on it.
    pub objects: u64,
    /// Bytes on the medium.
    pub bytes: u64,
    /// When its trailer was written.
    pub sealed_at: Option<Timestamp>,
    /// The last time it was read back and checked whole.
    pub verified: Option<Verified>,
    /// BLAKE3 of the index; empty until sealed.
    pub index_blake3: String,
    /// What was noticed, one sentence each.
    pub findings: Vec<String>,
}

/// How far a volume has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeState {
    /// Nothing but its label, if at all, was written to it: labelled ahead and not needed so far, or given up so.
    Empty,
    /// Being written, no trailer yet.
    Open,
    /// Index and trailer are written.
    Sealed,
    /// Read by the receiving end.
    Arrived,
    /// Parts of it cannot be read or do not match their digests.
    Damaged,
}

impl VolumeState {
    /// The state in a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Open => "open",
            Self::Sealed => "sealed",
            Self::Arrived => "arrived",
            Self::Damaged => "damaged",
        }
    }
}

/// When and how a volume was checked.
#[derive(Debug, Clone, Serialize)]
pub struct Verified {
    /// When.
    pub at: Timestamp,
    /// How, such as `every digest read back`.
    pub how: String,
}

/// A volume that others speak of, but that has not been seen.
#[derive(Debug, Clone, Serialize)]
pub struct MissingVolume {
    /// Its place in the volume set, from 1.
    pub sequence: u32,
    /// Volume id, if known.
    pub id: String,
    /// How it is known, such as `named by the index of volume 3`.
    pub known_from: String,
    /// Objects on it, if known.
    pub objects: Option<u64>,
}

/// A segment of which not every object could be read.
#[derive(Debug, Clone, Serialize)]
pub struct DamagedSegment {
    /// Volume id.
    pub volume: String,
    /// Segment number in the transfer.
    pub segment: u32,
    /// What was found, with offset and digests.
    pub finding: String,
    /// Objects harmed.
    pub objects: u64,
    /// A few SOP Instance UIDs of harmed objects.
    pub examples: Vec<String>,
}
