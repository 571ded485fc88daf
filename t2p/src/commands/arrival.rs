//! Whether the volume set arrived: volumes that others know of, volumes that could not be read whole, and the last one.

use catalogue::VolumeState;
use catalogue::volumes::VolumeRow;

/// What is known of the volume set.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Sequence numbers of volumes that a later volume lists and nobody ingested.
    pub missing: Vec<u32>,
    /// Those of volumes that are damaged or cut off.
    pub damaged: Vec<u32>,
    /// Whether the newest volume says that more follow.
    pub more_follow: bool,
}

impl Arrival {
    pub fn of(volumes: &[VolumeRow]) -> Self {
        let numbers = |which: &dyn Fn(&VolumeRow) -> bool| {
            volumes.iter().filter(|row| which(row)).map(|row| row.volume.sequence).collect()
        };
        let is_missing = |row: &VolumeRow| row.volume.medium.is_empty();
        let newest = volumes.iter().max_by_key(|row| row.volume.sequence);
        Self {
            missing: numbers(&is_missing),
            damaged: numbers(&|row| !is_missing(row) && row.state == VolumeState::Known),
            more_follow: newest.is_some_and(|row| !row.last),
        }
    }

    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// A line for each thing that is wrong.
    pub fn lines(&self) -> Vec<String> {
        let list = |numbers: &[u32]| numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let mut lines = Vec::new();
        if !self.missing.is_empty() {
            lines.push(format!("did not arrive: volume {}", list(&self.missing)));
        }
        if !self.damaged.is_empty() {
            lines.push(format!("damaged, cut off or not read whole yet: volume {}", list(&self.damaged)));
        }
        if self.more_follow {
            lines.push("did not arrive: the last volume of the transfer".to_owned());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use catalogue::VolumeId;
    use catalogue::volumes::NewVolume;
    use uuid::Uuid;

    use super::*;

    fn row(sequence: u32, medium: &str, state: VolumeState, last: bool) -> VolumeRow {
        let volume =
            NewVolume { uuid: Uuid::from_u128(sequence.into()), sequence, copy: 1, medium: medium.into() };
        VolumeRow {
            id: VolumeId::default(),
            volume,
            state,
            files: Vec::new(),
            index_blake3: None,
            bytes: 0,
            last,
            created_at: jiff::Timestamp::UNIX_EPOCH,
            sealed_at: None,
            verified_at: None,
            verified_how: None,
        }
    }

    #[test]
    fn a_set_with_its_last_volume_is_whole() {
        let volumes = [row(1, "a", VolumeState::Done, false), row(2, "b", VolumeState::Verified, true)];
        assert!(Arrival::of(&volumes).is_whole());
    }

    #[test]
    fn what_is_missing_cut_off_or_still_to_come_is_told_apart() {
        let volumes = [
            row(1, "", VolumeState::Known, false),
            row(2, "b", VolumeState::Known, false),
            row(3, "c", VolumeState::Done, false),
        ];
        let arrival = Arrival::of(&volumes);
        assert_eq!(arrival, Arrival { missing: vec![1], damaged: vec![2], more_follow: true });
        assert_eq!(arrival.lines().len(), 3);
    }
}
