//! The volumes as the catalogue knows them, with what is on them and what is wrong with them.

use std::path::Path;

use catalogue::damage::HarmedPlacement;
use catalogue::standing::HarmedSegment;
use catalogue::volumes::{Held, NewVolume, VolumeRow as Known};
use catalogue::{Error, Reader, VolumeState as State};
use manifest::Digest;

use super::subject::Subject;
use crate::human::{count, text};
use crate::{DamagedSegment, Program, Verified, VolumeRow, VolumeState};

/// Damaged segments that a report describes.
const MOST_DAMAGE: usize = 2000;

/// All volumes that were written or seen.
#[derive(Default)]
pub struct Volumes {
    pub rows: Vec<VolumeRow>,
    pub damage: Vec<DamagedSegment>,
    /// Volumes that an index names and nobody saw.
    pub unseen: Vec<Unseen>,
    /// Whether the last volume of the set is among those written or seen.
    pub last_seen: bool,
    /// Volumes that carry something: those with segments, sealed or arrived.
    pub carriers: u64,
    /// Volumes that were read back or loaded with every digest right.
    pub verified: u64,
    /// Volumes of which a sample was read back and was right.
    pub sampled: u64,
    /// Volumes whose label, index or trailer was read back and was not right.
    pub unsound: u64,
}

/// A volume that an index names and nobody saw.
pub struct Unseen {
    pub sequence: u32,
    pub copy: u32,
    pub id: String,
}

impl Volumes {
    /// Reads all volumes and counts what is on them.
    pub fn read(reader: &Reader, subject: Subject) -> Result<Self, Error> {
        let damage = match subject.program() {
            Program::T2p => reader.harmed_segments(MOST_DAMAGE)?.into_iter().map(damaged).collect(),
            Program::P2t => reader.harmed_placements()?.into_iter().take(MOST_DAMAGE).map(harmed).collect(),
        };
        let mut volumes = Self { damage, ..Self::default() };
        for known in reader.volumes()? {
            // Seen volumes have a medium; at the exporting end all have one.
            if known.volume.medium.is_empty() {
                let NewVolume { sequence, copy, uuid, .. } = known.volume;
                volumes.unseen.push(Unseen { sequence, copy, id: uuid.to_string() });
                continue;
            }
            volumes.last_seen |= known.last;
            volumes.unsound += u64::from(known.unsound.is_some() && known.state != State::Abandoned);
            let row = volumes.row(reader, &known)?;
            if row.segments > 0
                || matches!(known.state, State::Sealed | State::Known | State::Verified | State::Done)
            {
                volumes.carriers += 1;
                volumes.verified += u64::from(known.is_verified_whole());
                volumes.sampled += u64::from(known.is_verified_by_sample());
            }
            volumes.rows.push(row);
        }
        Ok(volumes)
    }

    fn row(&self, reader: &Reader, known: &Known) -> Result<VolumeRow, Error> {
        let (mut segments, mut objects) = (0, 0);
        reader.each_segment_of_volume(known.id, |_, segment| {
            segments += 1;
            objects += segment.segment.objects;
            Ok::<_, Error>(())
        })?;
        let id = known.volume.uuid.to_string();
        let harmed = self.damage.iter().filter(|segment| segment.volume == id).count() as u64;
        let verified =
            known.verified_at.map(|at| Verified { at, how: known.verified_how.clone().unwrap_or_default() });
        Ok(VolumeRow {
            sequence: known.volume.sequence,
            id,
            medium: medium(&known.volume.medium, known.volume.barcode.as_deref(), known.held.as_ref()),
            copy: known.volume.copy,
            state: state(known, segments, harmed),
            segments,
            objects,
            bytes: known.bytes,
            sealed_at: known.sealed_at,
            verified,
            index_blake3: known.index_blake3.map(|blake3| Digest(blake3).to_string()).unwrap_or_default(),
            findings: findings(known, segments, harmed),
        })
    }
}

fn state(known: &Known, segments: u64, harmed: u64) -> VolumeState {
    match known.state {
        State::Labelling | State::Open | State::Abandoned if is_bare(known, segments) => VolumeState::Empty,
        _ if harmed > 0 || known.unsound.is_some() => VolumeState::Damaged,
        State::Labelling | State::Open => VolumeState::Open,
        State::Sealed => VolumeState::Sealed,
        State::Abandoned => VolumeState::Damaged,
        State::Known | State::Verified | State::Done => VolumeState::Arrived,
    }
}

/// Whether nothing was ever committed to a volume but its label.
fn is_bare(known: &Known, segments: u64) -> bool {
    segments == 0 && known.files.len() <= 1
}

fn findings(known: &Known, segments: u64, harmed: u64) -> Vec<String> {
    let mut findings = Vec::new();
    if harmed > 0 {
        findings.push(format!("{} of its segments are damaged, see below", count(harmed)));
    }
    findings.extend(known.unsound.clone());
    match known.state {
        State::Abandoned if is_bare(known, segments) => {
            findings.push("given up, and nothing is on it".into());
        }
        State::Abandoned if known.sealed_at.is_some() => findings.push("given up after it was sealed".into()),
        State::Abandoned => findings.push(
            "given up without index and trailer; what was committed on it can be read all the same".into(),
        ),
        State::Known if known.index_blake3.is_none() => {
            findings.push("no sound trailer was found on it".into());
        }
        _ => {}
    }
    findings
}

/// What kind of medium, its name without the folders above it, the cartridge's barcode, and how much it held.
fn medium(address: &str, barcode: Option<&str>, held: Option<&Held>) -> String {
    let name = text(address.rsplit('/').next().unwrap_or(address), 80);
    if address.starts_with("/dev/") {
        let held = held.and_then(|held| Some(format!(", full at {}", held.text()?)));
        let barcode = barcode.map_or_else(String::new, |barcode| format!("cartridge {barcode}, "));
        format!("{barcode}tape {name}{}", held.unwrap_or_default())
    } else if Path::new(address).extension().is_some_and(|end| end == "tap") {
        format!("virtual tape {name}")
    } else {
        format!("directory {name}")
    }
}

fn harmed(placement: HarmedPlacement) -> DamagedSegment {
    DamagedSegment {
        volume: placement.uuid,
        segment: u32::try_from(placement.number).unwrap_or(u32::MAX),
        finding: "read back and found not as it was written".to_owned(),
        objects: placement.objects,
        examples: Vec::new(),
    }
}

fn damaged(segment: HarmedSegment) -> DamagedSegment {
    DamagedSegment {
        volume: segment.volume.map(|volume| volume.to_string()).unwrap_or_default(),
        segment: u32::try_from(segment.number).unwrap_or(u32::MAX),
        finding: segment
            .reason
            .unwrap_or_else(|| "not whole, though all its objects could be read".to_owned()),
        objects: segment.harmed,
        examples: segment.examples,
    }
}

#[cfg(test)]
mod tests {
    use catalogue::volumes::{Cartridge, Held};

    use super::medium;

    #[test]
    fn media_are_named_without_their_folders() {
        assert_eq!(medium("/srv/job/vol-0001.tap", None, None), "virtual tape vol-0001.tap");
        assert_eq!(medium("/dev/nst0", None, None), "tape nst0");
        assert_eq!(medium("/dev/nst0", Some("P2T001L8"), None), "cartridge P2T001L8, tape nst0");
        let cartridge = Cartridge { format: "LTO-9".to_owned(), native_bytes: 18_000_000_000_000 };
        let held = Held { bytes: 17_831_131_348_992, cartridge: Some(cartridge) };
        let full = "cartridge P2T001L9, tape nst0, full at 99 % of an LTO-9 cartridge";
        assert_eq!(medium("/dev/nst0", Some("P2T001L9"), Some(&held)), full);
        assert_eq!(medium("disk-1", None, None), "directory disk-1");
    }
}
