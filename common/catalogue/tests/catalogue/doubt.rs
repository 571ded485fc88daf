//! Objects in doubt give way to a sound one of their instance, whenever that comes.

use catalogue::answers::StoreResult;
use catalogue::balance::{Stage, Tally};
use catalogue::register::ObjectRow;
use catalogue::{DestinationId, Error, InstanceId};

use crate::lab::{Lab, digest, object_row};

/// The first instance of a study as an object that is in doubt, or as a sound one.
fn object(in_doubt: bool) -> ObjectRow {
    let findings = in_doubt.then(|| format!("{}it ends early", manifest::IN_DOUBT));
    ObjectRow { findings, blake3: digest(u8::from(in_doubt)), ..object_row(1, 1, 0) }
}

fn load(lab: &mut Lab, number: u64, in_doubt: bool) -> InstanceId {
    let segment = lab.registered_segment(number, &[object(in_doubt)]);
    lab.load(segment)[0]
}

fn answer(lab: &mut Lab, destination: DestinationId, instance_id: InstanceId, accepted: bool) {
    let (status_code, comment) = (Some(0), (!accepted).then(|| "no".to_owned()));
    let answer = StoreResult { instance_id, accepted, status_code, comment };
    lab.catalogue.record_store_results(destination, &[answer]).unwrap();
}

fn conflicts(lab: &Lab) -> u64 {
    let mut found = 0;
    lab.catalogue
        .each_conflict(|_| {
            found += 1;
            Ok::<_, Error>(())
        })
        .unwrap();
    found
}

fn delivered(lab: &Lab, destination: DestinationId) -> Tally {
    lab.catalogue.balance(Stage::Deliver(destination)).unwrap().instances
}

fn claimed(lab: &Lab, destination: DestinationId) -> Vec<(InstanceId, bool)> {
    let mut found = Vec::new();
    lab.catalogue
        .each_claimed(destination, lab.study_id("1.2.3.1"), |claimed| {
            found.push((claimed.id, claimed.is_shared));
            Ok::<_, Error>(())
        })
        .unwrap();
    found
}

#[test]
fn what_was_refused_is_left_out_when_the_sound_object_is_answered_for() {
    let mut lab = Lab::new();
    let destination = lab.catalogue.add_destination("B", "B@host:104").unwrap();
    let doubtful = load(&mut lab, 1, true);
    answer(&mut lab, destination, doubtful, false);
    assert_eq!((delivered(&lab, destination).failed, conflicts(&lab)), (1, 0));
    let sound = load(&mut lab, 2, false);
    assert_eq!(conflicts(&lab), 0);
    answer(&mut lab, destination, sound, true);
    assert_eq!(
        delivered(&lab, destination),
        Tally { listed: 2, done: 1, excluded: 1, failed: 0, pending: 0 }
    );
    assert!(lab.catalogue.delivery_reasons(destination, 9).unwrap().is_empty());
    assert_eq!((claimed(&lab, destination), conflicts(&lab)), (vec![(sound, false)], 0));
}

#[test]
fn what_comes_behind_the_sound_object_is_left_out_and_may_be_loaded_again() {
    let mut lab = Lab::new();
    let destination = lab.catalogue.add_destination("B", "B@host:104").unwrap();
    let sound = load(&mut lab, 2, false);
    answer(&mut lab, destination, sound, true);
    let segment = lab.registered_segment(1, &[object(true)]);
    let doubtful = lab.load(segment)[0];
    assert_eq!(lab.catalogue.supersede(doubtful).unwrap(), 1);
    assert_eq!(delivered(&lab, destination).excluded, 1);
    assert_eq!(lab.catalogue.reload_segment(segment).unwrap(), 1);
    lab.load(segment);
    assert_eq!(lab.catalogue.supersede(doubtful).unwrap(), 1);
}

#[test]
fn what_a_destination_has_taken_stays_and_conflicts() {
    let mut lab = Lab::new();
    let destination = lab.catalogue.add_destination("B", "B@host:104").unwrap();
    let doubtful = load(&mut lab, 1, true);
    assert_eq!(lab.catalogue.supersede(doubtful).unwrap(), 0, "there is no other");
    answer(&mut lab, destination, doubtful, true);
    let sound = load(&mut lab, 2, false);
    answer(&mut lab, destination, sound, true);
    assert_eq!((delivered(&lab, destination).done, conflicts(&lab)), (2, 1));
    assert_eq!(claimed(&lab, destination), [(doubtful, true), (sound, true)]);
}
