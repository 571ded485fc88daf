//! What a volume without a sound index shows binds nobody; what an index says does.

use catalogue::segments::{NewSegment, SegmentRow};
use catalogue::{Error, VolumeId};

use crate::lab::{Lab, object_row, segment, volume};

/// Segment 1 as an index lists it.
fn listed() -> NewSegment {
    segment(1, 2)
}

/// The same as it was found on a volume without a sound index.
fn found(seed: u8) -> NewSegment {
    let blake3 = [seed; 32];
    NewSegment { bytes: 7, blake3, plain_blake3: blake3, frames: "[]".to_owned(), indexed: false, ..listed() }
}

struct Registry {
    lab: Lab,
    volumes: [VolumeId; 2],
}

impl Registry {
    fn new() -> Self {
        let mut lab = Lab::new();
        let volumes = [1, 2].map(|number| lab.catalogue.register_volume(&volume(number, 1)).unwrap());
        Self { lab, volumes }
    }

    fn register(&mut self, at: usize, file: u64, segment: &NewSegment) -> Result<SegmentRow, Error> {
        self.lab.catalogue.register_segment(self.volumes[at], file, segment)?;
        Ok(self.lab.catalogue.segment(segment.number)?.unwrap())
    }

    /// File and segment numbers of all that is known to lie on a volume.
    fn places(&self, at: usize) -> Vec<(u64, u64)> {
        let mut places = Vec::new();
        let visit = |file, row: SegmentRow| {
            places.push((file, row.segment.number));
            Ok::<_, Error>(())
        };
        self.lab.catalogue.each_segment_of_volume(self.volumes[at], visit).unwrap();
        places
    }
}

#[test]
fn an_index_corrects_what_damaged_volumes_showed_and_keeps_the_objects() {
    let mut registry = Registry::new();
    let first = registry.register(0, 1, &found(1)).unwrap();
    let objects = [object_row(1, 1, 0), object_row(1, 2, 1_024)];
    registry.lab.catalogue.register_objects(first.id, [], objects.clone()).unwrap();
    let again = registry.register(1, 1, &found(2)).unwrap();
    assert_eq!((again.id, again.segment.indexed), (first.id, false));
    let corrected = registry.register(1, 1, &listed()).unwrap();
    assert_eq!((corrected.id, &corrected.segment), (first.id, &listed()));
    let known = registry.lab.catalogue.register_objects(first.id, [], objects).unwrap();
    assert_eq!((known.new, known.known), (0, 2));
}

#[test]
fn what_an_index_said_stands_against_damage_and_binds_other_indexes() {
    let mut registry = Registry::new();
    registry.register(0, 1, &listed()).unwrap();
    assert_eq!(registry.register(1, 1, &found(1)).unwrap().segment, listed());
    let other = NewSegment { blake3: [9; 32], ..listed() };
    let differs = registry.register(1, 1, &other);
    assert!(matches!(differs, Err(Error::SegmentDiffers { number: 1 })), "{differs:?}");
}

#[test]
fn files_that_a_damaged_tape_counted_wrong_get_their_places_from_an_index() {
    let mut registry = Registry::new();
    let second = |indexed| NewSegment { indexed, ..segment(2, 2) };
    // The file of segment 1 is lost, so that segment 2 seems to be the first.
    registry.register(0, 1, &second(false)).unwrap();
    registry.register(0, 1, &listed()).unwrap();
    registry.register(0, 2, &second(true)).unwrap();
    assert_eq!(registry.places(0), [(1, 1), (2, 2)]);
    registry.register(0, 1, &second(false)).unwrap();
    assert_eq!(registry.places(0), [(1, 1), (2, 2)]);
    let taken = registry.register(0, 1, &second(true));
    assert!(matches!(taken, Err(Error::PlaceTaken { file_number: 1, .. })), "{taken:?}");
}
