//! Changes of the source: each is told by one volume of each copy, and again when that volume is lost.

use catalogue::delta::changes::Untold;
use catalogue::{StudyId, VolumeId};

use crate::lab::{Lab, digest};

fn sealed(lab: &mut Lab, told: Untold) -> VolumeId {
    let volume = lab.open_volume();
    lab.catalogue.seal_volume(volume, &digest(1), &[], 1, false, told).unwrap();
    volume
}

/// A delta that finds these studies deleted.
fn deleted(lab: &mut Lab, studies: &[StudyId]) {
    let delta = lab.catalogue.begin_delta().unwrap();
    for study in studies {
        lab.catalogue.study_deleted(delta.id, *study).unwrap();
    }
    lab.catalogue.end_delta(delta.id, 0, 0).unwrap();
}

#[test]
fn a_change_is_told_once_by_each_copy_and_again_when_its_volume_is_lost() {
    let mut lab = Lab::new();
    let studies = [1, 2, 3].map(|study| lab.study(study, 1));
    deleted(&mut lab, &studies[..2]);
    let first = lab.catalogue.untold_changes(1, 100).unwrap();
    assert_eq!(first, Untold { count: 2, after: 0, last: 2 });
    // As many as a volume takes.
    assert_eq!(lab.catalogue.untold_changes(1, 1).unwrap(), Untold { count: 1, after: 0, last: 1 });
    let lost = sealed(&mut lab, first);
    assert_eq!(lab.catalogue.untold_changes(1, 100).unwrap(), Untold { count: 0, after: 2, last: 2 });
    assert_eq!(lab.catalogue.untold_changes(2, 100).unwrap().count, 2);
    deleted(&mut lab, &studies[2..]);
    let second = lab.catalogue.untold_changes(1, 100).unwrap();
    assert_eq!(second, Untold { count: 1, after: 2, last: 3 });
    sealed(&mut lab, second);
    lab.catalogue.abandon_volume(lost).unwrap();
    let again = lab.catalogue.untold_changes(1, 100).unwrap();
    assert_eq!(again, Untold { count: 3, after: 0, last: 3 });
    sealed(&mut lab, again);
    assert_eq!(lab.catalogue.untold_changes(1, 100).unwrap().count, 0);
}
