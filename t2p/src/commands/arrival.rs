//! Whether the volume set arrived: volumes that others know of, volumes that could not be read whole, and the last one.

use std::collections::BTreeMap;

use catalogue::VolumeState;
use catalogue::volumes::VolumeRow;

/// What is known of the volume set.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// Volumes that a later volume lists and nobody ingested, as people name them.
    pub missing: Vec<String>,
    /// Volumes that are damaged or cut off.
    pub damaged: Vec<String>,
    /// Whether the newest volume of no copy is its last.
    pub more_follow: bool,
}

impl Arrival {
    /// `everything` that the source wrote may have arrived though volumes are missing: from another copy.
    pub fn of(volumes: &[VolumeRow], everything: bool) -> Self {
        let names = |which: &dyn Fn(&VolumeRow) -> bool| {
            volumes.iter().filter(|row| which(row) && !everything).map(name).collect()
        };
        let is_missing = |row: &VolumeRow| row.volume.medium.is_empty();
        let mut newest: BTreeMap<u32, &VolumeRow> = BTreeMap::new();
        for row in volumes {
            let of_copy = newest.entry(row.volume.copy).or_insert(row);
            if row.volume.sequence > of_copy.volume.sequence {
                *of_copy = row;
            }
        }
        Self {
            missing: names(&is_missing),
            damaged: names(&|row| !is_missing(row) && row.state == VolumeState::Known),
            more_follow: !newest.is_empty() && newest.values().all(|row| !row.last),
        }
    }

    pub fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// A line for each thing that is wrong.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.missing.is_empty() {
            lines.push(format!("did not arrive: volume {}", self.missing.join(", ")));
        }
        if !self.damaged.is_empty() {
            lines.push(format!("damaged, cut off or not read whole yet: volume {}", self.damaged.join(", ")));
        }
        if self.more_follow {
            lines.push("did not arrive: the last volume of the transfer".to_owned());
        }
        lines
    }
}

/// A volume's number; the copy is said of all but the first.
pub fn name(row: &VolumeRow) -> String {
    match row.volume.copy {
        1 => row.volume.sequence.to_string(),
        copy => format!("{} (copy {copy})", row.volume.sequence),
    }
}

#[cfg(test)]
mod tests {
    use catalogue::VolumeId;
    use catalogue::volumes::NewVolume;
    use uuid::Uuid;

    use super::*;

    fn row(sequence: u32, medium: &str, state: VolumeState, last: bool) -> VolumeRow {
        let (uuid, medium) = (Uuid::from_u128(sequence.into()), medium.into());
        let volume = NewVolume { uuid, sequence, copy: 1, medium, barcode: None };
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
            unsound: None,
            verified_at: None,
            verified_how: None,
            held: None,
        }
    }

    #[test]
    fn a_set_with_its_last_volume_is_whole() {
        let volumes = [row(1, "a", VolumeState::Done, false), row(2, "b", VolumeState::Verified, true)];
        assert!(Arrival::of(&volumes, false).is_whole());
    }

    #[test]
    fn what_is_missing_cut_off_or_still_to_come_is_told_apart() {
        let volumes = [
            row(1, "", VolumeState::Known, false),
            row(2, "b", VolumeState::Known, false),
            row(3, "c", VolumeState::Done, false),
        ];
        let arrival = Arrival::of(&volumes, false);
        assert_eq!(
            arrival,
            Arrival { missing: vec!["1".into()], damaged: vec!["2".into()], more_follow: true }
        );
        assert_eq!(arrival.lines().len(), 3);
    }

    #[test]
    fn what_another_copy_brought_is_not_missed() {
        let mut second = row(1, "d", VolumeState::Done, true);
        second.volume.copy = 2;
        let volumes = [row(1, "", VolumeState::Known, false), row(2, "b", VolumeState::Done, false), second];
        let arrival = Arrival::of(&volumes, false);
        assert_eq!((arrival.missing.as_slice(), arrival.more_follow), (&["1".to_owned()][..], false));
        assert!(Arrival::of(&volumes, true).is_whole());
    }
}
