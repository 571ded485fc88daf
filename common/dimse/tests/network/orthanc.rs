//! Orthanc as Debian ships it.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use dimse::{
    Association, Incoming, Intake, Level, MoveRequest, Proposal, Receiver, Refusal, Status, StatusClass,
    Watch,
};

use crate::dcmtk::{SOP_INSTANCE_UID, STUDY_UID, getscu, store_all};
use crate::objects::{CT, EXPLICIT_BE, EXPLICIT_LE, IMPLICIT_LE, MR, image};
use crate::provider::start_scp;
use crate::receivers::Shelf;
use crate::servers::{Server, ae, free_port, options};

const EXCEPT_LE: [&str; 2] = [IMPLICIT_LE, EXPLICIT_BE];

fn proposals() -> Vec<Proposal> {
    let mut all = vec![Proposal::find(), Proposal::get(), Proposal::c_move()];
    for class in [CT, MR] {
        all.push(Proposal::scp(class, EXPLICIT_LE));
    }
    all
}

fn open(server: &Server) -> Association {
    Association::open(&server.node, &ae("OURS"), &proposals(), &options()).unwrap()
}

#[test]
fn get_delivers_the_bytes_that_getscu_gets() {
    let server = Server::orthanc(free_port(), "");
    let objects: Vec<_> =
        (1..=20).map(|n| image(if n % 2 == 0 { MR } else { CT }, EXPLICIT_LE, 1, n)).collect();
    store_all(&server, &objects);
    let study = objects[0].study.as_str();
    let got = Shelf::default();
    let mut association = open(&server);
    let end = association.get(Level::Study, &[(STUDY_UID, study)], &got, &Watch::default()).unwrap();
    assert_eq!((end.status, end.completed), (Status::SUCCESS, Some(20)));
    let reference = getscu(&server, study);
    assert_eq!((got.len(), reference.len()), (20, 20));
    for object in &objects {
        assert!(got.data_set(&object.sop_instance) == reference[&object.sop_instance]);
        assert!(got.data_set(&object.sop_instance) == object.data_set);
    }
    association.release().unwrap();
}

#[test]
fn each_syntax_comes_in_its_own_context() {
    let server = Server::orthanc(free_port(), "");
    let objects: Vec<_> = EXCEPT_LE.iter().zip(1..).map(|(syntax, n)| image(CT, syntax, 1, n)).collect();
    store_all(&server, &objects);
    let mut proposals = vec![Proposal::get()];
    proposals.extend(EXCEPT_LE.iter().map(|syntax| Proposal::scp(CT, syntax)));
    let mut association = Association::open(&server.node, &ae("OURS"), &proposals, &options()).unwrap();
    let got = Shelf::default();
    let keys = [(STUDY_UID, objects[0].study.as_str())];
    let end = association.get(Level::Study, &keys, &got, &Watch::default()).unwrap();
    assert_eq!(end.completed, Some(2), "{end:?}");
    for object in &objects {
        assert!(got.data_set(&object.sop_instance) == object.data_set, "{}", object.transfer_syntax);
    }
    association.release().unwrap();
}

#[test]
fn truncated_answers_and_cancel_are_visible() {
    let server = Server::orthanc(free_port(), r#""LimitFindResults":3,"#);
    let objects: Vec<_> = (1..=5).map(|study| image(CT, EXPLICIT_LE, study, 1)).collect();
    store_all(&server, &objects);
    let mut association = open(&server);
    let keys = [(STUDY_UID, "")];
    let end = association.find(Level::Study, &keys, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((end.status, end.rows, end.is_complete()), (Status::CANCEL, 3, false));
    let end = association.find(Level::Study, &keys, &mut |_| ControlFlow::Break(())).unwrap();
    assert_eq!((end.rows, end.cancelled, end.is_complete()), (1, true, false));
    let keys = [(STUDY_UID, objects[1].study.as_str()), (SOP_INSTANCE_UID, "")];
    let mut found = Vec::new();
    let end = association
        .find(Level::Image, &keys, &mut |row| {
            found.extend(row.uid(SOP_INSTANCE_UID));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(end.is_complete());
    assert_eq!(found, [objects[1].sop_instance.as_str()]);
    association.release().unwrap();
}

#[test]
fn two_moves_at_once_are_kept_apart() {
    let stray = Arc::new(Shelf::default());
    let scp = start_scp(stray.clone());
    let server = Server::orthanc(scp.address().port(), "");
    let objects: Vec<_> = (0..40).map(|n| image(CT, EXPLICIT_LE, 1 + n % 2, n)).collect();
    store_all(&server, &objects);
    let ours = ae("OURS");
    thread::scope(|scope| {
        for object in &objects[..2] {
            scope.spawn(|| {
                let shelf = Arc::new(Shelf::default());
                let route = scp.route(shelf.clone());
                let keys = [(STUDY_UID, object.study.as_str())];
                let request = MoveRequest {
                    level: Level::Study,
                    keys: &keys,
                    destination: &ours,
                    message_id: route.message_id(),
                };
                let end = open(&server).move_to(&request, &Watch::default()).unwrap();
                assert_eq!(end.status, Status::SUCCESS);
                assert_eq!(shelf.len(), 20);
                for (incoming, _) in shelf.objects.lock().unwrap().iter() {
                    assert!(incoming.sop_instance.starts_with(&object.study));
                    assert_eq!(incoming.move_originator_id, Some(route.message_id()));
                    assert_eq!(incoming.sender_aet, "ORTHANC");
                }
            });
        }
    });
    assert_eq!(stray.len(), 0);
}

#[test]
fn objects_of_no_known_move_go_to_the_fallback() {
    let stray = Arc::new(Shelf::default());
    let scp = start_scp(stray.clone());
    let server = Server::orthanc(scp.address().port(), "");
    let object = image(CT, EXPLICIT_LE, 1, 1);
    store_all(&server, std::slice::from_ref(&object));
    let ours = ae("OURS");
    let keys = [(STUDY_UID, object.study.as_str())];
    let message_id = scp.route(Arc::new(Shelf::default())).message_id();
    let request = MoveRequest { level: Level::Study, keys: &keys, destination: &ours, message_id };
    let end = open(&server).move_to(&request, &Watch::default()).unwrap();
    assert_eq!((end.status, stray.len()), (Status::SUCCESS, 1));
}

#[test]
fn a_move_that_fails_says_so() {
    let server = Server::orthanc(free_port(), "");
    let object = image(CT, EXPLICIT_LE, 1, 1);
    store_all(&server, std::slice::from_ref(&object));
    let (ours, keys) = (ae("OURS"), [(STUDY_UID, object.study.as_str())]);
    let message_id = dimse::next_message_id();
    let request = MoveRequest { level: Level::Study, keys: &keys, destination: &ours, message_id };
    let end = open(&server).move_to(&request, &Watch::default()).unwrap();
    assert_eq!(end.status.class(), StatusClass::Failure, "{end:?}");
}

/// Counts objects as they begin.
struct Counter<'a>(&'a AtomicUsize);

impl Receiver for Counter<'_> {
    fn begin(&self, _: &Incoming) -> Result<Box<dyn Intake + '_>, Refusal> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Err(Refusal::out_of_resources("counted only"))
    }
}

#[test]
fn a_stop_between_objects_ends_the_get() {
    let server = Server::orthanc(free_port(), "");
    let objects: Vec<_> = (1..=200).map(|n| image(CT, EXPLICIT_LE, 1, n)).collect();
    store_all(&server, &objects);
    let count = AtomicUsize::new(0);
    let watch = Watch { stop: &|| count.load(Ordering::Relaxed) >= 3, ..Watch::default() };
    let mut association = open(&server);
    let keys = [(STUDY_UID, objects[0].study.as_str())];
    let end = association.get(Level::Study, &keys, &Counter(&count), &watch);
    match end {
        Ok(end) => assert!(end.cancelled && end.status != Status::SUCCESS, "{end:?}"),
        Err(error) => assert!(matches!(error, dimse::Error::Stopped), "{error}"),
    }
}
