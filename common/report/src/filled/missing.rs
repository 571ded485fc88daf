//! Volumes that must exist but were not seen: named by others, missing in the count, or still to follow.

use std::collections::BTreeSet;

use catalogue::{Error, Reader};
use manifest::TransferState;

use super::volumes::Volumes;
use crate::MissingVolume;

/// Missing volumes listed; a label with an absurd number must not fill the report.
const MOST: usize = 1000;

/// What the source said of the whole transfer when the newest volume seen was sealed.
pub struct SourceState {
    pub state: TransferState,
    /// The sequence of that volume.
    pub of_volume: String,
}

/// The newest word of the source, if any was seen. What cannot be read counts as none.
pub fn transfer_state(reader: &Reader) -> Result<Option<SourceState>, Error> {
    let state = reader.job("transfer_state")?.and_then(|json| serde_json::from_str(&json).ok());
    let of_volume = reader.job("transfer_state_of_volume")?.unwrap_or_default();
    Ok(state.map(|state| SourceState { state, of_volume }))
}

impl SourceState {
    /// Instances that the source wrote and that are not among the `known` ones; none before its last word.
    pub fn gone(&self, known: u64) -> Option<u64> {
        (self.state.last && self.state.pending == 0).then(|| self.state.written.saturating_sub(known))
    }
}

/// The volumes missing; `known` is the number of instances on those that were seen. When all that was written is known, each
/// is listed with no objects: other copies brought what is on it.
pub fn volumes(volumes: &Volumes, source: Option<&SourceState>, known: u64) -> Vec<MissingVolume> {
    let copies: BTreeSet<u32> =
        volumes.rows.iter().map(|row| row.copy).chain(volumes.unseen.iter().map(|row| row.copy)).collect();
    let mut missing: Vec<MissingVolume> =
        copies.iter().flat_map(|copy| of_copy(volumes, *copy, copies.len() > 1)).take(MOST).collect();
    let sequences = volumes.rows.iter().map(|row| row.sequence);
    let highest = sequences.chain(volumes.unseen.iter().map(|row| row.sequence)).max().unwrap_or(0);
    if highest > 0 && !volumes.last_seen {
        missing.push(MissingVolume {
            sequence: highest.saturating_add(1),
            id: String::new(),
            known_from: "no volume seen so far is marked as the last of its set".to_owned(),
            objects: None,
        });
    }
    missing.sort_by_key(|row| row.sequence);
    match (source.and_then(|source| source.gone(known)), missing.as_mut_slice()) {
        (Some(0), all) => {
            for row in all {
                row.objects = Some(0);
                row.known_from.push_str("; all that the source wrote came on other volumes");
            }
        }
        (Some(gone), [only]) => only.objects = Some(gone),
        _ => {}
    }
    missing
}

/// What must be on a volume that is missing may have come on others.
pub fn is_missed(missing: &MissingVolume) -> bool {
    missing.objects != Some(0)
}

/// What is missing of one copy, by its own numbers.
fn of_copy(volumes: &Volumes, copy: u32, is_one_of_several: bool) -> Vec<MissingVolume> {
    let of_copy = if is_one_of_several { format!(" of copy {copy}") } else { String::new() };
    let unseen = volumes.unseen.iter().filter(|row| row.copy == copy);
    let mut missing: Vec<MissingVolume> = unseen
        .map(|row| MissingVolume {
            sequence: row.sequence,
            id: row.id.clone(),
            known_from: format!("named by the index of another volume{of_copy}"),
            objects: None,
        })
        .take(MOST)
        .collect();
    let rows = volumes.rows.iter().filter(|row| row.copy == copy);
    let seen: BTreeSet<u32> = rows.map(|row| row.sequence).collect();
    // Found together with its id if an index names it.
    let listed: BTreeSet<u32> = missing.iter().map(|row| row.sequence).collect();
    let highest = seen.union(&listed).max().copied().unwrap_or(0);
    let gaps = (1..highest).filter(|sequence| !seen.contains(sequence) && !listed.contains(sequence));
    missing.extend(gaps.take(MOST).map(|sequence| MissingVolume {
        sequence,
        id: String::new(),
        known_from: format!("its number is left out between those of other volumes{of_copy}"),
        objects: None,
    }));
    missing
}

#[cfg(test)]
mod tests {
    use super::super::volumes::Unseen;
    use super::*;
    use crate::{VolumeRow, VolumeState};

    fn seen(sequence: u32) -> VolumeRow {
        VolumeRow {
            sequence,
            id: sequence.to_string(),
            medium: "tape".into(),
            copy: 1,
            state: VolumeState::Arrived,
            segments: 1,
            objects: 10,
            bytes: 1,
            sealed_at: None,
            verified: None,
            index_blake3: String::new(),
            findings: Vec::new(),
        }
    }

    fn sequences(volumes: &Volumes) -> Vec<u32> {
        super::volumes(volumes, None, 0).iter().map(|row| row.sequence).collect()
    }

    #[test]
    fn what_is_named_what_is_left_out_and_what_must_follow_is_missing() {
        let mut set = Volumes { rows: vec![seen(5), seen(2)], ..Volumes::default() };
        set.unseen = vec![Unseen { sequence: 3, copy: 1, id: "three".into() }];
        assert_eq!(sequences(&set), [1, 3, 4, 6]);
        set.last_seen = true;
        assert_eq!(sequences(&set), [1, 3, 4]);
        assert_eq!(volumes(&set, None, 0)[1].id, "three");
        assert!(sequences(&Volumes::default()).is_empty());
    }

    #[test]
    fn each_copy_has_its_own_numbers_and_what_another_brought_is_not_missed() {
        let of_second = |sequence| VolumeRow { copy: 2, ..seen(sequence) };
        let rows = vec![seen(2), of_second(1), of_second(3)];
        let set = Volumes { rows, last_seen: true, ..Volumes::default() };
        assert_eq!(sequences(&set), [1, 2]);
        let state = TransferState { listed: 25, written: 20, excluded: 5, failed: 0, pending: 0, last: true };
        let source = SourceState { state, of_volume: "3".into() };
        assert!(volumes(&set, Some(&source), 20).iter().all(|row| !is_missed(row)));
        let missed = volumes(&set, Some(&source), 19);
        assert!(missed.iter().all(is_missed) && missed[1].known_from.contains("copy 2"));
    }

    #[test]
    fn an_absurd_number_on_a_label_is_bounded() {
        let set = Volumes { rows: vec![seen(u32::MAX)], last_seen: true, ..Volumes::default() };
        assert_eq!(sequences(&set).len(), MOST);
    }

    #[test]
    fn the_objects_of_a_single_missing_volume_are_known_from_the_source() {
        let state = TransferState { listed: 25, written: 20, excluded: 5, failed: 0, pending: 0, last: true };
        let source = SourceState { state, of_volume: "2".into() };
        let set = Volumes { rows: vec![seen(2)], last_seen: true, ..Volumes::default() };
        assert_eq!(volumes(&set, Some(&source), 13)[0].objects, Some(7));
    }
}
