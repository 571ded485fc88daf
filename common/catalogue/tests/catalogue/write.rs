//! Packing and writing: whole transactions, legal steps only.

use catalogue::balance::Stage;
use catalogue::delta::changes::Untold;
use catalogue::pack::{Budget, ObjectCursor, Readiness};
use catalogue::write::Commit;
use catalogue::{Error, SegmentId, SegmentState, VolumeId, VolumeState};

use crate::lab::{Lab, digest, members, segment, volume};

/// An open volume, and a segment with one instance on it.
fn written() -> (Lab, VolumeId, SegmentId) {
    let mut lab = Lab::new();
    let study = lab.study(1, 1);
    lab.capture_study(study);
    let segment = lab.seal_all();
    let id = lab.open_volume();
    commit(&mut lab, id, &[(segment, 1)]).unwrap();
    (lab, id, segment)
}

fn commit(lab: &mut Lab, volume: VolumeId, segments: &[(SegmentId, u64)]) -> catalogue::Result<()> {
    let files = ["VOLUME.tar".to_owned(), "segment-000001.tar.zst".to_owned()];
    lab.catalogue.segments_written(volume, &Commit { segments, files: &files, bytes: 5_000 }, 1).map(drop)
}

#[test]
fn objects_come_study_by_study_within_the_budget() {
    let mut lab = Lab::new();
    let (one, two) = (lab.study(1, 3), lab.study(2, 3));
    lab.capture_study(two);
    lab.capture_study(one);
    let budget = Budget { bytes: 2_500, objects: 100 };
    let mut cursor = ObjectCursor::default();
    let mut pages = Vec::new();
    loop {
        let page = lab.catalogue.captured_objects(&mut cursor, Readiness::Any, budget).unwrap();
        if page.is_empty() {
            break;
        }
        pages.push(page.into_iter().map(|captured| captured.object.id.0).collect::<Vec<_>>());
    }
    assert_eq!(pages, [vec![1, 2], vec![3, 4], vec![5, 6]]);
}

#[test]
fn an_object_larger_than_the_budget_still_comes() {
    let mut lab = Lab::new();
    let study = lab.study(1, 2);
    lab.capture_study(study);
    let budget = Budget { bytes: 1, objects: 0 };
    let page = lab.catalogue.captured_objects(&mut ObjectCursor::default(), Readiness::Any, budget).unwrap();
    assert_eq!(page.len(), 1);
}

#[test]
fn studies_in_the_making_are_held_back_when_asked() {
    let mut lab = Lab::new();
    let (one, two) = (lab.study(1, 2), lab.study(2, 2));
    lab.capture_study(one);
    lab.capture_study(two);
    lab.catalogue.record_instances(one, [crate::lab::instance_row(1, 9)]).unwrap();
    let budget = Budget { bytes: u64::MAX, objects: 100 };
    let ready = |readiness| {
        lab.catalogue.captured_objects(&mut ObjectCursor::default(), readiness, budget).unwrap().len()
    };
    assert_eq!((ready(Readiness::Complete), ready(Readiness::Any)), (2, 4));
}

#[test]
fn a_segment_is_sealed_whole_or_not_at_all() {
    let mut lab = Lab::new();
    let study = lab.study(1, 2);
    let pending = lab.pending(study);
    let early = lab.catalogue.seal_segment(&segment(1, 2), members(&pending));
    assert!(matches!(early, Err(Error::IllegalTransition { what: "instance", .. })), "{early:?}");
    lab.capture_study(study);
    let miscounted = lab.catalogue.seal_segment(&segment(1, 3), members(&pending));
    assert!(matches!(miscounted, Err(Error::MembersMiscounted { said: 3, found: 2, .. })), "{miscounted:?}");
    assert_eq!(lab.captured().len(), 2);
    assert_eq!(lab.catalogue.next_segment_number().unwrap(), 1);
    lab.seal_all();
    let again = lab.catalogue.seal_segment(&segment(1, 0), []);
    assert!(matches!(again, Err(Error::SegmentDiffers { number: 1 })), "{again:?}");
    assert_eq!(lab.catalogue.next_segment_number().unwrap(), 2);
}

#[test]
fn members_come_back_under_their_names_in_tar_order() {
    let mut lab = Lab::new();
    let study = lab.study(1, 2);
    lab.capture_study(study);
    let ids = lab.captured();
    let mut members = members(&ids);
    members[0].member = "1.2.3.1/1.2.3.1.7/1.2.3.1.7.0.dcm".into();
    let names: Vec<_> = members.iter().map(|member| member.member.clone()).collect();
    let id = lab.catalogue.seal_segment(&segment(1, 2), members).unwrap();
    let mut found = Vec::new();
    lab.catalogue
        .each_object_of_segment(id, |packed| {
            found.push(packed.member);
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(found, names);
}

#[test]
fn a_commit_writes_segments_and_their_instances() {
    let mut lab = Lab::new();
    let study = lab.study(1, 2);
    lab.capture_study(study);
    let segment = lab.seal_all();
    assert_eq!(lab.catalogue.segments_total(SegmentState::Sealed).unwrap(), (1, 1_000));
    let volume = lab.open_volume();
    commit(&mut lab, volume, &[(segment, 1)]).unwrap();
    commit(&mut lab, volume, &[(segment, 1)]).unwrap();
    let balance = lab.catalogue.balance(Stage::Export).unwrap();
    assert_eq!((balance.instances.done, balance.studies.done, balance.is_complete()), (2, 1, true));
    assert!(lab.catalogue.segments_in(SegmentState::Sealed, 0, 9).unwrap().is_empty());
    let row = lab.catalogue.volume_in_work(1).unwrap().unwrap();
    assert_eq!((row.state, row.bytes, row.files.len()), (VolumeState::Open, 5_000, 2));
    let mut listed = Vec::new();
    lab.catalogue
        .each_segment_of_volume(volume, |file_number, row| {
            listed.push((file_number, row.id));
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(listed, [(1, segment)]);
}

#[test]
fn a_place_on_a_volume_is_taken_once() {
    let mut lab = Lab::new();
    let (one, two) = (lab.study(1, 1), lab.study(2, 1));
    lab.capture_study(one);
    let first = lab.seal_all();
    lab.capture_study(two);
    let second = lab.seal_all();
    let volume = lab.open_volume();
    commit(&mut lab, volume, &[(first, 1)]).unwrap();
    assert!(matches!(commit(&mut lab, volume, &[(second, 1)]), Err(Error::PlaceTaken { .. })));
    assert!(matches!(commit(&mut lab, volume, &[(first, 2)]), Err(Error::PlaceTaken { .. })));
    assert_eq!(
        lab.catalogue.balance(Stage::Export).unwrap().instances.done,
        1,
        "a refused commit leaves no trace"
    );
}

#[test]
fn volumes_go_from_label_to_seal_and_not_back() {
    let mut lab = Lab::new();
    let study = lab.study(1, 1);
    lab.capture_study(study);
    let segment = lab.seal_all();
    let id = lab.catalogue.begin_volume(&volume(1, 1)).unwrap();
    let illegal = |result: catalogue::Result<()>| {
        assert!(matches!(result, Err(Error::IllegalTransition { what: "volume", .. })), "{result:?}");
    };
    illegal(commit(&mut lab, id, &[(segment, 1)]));
    illegal(lab.catalogue.seal_volume(id, &digest(1), &[], 0, false, Untold::default()));
    illegal(lab.catalogue.volume_verified(id, "read back"));
    lab.catalogue.label_committed(id, &[], 0).unwrap();
    illegal(lab.catalogue.label_committed(id, &[], 0));
    lab.catalogue.seal_volume(id, &digest(1), &[], 7, true, Untold::default()).unwrap();
    illegal(commit(&mut lab, id, &[(segment, 1)]));
    lab.catalogue.volume_verified(id, "read back").unwrap();
    let row = lab.catalogue.volumes().unwrap().remove(0);
    assert_eq!((row.state, row.last, row.index_blake3), (VolumeState::Sealed, true, Some(digest(1))));
    assert_eq!(row.verified_how.as_deref(), Some("read back"));
    assert!(lab.catalogue.volume_in_work(1).unwrap().is_none());
    lab.catalogue.abandon_volume(id).unwrap();
    illegal(lab.catalogue.abandon_volume(id));
}

#[test]
fn damage_stays_on_record_until_all_of_the_volume_is_found_sound() {
    let (mut lab, id, _) = written();
    lab.catalogue.seal_volume(id, &digest(1), &[], 7, true, Untold::default()).unwrap();
    let number = lab.catalogue.segment(1).unwrap().unwrap().segment.number;
    lab.catalogue.volume_damaged(id, Some("its index"), &[number]).unwrap();
    let known = |lab: &Lab| {
        let row = lab.catalogue.volumes().unwrap().remove(0);
        (row.unsound, row.verified_at.is_some(), lab.catalogue.harmed_placements().unwrap().len())
    };
    assert_eq!(known(&lab), (Some("its index".to_owned()), false, 1));
    lab.catalogue.volume_verified(id, "sample: the first segment").unwrap();
    assert_eq!(known(&lab), (Some("its index".to_owned()), true, 1));
    lab.catalogue.volume_verified(id, "every digest").unwrap();
    assert_eq!(known(&lab), (None, true, 0));
}

#[test]
fn what_is_on_an_abandoned_volume_stays_written() {
    let (mut lab, id, segment) = written();
    lab.catalogue.abandon_volume(id).unwrap();
    assert_eq!(lab.catalogue.balance(Stage::Export).unwrap().instances.done, 1);
    let lost = lab.catalogue.lose_spooled_segment(segment);
    assert!(matches!(lost, Err(Error::IllegalTransition { what: "segment", .. })), "{lost:?}");
}
