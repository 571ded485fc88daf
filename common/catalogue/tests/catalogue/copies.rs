//! Copies: an instance is written when every copy has it, and what one copy loses another may still have.

use catalogue::balance::Stage;
use catalogue::loss::Loss;
use catalogue::write::Commit;
use catalogue::{Error, SegmentId, SegmentState, VolumeId};

use crate::lab::{Lab, volume};

const COPIES: u32 = 2;

/// A transfer of one segment with two instances, and a volume of each copy.
struct Set {
    lab: Lab,
    segment: SegmentId,
    volumes: [VolumeId; 2],
}

impl Set {
    fn new() -> Self {
        let mut lab = Lab::new();
        let study = lab.study(1, 2);
        lab.capture_study(study);
        let segment = lab.seal_all();
        let volumes = [1, 2].map(|copy| {
            let id = lab.catalogue.begin_volume(&volume(1, copy)).unwrap();
            lab.catalogue.label_committed(id, &[], 0).unwrap();
            id
        });
        Self { lab, segment, volumes }
    }

    fn commit(&mut self, copy: usize) -> Vec<SegmentId> {
        let commit = Commit { segments: &[(self.segment, 1)], files: &[], bytes: 1 };
        self.lab.catalogue.segments_written(self.volumes[copy - 1], &commit, COPIES).unwrap()
    }

    fn done(&self) -> u64 {
        self.lab.catalogue.balance(Stage::Export).unwrap().instances.done
    }

    fn waiting(&self) -> [u64; 2] {
        [1, 2].map(|copy| {
            let listed = self.lab.catalogue.segments_for_copy(copy, 0, 9).unwrap().len() as u64;
            let standing = self.lab.catalogue.copy_standing(copy).unwrap();
            assert_eq!((standing.waiting_segments, standing.waiting_bytes), (listed, listed * 1_000));
            listed
        })
    }

    fn on_fewer_copies(&self) -> Vec<u64> {
        self.lab.catalogue.segments_on_fewer_copies(COPIES, 9).unwrap()
    }
}

#[test]
fn an_instance_is_written_when_every_copy_has_it() {
    let mut set = Set::new();
    assert_eq!(set.waiting(), [1, 1]);
    assert_eq!(set.commit(2), []);
    assert_eq!((set.done(), set.waiting()), (0, [1, 0]));
    let ahead = [1, 2].map(|copy| set.lab.catalogue.instances_ahead(copy).unwrap());
    assert_eq!(ahead, [0, 2]);
    assert_eq!(set.commit(2), [], "the same copy twice is not two");
    assert_eq!(set.commit(1), [set.segment]);
    assert_eq!((set.done(), set.waiting()), (2, [0, 0]));
    let standing = set.lab.catalogue.copy_standing(1).unwrap();
    assert_eq!((standing.segments, standing.bytes), (1, 1_000));
    assert!(set.on_fewer_copies().is_empty());
    assert_eq!(set.commit(1), [set.segment], "saying the same twice does no harm");
}

#[test]
fn a_segment_that_one_volume_lost_counts_by_the_other_and_then_is_fetched_again() {
    let mut set = Set::new();
    set.commit(1);
    set.commit(2);
    let [one, two] = set.volumes;
    assert_eq!(set.lab.catalogue.lose_placement(one, set.segment).unwrap(), Loss::FewerCopies(2));
    assert_eq!((set.done(), set.on_fewer_copies()), (2, vec![1]));
    let again = set.lab.catalogue.lose_placement(one, set.segment);
    assert!(matches!(again, Err(Error::Unknown { .. })), "{again:?}");
    assert_eq!(set.lab.catalogue.lose_placement(two, set.segment).unwrap(), Loss::Pending(2));
    assert_eq!((set.done(), set.on_fewer_copies()), (0, vec![]));
    assert!(set.lab.catalogue.balance(Stage::Export).unwrap().holds());
    assert_eq!(set.lab.catalogue.next_segment_number().unwrap(), 2, "a number is not given twice");
    assert_eq!(set.lab.catalogue.recount().unwrap(), 0);
}

#[test]
fn a_segment_that_is_still_in_the_spool_is_written_again() {
    let mut set = Set::new();
    set.commit(1);
    assert_eq!(set.lab.catalogue.lose_placement(set.volumes[0], set.segment).unwrap(), Loss::InSpool);
    assert_eq!((set.done(), set.waiting()), (0, [1, 1]));
}

#[test]
fn a_segment_lost_from_the_spool_is_fetched_again_unless_a_copy_has_it() {
    let mut set = Set::new();
    assert_eq!(set.lab.catalogue.lose_spooled_segment(set.segment).unwrap(), Loss::Pending(2));
    let study = set.lab.study_id("1.2.3.1");
    set.lab.capture_study(study);
    set.segment = set.lab.seal_all();
    set.commit(2);
    assert_eq!(set.lab.catalogue.lose_spooled_segment(set.segment).unwrap(), Loss::FewerCopies(2));
    assert_eq!((set.done(), set.on_fewer_copies(), set.waiting()), (2, vec![2], [0, 0]));
    assert!(set.lab.catalogue.segments_in(SegmentState::Sealed, 0, 9).unwrap().is_empty());
}
