//! Loading and delivering: the same volume twice, damaged segments, refusals, evidence.

use catalogue::answers::StoreResult;
use catalogue::audit::VerdictRow;
use catalogue::balance::{Stage, Tally};
use catalogue::deliver::Settled;
use catalogue::load::LoadedSegment;
use catalogue::{DestinationId, Error, InstanceId, SegmentState, StudyId, Verdict, VolumeState};

use crate::lab::{Lab, object_row, segment, study_uid, uids, volume};

fn two_studies(lab: &mut Lab) -> Vec<InstanceId> {
    let objects: Vec<_> = (0..4).map(|n| object_row(n / 2, n, n * 1_024)).collect();
    let segment = lab.registered_segment(1, &objects);
    lab.load(segment)
}

fn answer(instance_id: InstanceId, accepted: bool) -> StoreResult {
    let status_code = Some(if accepted { 0 } else { 0xA700 });
    StoreResult {
        instance_id,
        accepted,
        status_code,
        comment: (!accepted).then(|| "out of resources".into()),
    }
}

fn to_deliver(lab: &Lab, destination: DestinationId) -> Vec<i64> {
    let mut found = Vec::new();
    for study in 1..=2 {
        let page = lab.catalogue.objects_to_deliver(destination, StudyId(study), InstanceId(0), 100).unwrap();
        found.extend(page.into_iter().map(|packed| packed.object.id.0));
    }
    found
}

#[test]
fn the_same_volume_twice_is_one_volume() {
    let mut lab = Lab::new();
    let objects = [object_row(1, 0, 0), object_row(1, 1, 1_024)];
    let first = lab.registered_segment(1, &objects);
    lab.load(first);
    assert_eq!(lab.registered_segment(1, &objects), first);
    let balance = lab.catalogue.balance(Stage::Load).unwrap();
    assert_eq!((balance.instances.listed, balance.instances.done), (2, 2));
    assert_eq!(lab.catalogue.volumes().unwrap().len(), 1);
}

#[test]
fn a_volume_of_another_transfer_is_refused() {
    let mut lab = Lab::new();
    let id = lab.registered_segment(1, &[object_row(1, 0, 0)]);
    let volume_id = lab.catalogue.register_volume(&volume(1, 1)).unwrap();
    let mut other = segment(1, 1);
    other.blake3 = [99; 32];
    let differs = lab.catalogue.register_segment(volume_id, 1, &other);
    assert!(matches!(differs, Err(Error::SegmentDiffers { number: 1 })), "{differs:?}");
    let forged = lab.catalogue.register_objects(id, [], [object_row(1, 5, 0)]);
    assert!(matches!(forged, Err(Error::ObjectDiffers { number: 1, tar_offset: 0 })), "{forged:?}");
    let mut relabelled = volume(1, 1);
    relabelled.sequence = 2;
    assert!(matches!(lab.catalogue.register_volume(&relabelled), Err(Error::VolumeDiffers { .. })));
}

#[test]
fn objects_that_share_a_uid_are_all_registered() {
    let mut lab = Lab::new();
    let mut twin = object_row(1, 0, 1_024);
    twin.blake3 = [200; 32];
    twin.member = "1.2.3.1/1.2.3.1.7/1.2.3.1.7.0~2.dcm".into();
    let id = lab.registered_segment(1, &[object_row(1, 0, 0), twin.clone()]);
    let mut members = Vec::new();
    lab.catalogue
        .each_object_of_segment(id, |packed| {
            members.push(packed.member);
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(members, [object_row(1, 0, 0).member, twin.member]);
}

#[test]
fn another_copy_brings_what_the_first_could_not() {
    let mut lab = Lab::new();
    let id =
        lab.registered_segment(1, &[object_row(1, 0, 0), object_row(1, 1, 1_024), object_row(1, 2, 2_048)]);
    let ids = lab.objects(id);
    let damaged = [(ids[1], "digest differs".into()), (ids[2], "the segment ends early".into())];
    let first = LoadedSegment { loaded: &[(ids[0], 512)], damaged: &damaged };
    assert_eq!(lab.catalogue.load_segment(id, &first).unwrap(), 0);
    assert_eq!(lab.catalogue.segment(1).unwrap().unwrap().state, SegmentState::Damaged);
    let studies = lab.catalogue.balance(Stage::Load).unwrap().studies;
    assert_eq!((studies.failed, studies.pending), (1, 0));
    let rest = LoadedSegment { loaded: &[(ids[1], 1_536), (ids[2], 2_560)], damaged: &[] };
    assert_eq!(lab.catalogue.load_segment(id, &rest).unwrap(), 2);
    assert_eq!(lab.catalogue.balance(Stage::Load).unwrap().studies.done, 1);
    assert!(!lab.catalogue.has_failures(id).unwrap());
}

#[test]
fn an_object_is_loaded_from_its_own_segment_only() {
    let mut lab = Lab::new();
    let one = lab.registered_segment(1, &[object_row(1, 0, 0)]);
    let two = lab.registered_segment(2, &[object_row(2, 0, 0)]);
    let id = lab.objects(one)[0];
    let found = LoadedSegment { loaded: &[(id, 0)], damaged: &[] };
    assert!(matches!(lab.catalogue.load_segment(two, &found), Err(Error::NotAMember { .. })));
    lab.catalogue.load_segment(one, &found).unwrap();
    assert!(matches!(lab.catalogue.load_segment(one, &found), Err(Error::IllegalTransition { .. })));
}

#[test]
fn each_destination_gets_what_it_lacks() {
    let mut lab = Lab::new();
    let ids = two_studies(&mut lab);
    let one = lab.catalogue.add_destination("one", "ONE@a:104").unwrap();
    let two = lab.catalogue.add_destination("two", "TWO@b:104").unwrap();
    assert_eq!(lab.catalogue.add_destination("one", "ONE@a:105").unwrap(), one);
    lab.catalogue.record_store_results(one, &[answer(ids[0], true), answer(ids[1], true)]).unwrap();
    assert_eq!(to_deliver(&lab, one), [3, 4]);
    assert_eq!(to_deliver(&lab, two), [1, 2, 3, 4]);
    let studies = |destination| uids(|after| lab.catalogue.studies_to_deliver(destination, after, 1));
    assert_eq!(studies(one), [study_uid(1)]);
    assert_eq!(studies(two), [study_uid(0), study_uid(1)]);
}

#[test]
fn refusals_are_offered_again_when_asked_for() {
    let mut lab = Lab::new();
    let ids = two_studies(&mut lab);
    let destination = lab.catalogue.add_destination("one", "ONE@a:104").unwrap();
    lab.catalogue
        .record_store_results(destination, &ids.iter().map(|id| answer(*id, true)).collect::<Vec<_>>()[1..])
        .unwrap();
    for _ in 0..2 {
        lab.catalogue.record_store_results(destination, &[answer(ids[0], false)]).unwrap();
    }
    let studies = |lab: &Lab| uids(|after| lab.catalogue.studies_to_deliver(destination, after, 9));
    assert!(to_deliver(&lab, destination).is_empty() && studies(&lab).is_empty());
    let reasons = lab.catalogue.delivery_reasons(destination, 5).unwrap();
    assert_eq!((&*reasons[0].reason, reasons[0].count), ("out of resources", 1));
    assert_eq!(lab.catalogue.balance(Stage::Deliver(destination)).unwrap().instances.failed, 1);
    assert_eq!(lab.catalogue.retry_refused(destination).unwrap(), 1);
    assert_eq!((to_deliver(&lab, destination), studies(&lab)), (vec![1], vec![study_uid(0)]));
    let instances = lab.catalogue.balance(Stage::Deliver(destination)).unwrap().instances;
    assert_eq!((instances.failed, instances.pending), (0, 1));
    assert_eq!(lab.catalogue.recount().unwrap(), 0);
}

#[test]
fn an_answer_is_a_claim_and_evidence_is_delivery() {
    let mut lab = Lab::new();
    let ids = two_studies(&mut lab);
    let destination = lab.catalogue.add_destination("one", "ONE@a:104").unwrap();
    let all: Vec<_> = ids.iter().map(|id| answer(*id, true)).collect();
    lab.catalogue.record_store_results(destination, &all).unwrap();
    lab.catalogue.record_delivered(destination, &ids[..3]).unwrap();
    let balance = |stage| lab.catalogue.balance(stage).unwrap().instances;
    assert_eq!(balance(Stage::Deliver(destination)), Tally { listed: 4, done: 4, ..Tally::default() });
    assert_eq!(
        balance(Stage::Audit(destination)),
        Tally { listed: 4, done: 3, pending: 1, ..Tally::default() }
    );
}

#[test]
fn what_is_delivered_is_sent_again_only_when_reopened() {
    let mut lab = Lab::new();
    let ids = two_studies(&mut lab);
    let destination = lab.catalogue.add_destination("one", "ONE@a:104").unwrap();
    let again = lab.catalogue.deliver_again(destination, &ids[..1]);
    assert!(matches!(again, Err(Error::IllegalTransition { .. })), "{again:?}");
    lab.catalogue.record_delivered(destination, &ids).unwrap();
    let resent = lab.catalogue.record_store_results(destination, &[answer(ids[0], true)]);
    assert!(
        matches!(resent, Err(Error::IllegalTransition { what: "delivery of instance", .. })),
        "{resent:?}"
    );
    lab.catalogue.deliver_again(destination, &ids[..1]).unwrap();
    assert_eq!(to_deliver(&lab, destination), [1]);
    lab.catalogue.record_store_results(destination, &[answer(ids[0], true)]).unwrap();
    let unknown = lab.catalogue.record_delivered(destination, &[InstanceId(4_711)]);
    assert!(matches!(unknown, Err(Error::Unknown { what: "instance", .. })), "{unknown:?}");
}

#[test]
fn a_spool_file_goes_when_every_destination_has_all_of_it() {
    let mut lab = Lab::new();
    let ids = two_studies(&mut lab);
    let free = |lab: &Lab, settled| lab.catalogue.segments_to_free(settled).unwrap().len();
    assert_eq!(free(&lab, Settled::Accepted), 0, "nowhere to go is not delivered");
    let one = lab.catalogue.add_destination("one", "ONE@a:104").unwrap();
    let two = lab.catalogue.add_destination("two", "TWO@b:104").unwrap();
    let all: Vec<_> = ids.iter().map(|id| answer(*id, true)).collect();
    lab.catalogue.record_store_results(one, &all).unwrap();
    assert_eq!(free(&lab, Settled::Accepted), 0);
    lab.catalogue.record_store_results(two, &all).unwrap();
    assert_eq!((free(&lab, Settled::Accepted), free(&lab, Settled::Proved)), (1, 0));
    for destination in [one, two] {
        lab.catalogue.record_delivered(destination, &ids).unwrap();
    }
    let segment = lab.catalogue.segments_to_free(Settled::Proved).unwrap().remove(0).id;
    lab.catalogue.segment_done(segment).unwrap();
    assert_eq!(free(&lab, Settled::Proved), 0);
    let nothing = LoadedSegment { loaded: &[], damaged: &[] };
    let again = lab.catalogue.load_segment(segment, &nothing);
    assert!(matches!(again, Err(Error::IllegalTransition { .. })), "{again:?}");
    assert_eq!(lab.catalogue.reload_segment(segment).unwrap(), 4);
    assert_eq!(lab.catalogue.segment(1).unwrap().unwrap().state, SegmentState::Known);
    let delivered = lab.catalogue.balance(Stage::Audit(one)).unwrap().instances;
    assert_eq!(delivered.done, 4, "what is delivered stays delivered");
    assert_eq!(lab.catalogue.recount().unwrap(), 0);
}

#[test]
fn what_was_refused_keeps_no_segment_in_the_spool_and_is_loaded_again_to_be_offered_again() {
    let mut lab = Lab::new();
    let ids = two_studies(&mut lab);
    let one = lab.catalogue.add_destination("one", "ONE@a:104").unwrap();
    let answers: Vec<_> = ids.iter().map(|id| answer(*id, *id != ids[2])).collect();
    lab.catalogue.record_store_results(one, &answers).unwrap();
    let segment = lab.catalogue.segments_to_free(Settled::Accepted).unwrap().remove(0).id;
    lab.catalogue.segment_done(segment).unwrap();
    assert!(lab.catalogue.segments_to_reload().unwrap().is_empty());
    lab.catalogue.retry_refused(one).unwrap();
    assert_eq!(lab.catalogue.segments_to_reload().unwrap().len(), 1);
    lab.catalogue.reload_segment(segment).unwrap();
    lab.load(segment);
    assert_eq!(to_deliver(&lab, one), [ids[2].0]);
    assert!(lab.catalogue.segments_to_free(Settled::Accepted).unwrap().is_empty());
}

#[test]
fn a_segment_is_loaded_again_for_what_was_lost_and_for_a_new_destination() {
    let mut lab = Lab::new();
    let ids = two_studies(&mut lab);
    let one = lab.catalogue.add_destination("one", "ONE@a:104").unwrap();
    let all: Vec<_> = ids.iter().map(|id| answer(*id, true)).collect();
    lab.catalogue.record_store_results(one, &all).unwrap();
    let segment = lab.catalogue.segments_to_free(Settled::Accepted).unwrap().remove(0).id;
    lab.catalogue.segment_done(segment).unwrap();
    let reload = |lab: &Lab| lab.catalogue.segments_to_reload().unwrap().len();
    assert_eq!(reload(&lab), 0);
    lab.catalogue.deliver_again(one, &ids[..1]).unwrap();
    assert_eq!(reload(&lab), 1);
    lab.catalogue.record_store_results(one, &all[..1]).unwrap();
    assert_eq!(reload(&lab), 0);
    lab.catalogue.add_destination("two", "TWO@b:104").unwrap();
    assert_eq!(reload(&lab), 1);
}

#[test]
fn volumes_are_verified_and_done() {
    let mut lab = Lab::new();
    let id = lab.catalogue.register_volume(&volume(1, 1)).unwrap();
    lab.catalogue.volume_verified(id, "every digest").unwrap();
    lab.catalogue.volume_verified(id, "every digest").unwrap();
    lab.catalogue.volume_done(id).unwrap();
    assert_eq!(lab.catalogue.volumes().unwrap()[0].state, VolumeState::Done);
}

#[test]
fn a_later_verdict_replaces_an_earlier_one() {
    let mut lab = Lab::new();
    let destination = lab.catalogue.add_destination("one", "ONE@a:104").unwrap();
    let verdict = |sop: &str, verdict| VerdictRow {
        study_uid: study_uid(1),
        sop_instance: sop.into(),
        verdict,
        reason: None,
    };
    let batch =
        [verdict("1", Verdict::Missing), verdict("2", Verdict::Extra), verdict("1", Verdict::Delivered)];
    lab.catalogue.put_verdicts(destination, &batch).unwrap();
    let counts = lab.catalogue.verdict_counts(destination).unwrap();
    assert_eq!(counts, [(Verdict::Delivered, 1), (Verdict::Extra, 1)]);
    let mut listed = Vec::new();
    lab.catalogue
        .each_verdict(destination, |row| {
            listed.push((row.sop_instance, row.verdict));
            Ok::<_, Error>(())
        })
        .unwrap();
    assert_eq!(listed, [("1".into(), Verdict::Delivered), ("2".into(), Verdict::Extra)]);
    lab.catalogue.clear_verdicts(destination).unwrap();
    assert!(lab.catalogue.verdict_counts(destination).unwrap().is_empty());
}

#[test]
fn an_answer_tells_whether_the_object_had_failed_before() {
    let mut lab = Lab::new();
    let ids = two_studies(&mut lab);
    let one = lab.catalogue.add_destination("one", "ONE@a:104").unwrap();
    let mut failed_before =
        |answers: &[StoreResult]| lab.catalogue.record_store_results(one, answers).unwrap();
    assert_eq!(failed_before(&[answer(ids[0], false), answer(ids[1], false)]), 0);
    assert_eq!(failed_before(&[answer(ids[0], true), answer(ids[1], false)]), 2);
    assert_eq!(failed_before(&[answer(ids[0], true), answer(ids[1], true)]), 1);
}
