//! Changes of the source: each is told by one volume of each copy, and again when that volume is lost.

use catalogue::balance::Stage;
use catalogue::capture::CaptureOutcome;
use catalogue::delta::apply::{Finding, Instances};
use catalogue::delta::changes::Untold;
use catalogue::{StudyId, VolumeId};
use jiff::SignedDuration;

use crate::lab::{Lab, captured, digest, key, sop_uid, study_row};

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

/// A delta that finds the first instance of study 1 gone, or there again.
fn of_first(lab: &mut Lab, study: StudyId, is_back: bool) {
    let delta = lab.catalogue.begin_delta().unwrap().id;
    let sop = sop_uid(1, 0);
    let known = lab.catalogue.known_instances(study).unwrap();
    let [one] = known.iter().filter(|known| known.sop_instance == sop).collect::<Vec<_>>()[..] else {
        panic!("{known:?}")
    };
    assert_eq!(one.gone, is_back);
    let (back, gone) = if is_back { (vec![one.id], vec![]) } else { (vec![], vec![one.id]) };
    let named = |ids: Vec<_>| ids.into_iter().map(|id| (id, sop.as_str())).collect();
    let instances = Instances { listed: 2, back: named(back), gone: named(gone), ..Instances::default() };
    let (told, changes, settle) = (study_row(1), Vec::new(), SignedDuration::ZERO);
    let instances = Some(instances);
    lab.catalogue.apply_finding(&Finding { delta, study, told: &told, changes, instances, settle }).unwrap();
    lab.catalogue.end_delta(delta, 0, 0).unwrap();
}

#[test]
fn what_was_fetched_deleted_and_made_anew_is_fetched_again_and_told_by_its_bytes() {
    let mut lab = Lab::new();
    let study = lab.study(1, 2);
    let first = lab.pending(study)[0];
    lab.capture_study(study);
    let bytes = |lab: &mut Lab, seed| {
        let intake = lab.catalogue.open_intake().unwrap().id;
        lab.capture(captured(key(study, 1, 0), intake, 0, seed))
    };
    let [old, new] = [first.0 as u8, 99];
    for (seed, outcome) in
        [(old, CaptureOutcome::Copy), (new, CaptureOutcome::Captured), (new, CaptureOutcome::Copy)]
    {
        of_first(&mut lab, study, false);
        assert!(lab.pending(study).is_empty());
        of_first(&mut lab, study, true);
        assert_eq!(lab.pending(study).len(), 1);
        assert_eq!(bytes(&mut lab, seed).0, outcome);
        assert!(lab.pending(study).is_empty());
        assert_eq!(bytes(&mut lab, seed).0, CaptureOutcome::Duplicate);
    }
    let balance = lab.catalogue.balance(Stage::Export).unwrap();
    assert!(balance.holds());
    assert_eq!((balance.instances.listed, balance.instances.excluded), (5, 2));
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
