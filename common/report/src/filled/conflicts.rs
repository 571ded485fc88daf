//! SOP Instance UIDs that objects of different bytes claim.

use catalogue::standing::InstanceStanding;
use catalogue::{Error, Reader};
use manifest::Digest;

use super::subject::Subject;
use crate::{Conflict, ConflictObject};

/// Conflicts that a report describes; the others are counted.
const MOST: usize = 1000;
const MOST_OBJECTS: usize = 50;

/// Conflicts, the first ones described.
#[derive(Default)]
pub struct Conflicts {
    pub rows: Vec<Conflict>,
    pub total: u64,
}

impl Conflicts {
    /// Reads all. Objects without SOP Instance UID claim nothing, so they do not conflict.
    pub fn read(reader: &Reader, subject: Subject) -> Result<Self, Error> {
        let mut conflicts = Self::default();
        reader.each_conflict(|conflict| {
            if conflict.sop_instance.is_empty() {
                return Ok(());
            }
            conflicts.total += 1;
            if conflicts.rows.len() < MOST {
                let claimants =
                    reader.claimants(&conflict.sop_instance, subject.destination(), MOST_OBJECTS)?;
                let objects = claimants.iter().map(|claimant| object(subject, claimant)).collect();
                conflicts.rows.push(Conflict { sop_instance_uid: conflict.sop_instance, objects });
            }
            Ok::<_, Error>(())
        })?;
        Ok(conflicts)
    }
}

fn object(subject: Subject, claimant: &InstanceStanding) -> ConflictObject {
    ConflictObject {
        blake3: claimant.blake3.map(|blake3| Digest(blake3).to_string()).unwrap_or_default(),
        bytes: claimant.bytes.unwrap_or(0),
        origin: origin(claimant),
        verdict: subject.verdict(claimant).0,
    }
}

fn origin(claimant: &InstanceStanding) -> String {
    let mut origin = format!("study {}, series {}", claimant.study_uid, claimant.series_uid);
    if let Some(path) = &claimant.source_ref {
        origin = format!("{}, {origin}", String::from_utf8_lossy(path));
    }
    if let Some(segment) = claimant.segment {
        origin = format!("{origin}, in segment {segment}");
    }
    origin
}
