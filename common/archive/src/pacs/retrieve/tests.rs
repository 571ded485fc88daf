//! What is asked for, of a PACS that is made up.

use std::io;
use std::sync::Arc;

use dimse::{Incoming, Options, Receiver, RetrieveEnd as Answer, Status};

use super::*;
use crate::source::{IntakeError, IntakeObject, ObjectIdentity};

/// Takes everything and keeps nothing.
struct Taker;

impl Intake for Taker {
    fn begin(&self, _: u64) -> Result<Box<dyn IntakeObject + '_>, IntakeError> {
        Ok(Box::new(Self))
    }
}

impl IntakeObject for Taker {
    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>, _: ObjectIdentity) -> Result<(), IntakeError> {
        Ok(())
    }
}

fn instance(number: usize) -> PendingInstance {
    PendingInstance {
        id: catalogue::InstanceId::default(),
        series_uid: format!("1.2.{}", number / 100),
        sop_instance: format!("1.2.3.{number}"),
        sop_class: None,
        source_ref: None,
        bytes: None,
    }
}

fn arrive(arrivals: &Arrivals, sop_instance: &str) {
    let incoming = Incoming {
        sop_class: "1.2".into(),
        sop_instance: sop_instance.to_owned(),
        transfer_syntax: "1.2.840.10008.1.2".into(),
        sender_aet: String::new(),
        receiver_aet: String::new(),
        message_id: 1,
        move_originator_aet: None,
        move_originator_id: None,
    };
    arrivals.begin(&incoming).unwrap().finish().unwrap();
}

/// Asks for `count` instances of a PACS that sends what `sends` says of the UIDs in a request. Returns how many came,
/// and how many requests it took.
fn asked(count: usize, sends: &dyn Fn(&[&str]) -> Vec<String>) -> (usize, usize) {
    asked_with(Status::SUCCESS, None, count, sends)
}

/// The same, of a PACS that ends each request with `status`, and says that so many could not be sent.
fn asked_with(
    status: Status,
    failed: Option<u16>,
    count: usize,
    sends: &dyn Fn(&[&str]) -> Vec<String>,
) -> (usize, usize) {
    let settings = PacsSettings {
        node: "PACS@127.0.0.1:1".parse().unwrap(),
        aet: "US".parse().unwrap(),
        options: Options::default(),
        service: Configured::CGet,
    };
    let instances: Vec<_> = (0..count).map(instance).collect();
    let mut fetch = Fetch {
        pacs: &Pacs::new(settings),
        study_uid: "1.2",
        arrivals: Arc::new(Arrivals::new(Arc::new(Taker), &instances)),
        stop: &|| false,
        failures: false,
        end: RetrieveEnd::default(),
    };
    let wanted: Vec<_> = instances.iter().collect();
    let mut requests = 0;
    let ask = |fetch: &mut Fetch<'_>, _: Level, keys: &[Key<'_>], _: &[&PendingInstance]| {
        requests += 1;
        let uids = keys.iter().find(|(tag, _)| *tag == SOP_INSTANCE_UID).unwrap().1;
        for uid in sends(&uids.split('\\').collect::<Vec<_>>()) {
            arrive(&fetch.arrivals, &uid);
        }
        let (completed, warning, remaining, comment) = Default::default();
        let (failed_uids, cancelled) = (Vec::new(), false);
        Ok(Answer { status, completed, failed, warning, remaining, failed_uids, comment, cancelled })
    };
    let mut ask = ask;
    fetch.ask(&wanted, false, &mut ask).unwrap();
    (wanted.len() - fetch.missing(&instances).len(), requests)
}

fn owned(uids: &[&str]) -> Vec<String> {
    uids.iter().map(|uid| (*uid).to_owned()).collect()
}

#[test]
fn a_pacs_that_is_out_of_resources_is_asked_once() {
    assert_eq!(asked_with(Status::OUT_OF_RESOURCES, None, 150, &|_| Vec::new()), (0, 1));
}

#[test]
fn a_pacs_that_says_so_of_an_object_that_it_cannot_send_is_asked_for_the_others() {
    let sends = |uids: &[&str]| if uids.len() == 1 { owned(uids) } else { Vec::new() };
    assert_eq!(asked_with(Status::OUT_OF_RESOURCES, Some(1), 50, &sends).0, 50);
}

#[test]
fn a_pacs_that_takes_lists_is_asked_in_lists() {
    assert_eq!(asked(150, &owned), (150, 4 + 2));
}

#[test]
fn a_pacs_that_takes_no_lists_is_asked_for_each_instance() {
    assert_eq!(asked(150, &|uids| if uids.len() == 1 { owned(uids) } else { Vec::new() }).0, 150);
    assert_eq!(asked(150, &|uids| owned(&uids[..1])).0, 150);
}

#[test]
fn a_pacs_that_has_nothing_is_not_asked_for_each_of_very_many() {
    let (came, requests) = asked(3200, &|_| Vec::new());
    assert_eq!(came, 0);
    assert!(requests < 400, "{requests}");
}

#[test]
fn instances_that_do_not_come_do_not_keep_those_behind_them_from_being_asked_for() {
    let sends = |uids: &[&str]| {
        let number = |uid: &str| uid.rsplit('.').next().unwrap().parse::<usize>().unwrap();
        if uids.len() == 1 && number(uids[0]) >= 100 { owned(uids) } else { Vec::new() }
    };
    assert_eq!(asked(200, &sends).0, 100);
}
